// What one event of a stream costs in each protocol: passed on to a client of the same protocol,
// and translated for a client of every other one. Each event comes alone, as a paced upstream sends
// it. No network: the codecs by themselves. Prints one line of JSON with nanoseconds of CPU, the
// median of several rounds; bench/run shows the worst.
#include <algorithm>
#include <cstdint>
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
constexpr int kRounds = 15;

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

template <typename Function>
std::int64_t NanosPerEvent(const Function& function) {
  std::vector<std::int64_t> rounds;
  for (int i = 0; i < kRounds; ++i) rounds.push_back(function());
  std::nth_element(rounds.begin(), rounds.begin() + kRounds / 2, rounds.end());
  return rounds[kRounds / 2] / static_cast<std::int64_t>(kEvents);
}

void Run() {
  std::vector<std::string> rows;
  for (const Kind kind : {Kind::kText, Kind::kArguments}) {
    for (const Protocol* upstream : All()) {
      const std::vector<std::string> sent = Stream(*upstream, kind);
      for (const Protocol* client : All()) {
        const std::int64_t nanos = NanosPerEvent([&] {
          return client == upstream ? Relay(sent, *upstream) : Translate(sent, *upstream, *client);
        });
        rows.push_back(fmt::format(R"({{"event":"{}","upstream":"{}","client":"{}","ns":{}}})",
                                   kind == Kind::kText ? "text" : "arguments",
                                   core::ToString(upstream->id()), core::ToString(client->id()),
                                   nanos));
      }
    }
  }
  fmt::print("[{}]\n", fmt::join(rows, ","));
}

}  // namespace
}  // namespace tidegate::protocols

int main() { tidegate::protocols::Run(); }
