#include "gateway/answer.h"

#include <iterator>

#include <fmt/format.h>

#include "obs/log.h"

namespace tidegate::gateway {

void Answer::AppendFields(const dispatch::AnswerHead& head) {
  call_.fields.clear();
  fmt::format_to(std::back_inserter(call_.fields), "content-type: {}\r\n", head.content_type);
  AppendDecisionFields(call_, &attempt_, deployment_.emulated, call_.fields);
  if (head.usage != nullptr && !head.usage->estimated && deployment_.prices) {
    Money cost = CostOf(*head.usage, *deployment_.prices);
    for (const core::AttemptRecord& earlier : call_.record.attempts) cost += earlier.cost;
    fmt::format_to(std::back_inserter(call_.fields), "tidegate-cost-usd: {}\r\n", FormatUsd(cost));
  } else {
    fmt::format_to(std::back_inserter(call_.fields), "tidegate-cost-usd-max: {}\r\n",
                   FormatUsd(attempt_.reserved));
  }
}

net::Task<Result<void>> Answer::Whole(dispatch::AnswerHead head,
                                      std::span<const std::string_view> body) {
  AppendFields(head);
  co_return co_await call_.exchange.Respond(200, call_.fields, body);
}

net::Task<Result<void>> Answer::Begin(dispatch::AnswerHead head) {
  AppendFields(head);
  call_.fields += "cache-control: no-cache\r\n";
  streaming_ = true;
  co_return co_await call_.exchange.BeginStream(200, call_.fields, false);
}

net::Task<Result<void>> Answer::Write(std::span<const std::string_view> pieces) {
  co_return co_await call_.exchange.WriteStream(pieces);
}

net::Task<Result<void>> Answer::End() { co_return co_await call_.exchange.EndStream(); }

net::Task<void> Answer::EndBroken(const Error& error) {
  if (!streaming_ || error.code == ErrorCode::kCancelled) co_return call_.exchange.AbortStream();
  const std::string frame = call_.protocol.EncodeStreamError(error);
  const std::string_view pieces[] = {frame};
  Result<void> sent = co_await call_.exchange.WriteStream(pieces);
  if (sent.ok()) sent = co_await call_.exchange.EndStream();
  if (!sent.ok())
    obs::Log(obs::Level::kDebug, "the end of a stream could not be sent: {}",
             Describe(sent.error()));
}

}  // namespace tidegate::gateway
