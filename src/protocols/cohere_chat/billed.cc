#include "protocols/cohere_chat/billed.h"

#include <string_view>

#include "protocols/json_members.h"
#include "protocols/limits.h"

namespace tidegate::protocols::cohere_chat {
namespace {

std::optional<json::Object> BilledUnits(const json::Object& answer) {
  const std::optional<json::Value> meta = FindSet(answer, "meta");
  if (!meta || !meta->is_object()) return std::nullopt;
  const std::optional<json::Value> units = FindSet(*meta->Object(), "billed_units");
  if (!units || !units->is_object()) return std::nullopt;
  return *units->Object();
}

// Nothing when it is missing; -1 when it cannot be believed.
std::optional<std::int64_t> Count(const json::Object& units, std::string_view key) {
  const std::optional<json::Value> value = FindSet(units, key);
  if (!value) return std::nullopt;
  const Result<std::int64_t> count = value->IntegerIn(0, kUsageTokensMax);
  return count.ok() ? *count : -1;
}

}  // namespace

std::optional<core::Usage> ReadBilledTokens(const json::Object& answer) {
  const std::optional<json::Object> units = BilledUnits(answer);
  if (!units) return std::nullopt;
  const std::optional<std::int64_t> texts = Count(*units, "input_tokens");
  const std::optional<std::int64_t> images = Count(*units, "image_tokens");
  if (!texts && !images) return std::nullopt;
  core::Usage usage;
  usage.estimated = texts.value_or(0) < 0 || images.value_or(0) < 0;
  if (usage.estimated) return usage;
  usage.media_input_tokens = images.value_or(0);
  usage.input_tokens = texts.value_or(0) + usage.media_input_tokens;
  return usage;
}

std::int64_t ReadBilledSearches(const json::Object& answer) {
  const std::optional<json::Object> units = BilledUnits(answer);
  if (!units) return 0;
  const std::int64_t searches = Count(*units, "search_units").value_or(0);
  return searches < 0 ? 0 : searches;
}

}  // namespace tidegate::protocols::cohere_chat
