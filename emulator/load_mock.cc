#include "emulator/load_mock.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "emulator/answer.h"
#include "emulator/shapes/openai_chat.h"
#include "net/sleep.h"

namespace tidegate::emulator {
namespace {

constexpr std::string_view kWholeFields =
    "content-type: application/json\r\nx-emulated: true\r\nx-request-id: req_emulated\r\n";
constexpr std::string_view kStreamFields =
    "content-type: text/event-stream\r\ncache-control: no-cache\r\nx-emulated: true\r\n"
    "x-request-id: req_emulated\r\n";
constexpr std::size_t kTokensPerFrame = 2;
// Paced streams wait for whole milliseconds, so that thousands of them share each wake-up.
constexpr std::int64_t kTick = net::kMillisecond;
constexpr std::int64_t kCreated = 1'700'000'000;

// What stands behind the member name `quoted` and its colon, or nothing.
std::string_view FindMember(std::string_view body, std::string_view quoted) {
  while (true) {
    const void* at = memmem(body.data(), body.size(), quoted.data(), quoted.size());
    if (at == nullptr) return {};
    body.remove_prefix(static_cast<std::size_t>(static_cast<const char*>(at) - body.data()) +
                       quoted.size());
    std::size_t next = body.find_first_not_of(" \t\r\n");
    if (next == std::string_view::npos || body[next] != ':') continue;  // a value, not a name
    next = body.find_first_not_of(" \t\r\n", next + 1);
    return next == std::string_view::npos ? std::string_view() : body.substr(next);
  }
}

Answer MakeMockAnswer(const Model& model) {
  Answer answer;
  answer.id = "emulated0000000000000000";
  answer.model = model.name;
  answer.created_s = kCreated;
  answer.usage.prompt = LoadMock::kPromptTokens;
  answer.choices.resize(1);
  return answer;
}

// Sentences of exactly `bytes` bytes.
std::string Filler(std::string_view label, std::size_t bytes) {
  constexpr std::string_view kSentence = " The quiet harbour keeps the early signal.";
  std::string text(label);
  while (text.size() < bytes) text += kSentence;
  text.resize(bytes);
  return text;
}

}  // namespace

Result<std::unique_ptr<LoadMock>> LoadMock::Make(const Model& model) {
  CHECK(model.load_mock);
  std::unique_ptr<LoadMock> mock(new LoadMock);
  mock->name_ = fmt::format("\"{}\"", model.name);
  mock->prices_ = model;
  mock->frame_interval_nanos_ = model.load_mock->frame_interval_ms * net::kMillisecond;
  const std::string label = EmulatedLabel(model.name);

  TIDEGATE_TRY(mock->RenderWhole(model, label));
  mock->RenderStream(model, label);
  return mock;
}

// The answer with a text of any size differs from its final size only by the digits of its usage.
// So a second rendering comes close from below, and blanks behind the JSON, which are part of it,
// make up the rest.
Result<void> LoadMock::RenderWhole(const Model& model, std::string_view label) {
  constexpr std::size_t kDigitsMax = 16;
  const auto wanted = static_cast<std::size_t>(model.load_mock->answer_bytes);
  std::size_t text_bytes = label.size();
  for (int pass = 0; pass < 2; ++pass) {
    Answer answer = MakeMockAnswer(model);
    answer.choices[0].tokens = {{TokenKind::kText, 0, Filler(label, text_bytes)}};
    answer.usage.completion = answer_tokens_ = TokensOfBytes(text_bytes);
    answer_.clear();
    const ChatRequest request;
    const Faults none;
    WriteOpenAiAnswer(Reply{answer, request, none, model, Call()}, answer_);
    if (answer_.size() + kDigitsMax > wanted && pass == 0) {
      return InvalidArgument("answer_bytes", fmt::format("{} needs {} bytes at least", model.name,
                                                         answer_.size() + kDigitsMax));
    }
    text_bytes += wanted - kDigitsMax - std::min(wanted - kDigitsMax, answer_.size());
  }
  answer_.resize(wanted, ' ');
  return Result<void>();
}

void LoadMock::RenderStream(const Model& model, std::string_view label) {
  Answer answer = MakeMockAnswer(model);
  const auto frames = static_cast<std::size_t>(model.load_mock->stream_events);
  Choice& choice = answer.choices[0];
  choice.tokens.resize(frames * kTokensPerFrame, {TokenKind::kText, 0, " tide"});
  choice.tokens[0].text = label;
  answer.usage.completion = stream_tokens_ = static_cast<std::int64_t>(choice.tokens.size());
  const ChatRequest without_usage;
  ChatRequest with_usage;
  with_usage.stream_usage = true;
  const Faults none;
  const Call call;
  const Reply plain{answer, without_usage, none, model, call};
  const Reply with{answer, with_usage, none, model, call};
  OpenAiChatFrames plain_frames(plain);
  OpenAiChatFrames usage_frames(with);
  for (std::size_t i = 0; i < frames; ++i) {
    std::string& frame = frames_.emplace_back();
    if (i == 0) plain_frames.Open(0, frame);
    plain_frames.Tokens(0, i * kTokensPerFrame, (i + 1) * kTokensPerFrame, frame);
    stream_ += frame;
  }
  plain_frames.Finish(0, tail_);
  usage_frames.Finish(0, tail_with_usage_);
  plain_frames.End(tail_);
  usage_frames.End(tail_with_usage_);
  stream_with_usage_ = stream_ + tail_with_usage_;
  stream_ += tail_;
}

bool LoadMock::Matches(std::string_view body) const {
  return FindMember(body, "\"model\"").starts_with(name_);
}

net::Task<void> LoadMock::Serve(net::Exchange& exchange, std::string_view body) {
  if (FindMember(body, "\"stream\"").starts_with("true")) {
    const bool usage = FindMember(body, "\"include_usage\"").starts_with("true");
    co_await Stream(exchange, usage);
    co_return;
  }
  whole_.fetch_add(1, std::memory_order_relaxed);
  const Result<void> sent = co_await exchange.Respond(200, kWholeFields, answer_);
  if (!sent.ok()) cancelled_.fetch_add(1, std::memory_order_relaxed);
}

net::Task<void> LoadMock::Stream(net::Exchange& exchange, bool usage) {
  streams_.fetch_add(1, std::memory_order_relaxed);
  bool going = (co_await exchange.BeginStream(200, kStreamFields, false)).ok();
  if (frame_interval_nanos_ == 0) {
    const std::string_view pieces[] = {usage ? stream_with_usage_ : stream_};
    if (going) going = (co_await exchange.WriteStream(pieces)).ok();
  } else {
    std::int64_t due = exchange.arrived_nanos();
    due += kTick - due % kTick;
    net::SleepTimer timer(exchange.shard());
    for (std::size_t i = 0; going && i < frames_.size(); ++i) {
      due += frame_interval_nanos_;
      if (!co_await timer.SleepUntil(exchange.cancel(), due)) going = false;
      const std::string_view pieces[] = {frames_[i]};
      if (going) going = (co_await exchange.WriteStream(pieces)).ok();
    }
    const std::string_view pieces[] = {usage ? tail_with_usage_ : tail_};
    if (going) going = (co_await exchange.WriteStream(pieces)).ok();
  }
  if (going) going = (co_await exchange.EndStream()).ok();
  if (!going) cancelled_.fetch_add(1, std::memory_order_relaxed);
}

void LoadMock::MoveToBill(Journal& journal) {
  const std::int64_t whole = whole_.exchange(0);
  const std::int64_t streams = streams_.exchange(0);
  if (whole + streams == 0) return;
  Usage usage;
  usage.prompt = (whole + streams) * kPromptTokens;
  usage.completion = whole * answer_tokens_ + streams * stream_tokens_;
  // Each answer is charged by itself, so that the sum is rounded as the answers are.
  const Money prompt = Cost(kPromptTokens, prices_.input_price);
  const Money of_whole = prompt + Cost(answer_tokens_, prices_.output_price);
  const Money of_stream = prompt + Cost(stream_tokens_, prices_.output_price);
  Totals totals;
  totals.requests = whole + streams;
  totals.cancelled = cancelled_.exchange(0);
  totals.usage = usage;
  totals.cost = Money{whole * of_whole.nanodollars + streams * of_stream.nanodollars};
  journal.AddToBill(prices_.name, totals);
}

}  // namespace tidegate::emulator
