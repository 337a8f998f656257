// OpenRouter's `provider` object in our words.
#include <array>
#include <string>

#include "policy/fields.h"

namespace tidegate::policy {
namespace {

using core::Constraints;

Error Refused(std::string_view path, std::string message) {
  return InvalidArgument(std::string(path), std::move(message));
}

Result<void> ApplyFlag(std::string_view path, const FieldValue& value, bool* out) {
  const bool* flag = std::get_if<bool>(&value);
  if (flag == nullptr) return Refused(path, "expected a boolean");
  *out = *flag;
  return {};
}

Result<void> ApplyDataCollection(Constraints& out, const FieldValue& value, std::string_view path) {
  const std::string* word = std::get_if<std::string>(&value);
  if (word == nullptr || (*word != "allow" && *word != "deny"))
    return Refused(path, "expected 'allow' or 'deny'");
  if (*word == "deny") out.retention = core::Retention::kZeroDataRetention;
  return {};
}

Result<void> ApplySort(Constraints& out, const FieldValue& value, std::string_view path) {
  const std::string* word = std::get_if<std::string>(&value);
  if (word != nullptr && *word == "price") {
    out.prefer = core::Prefer::kCost;
  } else if (word != nullptr && (*word == "latency" || *word == "throughput")) {
    out.prefer = core::Prefer::kLatency;
  } else {
    return Refused(path, "expected 'price', 'latency' or 'throughput'");
  }
  return {};
}

// Seconds there, milliseconds here.
Result<void> ApplyLatency(Constraints& out, const FieldValue& value, std::string_view path) {
  double seconds = -1;
  if (const double* number = std::get_if<double>(&value)) seconds = *number;
  if (const std::int64_t* number = std::get_if<std::int64_t>(&value))
    seconds = static_cast<double>(*number);
  constexpr double kSecondsMax = static_cast<double>(kDeadlineMsMax) / 1000;
  if (!(seconds >= 0.001 && seconds <= kSecondsMax))
    return Refused(path, "expected seconds, 0.001 to 86400");
  out.ttft_ms = static_cast<std::int64_t>(seconds * 1000);
  return {};
}

}  // namespace

Result<void> ApplyProviderAlias(Constraints& out, std::string_view name, const FieldValue& value,
                                std::string_view path) {
  bool flag = false;
  if (name == "order") return ApplyField(out, "providers.order", value, path);
  if (name == "only") return ApplyField(out, "providers.only", value, path);
  if (name == "ignore") return ApplyField(out, "providers.ignore", value, path);
  if (name == "allow_fallbacks") {
    TIDEGATE_TRY(ApplyFlag(path, value, &flag));
    if (!flag) out.fallback = core::Fallback::kNone;
    return {};
  }
  // A parameter that a target cannot honour always makes it ineligible here.
  if (name == "require_parameters") return ApplyFlag(path, value, &flag);
  if (name == "zdr") {
    TIDEGATE_TRY(ApplyFlag(path, value, &flag));
    if (flag) out.retention = core::Retention::kZeroDataRetention;
    return {};
  }
  if (name == "data_collection") return ApplyDataCollection(out, value, path);
  if (name == "sort") return ApplySort(out, value, path);
  if (name == "preferred_min_throughput") return ApplyField(out, "tps", value, path);
  if (name == "preferred_max_latency") return ApplyLatency(out, value, path);
  if (name.starts_with("max_price")) {
    return Refused(path,
                   "a bound on the price of a token is not supported; bound the request with "
                   "\"tidegate\": {\"max_cost_usd\": …}");
  }
  if (name == "quantizations") {
    return Refused(path,
                   "targets cannot be chosen by quantization; name them in \"tidegate\": "
                   "{\"providers\": {\"only\": […]}}");
  }
  constexpr std::array<std::string_view, 10> kNames = {
      "order",           "only", "ignore", "allow_fallbacks",          "require_parameters",
      "data_collection", "zdr",  "sort",   "preferred_min_throughput", "preferred_max_latency"};
  const std::string_view near = Nearest(name, kNames);
  std::string message = "there is no such field in `provider`";
  if (!near.empty()) message += "; did you mean '" + std::string(near) + "'?";
  return Refused(path, std::move(message));
}

}  // namespace tidegate::policy
