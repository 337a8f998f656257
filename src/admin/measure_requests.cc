#include "admin/measure_requests.h"

#include "admin/request_body.h"

namespace tidegate::admin {
namespace {

constexpr std::size_t kNumbersMax = 64;  // of a list; what is measured at once is bounded elsewhere

Result<std::vector<std::int64_t>> Numbers(const RequestBody& body, std::string_view key) {
  std::vector<std::int64_t> numbers;
  const std::optional<json::Value> value = body.Find(key);
  if (!value) return numbers;
  TIDEGATE_ASSIGN(const json::Array array, value->Array());
  for (const json::Value element : array) {
    if (numbers.size() == kNumbersMax) {
      return value->Invalid("has more than " + std::to_string(kNumbersMax) + " entries");
    }
    TIDEGATE_ASSIGN(const std::int64_t number, element.Integer());
    numbers.push_back(number);
  }
  return numbers;
}

Result<std::optional<std::int64_t>> Number(const RequestBody& body, std::string_view key) {
  const std::optional<json::Value> value = body.Find(key);
  if (!value) return std::optional<std::int64_t>();
  TIDEGATE_ASSIGN(const std::int64_t number, value->Integer());
  return std::optional<std::int64_t>(number);
}

}  // namespace

Result<BenchRequest> ReadBench(std::string_view text) {
  constexpr std::string_view kKnown[] = {"model",  "contexts", "concurrency",
                                         "tokens", "quick",    "seconds_max"};
  json::Reader reader;
  TIDEGATE_ASSIGN(const RequestBody body,
                  RequestBody::Read(reader, text, kKnown, kMeasureBodyBytesMax));
  BenchRequest request;
  TIDEGATE_ASSIGN(request.model, body.Name({"model"}));
  TIDEGATE_ASSIGN(request.wishes.contexts, Numbers(body, "contexts"));
  TIDEGATE_ASSIGN(request.wishes.concurrency, Numbers(body, "concurrency"));
  TIDEGATE_ASSIGN(request.wishes.output_tokens, Number(body, "tokens"));
  TIDEGATE_ASSIGN(request.wishes.seconds_max, Number(body, "seconds_max"));
  TIDEGATE_ASSIGN(request.wishes.quick, body.Flag("quick", false));
  return request;
}

Result<TuneRequest> ReadTune(std::string_view text) {
  constexpr std::string_view kKnown[] = {
      "model", "for", "quick", "seconds_max", "allow_kv_quantisation", "reset"};
  json::Reader reader;
  TIDEGATE_ASSIGN(const RequestBody body,
                  RequestBody::Read(reader, text, kKnown, kMeasureBodyBytesMax));
  TuneRequest request;
  TIDEGATE_ASSIGN(request.model, body.Name({"model"}));
  TIDEGATE_ASSIGN(request.reset, body.Flag("reset", false));
  TIDEGATE_ASSIGN(request.wishes.quick, body.Flag("quick", false));
  TIDEGATE_ASSIGN(request.wishes.seconds_max, Number(body, "seconds_max"));
  TIDEGATE_ASSIGN(request.wishes.allow_kv_quantisation, body.Flag("allow_kv_quantisation", false));
  TIDEGATE_ASSIGN(const std::optional<std::string> goal, body.Text("for"));
  if (goal) {
    const std::optional<engine::TuneGoal> parsed = engine::ParseTuneGoal(*goal);
    if (!parsed) return InvalidArgument("for", "must be balanced, latency or throughput");
    request.wishes.goal = *parsed;
  }
  return request;
}

}  // namespace tidegate::admin
