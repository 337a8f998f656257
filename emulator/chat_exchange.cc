#include "emulator/chat_exchange.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/secret.h"
#include "emulator/answer.h"
#include "emulator/seed.h"
#include "emulator/wire.h"
#include "json/reader.h"

namespace tidegate::emulator {
namespace {

constexpr std::size_t kBodyBytesMax = 32 * 1024 * 1024;
constexpr std::size_t kFlushBytes = 64 * 1024;
constexpr std::int64_t kStallCheckInterval = 250 * net::kMillisecond;
constexpr int kDefaultFaultStatus = 500;
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kEventStream = "text/event-stream";

Error FaultError(int status) {
  return Error{ErrorCode::kUnavailable, ErrorSource::kUpstream, Retry::kSameTarget,
               fmt::format("[emulated] this failure was asked for: {}", status)};
}

// Parsing keeps buffers, so each thread keeps its reader; no value outlives the call that parses.
json::Reader& ThreadReader() {
  thread_local json::Reader reader;
  return reader;
}

Usage Billed(const Answer& answer, std::size_t tokens_made) {
  Usage usage = answer.usage;
  usage.completion = static_cast<std::int64_t>(tokens_made);
  usage.reasoning = 0;
  std::size_t left = tokens_made;
  for (const Choice& choice : answer.choices) {
    for (const Token& token : choice.tokens) {
      if (left == 0) return usage;
      --left;
      usage.reasoning += token.kind == TokenKind::kReasoning ? 1 : 0;
    }
  }
  return usage;
}

}  // namespace

// --- Before the answer

std::optional<ChatExchange::Refusal> ChatExchange::Prepare(std::string_view body) {
  const Result<json::Value> root = ThreadReader().Parse(body, kBodyBytesMax);
  if (!root) return Refusal{400, root.error()};
  Result<ChatRequest> request = ParseOpenAiChat(*root);
  if (!request) return Refusal{400, request.error()};
  request_ = *std::move(request);
  served_ = site_.FindModel(request_.model);
  site_.journal.SetModel(ticket_, request_.model);
  if (served_ == nullptr) {
    return Refusal{404, NotFound("the model " + request_.model + " does not exist")};
  }
  if (auto refusal = CheckKey()) return refusal;
  if (auto refusal = ReadFaults()) return refusal;
  if (auto refusal = Admit()) return refusal;
  if (auto refusal = DrawFault()) return refusal;
  return MakeAnswerAndPace();
}

std::optional<ChatExchange::Refusal> ChatExchange::CheckKey() const {
  constexpr std::string_view kBearer = "Bearer ";
  const Secret& key = served_->model().api_key;
  if (key.empty()) return std::nullopt;
  std::string_view given = exchange_.head().Find("authorization").value_or("");
  if (given.starts_with(kBearer)) given.remove_prefix(kBearer.size());
  if (ConstantTimeEqual(given, key.Reveal())) return std::nullopt;
  return Refusal{401, Error{ErrorCode::kUnauthenticated, ErrorSource::kCaller, Retry::kNever,
                            "incorrect API key provided"}};
}

std::optional<ChatExchange::Refusal> ChatExchange::ReadFaults() {
  faults_ = served_->CurrentFaults();
  const Result<Faults> own = ParseFaults(exchange_.head().Find("x-emulate").value_or(""));
  if (!own) return Refusal{400, own.error()};
  faults_.Merge(*own);
  if (faults_.NeedsWire() && !site_.options.wire) {
    return Refusal{
        501, InvalidArgument("x-emulate", "this fault needs the wire: start without --direct")};
  }
  return std::nullopt;
}

std::optional<ChatExchange::Refusal> ChatExchange::Admit() {
  admission_ = served_->Admit(exchange_.arrived_nanos());
  if (admission_.admitted) return std::nullopt;
  retry_after_s_ = admission_.retry_after_s;
  return Refusal{429, Error{ErrorCode::kRateLimited, ErrorSource::kUpstream, Retry::kSameTarget,
                            "rate limit reached for requests"}};
}

std::optional<ChatExchange::Refusal> ChatExchange::DrawFault() {
  if (!faults_.status && !faults_.error_rate) return std::nullopt;
  if (!served_->DrawError(faults_.error_rate.value_or(1))) return std::nullopt;
  const auto status = static_cast<int>(faults_.status.value_or(kDefaultFaultStatus));
  retry_after_s_ = faults_.retry_after_s.value_or(status == 429 ? 1 : 0);
  return Refusal{status, FaultError(status)};
}

std::optional<ChatExchange::Refusal> ChatExchange::MakeAnswerAndPace() {
  const Model& model = served_->model();
  Result<Answer> answer = MakeAnswer(request_, model, faults_);
  if (!answer) return Refusal{400, answer.error()};
  answer_ = *std::move(answer);
  answer_.usage.cached = served_->UseCache(request_);
  answer_.id = fmt::format("emulated{:016x}", ++site_.answers);
  answer_.created_s = site_.clock.WallNanos() / net::kSecond;
  PaceOptions pace{model.ttft_ms, model.tokens_per_s, model.jitter, Hash(answer_.id)};
  pace.ttft_ms = faults_.ttft_ms.value_or(pace.ttft_ms);
  pace.tokens_per_s = faults_.tokens_per_s.value_or(pace.tokens_per_s);
  pace_.emplace(pace, static_cast<std::size_t>(answer_.usage.completion));
  return std::nullopt;
}

// --- The answer

net::Task<void> ChatExchange::Run(std::string_view body) {
  if (std::optional<Refusal> refusal = Prepare(body)) {
    co_await Refuse(*std::move(refusal));
  } else if (faults_.drop.value_or(false)) {
    co_await Drop();
  } else {
    const std::int64_t head_due =
        exchange_.arrived_nanos() + faults_.slow_head_ms.value_or(0) * net::kMillisecond;
    if (!co_await timer_.SleepUntil(exchange_.cancel(), head_due)) {
      outcome_.ending = Ending::kCancelled;
    } else if (faults_.drop_after_head.value_or(false)) {
      const auto type = request_.stream ? kEventStream : kJson;
      const Result<void> sent = co_await exchange_.BeginStream(200, Fields(type), true);
      outcome_.status = 200;
      Cut(sent.ok());
    } else if (request_.stream) {
      co_await AnswerStream();
    } else {
      co_await AnswerWhole();
    }
  }
  Finish();
}

net::Task<void> ChatExchange::Refuse(Refusal refusal) {
  std::string body;
  WriteOpenAiError(refusal.status, refusal.error, body);
  outcome_.status = refusal.status;
  outcome_.ending = Ending::kRefused;
  outcome_.bytes_out = body.size();
  if (!(co_await exchange_.Respond(refusal.status, Fields(kJson), body)).ok()) {
    outcome_.ending = Ending::kCancelled;
  }
}

net::Task<void> ChatExchange::Drop() {
  // With the wire, a head that never reaches the client tells it how to end the connection.
  const Result<void> begun =
      co_await exchange_.BeginStream(200, Fields(kJson, site_.options.wire), site_.options.wire);
  Cut(begun.ok());
}

void ChatExchange::Cut(bool sent) {
  outcome_.ending = sent ? Ending::kCut : Ending::kCancelled;
  exchange_.AbortStream();
}

// Nothing is sent before the whole answer is made, but what was made is billed.
net::Task<void> ChatExchange::AnswerWhole() {
  const std::size_t end = TokensUntilFault().value_or(pace_->tokens());
  bool made = true;
  if (end > 0) made = co_await WaitForToken(end - 1);
  if (!made) {
    const std::int64_t elapsed = net::MonotonicNow() - exchange_.arrived_nanos();
    tokens_made_ = std::min(end, pace_->TokensDueBy(elapsed));
    outcome_.ending = Ending::kCancelled;
    co_return;
  }
  tokens_made_ = end;
  if (faults_.error_after) {
    Refusal refusal{kDefaultFaultStatus, FaultError(kDefaultFaultStatus)};  // g++ 12 needs a name
    co_await Refuse(std::move(refusal));
    co_return;
  }
  std::string body;
  WriteOpenAiAnswer(answer_, request_, faults_, body);
  if (faults_.malformed_json.value_or(false))
    body.replace(body.size() / 2, std::string::npos, "}]");
  outcome_.status = 200;
  if (TokensUntilFault() || faults_.truncated_chunk.value_or(false)) {
    co_await CutWhole(std::move(body), end);
    co_return;
  }
  const Result<void> sent = co_await exchange_.Respond(200, Fields(kJson), body);
  outcome_.ending = sent.ok() ? Ending::kAnswered : Ending::kCancelled;
  outcome_.bytes_out = sent.ok() ? body.size() : 0;
}

// The part of the body that stands for the first `tokens`, and then the end that was asked for.
net::Task<void> ChatExchange::CutWhole(std::string body, std::size_t tokens) {
  if (!faults_.truncated_chunk.value_or(false)) {
    body.resize(body.size() * tokens / std::max<std::size_t>(1, pace_->tokens() + 1));
  }
  Result<void> sent = co_await exchange_.BeginStream(200, Fields(kJson), true);
  const std::string_view pieces[] = {body};
  if (sent.ok()) sent = co_await exchange_.WriteStream(pieces);
  outcome_.bytes_out = sent.ok() ? body.size() : 0;
  if (sent.ok() && faults_.stall_after) {
    co_await Stall();
  } else {
    Cut(sent.ok());
  }
}

net::Task<void> ChatExchange::AnswerStream() {
  const OpenAiChatFrames frames(answer_, request_, faults_);
  bool going = (co_await exchange_.BeginStream(200, Fields(kEventStream), false)).ok();
  outcome_.status = 200;
  if (going) going = co_await StreamTokens(frames);
  if (!going) {
    if (outcome_.ending == Ending::kOpen) outcome_.ending = Ending::kCancelled;
    co_return;
  }
  if (TokensUntilFault()) {
    if (co_await EndEarly(frames)) {
      outcome_.ending = Ending::kAnswered;
    } else if (outcome_.ending == Ending::kOpen) {
      outcome_.ending = Ending::kCancelled;
    }
    co_return;
  }
  frames.WriteEnd(out_);
  if (!co_await Flush()) {
    if (outcome_.ending == Ending::kOpen) outcome_.ending = Ending::kCancelled;
    co_return;
  }
  if (faults_.truncated_chunk.value_or(false)) {
    Cut(true);
    co_return;
  }
  const bool ended = (co_await exchange_.EndStream()).ok();
  outcome_.ending = ended ? Ending::kAnswered : Ending::kCancelled;
}

// Writes each frame when its last token is due, up to the fault if there is one. false = the stream
// is over.
net::Task<bool> ChatExchange::StreamTokens(const OpenAiChatFrames& frames) {
  const std::size_t end = TokensUntilFault().value_or(pace_->tokens());
  std::size_t first = 0;  // of the choice, in the whole answer
  for (std::size_t c = 0; c < answer_.choices.size() && (c == 0 || first < end); ++c) {
    const std::size_t size = answer_.choices[c].tokens.size();
    bool opened = false;
    std::size_t at = 0;
    while (at < size && first + at < end) {
      const std::size_t next = std::min({at + pace_->frame_tokens(), size, end - first});
      if (!co_await WaitForToken(first + next - 1)) co_return false;
      if (!opened) frames.WriteRole(c, out_);
      opened = true;
      frames.WriteTokens(c, at, next, out_);
      tokens_made_ += next - at;
      at = next;
      if (out_.size() < kFlushBytes) continue;
      if (!co_await Flush()) co_return false;
    }
    if (first + at < end || end == pace_->tokens()) {
      if (!opened) frames.WriteRole(c, out_);
      frames.WriteFinish(c, out_);
    }
    first += size;
  }
  co_return true;
}

// Sends what waits before it sleeps. false = the client is gone or the provider down.
net::Task<bool> ChatExchange::WaitForToken(std::size_t token) {
  const std::int64_t due = exchange_.arrived_nanos() + pace_->DueNanos(token);
  if (net::MonotonicNow() >= due) co_return true;
  if (!co_await Flush()) co_return false;
  co_return co_await timer_.SleepUntil(exchange_.cancel(), due);
}

net::Task<bool> ChatExchange::Flush() {
  if (site_.down && exchange_.responded()) {
    Cut(true);
    co_return false;
  }
  if (out_.empty()) co_return true;
  const std::string_view pieces[] = {out_};
  const bool sent = (co_await exchange_.WriteStream(pieces)).ok();
  if (sent) outcome_.bytes_out += out_.size();
  out_.clear();
  co_return sent;
}

// The stream has reached the token of its fault. true = it ended in order all the same.
net::Task<bool> ChatExchange::EndEarly(const OpenAiChatFrames& frames) {
  if (faults_.error_after) frames.WriteError(out_);
  if (faults_.malformed_json.value_or(false)) frames.WriteMalformed(out_);
  if (!co_await Flush()) co_return false;
  if (faults_.stall_after) {
    co_await Stall();
    co_return false;
  }
  if (faults_.cut_after) {
    Cut(true);
    co_return false;
  }
  const Result<void> ended = co_await exchange_.EndStream();
  co_return ended.ok();
}

// Until the client gives up or the provider goes down.
net::Task<void> ChatExchange::Stall() {
  while (!site_.down) {
    const std::int64_t due = net::MonotonicNow() + kStallCheckInterval;
    if (!co_await timer_.SleepUntil(exchange_.cancel(), due)) break;
  }
  Cut(!exchange_.cancel().cancelled());
}

// Where the answer ends before its end, in tokens.
std::optional<std::size_t> ChatExchange::TokensUntilFault() const {
  std::optional<std::int64_t> first;
  for (const auto& fault : {faults_.cut_after, faults_.stall_after, faults_.error_after}) {
    if (fault) first = std::min(*fault, first.value_or(*fault));
  }
  if (request_.stream && faults_.malformed_json.value_or(false) && !first) {
    first = static_cast<std::int64_t>(pace_->tokens() / 2);
  }
  if (!first) return std::nullopt;
  return std::min(static_cast<std::size_t>(*first), pace_->tokens());
}

std::string ChatExchange::Fields(std::string_view content_type, bool drop) const {
  std::string fields =
      fmt::format("content-type: {}\r\nx-emulated: true\r\nx-request-id: req_{}\r\n", content_type,
                  answer_.id.empty() ? "emulated" : answer_.id);
  if (served_ != nullptr && served_->model().requests_per_minute_max > 0) {
    fields += fmt::format(
        "x-ratelimit-limit-requests: {}\r\nx-ratelimit-remaining-requests: {}\r\n"
        "x-ratelimit-reset-requests: {}s\r\n",
        served_->model().requests_per_minute_max, admission_.remaining, admission_.reset_s);
  }
  if (retry_after_s_ > 0) fields += fmt::format("retry-after: {}\r\n", retry_after_s_);
  if (site_.options.wire) fields += WireField(faults_, drop);
  return fields;
}

void ChatExchange::Finish() {
  if (admission_.admitted) served_->Leave();
  if (pace_) {
    const Model& model = served_->model();
    outcome_.billed = Billed(answer_, tokens_made_);
    if (faults_.drop.value_or(false)) outcome_.billed = Usage();
    const Usage& usage = outcome_.billed;
    outcome_.cost = Cost(usage.prompt - usage.cached, model.input_price) +
                    Cost(usage.cached, model.cached_input_price) +
                    Cost(usage.completion, model.output_price);
  }
  site_.journal.Close(ticket_, served_ != nullptr ? request_.model : std::string(), outcome_);
}

}  // namespace tidegate::emulator
