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
  if (head.usage != nullptr && !head.usage->estimated && deployment_.prices) {
    Money cost = CostOf(*head.usage, *deployment_.prices);
    for (const core::AttemptRecord& earlier : call_.record.attempts) cost += earlier.cost;
    net::AppendField(call_.fields, "tidegate-cost-usd", FormatUsd(cost));
  } else {
    net::AppendField(call_.fields, "tidegate-cost-usd-max", FormatUsd(attempt_.reserved));
  }
}

net::Task<Result<void>> Answer::Whole(dispatch::AnswerHead head,
                                      std::span<const std::string_view> body) {
  AppendFields(head);
  return call_.exchange.Respond(200, call_.fields, body);
}

net::Task<Result<void>> Answer::Begin(dispatch::AnswerHead head) {
  AppendFields(head);
  call_.fields += "cache-control: no-cache\r\n";
  streaming_ = true;
  return call_.exchange.BeginStream(200, call_.fields, false);
}

net::Task<Result<void>> Answer::Write(std::span<const std::string_view> pieces) {
  return call_.exchange.WriteStream(pieces);
}

net::Task<Result<void>> Answer::End(std::span<const std::string_view> last) {
  return call_.exchange.EndStream(last);
}

net::Task<void> Answer::EndBroken(const Error& error) {
  if (!streaming_ || error.code == ErrorCode::kCancelled) co_return call_.exchange.AbortStream();
  const std::string frame = call_.protocol.EncodeStreamError(error);
  const std::string_view pieces[] = {frame};
  const Result<void> sent = co_await call_.exchange.EndStream(pieces);
  if (!sent.ok())
    obs::Log(obs::Level::kDebug, "the end of a stream could not be sent: {}",
             Describe(sent.error()));
}

}  // namespace tidegate::gateway
