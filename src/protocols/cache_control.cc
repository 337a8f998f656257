#include "protocols/cache_control.h"

#include <array>

#include "protocols/fields.h"

namespace tidegate::protocols {
namespace {

constexpr FieldNames kControl{std::to_array<std::string_view>({"type", "ttl"})};

}  // namespace

Result<core::CacheMark> DecodeCacheControl(const json::Value& value) {
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kControl, value));
  if (fields.has_unknown()) return InvalidArgument(fields.UnknownPath(), "is not known here");
  TIDEGATE_ASSIGN(const json::Value type, fields.Required(kControl.Index("type")));
  TIDEGATE_ASSIGN(const std::string_view word, type.String());
  if (word != "ephemeral") return type.Invalid("must be 'ephemeral'");
  const std::optional<json::Value> ttl = fields.Value(kControl.Index("ttl"));
  if (!ttl) return core::CacheMark::kShort;
  TIDEGATE_ASSIGN(const std::string_view time, ttl->String());
  if (time == "5m") return core::CacheMark::kShort;
  if (time == "1h") return core::CacheMark::kLong;
  return ttl->Invalid("must be '5m' or '1h'");
}

void WriteCacheMark(json::Writer& out, core::CacheMark mark) {
  if (mark == core::CacheMark::kNone) return;
  out.Key("cache_control").BeginObject().Key("type").String("ephemeral");
  if (mark == core::CacheMark::kLong) out.Key("ttl").String("1h");
  out.EndObject();
}

}  // namespace tidegate::protocols
