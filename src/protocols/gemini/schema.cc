#include "protocols/gemini/schema.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "base/ascii.h"
#include "json/writer.h"
#include "protocols/gemini/proto_fields.h"
#include "protocols/json_members.h"

namespace tidegate::protocols::gemini {
namespace {

template <std::size_t N>
bool IsOneOf(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// By what stands below a keyword.
constexpr std::array<std::string_view, 3> kMapsOfSchemas = {"properties", "defs", "$defs"};
constexpr std::array<std::string_view, 4> kListsOfSchemas = {"anyOf", "oneOf", "allOf",
                                                             "prefixItems"};
constexpr std::array<std::string_view, 2> kSchemas = {"items", "additionalProperties"};
constexpr std::array<std::string_view, 6> kCounts = {"minItems",  "maxItems",      "minLength",
                                                     "maxLength", "minProperties", "maxProperties"};

// The depth of a document is limited by its reader, so these may call each other.
class SchemaWriter {
 public:
  explicit SchemaWriter(std::string& out) : out_(out) {}

  void Write(const json::Value& schema) {
    if (!schema.is_object()) {
      out_.Raw(schema.raw());
      return;
    }
    const json::Object object = *schema.Object();
    const std::optional<json::Value> mark = object.Find("nullable");
    const bool nullable = mark && mark->raw() == "true";
    out_.BeginObject();
    for (const json::Member& member : object) {
      std::array<char, kMemberNameBytesMax> buffer;
      const bool reference = member.key.starts_with('$');
      WriteMember(reference ? member.key : CamelName(member.key, buffer), member, nullable);
    }
    out_.EndObject();
  }

 private:
  void WriteMember(std::string_view name, const json::Member& member, bool nullable) {
    const json::Value& value = member.value;
    if (name == "nullable" || name == "propertyOrdering") return;
    if (name == "type" && value.is_string()) return WriteType(*value.String(), nullable);
    if (name == "enum" && value.is_array() && nullable) return WriteEnum(*value.Array());
    if (name == "example") {
      out_.Key("examples").BeginArray().Raw(value.raw()).EndArray();
    } else if (IsOneOf(name, kMapsOfSchemas) && value.is_object()) {
      out_.Key(name).BeginObject();
      for (const json::Member& each : *value.Object()) {
        out_.Key(each.key);
        Write(each.value);
      }
      out_.EndObject();
    } else if (IsOneOf(name, kListsOfSchemas) && value.is_array()) {
      out_.Key(name).BeginArray();
      for (const json::Value each : *value.Array()) Write(each);
      out_.EndArray();
    } else if (IsOneOf(name, kSchemas)) {
      out_.Key(name);
      Write(value);
    } else if (IsOneOf(name, kCounts) && value.is_string()) {
      const Result<std::int64_t> count = IntegerOf(value, 0, INT64_MAX);
      out_.Key(name);
      if (count.ok()) {
        out_.Integer(*count);
      } else {
        out_.Raw(value.raw());
      }
    } else {
      out_.Key(member.key).Raw(value.raw());
    }
  }

  void WriteType(std::string_view type, bool nullable) {
    if (IsWord(type, "TYPE_UNSPECIFIED")) return;
    const std::string small = ToLower(type);
    out_.Key("type");
    if (!nullable) {
      out_.String(small);
      return;
    }
    out_.BeginArray().String(small).String("null").EndArray();
  }

  void WriteEnum(const json::Array& words) {
    out_.Key("enum").BeginArray();
    for (const json::Value word : words) out_.Raw(word.raw());
    out_.Null().EndArray();
  }

  json::Writer out_;
};

}  // namespace

std::string ToJsonSchema(const json::Value& schema) {
  std::string text;
  SchemaWriter(text).Write(schema);
  return text;
}

}  // namespace tidegate::protocols::gemini
