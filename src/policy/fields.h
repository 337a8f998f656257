// The words with which a caller, a key or a policy states constraints: one table for all the ways
// they can be written.
//
// The body's "tidegate" object, `tidegate-<field>` headers, the configuration's policies and keys,
// and the documentation all come from Fields(). Whoever parses a format turns it into FieldValues
// and calls ApplyField; nobody else knows a field name. An object inside the object is flattened:
// {"providers": {"only": […]}} is the field "providers.only".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/constraints.h"
#include "core/field_value.h"

namespace tidegate::policy {

inline constexpr std::size_t kListEntriesMax = 64;  // of any list
// Of a provider, region, session, run, tag or idempotency key.
inline constexpr std::size_t kNameBytesMax = 128;
inline constexpr std::int64_t kDeadlineMsMax = 86'400'000;  // a day
inline constexpr std::int64_t kCacheAgeSecondsMax = 365LL * 86'400;
inline constexpr std::int64_t kContextTokensMax = 100'000'000;

// One id per field, in the order of Fields().
enum class FieldId : std::uint8_t {
  kPlace,
  kPrivacy,
  kRetention,
  kRegion,
  kMaxCost,
  kDeadline,
  kRequire,
  kRequireContext,
  kProvidersOnly,
  kProvidersIgnore,
  kFallback,
  kOnOverBudget,
  kPriority,
  kProvidersOrder,
  kPrefer,
  kMinQuality,
  kTtft,
  kTokensPerSecond,
  kStrategy,
  kCache,
  kCacheMaxAge,
  kKeepAlive,
  kSession,
  kRun,
  kIdempotencyKey,
  kTags,
  kDryRun,
  kExplain,
};
inline constexpr std::size_t kFields = 28;

// kStrictest: sources combine to the strictest (intersection, minimum, union, …), whatever their
// order. kMostSpecific: the first source that states it wins: request, then key, then policy, then
// defaults.
enum class Merging : std::uint8_t { kStrictest, kMostSpecific };

using core::FieldValue;

enum class FieldType : std::uint8_t { kBool, kInteger, kNumber, kDuration, kString, kStringList };
std::string_view ToString(FieldType type);  // "a boolean", …, "a string or a list of strings"

struct Field {
  FieldId id;
  std::string_view name;
  Merging merging;
  FieldType type;
  std::string_view allowed;  // the values, for messages and docs
  std::string_view meaning;
};

// Every field, in the order of FieldId.
std::span<const Field> Fields();
// By name; nullptr when there is none.
const Field* FindField(std::string_view name);

// Sets the field `name`. `path` is how the caller wrote it ("tidegate.deadline_ms"), for errors.
// Errors: kInvalidArgument for an unknown name (with the nearest known one), a wrong type or a
// value out of range, naming what is allowed. `out` is unchanged then.
Result<void> ApplyField(core::Constraints& out, std::string_view name, const FieldValue& value,
                        std::string_view path);

// ApplyField for a value that is only text, as in a header or on a command line: lists are split at
// commas. `name` may be written with '-' for '_' and '.', as header names are ("providers-only").
Result<void> ApplyText(core::Constraints& out, std::string_view name, std::string_view text,
                       std::string_view path);

// A member of OpenRouter's `provider` object, mapped onto our fields: order, only, ignore,
// allow_fallbacks, require_parameters (always so here), data_collection ("deny" asks for zero data
// retention, which is stricter), zdr, sort, preferred_min_throughput, preferred_max_latency. What
// we cannot honour (max_price, quantizations) is an error with the field to use instead, since
// dropping it would loosen what the caller asked.
Result<void> ApplyProviderAlias(core::Constraints& out, std::string_view name,
                                const FieldValue& value, std::string_view path);

// The known name nearest to `name` among `names`, or empty when none is near.
std::string_view Nearest(std::string_view name, std::span<const std::string_view> names);

// The fields as a Markdown table, for the documentation and `tidegate help`.
std::string FieldsMarkdown();

}  // namespace tidegate::policy
