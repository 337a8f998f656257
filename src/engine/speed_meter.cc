#include "engine/speed_meter.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/measure_request.h"
#include "net/deadline.h"
#include "net/task_group.h"

namespace tidegate::engine {
namespace {

constexpr std::int64_t kPoolNanosMax = 30'000'000'000;
constexpr std::int64_t kWarmUpTokens = 32, kWarmUpOutputTokens = 4;
// Reading a long prompt says nothing for as long as it takes.
constexpr std::int64_t kSilenceNanosMax = 3'600'000'000'000;
constexpr int kOk = 200;
constexpr std::size_t kErrorBytesMax = 64U << 10U;

std::string Fields(const Endpoint& endpoint) {
  return "content-type: application/json\r\nauthorization: " +
         std::string(endpoint.authorization.Reveal()) + "\r\n";
}

Claim OfTrial(std::int64_t window_tokens) {
  Claim claim(Priority::kNormal, "measuring");
  claim.of_trial = true;
  claim.may_be_kept = false;  // nobody's conversation
  claim.context_tokens = window_tokens;
  return claim;
}

net::Task<Result<AnswerTimes>> ReadAnswer(net::ClientExchange& exchange,
                                          std::span<const std::string_view> pieces) {
  AnswerTimes times;
  times.sent = net::MonotonicNow();
  Result<void> sent = co_await exchange.Send(pieces);
  if (!sent.ok()) co_return std::move(sent).error();
  const Result<const net::HttpHead*> head = co_await exchange.ReadHead();
  if (!head.ok()) co_return head.error();
  const int status = (*head)->status();
  if (status != kOk) {
    const Result<std::string_view> body = co_await exchange.ReadAll(kErrorBytesMax);
    co_return AnswerError(status, body.ok() ? *body : std::string_view());
  }
  AnswerReader reader;
  while (true) {
    const Result<std::string_view> bytes = co_await exchange.ReadBody();
    if (!bytes.ok()) co_return bytes.error();
    if (bytes->empty()) break;
    Result<void> read = reader.Feed(*bytes, net::MonotonicNow(), times);
    if (!read.ok()) co_return std::move(read).error();
  }
  Result<void> whole = reader.Finish(net::MonotonicNow(), times);
  if (!whole.ok()) co_return std::move(whole).error();
  co_return times;
}

}  // namespace

struct SpeedMeter::Asking {
  Asking(net::CancelToken& token, net::asio::io_context& io) : cancel(token), group(io) {}
  net::CancelToken& cancel;
  net::TaskGroup group;
  std::vector<std::string> bodies;
  std::vector<std::optional<Result<AnswerTimes>>> answers;
  int running = 0, running_max = 0;
  bool disturbed = false;
};

SpeedMeter::SpeedMeter(Engine& engine, net::Shard& shard, std::string model, std::uint64_t seed)
    : engine_(engine),
      shard_(shard),
      model_(std::move(model)),
      seed_(seed << 32U),
      client_(shard, net::ClientOptions{}) {}

net::Task<Result<AnswerTimes>> SpeedMeter::Answer(Endpoint endpoint, std::string body,
                                                  net::CancelToken& cancel) {
  // Each process has another socket behind the same path.
  Result<net::ClientExchange> exchange = co_await client_.Open(endpoint.origin, true);
  if (!exchange.ok()) co_return std::move(exchange).error();
  exchange->SetStallTimeout(kSilenceNanosMax);
  const std::string head = "POST /completion HTTP/1.1\r\nhost: " + endpoint.origin.HostField() +
                           "\r\n" + Fields(endpoint) +
                           "content-length: " + std::to_string(body.size()) + "\r\n\r\n";
  const std::string_view pieces[] = {head, body};
  const net::CancelToken::Scope scope(cancel, [&exchange] { exchange->Abort(); });
  Result<AnswerTimes> times = co_await ReadAnswer(*exchange, pieces);
  if (cancel.cancelled()) co_return cancel.MakeError();
  co_return times;
}

net::Task<Result<void>> SpeedMeter::LoadPool(Endpoint endpoint) {
  const Result<net::SimpleResponse> response =
      co_await net::Fetch(client_, endpoint.origin, "POST", "/tokenize", Fields(endpoint),
                          PoolRequest(), kPoolNanosMax);
  if (!response.ok()) co_return response.error();
  if (response->status != kOk) co_return AnswerError(response->status, response->body);
  Result<std::vector<std::int32_t>> pool = ReadPool(response->body);
  if (!pool.ok()) co_return std::move(pool).error();
  pool_ = *std::move(pool);
  co_return Result<void>();
}

net::Task<Result<void>> SpeedMeter::WarmUp(net::CancelToken& cancel) {
  Result<Lease> lease = co_await engine_.Acquire(shard_, model_, cancel, OfTrial(window_tokens_));
  if (!lease.ok()) co_return std::move(lease).error();
  const Endpoint endpoint = lease->endpoint();
  client_.Forget(endpoint.origin);
  if (pool_.empty()) {
    Result<void> loaded = co_await LoadPool(endpoint);
    if (!loaded.ok()) co_return loaded;
  }
  const std::uint64_t seed = seed_++;
  std::string body =
      CompletionRequest(MakePrompt(pool_, kWarmUpTokens, seed), kWarmUpOutputTokens, seed);
  const Result<AnswerTimes> answer = co_await Answer(endpoint, std::move(body), cancel);
  if (!answer.ok()) co_return answer.error();
  co_return Result<void>();
}

// Called while a request of the round runs.
void SpeedMeter::NoteUsers(Asking& asking) const {
  const std::optional<core::LiveState> live = engine_.Live(model_);
  const auto ours = static_cast<std::int64_t>(asking.bodies.size());
  if (live && live->users > ours) asking.disturbed = true;
}

net::Task<void> SpeedMeter::Ask(Asking& asking, std::size_t index) {
  Result<Lease> lease =
      co_await engine_.Acquire(shard_, model_, asking.cancel, OfTrial(window_tokens_));
  if (!lease.ok()) {
    asking.answers[index] = std::move(lease).error();
    co_return;
  }
  asking.running_max = std::max(asking.running_max, ++asking.running);
  NoteUsers(asking);
  asking.answers[index] =
      co_await Answer(lease->endpoint(), std::move(asking.bodies[index]), asking.cancel);
  NoteUsers(asking);
  --asking.running;
}

net::Task<Result<Round>> SpeedMeter::Run(Cell cell, std::int64_t output_tokens,
                                         net::CancelToken& cancel) {
  Asking asking(cancel, shard_.io());
  const auto count = static_cast<std::size_t>(cell.at_once);
  asking.answers.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t seed = seed_++;
    asking.bodies.push_back(
        CompletionRequest(MakePrompt(pool_, cell.prompt_tokens, seed), output_tokens, seed));
  }
  for (std::size_t i = 0; i < count; ++i) (void)asking.group.Spawn(Ask(asking, i));
  co_await asking.group.Wait();
  Round round;
  for (std::optional<Result<AnswerTimes>>& answer : asking.answers) {
    if (!answer) co_return Unavailable(ErrorSource::kGateway, "the gateway is shutting down");
    if (!answer->ok()) co_return answer->error();
    round.answers.push_back(**answer);
  }
  round.disturbed = asking.disturbed || asking.running_max < cell.at_once;
  co_return round;
}

}  // namespace tidegate::engine
