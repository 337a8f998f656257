// What one event of a stream costs in each protocol: passed on to a client of the same protocol,
// and translated for a client of every other one. Each event comes alone, as a paced upstream sends
// it. No network: the codecs by themselves. Prints one line of JSON with nanoseconds of CPU, the
// median of several rounds; bench/run shows the worst. A round measures every pair once, so that
// whatever else the machine does for a second falls on one round of many pairs, and not on all
// rounds of one.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <time.h>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "base/check.h"
#include "core/protocol.h"
#include "protocols/protocol.h"

namespace tidegate::protocols {
namespace {

constexpr std::size_t kEvents = 2'000;
constexpr int kRounds = 21;

enum class Kind : std::uint8_t { kText, kArguments };

std::int64_t CpuNanos() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

core::Request StreamedRequest(const Protocol& client) {
  core::Request request;
  request.protocol = client.id();
  request.model = std::string(1, 'm');
  request.stream = true;
  request.stream_usage = true;
  return request;
}

core::Event Piece(Kind kind, std::size_t i) {
  if (kind == Kind::kText) return core::TextEvent{0, " harbour"};
  if (i == 0) return core::ToolCallEvent{0, 0, "call_1", "note", R"({"text":")"};
  return core::ToolCallEvent{0, 0, {}, {}, i + 1 == kEvents ? R"("})" : " tide"};
}

// A stream as a server of this protocol sends it: what comes before its pieces, each of these, and
// the end.
std::vector<std::string> Stream(const Protocol& protocol, Kind kind) {
  const core::Request request = StreamedRequest(protocol);
  const auto encoder = protocol.NewEncoder(request, RequestId{1, 2}, 3);
  std::vector<std::string> sent(1);
  encoder->Encode(core::StartEvent{"id", "m", 3, {}}, sent.front());
  for (std::size_t i = 0; i < kEvents; ++i) {
    encoder->Encode(Piece(kind, i), sent.emplace_back());
  }
  std::string& end = sent.emplace_back();
  const bool calls = kind == Kind::kArguments;
  encoder->Encode(
      core::FinishEvent{0, calls ? core::FinishReason::kToolCalls : core::FinishReason::kStop},
      end);
  core::UsageEvent usage;
  usage.usage.input_tokens = 9;
  usage.usage.output_tokens = kEvents;
  encoder->Encode(usage, end);
  encoder->Encode(core::DoneEvent{}, end);
  return sent;
}

std::int64_t Translate(const std::vector<std::string>& sent, const Protocol& upstream,
                       const Protocol& client) {
  const core::Request request = StreamedRequest(client);
  const auto decoder = upstream.NewDecoder(true);
  const auto encoder = client.NewEncoder(request, RequestId{1, 2}, 3);
  std::vector<core::Event> events;
  std::string out;
  std::size_t bytes = 0;
  const std::int64_t begin = CpuNanos();
  for (const std::string& piece : sent) {
    events.clear();
    out.clear();
    CHECK(decoder->Feed(piece, events).ok());
    for (const core::Event& event : events) encoder->Encode(event, out);
    bytes += out.size();
  }
  const std::int64_t taken = CpuNanos() - begin;
  CHECK(bytes > 0);
  return taken;
}

std::int64_t Relay(const std::vector<std::string>& sent, const Protocol& protocol) {
  const auto relay = protocol.NewStreamRelay(false);
  std::vector<std::string_view> frames;
  std::size_t bytes = 0;
  const std::int64_t begin = CpuNanos();
  for (const std::string& piece : sent) {
    frames.clear();
    CHECK(relay->Feed(piece, frames).ok());
    for (const std::string_view frame : frames) bytes += frame.size();
  }
  const std::int64_t taken = CpuNanos() - begin;
  relay->Finish(frames);
  CHECK(bytes > 0 && relay->state().complete);
  return taken;
}

// Nobody is a client of Replicate's, whose streams these would have to be; and texts that are
// continued call no tools.
bool Has(const Protocol& protocol, Kind kind) {
  if (protocol.id() == core::Protocol::kReplicate) return false;
  return kind == Kind::kText || protocol.id() != core::Protocol::kOpenAiCompletions;
}

struct Pair {
  Kind kind;
  const std::vector<std::string>* sent;
  const Protocol* upstream;
  const Protocol* client;
  std::vector<std::int64_t> rounds;  // nanoseconds of all events together
};

std::int64_t Measure(const Pair& pair) {
  return pair.client == pair.upstream ? Relay(*pair.sent, *pair.upstream)
                                      : Translate(*pair.sent, *pair.upstream, *pair.client);
}

std::string Row(Pair& pair) {
  const auto middle = pair.rounds.begin() + static_cast<std::ptrdiff_t>(pair.rounds.size() / 2);
  std::nth_element(pair.rounds.begin(), middle, pair.rounds.end());
  return fmt::format(R"({{"event":"{}","upstream":"{}","client":"{}","ns":{}}})",
                     pair.kind == Kind::kText ? "text" : "arguments",
                     core::ToString(pair.upstream->id()), core::ToString(pair.client->id()),
                     *middle / static_cast<std::int64_t>(kEvents));
}

void Run() {
  std::deque<std::vector<std::string>> streams;  // stay where they are
  std::vector<Pair> pairs;
  for (const Kind kind : {Kind::kText, Kind::kArguments}) {
    for (const Protocol* upstream : All()) {
      if (!Has(*upstream, kind)) continue;
      const std::vector<std::string>& sent = streams.emplace_back(Stream(*upstream, kind));
      for (const Protocol* client : All()) {
        if (Has(*client, kind)) pairs.push_back({kind, &sent, upstream, client, {}});
      }
    }
  }
  for (int round = 0; round < kRounds; ++round) {
    for (Pair& pair : pairs) pair.rounds.push_back(Measure(pair));
  }
  std::vector<std::string> rows;
  for (Pair& pair : pairs) rows.push_back(Row(pair));
  fmt::print("[{}]\n", fmt::join(rows, ","));
}

}  // namespace
}  // namespace tidegate::protocols

int main() { tidegate::protocols::Run(); }
