#include "gateway/answer.h"

#include "obs/log.h"

namespace tidegate::gateway {
namespace {

constexpr std::size_t kFieldsBytes = 384;  // enough for usual names, so that it grows once

}  // namespace

void Answer::AppendFields(const dispatch::AnswerHead& head) {
  call_.fields.clear();
  call_.fields.reserve(kFieldsBytes);
  net::AppendField(call_.fields, "content-type", head.content_type);
  AppendDecisionFields(call_, &attempt_, deployment_.emulated, call_.fields);
  if (!call_.request.offers.empty() && !deployment_.Speaks(call_.protocol.id())) {
    std::string kinds;
    for (const std::string_view kind : call_.request.offers) {
      if (!kinds.empty()) kinds += ", ";
      kinds += kind;
    }
    net::AppendField(call_.fields, "tidegate-left-out", kinds);
  }
  if (head.usage != nullptr && !head.usage->estimated && deployment_.prices) {
    Money cost = CostOf(*head.usage, *deployment_.prices, head.requests);
    for (const core::AttemptRecord& earlier : call_.record.attempts) cost += earlier.cost;
    net::AppendField(call_.fields, "tidegate-cost-usd", FormatUsd(cost));
  } else {
    net::AppendField(call_.fields, "tidegate-cost-usd-max", FormatUsd(attempt_.reserved));
  }
  call_.fields += head.rate_limits;
}

net::Task<Result<void>> Answer::Whole(dispatch::AnswerHead head,
                                      std::span<const std::string_view> body) {
  if (Keeps(call_)) return WholeKept(head, body);
  AppendFields(head);
  return call_.exchange.Respond(200, call_.fields, body);
}

net::Task<Result<void>> Answer::WholeKept(dispatch::AnswerHead head,
                                          std::span<const std::string_view> body) {
  std::string joined;
  for (const std::string_view piece : body) joined += piece;
  Result<std::optional<protocols::FinishedAnswer>> read =
      call_.protocol.stored_answers()->ReadWhole(joined);
  std::optional<protocols::FinishedAnswer> finished;
  if (read.ok()) finished = *std::move(read);
  if (finished) co_await Keep(call_, *std::move(finished));
  AppendFields(head);
  co_return co_await call_.exchange.Respond(200, call_.fields, body);
}

net::Task<Result<void>> Answer::Begin(dispatch::AnswerHead head) {
  AppendFields(head);
  call_.fields += "cache-control: no-cache\r\n";
  streaming_ = true;
  call_.shard.counts.streams_begun.Add();
  if (const protocols::StoredAnswers* stored = call_.protocol.stored_answers()) {
    tap_ = stored->NewTap();
  }
  return call_.exchange.BeginStream(200, call_.fields, false);
}

std::optional<protocols::FinishedAnswer> Answer::Watch(std::span<const std::string_view> pieces) {
  if (!tap_) return std::nullopt;
  for (const std::string_view piece : pieces) tap_->Feed(piece);
  std::optional<protocols::FinishedAnswer> finished = tap_->TakeFinished();
  if (!Keeps(call_)) finished.reset();
  return finished;
}

net::Task<Result<void>> Answer::SendKept(protocols::FinishedAnswer answer,
                                         std::span<const std::string_view> pieces, bool last) {
  co_await Keep(call_, std::move(answer));
  if (last) co_return co_await call_.exchange.EndStream(pieces);
  co_return co_await call_.exchange.WriteStream(pieces);
}

net::Task<Result<void>> Answer::Write(std::span<const std::string_view> pieces) {
  std::optional<protocols::FinishedAnswer> finished = Watch(pieces);
  if (finished) return SendKept(*std::move(finished), pieces, false);
  return call_.exchange.WriteStream(pieces);
}

net::Task<Result<void>> Answer::End(std::span<const std::string_view> last) {
  std::optional<protocols::FinishedAnswer> finished = Watch(last);
  if (finished) return SendKept(*std::move(finished), last, true);
  return call_.exchange.EndStream(last);
}

net::Task<void> Answer::EndBroken(const Error& error) {
  if (!streaming_ || error.code == ErrorCode::kCancelled) co_return call_.exchange.AbortStream();
  const std::string frame =
      tap_ ? tap_->EncodeBroken(error) : call_.protocol.EncodeStreamErrorFor(call_.request, error);
  const std::string_view pieces[] = {frame};
  const Result<void> sent = co_await call_.exchange.EndStream(pieces);
  if (!sent.ok())
    obs::Log(obs::Level::kDebug, "the end of a stream could not be sent: {}",
             Describe(sent.error()));
}

}  // namespace tidegate::gateway
