#include "gateway/fit.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "core/shorten.h"
#include "dispatch/attempt.h"
#include "net/server.h"
#include "privacy/cleared.h"
#include "protocols/llama_tokenize.h"
#include "protocols/token_counter.h"

namespace tidegate::gateway {
namespace {

// Room for the answer where something has to go anyway: what its caller allows it, at most half of
// the window; an eighth where nobody says.
constexpr std::int64_t kAnswerShare = 8;
constexpr std::int64_t kAnswerShareMax = 2;

// An answer that is for us alone.
class Nowhere final : public dispatch::AnswerSink {
 public:
  net::Task<Result<void>> Whole(dispatch::AnswerHead, std::span<const std::string_view>) override {
    co_return Result<void>();
  }
  net::Task<Result<void>> Begin(dispatch::AnswerHead) override { co_return Result<void>(); }
  net::Task<Result<void>> Write(std::span<const std::string_view>) override {
    co_return Result<void>();
  }
  net::Task<Result<void>> End(std::span<const std::string_view>) override {
    co_return Result<void>();
  }
};

template <typename T>
class Reader final : public dispatch::BodyReader {
 public:
  using Read1 = Result<T> (*)(std::string_view);
  explicit Reader(Read1 read) : read_(read) {}
  Result<Answer> Read(std::string_view body) override {
    TIDEGATE_ASSIGN(value_, read_(body));
    return Answer{};
  }
  T& value() { return value_; }

 private:
  const Read1 read_;
  T value_{};
};

const protocols::Protocol& Chats() { return protocols::Get(core::Protocol::kOpenAiChat); }

Result<std::int64_t> ReadCount(std::string_view body) {
  return Chats().token_counter()->DecodeCount(body);
}

// Asks a process something that costs nothing and generates nothing.
net::Task<Result<void>> Ask(Call& call, const dispatch::Target& target, std::string_view path,
                            std::vector<std::string_view> pieces, dispatch::BodyReader& reader) {
  Result<privacy::Cleared> cleared = privacy::Clear(call.label, target.place, std::move(pieces));
  if (!cleared.ok()) co_return std::move(cleared).error();
  Nowhere nowhere;
  const dispatch::AttemptInput input{.request = call.request,
                                     .client = call.protocol,
                                     .upstream = Chats(),
                                     .target = target,
                                     .id = call.record.id,
                                     .path = path,
                                     .fields = {},
                                     .accept = "application/json",
                                     .free = true,
                                     .signing = nullptr,
                                     .reader = &reader};
  dispatch::AttemptResult result = co_await dispatch::RunAttempt(
      call.shard.client, input, *std::move(cleared), nowhere, call.exchange.cancel());
  if (result.outcome == core::AttemptOutcome::kOk) co_return Result<void>();
  co_return result.error ? *std::move(result.error)
                         : Internal("asking the engine failed without saying why");
}

net::Task<Result<std::int64_t>> Count(Call& call, Process process, core::Request request) {
  protocols::UpstreamOptions options;
  options.model = process.model;
  options.count_only = true;
  options.dialect = &process.dialect;
  if (process.defaults != nullptr) request = core::WithDefaults(request, *process.defaults);
  request.stream = request.stream_usage = false;
  Result<protocols::UpstreamRequest> encoded = Chats().EncodeRequest(request, options);
  if (!encoded.ok()) co_return std::move(encoded).error();
  Reader<std::int64_t> reader(ReadCount);
  Result<void> asked =
      co_await Ask(call, process.target, encoded->path, std::move(encoded->body.pieces), reader);
  if (!asked.ok()) co_return std::move(asked).error();
  co_return reader.value();
}

std::int64_t RoomForAnswer(const core::Request& request, std::int64_t window) {
  const std::int64_t wanted = request.max_output_tokens.value_or(window / kAnswerShare);
  return std::clamp<std::int64_t>(wanted, 1, std::max<std::int64_t>(1, window / kAnswerShareMax));
}

Error StillTooLong(std::int64_t tokens, std::int64_t window) {
  Error error;
  error.code = ErrorCode::kTooLarge;
  error.source = ErrorSource::kEngine;
  error.retry = Retry::kOtherTarget;
  error.reason = "context_length_exceeded";
  error.message =
      tokens == 0 ? "there is nothing older than the last message that could be left out"
                  : fmt::format(
                        "what has to stay, the instructions and the last message, takes {} tokens, "
                        "and the window has {}",
                        tokens, window);
  return error;
}

net::Task<Result<std::vector<std::int64_t>>> Tokens(Call& call, const dispatch::Target& target,
                                                    std::string_view text, bool marked) {
  const std::string body = protocols::EncodeTokenize(text, marked);
  Reader<std::vector<std::int64_t>> reader(protocols::DecodeTokens);
  std::vector<std::string_view> pieces{body};
  Result<void> asked =
      co_await Ask(call, target, protocols::kTokenizePath, std::move(pieces), reader);
  if (!asked.ok()) co_return std::move(asked).error();
  co_return std::move(reader.value());
}

}  // namespace

bool MayFit(const Call& call) {
  return call.work ? call.work->MayCut() != nullptr : call.request.may_shorten;
}

// Each step leaves less than the one before, so the first that fits is found by halving.
net::Task<Result<Shortened>> ShortenToFit(Call& call, Process process) {
  const core::Shortening shortening(call.request);
  const std::int64_t window = process.window_tokens;
  const std::int64_t fits = window - RoomForAnswer(call.request, window);
  if (shortening.steps() == 0) co_return StillTooLong(0, window);
  std::size_t low = 1, high = shortening.steps();
  std::int64_t tokens = 0;
  while (true) {
    const std::size_t step = low + (high - low) / 2;
    core::Request left = shortening.After(step);
    Result<std::int64_t> counted = co_await Count(call, process, std::move(left));
    if (!counted.ok()) co_return std::move(counted).error();
    tokens = *counted;
    if (low == high) break;
    if (tokens <= fits) {
      high = step;
    } else {
      low = step + 1;
    }
  }
  if (tokens >= window) co_return StillTooLong(tokens, window);
  co_return Shortened{shortening.After(low), shortening.Dropped(low)};
}

net::Task<Result<std::int64_t>> CutToFit(Call& call, Process process) {
  core::EmbedRequest* const request = call.work->MayCut();
  CHECK(request != nullptr);
  dispatch::Target server = process.target;
  server.base_path.clear();
  const auto tokens_max =
      static_cast<std::size_t>(std::max<std::int64_t>(1, process.window_tokens));
  request->cut_tokens.assign(request->texts.size(), {});
  std::int64_t cut = 0;
  for (std::size_t i = 0; i < request->texts.size(); ++i) {
    // No token is shorter than a byte, and no tokenizer puts more than a few marks around a text.
    constexpr std::size_t kMarksMax = 8;
    if (request->texts[i].size() + kMarksMax <= tokens_max) continue;
    Result<std::vector<std::int64_t>> marked =
        co_await Tokens(call, server, request->texts[i], true);
    if (!marked.ok()) co_return std::move(marked).error();
    if (marked->size() <= tokens_max) continue;
    Result<std::vector<std::int64_t>> plain =
        co_await Tokens(call, server, request->texts[i], false);
    if (!plain.ok()) co_return std::move(plain).error();
    request->cut_tokens[i] = core::CutTokens(*marked, *plain, tokens_max, request->truncate);
    ++cut;
  }
  co_return cut;
}

}  // namespace tidegate::gateway
