#include "policy/fields.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "base/ascii.h"
#include "core/keep_alive.h"

namespace tidegate::policy {
namespace {

using core::Constraints;

constexpr Merging kStrict = Merging::kStrictest;
constexpr Merging kSpecific = Merging::kMostSpecific;

constexpr std::array<Field, kFields> kTable = {{
    {FieldId::kPlace, "place", kStrict, FieldType::kStringList, "device, edge, attested, cloud",
     "the places where the request may run"},
    {FieldId::kPrivacy, "privacy", kStrict, FieldType::kString, "open, masked, attested, local",
     "the least protection that is acceptable"},
    {FieldId::kRetention, "retention", kStrict, FieldType::kString, "any, zdr",
     "zdr: only targets that assure zero data retention"},
    {FieldId::kRegion, "region", kStrict, FieldType::kStringList,
     "jurisdictions such as eu, us, de",
     "the jurisdictions where the request may run; eu contains its member states"},
    {FieldId::kMaxCost, "max_cost_usd", kStrict, FieldType::kNumber, "dollars, 0 or more",
     "the most that this request may cost"},
    {FieldId::kDeadline, "deadline_ms", kStrict, FieldType::kInteger, "1 to 86400000",
     "milliseconds from arrival to the last byte"},
    {FieldId::kRequire, "require", kStrict, FieldType::kStringList,
     "tools, json_schema, json_object, vision, audio, files, reasoning, logprobs, n, seed, "
     "parallel_tool_calls, "
     "stream_usage, logit_bias, temperature, stop, penalties, vendor_fields",
     "capabilities that a target must have"},
    {FieldId::kRequireContext, "require_context_tokens", kStrict, FieldType::kInteger,
     "1 to 100000000", "the context window that a target must have"},
    {FieldId::kProvidersOnly, "providers.only", kStrict, FieldType::kStringList, "provider names",
     "no other provider may be used"},
    {FieldId::kProvidersIgnore, "providers.ignore", kStrict, FieldType::kStringList,
     "provider names", "these providers may not be used"},
    {FieldId::kFallback, "fallback", kStrict, FieldType::kString, "none, same_model, any",
     "what may run instead of the first choice when it fails"},
    {FieldId::kOnOverBudget, "on_over_budget", kStrict, FieldType::kString, "degrade, refuse",
     "when the budget is used up: run on the device, or answer with an error"},
    {FieldId::kPriority, "priority", kStrict, FieldType::kString, "interactive, normal, background",
     "who goes first where requests wait for a model of this device; the lowest that anybody says "
     "counts"},
    {FieldId::kProvidersOrder, "providers.order", kSpecific, FieldType::kStringList,
     "provider names", "these providers come first, in this order"},
    {FieldId::kPrefer, "prefer", kSpecific, FieldType::kString,
     "balanced, cost, latency, quality, energy",
     "what counts most in the choice among the eligible"},
    {FieldId::kMinQuality, "min_quality", kSpecific, FieldType::kNumber, "0 to 1",
     "targets expected to answer worse are not used"},
    {FieldId::kTtft, "ttft_ms", kSpecific, FieldType::kInteger, "1 to 86400000",
     "the aim for milliseconds to the first token"},
    {FieldId::kTokensPerSecond, "tps", kSpecific, FieldType::kNumber, "more than 0, up to 1000000",
     "the aim for tokens per second"},
    {FieldId::kStrategy, "strategy", kSpecific, FieldType::kString,
     "auto, single, cascade, hedge, race, split", "how many targets work on the request"},
    {FieldId::kCache, "cache", kStrict, FieldType::kString, "off, exact, semantic",
     "the most that may be answered from earlier answers"},
    {FieldId::kCacheMaxAge, "cache.max_age_s", kStrict, FieldType::kInteger, "0 to 31536000",
     "the greatest age in seconds of an answer from the cache"},
    {FieldId::kKeepAlive, "keep_alive", kSpecific, FieldType::kDuration,
     "seconds, or a duration such as 10m; 0 = no longer than it is used, -1 = for ever",
     "how long a model of this device stays in memory when nobody uses it"},
    {FieldId::kSession, "session", kSpecific, FieldType::kString, "1 to 128 bytes",
     "requests of one session stay with one target where that helps"},
    {FieldId::kRun, "run", kSpecific, FieldType::kString, "1 to 128 bytes",
     "requests accounted together"},
    {FieldId::kIdempotencyKey, "idempotency_key", kSpecific, FieldType::kString, "1 to 128 bytes",
     "a request repeated with the same key is run once"},
    {FieldId::kTags, "tags", kStrict, FieldType::kStringList, "words of 1 to 128 bytes",
     "words kept in the record; those of all sources together"},
    {FieldId::kDryRun, "dry_run", kStrict, FieldType::kBool, "true, false",
     "answer with the plan, its price bound and its reasons, and run nothing"},
    {FieldId::kExplain, "explain", kStrict, FieldType::kBool, "true, false",
     "add the plan and its reasons to the answer"},
}};

constexpr bool TableIsInOrder() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (kTable[i].id != static_cast<FieldId>(i)) return false;
  }
  return true;
}
static_assert(TableIsInOrder());

constexpr std::array<std::string_view, 3> kFallbacks = {"none", "same_model", "any"};
constexpr std::array<std::string_view, 2> kOverBudgets = {"degrade", "refuse"};
constexpr std::array<std::string_view, 3> kPriorities = {"interactive", "normal", "background"};
constexpr std::array<std::string_view, 5> kPreferences = {"balanced", "cost", "latency", "quality",
                                                          "energy"};
constexpr std::array<std::string_view, 6> kStrategies = {"auto",  "single", "cascade",
                                                         "hedge", "race",   "split"};
constexpr std::array<std::string_view, 3> kCacheModes = {"off", "exact", "semantic"};
constexpr std::array<std::string_view, 2> kRetentions = {"any", "zdr"};

std::string_view TypeOf(const FieldValue& value) {
  constexpr std::array<std::string_view, 5> kNames = {"a boolean", "an integer", "a number",
                                                      "a string", "a list of strings"};
  return kNames[value.index()];
}

// One application of one value: the typed getters, each naming what is allowed when the value is
// something else.
class Application {
 public:
  Application(const Field& field, const FieldValue& value, std::string_view path)
      : field_(field), value_(value), path_(path) {}

  Error Refuse() const {
    return InvalidArgument(std::string(path_), "expected " + std::string(ToString(field_.type)) +
                                                   " (" + std::string(field_.allowed) +
                                                   "), found " + std::string(TypeOf(value_)));
  }
  Error RefuseWord(std::string_view word) const {
    return InvalidArgument(std::string(path_),
                           "'" + std::string(word.substr(0, kNameBytesMax)) +
                               "' is not allowed here; allowed: " + std::string(field_.allowed));
  }
  Error RefuseRange() const {
    return InvalidArgument(std::string(path_),
                           "out of range; allowed: " + std::string(field_.allowed));
  }

  Result<void> SetBool(bool& out) const {
    const bool* value = std::get_if<bool>(&value_);
    if (value == nullptr) return Refuse();
    out = *value;
    return {};
  }

  template <typename Out>
  Result<void> SetInteger(Out& out, std::int64_t low, std::int64_t high) const {
    const std::int64_t* value = std::get_if<std::int64_t>(&value_);
    if (value == nullptr) return Refuse();
    if (*value < low || *value > high) return RefuseRange();
    out = *value;
    return {};
  }

  Result<double> Number() const {
    if (const double* value = std::get_if<double>(&value_)) return *value;
    if (const std::int64_t* value = std::get_if<std::int64_t>(&value_))
      return static_cast<double>(*value);
    return Refuse();
  }

  // Dollars as a number, or as text for exactness ("0.02").
  Result<void> SetMoney(std::optional<Money>& out) const {
    std::optional<Money> money;
    if (const std::string* text = std::get_if<std::string>(&value_)) {
      money = ParseUsd(*text);
      if (!money) return RefuseWord(*text);
    } else {
      TIDEGATE_ASSIGN(const double usd, Number());
      money = MoneyFromDouble(usd);
    }
    if (!money || money->nanodollars < 0) return RefuseRange();
    out = money;
    return {};
  }

  // Seconds, or a duration as "10m".
  Result<void> SetKeepAlive(std::optional<std::int64_t>& out) const {
    if (const std::string* text = std::get_if<std::string>(&value_)) {
      const std::optional<std::int64_t> nanos = core::ParseKeepAlive(*text);
      if (!nanos) return RefuseWord(*text);
      out = nanos;
      return {};
    }
    TIDEGATE_ASSIGN(const double seconds, Number());
    out = core::KeepAliveOfSeconds(seconds);
    return {};
  }

  template <typename Enum, std::size_t N>
  Result<void> SetEnum(std::optional<Enum>& out,
                       const std::array<std::string_view, N>& names) const {
    const std::string* word = std::get_if<std::string>(&value_);
    if (word == nullptr) return Refuse();
    const auto found = std::find(names.begin(), names.end(), *word);
    if (found == names.end()) return RefuseWord(*word);
    out = static_cast<Enum>(found - names.begin());
    return {};
  }

  Result<void> SetName(std::string& out) const {
    const std::string* name = std::get_if<std::string>(&value_);
    if (name == nullptr) return Refuse();
    if (!IsName(*name)) return RefuseRange();
    out = *name;
    return {};
  }

  // A list; one string is a list of one.
  Result<std::vector<std::string>> List(bool may_be_empty) const {
    std::vector<std::string> list;
    if (const std::string* one = std::get_if<std::string>(&value_)) {
      list.push_back(*one);
    } else if (const auto* many = std::get_if<std::vector<std::string>>(&value_)) {
      list = *many;
    } else {
      return Refuse();
    }
    if (list.empty() && !may_be_empty) {
      return InvalidArgument(
          std::string(path_),
          "an empty list allows nothing; leave the field out, or name at least one of: " +
              std::string(field_.allowed));
    }
    if (list.size() > kListEntriesMax) {
      return InvalidArgument(std::string(path_), "the list has more than " +
                                                     std::to_string(kListEntriesMax) + " entries");
    }
    for (const std::string& name : list) {
      if (!IsName(name)) {
        return InvalidArgument(std::string(path_), "every entry needs 1 to " +
                                                       std::to_string(kNameBytesMax) +
                                                       " bytes without control characters");
      }
    }
    return list;
  }

 private:
  static bool IsName(std::string_view name) {
    return !name.empty() && name.size() <= kNameBytesMax &&
           std::none_of(name.begin(), name.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  }

  const Field& field_;
  const FieldValue& value_;
  std::string_view path_;
};

Result<void> ApplyPlaces(Constraints& out, const Application& value) {
  TIDEGATE_ASSIGN(const std::vector<std::string> names, value.List(false));
  core::PlaceSet places;
  for (const std::string& name : names) {
    const std::optional<core::Place> place = core::ParsePlace(name);
    if (!place) return value.RefuseWord(name);
    places = places.With(*place);
  }
  out.place = places;
  return {};
}

Result<void> ApplyRegions(Constraints& out, const Application& value) {
  TIDEGATE_ASSIGN(std::vector<std::string> regions, value.List(false));
  for (std::string& region : regions) region = ToLower(region);
  out.region = std::move(regions);
  return {};
}

Result<void> ApplyRequire(Constraints& out, const Application& value) {
  TIDEGATE_ASSIGN(const std::vector<std::string> names, value.List(true));
  core::CapabilitySet set;
  for (const std::string& name : names) {
    const std::optional<core::Capability> capability = core::ParseCapability(name);
    if (!capability) return value.RefuseWord(name);
    set = set.With(*capability);
  }
  out.require = set;
  return {};
}

template <typename Out>
Result<void> ApplyNames(Out& out, const Application& value, bool may_be_empty) {
  TIDEGATE_ASSIGN(out, value.List(may_be_empty));
  return {};
}

Result<void> ApplyNumber(std::optional<double>& out, const Application& value, double low,
                         double high, bool low_included) {
  TIDEGATE_ASSIGN(const double number, value.Number());
  if (!(low_included ? number >= low : number > low) || !(number <= high))
    return value.RefuseRange();
  out = number;
  return {};
}

Result<void> ApplyPrivacy(Constraints& out, const Application& value) {
  constexpr std::array<std::string_view, 4> kNames = {"open", "masked", "attested", "local"};
  return value.SetEnum(out.privacy, kNames);
}

Result<void> ApplyTo(Constraints& out, FieldId id, const Application& value) {
  switch (id) {
    case FieldId::kPlace:
      return ApplyPlaces(out, value);
    case FieldId::kPrivacy:
      return ApplyPrivacy(out, value);
    case FieldId::kRetention:
      return value.SetEnum(out.retention, kRetentions);
    case FieldId::kRegion:
      return ApplyRegions(out, value);
    case FieldId::kMaxCost:
      return value.SetMoney(out.max_cost);
    case FieldId::kDeadline:
      return value.SetInteger(out.deadline_ms, 1, kDeadlineMsMax);
    case FieldId::kRequire:
      return ApplyRequire(out, value);
    case FieldId::kRequireContext:
      return value.SetInteger(out.require_context_tokens, 1, kContextTokensMax);
    case FieldId::kProvidersOnly:
      return ApplyNames(out.providers_only, value, false);
    case FieldId::kProvidersIgnore:
      return ApplyNames(out.providers_ignore, value, true);
    case FieldId::kFallback:
      return value.SetEnum(out.fallback, kFallbacks);
    case FieldId::kOnOverBudget:
      return value.SetEnum(out.on_over_budget, kOverBudgets);
    case FieldId::kPriority:
      return value.SetEnum(out.priority, kPriorities);
    case FieldId::kProvidersOrder:
      return ApplyNames(out.providers_order, value, true);
    case FieldId::kPrefer:
      return value.SetEnum(out.prefer, kPreferences);
    case FieldId::kMinQuality:
      return ApplyNumber(out.min_quality, value, 0, 1, true);
    case FieldId::kTtft:
      return value.SetInteger(out.ttft_ms, 1, kDeadlineMsMax);
    case FieldId::kTokensPerSecond:
      return ApplyNumber(out.tokens_per_s, value, 0, 1e6, false);
    case FieldId::kStrategy:
      return value.SetEnum(out.strategy, kStrategies);
    case FieldId::kCache:
      return value.SetEnum(out.cache, kCacheModes);
    case FieldId::kCacheMaxAge:
      return value.SetInteger(out.cache_max_age_s, 0, kCacheAgeSecondsMax);
    case FieldId::kKeepAlive:
      return value.SetKeepAlive(out.keep_alive_nanos);
    case FieldId::kSession:
      return value.SetName(out.session);
    case FieldId::kRun:
      return value.SetName(out.run);
    case FieldId::kIdempotencyKey:
      return value.SetName(out.idempotency_key);
    case FieldId::kTags:
      return ApplyNames(out.tags, value, true);
    case FieldId::kDryRun:
      return value.SetBool(out.dry_run);
    case FieldId::kExplain:
      return value.SetBool(out.explain);
  }
  return Internal("a field has no way to be applied");
}

Error UnknownField(std::string_view name, std::string_view path) {
  std::array<std::string_view, kFields> names;
  for (std::size_t i = 0; i < kFields; ++i) names[i] = kTable[i].name;
  const std::string_view near = Nearest(name, names);
  std::string message = "there is no such field";
  if (!near.empty()) {
    message += "; did you mean '" + std::string(near) + "'?";
  } else {
    message += "; the fields are ";
    for (std::size_t i = 0; i < kFields; ++i)
      message += (i == 0 ? "" : ", ") + std::string(names[i]);
  }
  return InvalidArgument(std::string(path), std::move(message));
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The number that all of `text` says, or the text itself, which the field then refuses with its own
// words.
template <typename Number>
FieldValue ParseNumber(std::string_view text) {
  Number number{};
  const std::from_chars_result end =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (end.ec == std::errc() && end.ptr == text.data() + text.size()) return number;
  return std::string(text);
}

FieldValue FromText(const Field& field, std::string_view text) {
  switch (field.type) {
    case FieldType::kBool:
      if (text == "true" || text == "1") return true;
      if (text == "false" || text == "0") return false;
      return std::string(text);
    case FieldType::kInteger:
      return ParseNumber<std::int64_t>(text);
    case FieldType::kNumber:
      // Dollars stay text, which is read exactly.
      return field.id == FieldId::kMaxCost ? FieldValue(std::string(text))
                                           : ParseNumber<double>(text);
    case FieldType::kDuration:
      return ParseNumber<double>(text);
    case FieldType::kString:
      return std::string(text);
    case FieldType::kStringList:
      break;
  }
  std::vector<std::string> list;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (const std::string_view entry = Trim(text.substr(0, comma)); !entry.empty())
      list.emplace_back(entry);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return list;
}

}  // namespace

std::string_view ToString(FieldType type) {
  switch (type) {
    case FieldType::kBool:
      return "a boolean";
    case FieldType::kInteger:
      return "an integer";
    case FieldType::kNumber:
      return "a number";
    case FieldType::kDuration:
      return "a number or a string";
    case FieldType::kString:
      return "a string";
    case FieldType::kStringList:
      return "a string or a list of strings";
  }
  return "a value";
}

std::span<const Field> Fields() { return kTable; }

const Field* FindField(std::string_view name) {
  if (name == "cache.mode") name = "cache";
  const auto found =
      std::find_if(kTable.begin(), kTable.end(), [&](const Field& f) { return f.name == name; });
  return found == kTable.end() ? nullptr : &*found;
}

Result<void> ApplyField(Constraints& out, std::string_view name, const FieldValue& value,
                        std::string_view path) {
  const Field* field = FindField(name);
  if (field == nullptr) return UnknownField(name, path);
  return ApplyTo(out, field->id, Application(*field, value, path));
}

Result<void> ApplyText(Constraints& out, std::string_view name, std::string_view text,
                       std::string_view path) {
  const auto same = [](char a, char b) { return a == b || ((a == '_' || a == '.') && b == '-'); };
  for (const Field& field : kTable) {
    if (!std::equal(field.name.begin(), field.name.end(), name.begin(), name.end(), same)) continue;
    return ApplyTo(out, field.id, Application(field, FromText(field, Trim(text)), path));
  }
  std::string underscored(name);
  std::replace(underscored.begin(), underscored.end(), '-', '_');
  return UnknownField(underscored, path);
}

// Levenshtein distance of at most a third of the longer name, one row at a time.
std::string_view Nearest(std::string_view name, std::span<const std::string_view> names) {
  if (name.size() > kNameBytesMax) return {};
  std::string_view best;
  std::size_t best_distance = kNameBytesMax;
  std::vector<std::size_t> row;
  for (const std::string_view known : names) {
    row.resize(known.size() + 1);
    for (std::size_t j = 0; j <= known.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= name.size(); ++i) {
      std::size_t diagonal = std::exchange(row[0], i);
      for (std::size_t j = 1; j <= known.size(); ++j) {
        const std::size_t replaced = diagonal + (name[i - 1] == known[j - 1] ? 0 : 1);
        diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
      }
    }
    if (row.back() < best_distance && row.back() * 3 <= std::max(name.size(), known.size())) {
      best_distance = row.back();
      best = known;
    }
  }
  return best;
}

std::string FieldsMarkdown() {
  std::string out = "| field | type | values | merges | meaning |\n|---|---|---|---|---|\n";
  for (const Field& field : kTable) {
    out += "| `" + std::string(field.name) + "` | " + std::string(ToString(field.type)) + " | " +
           std::string(field.allowed) + " | " +
           (field.merging == Merging::kStrictest ? "strictest" : "most specific") + " | " +
           std::string(field.meaning) + " |\n";
  }
  return out;
}

}  // namespace tidegate::policy
