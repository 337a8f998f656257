#include "protocols/bedrock_converse/cache_point.h"

#include <array>

#include "protocols/fields.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

constexpr FieldNames kPoint{std::to_array<std::string_view>({"type", "ttl"})};

}  // namespace

Result<core::CacheMark> DecodeCachePoint(const json::Value& value) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kPoint, value));
  if (fields.has_unknown()) return InvalidArgument(fields.UnknownPath(), "is not known here");
  TIDEGATE_ASSIGN(const json::Value type, fields.Required(kPoint.Index("type")));
  TIDEGATE_ASSIGN(const std::string_view word, type.String());
  if (word != "default") return type.Invalid("must be 'default'");
  const std::optional<json::Value> ttl = fields.Value(kPoint.Index("ttl"));
  if (!ttl) return core::CacheMark::kShort;
  TIDEGATE_ASSIGN(const std::string_view time, ttl->String());
  if (time == "5m") return core::CacheMark::kShort;
  if (time == "1h") return core::CacheMark::kLong;
  return ttl->Invalid("must be '5m' or '1h'");
}

void WriteCachePoint(json::Writer& out, core::CacheMark mark) {
  if (mark == core::CacheMark::kNone) return;
  out.BeginObject().Key("cachePoint").BeginObject().Key("type").String("default");
  if (mark == core::CacheMark::kLong) out.Key("ttl").String("1h");
  out.EndObject().EndObject();
}

}  // namespace tidegate::protocols::bedrock_converse
