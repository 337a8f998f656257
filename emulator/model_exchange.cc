#include "emulator/model_exchange.h"

#include <algorithm>

#include <fmt/format.h>

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
constexpr std::string_view kMessageNames = "messages[].name";  // of refuse_fields

Error FaultError(int status) {
  return Error{ErrorCode::kUnavailable, ErrorSource::kUpstream, Retry::kSameTarget,
               fmt::format("[emulated] this failure was asked for: {}", status)};
}

// Parsing keeps buffers, so each thread keeps its reader; no value outlives the call that parses.
json::Reader& ThreadReader() {
  thread_local json::Reader reader;
  return reader;
}

bool HasNames(const json::Value& messages) {
  if (!messages.is_array()) return false;
  const json::Array all = *messages.Array();
  for (const json::Value message : all) {
    if (message.is_object() && message.Object()->Find("name")) return true;
  }
  return false;
}

// A member of `body` that this vendor does not take.
std::optional<Error> FindRefused(const json::Value& body, const Quirks& quirks) {
  if (!body.is_object()) return std::nullopt;
  for (const json::Member& member : *body.Object()) {
    for (const std::string& refused : quirks.refuse_fields) {
      const bool names = refused == kMessageNames && member.key == "messages";
      if (member.key != refused && !(names && HasNames(member.value))) continue;
      Error error = InvalidArgument(refused, "property '" + refused + "' is unsupported");
      error.reason = "unsupported_parameter";
      return error;
    }
  }
  return std::nullopt;
}

Usage Billed(const Answer& answer, std::size_t tokens_made) {
  Usage usage = answer.usage;
  if (answer.choices.empty()) return usage;
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

std::optional<Refusal> ModelExchange::Prepare(std::string_view body) {
  const Received received{exchange_.head(), call_, body, site_.clock.WallNanos()};
  if (auto refusal = shape_.CheckHead(received)) return refusal;
  const Result<json::Value> root = ThreadReader().Parse(body, kBodyBytesMax);
  if (!root) return Refusal{400, root.error()};
  if (auto refusal = FindModel(received, *root)) return refusal;
  if (auto refusal = ReadRequest(received, *root)) return refusal;
  if (auto refusal = ReadFaults()) return refusal;
  if (auto refusal = Admit()) return refusal;
  if (auto refusal = DrawFault()) return refusal;
  return MakeAnswerAndPace();
}

std::optional<Refusal> ModelExchange::FindModel(const Received& received, const json::Value& body) {
  Result<std::string> name = shape_.ModelOf(received, body);
  if (!name) return Refusal{400, name.error()};
  model_name_ = *std::move(name);
  site_.journal.SetModel(ticket_, model_name_);
  ServedModel* const found = site_.FindModel(model_name_);
  if (found == nullptr || !found->IsServedAs(shape_.name())) {
    return Refusal{404, shape_.UnknownModel(model_name_)};
  }
  served_ = found;
  return shape_.CheckKey(received, served_->model());
}

std::optional<Refusal> ModelExchange::ReadRequest(const Received& received,
                                                  const json::Value& body) {
  const Model& model = served_->model();
  const auto wrong = [&](Error error) {
    const bool invalid = error.code == ErrorCode::kInvalidArgument;
    const int status = invalid ? shape_.InvalidStatus(&model) : HttpStatus(error.code);
    return Refusal{status, std::move(error)};
  };
  if (std::optional<Error> refused = FindRefused(body, model.quirks)) {
    return wrong(*std::move(refused));
  }
  Result<ChatRequest> request = shape_.Parse(received, body, model, site_);
  if (!request) return wrong(std::move(request).error());
  request_ = *std::move(request);
  request_.model = model_name_;
  return std::nullopt;
}

std::optional<Refusal> ModelExchange::ReadFaults() {
  faults_ = served_->CurrentFaults();
  const Result<Faults> own = ParseFaults(exchange_.head().Find("x-emulate").value_or(""));
  if (!own) return Refusal{400, own.error()};
  faults_.Merge(*own);
  if (request_.begins_job) {
    for (auto* after : {&faults_.cut_after, &faults_.stall_after, &faults_.error_after}) {
      after->reset();
    }
  }
  if (faults_.NeedsWire() && !site_.options.wire) {
    return Refusal{
        501, InvalidArgument("x-emulate", "this fault needs the wire: start without --direct")};
  }
  return std::nullopt;
}

std::optional<Refusal> ModelExchange::Admit() {
  admission_ = served_->Admit(exchange_.arrived_nanos());
  if (admission_.admitted) return std::nullopt;
  retry_after_s_ = admission_.retry_after_s;
  return Refusal{429, Error{ErrorCode::kRateLimited, ErrorSource::kUpstream, Retry::kSameTarget,
                            "rate limit reached for requests"}};
}

std::optional<Refusal> ModelExchange::DrawFault() {
  if (served_->model().quirks.azure && faults_.refusal.value_or(false)) {
    Error error = InvalidArgument("prompt", "[emulated] the prompt triggered the content filter");
    error.reason = "content_filter";
    return Refusal{400, std::move(error)};
  }
  if (!faults_.status && !faults_.error_rate) return std::nullopt;
  if (!served_->DrawError(faults_.error_rate.value_or(1))) return std::nullopt;
  const auto status = static_cast<int>(faults_.status.value_or(kDefaultFaultStatus));
  retry_after_s_ = faults_.retry_after_s.value_or(status == 429 ? 1 : 0);
  return Refusal{status, FaultError(status)};
}

std::optional<Refusal> ModelExchange::MakeAnswerAndPace() {
  const Model& model = served_->model();
  Result<Answer> answer = MakeAnswer(request_, model, faults_);
  if (!answer) {
    Error error = std::move(answer).error();
    if (error.reason == kContextLengthExceeded) {
      error.message = shape_.TooLong(request_.PromptTokens(), model);
    }
    return Refusal{shape_.InvalidStatus(&model), std::move(error)};
  }
  answer_ = *std::move(answer);
  if (request_.task == TaskKind::kChat) {
    const CacheUse cache = served_->UseCache(request_);
    answer_.usage.cached = cache.read;
    answer_.usage.cache_written = cache.written;
  }
  answer_.id = fmt::format("emulated{:016x}", ++site_.answers);
  answer_.created_s = site_.clock.WallNanos() / net::kSecond;
  PaceOptions pace{model.ttft_ms, model.tokens_per_s, model.jitter, Hash(answer_.id)};
  pace.ttft_ms = faults_.ttft_ms.value_or(pace.ttft_ms);
  pace.tokens_per_s = faults_.tokens_per_s.value_or(pace.tokens_per_s);
  // What is no text has one piece to wait for, which costs nothing.
  const bool chat = request_.task == TaskKind::kChat;
  pace_.emplace(pace, chat ? static_cast<std::size_t>(answer_.usage.completion) : 1);
  return std::nullopt;
}

// --- The answer

net::Task<void> ModelExchange::Run(std::string_view body) {
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
      const auto type = streams() ? shape_.StreamType(call_) : shape_.WholeType();
      const Result<void> sent = co_await exchange_.BeginStream(200, Fields(type), true);
      outcome_.status = 200;
      Cut(sent.ok());
    } else if (streams()) {
      co_await AnswerStream();
    } else {
      co_await AnswerWhole();
    }
  }
  Finish();
}

net::Task<void> ModelExchange::Refuse(Refusal refusal) {
  std::string body;
  refusal.error.retry_after_s = retry_after_s_;
  shape_.WriteError(refusal, served_ != nullptr ? &served_->model() : nullptr, body);
  outcome_.status = refusal.status;
  outcome_.ending = Ending::kRefused;
  outcome_.bytes_out = body.size();
  const std::string fields = Fields(shape_.WholeType(), false, &refusal);
  if (!(co_await exchange_.Respond(refusal.status, fields, body)).ok()) {
    outcome_.ending = Ending::kCancelled;
  }
}

net::Task<void> ModelExchange::Drop() {
  // With the wire, a head that never reaches the client tells it how to end the connection.
  const std::string fields = Fields(shape_.WholeType(), site_.options.wire);
  const Result<void> begun = co_await exchange_.BeginStream(200, fields, site_.options.wire);
  Cut(begun.ok());
}

void ModelExchange::Cut(bool sent) {
  outcome_.ending = sent ? Ending::kCut : Ending::kCancelled;
  exchange_.AbortStream();
}

// Nothing is sent before the whole answer is made, but what was made is billed.
net::Task<void> ModelExchange::AnswerWhole() {
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
  shape_.WriteWhole(MakeReply(), body);
  if (faults_.malformed_json.value_or(false))
    body.replace(body.size() / 2, std::string::npos, "}]");
  outcome_.status = 200;
  if (TokensUntilFault() || faults_.truncated_chunk.value_or(false)) {
    co_await CutWhole(std::move(body), end);
    co_return;
  }
  const Result<void> sent = co_await exchange_.Respond(200, Fields(shape_.WholeType()), body);
  outcome_.ending = sent.ok() ? Ending::kAnswered : Ending::kCancelled;
  outcome_.bytes_out = sent.ok() ? body.size() : 0;
}

// The part of the body that stands for the first `tokens`, and then the end that was asked for.
net::Task<void> ModelExchange::CutWhole(std::string body, std::size_t tokens) {
  if (!faults_.truncated_chunk.value_or(false)) {
    body.resize(body.size() * tokens / std::max<std::size_t>(1, pace_->tokens() + 1));
  }
  Result<void> sent = co_await exchange_.BeginStream(200, Fields(shape_.WholeType()), true);
  const std::string_view pieces[] = {body};
  if (sent.ok()) sent = co_await exchange_.WriteStream(pieces);
  outcome_.bytes_out = sent.ok() ? body.size() : 0;
  if (sent.ok() && faults_.stall_after) {
    co_await Stall();
  } else {
    Cut(sent.ok());
  }
}

net::Task<void> ModelExchange::AnswerStream() {
  const Reply reply = MakeReply();
  const std::unique_ptr<Frames> owned = shape_.Stream(reply);
  Frames& frames = *owned;
  const std::string fields = Fields(shape_.StreamType(call_));
  bool going = (co_await exchange_.BeginStream(200, fields, false)).ok();
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
  frames.End(out_);
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
net::Task<bool> ModelExchange::StreamTokens(Frames& frames) {
  const std::size_t end = TokensUntilFault().value_or(pace_->tokens());
  std::size_t first = 0;  // of the choice, in the whole answer
  for (std::size_t c = 0; c < answer_.choices.size() && (c == 0 || first < end); ++c) {
    const std::size_t size = answer_.choices[c].tokens.size();
    bool opened = false;
    std::size_t at = 0;
    while (at < size && first + at < end) {
      const std::size_t next = std::min({at + pace_->frame_tokens(), size, end - first});
      if (!co_await WaitForToken(first + next - 1)) co_return false;
      if (!opened) frames.Open(c, out_);
      opened = true;
      frames.Tokens(c, at, next, out_);
      tokens_made_ += next - at;
      at = next;
      if (out_.size() < kFlushBytes) continue;
      if (!co_await Flush()) co_return false;
    }
    if (first + at < end || end == pace_->tokens()) {
      if (!opened) frames.Open(c, out_);
      frames.Finish(c, out_);
    }
    first += size;
  }
  co_return true;
}

// Sends what waits before it sleeps. false = the client is gone or the provider down.
net::Task<bool> ModelExchange::WaitForToken(std::size_t token) {
  const std::int64_t due = exchange_.arrived_nanos() + pace_->DueNanos(token);
  if (net::MonotonicNow() >= due) co_return true;
  if (!co_await Flush()) co_return false;
  co_return co_await timer_.SleepUntil(exchange_.cancel(), due);
}

net::Task<bool> ModelExchange::Flush() {
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
net::Task<bool> ModelExchange::EndEarly(Frames& frames) {
  if (faults_.error_after) frames.Fail(out_);
  if (faults_.malformed_json.value_or(false)) frames.Malformed(out_);
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
net::Task<void> ModelExchange::Stall() {
  while (!site_.down) {
    const std::int64_t due = net::MonotonicNow() + kStallCheckInterval;
    if (!co_await timer_.SleepUntil(exchange_.cancel(), due)) break;
  }
  Cut(!exchange_.cancel().cancelled());
}

// Where the answer ends before its end, in tokens.
std::optional<std::size_t> ModelExchange::TokensUntilFault() const {
  std::optional<std::int64_t> first;
  for (const auto& fault : {faults_.cut_after, faults_.stall_after, faults_.error_after}) {
    if (fault) first = std::min(*fault, first.value_or(*fault));
  }
  if (streams() && faults_.malformed_json.value_or(false) && !first) {
    first = static_cast<std::int64_t>(pace_->tokens() / 2);
  }
  if (!first) return std::nullopt;
  return std::min(static_cast<std::size_t>(*first), pace_->tokens());
}

Reply ModelExchange::MakeReply() const {
  return {answer_, request_, faults_, served_->model(), call_, exchange_.arrived_nanos()};
}

std::string ModelExchange::Fields(std::string_view content_type, bool drop,
                                  const Refusal* refusal) const {
  std::string fields = fmt::format("content-type: {}\r\nx-emulated: true\r\n", content_type);
  const Model* model = served_ != nullptr ? &served_->model() : nullptr;
  fields +=
      shape_.HeadFields(HeadFacts{model, answer_.id, admission_, refusal, site_.clock.WallNanos()});
  if (retry_after_s_ > 0) fields += fmt::format("retry-after: {}\r\n", retry_after_s_);
  if (site_.options.wire) fields += WireField(faults_, drop);
  return fields;
}

void ModelExchange::Finish() {
  if (pace_) {
    const Model& model = served_->model();
    outcome_.billed = Billed(answer_, tokens_made_);
    const bool free = request_.task == TaskKind::kCountTokens || faults_.drop.value_or(false);
    if (free) outcome_.billed = Usage();
    const Usage& usage = outcome_.billed;
    outcome_.cost = Cost(usage.prompt - usage.cached - usage.cache_written, model.input_price) +
                    Cost(usage.cached, model.cached_input_price) +
                    Cost(usage.cache_written, model.cache_write_price.value_or(model.input_price)) +
                    Cost(usage.completion, model.output_price);
  }
  if (admission_.admitted) {
    served_->Leave(outcome_.billed.prompt + outcome_.billed.completion);
  }
  if (outcome_.ending == Ending::kAnswered && !TokensUntilFault())
    shape_.Answered(site_, MakeReply());
  site_.journal.Close(ticket_, served_ != nullptr ? model_name_ : std::string(), outcome_);
}

}  // namespace tidegate::emulator
