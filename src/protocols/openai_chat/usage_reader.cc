// ReadUsage and ReadDrafts of answer_reader.h.
#include <array>
#include <optional>
#include <string_view>

#include "protocols/json_members.h"
#include "protocols/openai_chat/answer_reader.h"
#include "protocols/openai_chat/limits.h"

namespace tidegate::protocols::openai_chat {
namespace {

constexpr FieldNames kUsage{std::to_array<std::string_view>(
    {"prompt_tokens", "completion_tokens", "prompt_cache_hit_tokens", "prompt_tokens_details",
     "cache_creation_input_tokens", "completion_tokens_details"})};
constexpr FieldNames kPromptDetails{
    std::to_array<std::string_view>({"cached_tokens", "cache_write_tokens"})};
constexpr FieldNames kDrafts{std::to_array<std::string_view>({"draft_n", "draft_n_accepted"})};
constexpr FieldNames kCompletionDetails{std::to_array<std::string_view>({"reasoning_tokens"})};

// Sets `out` when the value is there. False when it is there and cannot be believed.
bool ReadCount(const std::optional<json::Value>& value, std::int64_t& out) {
  if (!value) return true;
  if (value->kind() != json::Kind::kInteger && value->kind() != json::Kind::kDouble) return false;
  const Result<std::int64_t> count = value->Integer();
  if (!count.ok() || *count < 0 || *count > kUsageTokensMax) return false;
  out = *count;
  return true;
}

// A part cannot be larger than its whole.
bool ClampTo(std::int64_t whole, std::int64_t& part) {
  if (part <= whole) return true;
  part = whole;
  return false;
}

}  // namespace

core::Usage ReadUsage(const json::Value& value) {
  core::Usage usage;
  usage.estimated = true;
  if (!value.is_object()) return usage;
  const SetMembers members(kUsage, *value.Object());
  const auto input = members[kUsage.Index("prompt_tokens")];
  const auto output = members[kUsage.Index("completion_tokens")];
  bool believed = input || output;
  believed &= ReadCount(input, usage.input_tokens);
  believed &= ReadCount(output, usage.output_tokens);
  // DeepSeek's name and Anthropic's behind translating servers; the protocol's own come after them.
  believed &= ReadCount(members[kUsage.Index("prompt_cache_hit_tokens")], usage.cached_read_tokens);
  believed &=
      ReadCount(members[kUsage.Index("cache_creation_input_tokens")], usage.cached_write_tokens);
  if (const auto details = members[kUsage.Index("prompt_tokens_details")]) {
    believed &= details->is_object();
    if (details->is_object()) {
      const SetMembers counts(kPromptDetails, *details->Object());
      believed &=
          ReadCount(counts[kPromptDetails.Index("cached_tokens")], usage.cached_read_tokens);
      believed &=
          ReadCount(counts[kPromptDetails.Index("cache_write_tokens")], usage.cached_write_tokens);
    }
  }
  if (const auto details = members[kUsage.Index("completion_tokens_details")]) {
    believed &= details->is_object();
    if (details->is_object()) {
      const SetMembers counts(kCompletionDetails, *details->Object());
      believed &=
          ReadCount(counts[kCompletionDetails.Index("reasoning_tokens")], usage.reasoning_tokens);
    }
  }
  believed &= ClampTo(usage.input_tokens, usage.cached_read_tokens);
  believed &= ClampTo(usage.input_tokens - usage.cached_read_tokens, usage.cached_write_tokens);
  believed &= ClampTo(usage.output_tokens, usage.reasoning_tokens);
  usage.estimated = !believed;
  return usage;
}

void ReadDrafts(const json::Value& timings, core::Usage& usage) {
  if (!timings.is_object()) return;
  const SetMembers members(kDrafts, *timings.Object());
  std::int64_t drafted = 0, accepted = 0;
  const bool believed = ReadCount(members[kDrafts.Index("draft_n")], drafted) &&
                        ReadCount(members[kDrafts.Index("draft_n_accepted")], accepted);
  if (!believed || accepted > drafted) return;
  usage.draft_tokens = drafted;
  usage.draft_accepted_tokens = accepted;
}

}  // namespace tidegate::protocols::openai_chat
