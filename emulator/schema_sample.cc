#include "emulator/schema_sample.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <optional>

#include "json/reader.h"
#include "json/writer.h"

namespace tidegate::emulator {
namespace {

constexpr std::size_t kSchemaBytesMax = 1'048'576;
constexpr std::size_t kSampleBytesMax = 1'048'576;

struct Format {
  std::string_view name, example;
};
constexpr std::array kFormats = {
    Format{"date-time", "2025-01-31T12:00:00Z"},
    Format{"date", "2025-01-31"},
    Format{"time", "12:00:00Z"},
    Format{"duration", "P1D"},
    Format{"email", "emulated@example.com"},
    Format{"hostname", "emulated.example.com"},
    Format{"ipv4", "192.0.2.1"},
    Format{"ipv6", "2001:db8::1"},
    Format{"uri", "https://example.com/emulated"},
    Format{"uuid", "00000000-0000-4000-8000-000000000000"},
};

// Walks the schema and writes the sample as it goes.
class Sampler {
 public:
  Sampler(json::Value root, std::string_view label, std::string& out)
      : root_(root), label_(label), out_(out), writer_(out) {}

  Result<void> Sample(json::Value schema, int depth);

 private:
  Result<void> SampleObject(const json::Object& schema, int depth);
  Result<void> SampleProperties(const json::Object& schema, json::Object properties, bool all,
                                int depth);
  Result<void> SampleArray(const json::Object& schema, int depth);
  Result<void> SampleString(const json::Object& schema);
  Result<void> SampleNumber(const json::Object& schema, bool whole);
  Result<json::Value> Resolve(json::Value reference);
  static Result<std::string_view> TypeOf(const json::Object& schema);
  static Result<bool> Requires(const json::Object& schema, std::string_view name);

  json::Value root_;
  std::string_view label_;
  std::string& out_;
  json::Writer writer_;
};

Result<std::int64_t> SmallCount(const json::Object& schema, std::string_view key,
                                std::int64_t missing, std::int64_t high) {
  const auto value = schema.Find(key);
  if (!value) return missing;
  return value->IntegerIn(0, high);
}

Result<std::optional<double>> FindNumber(const json::Object& schema, std::string_view key) {
  const auto value = schema.Find(key);
  if (!value) return std::optional<double>();
  TIDEGATE_ASSIGN(const double number, value->Number());
  return std::optional<double>(number);
}

// "#/$defs/name" and the like, one member after the other.
Result<json::Value> Sampler::Resolve(json::Value reference) {
  TIDEGATE_ASSIGN(std::string_view path, reference.String());
  if (!path.starts_with('#')) return reference.Invalid("only references within the schema work");
  path.remove_prefix(1);
  json::Value at = root_;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::size_t slash = std::min(path.find('/'), path.size());
    TIDEGATE_ASSIGN(const json::Object object, at.Object());
    const auto next = object.Find(path.substr(0, slash));
    if (!next) return reference.Invalid("this reference leads nowhere");
    at = *next;
    path.remove_prefix(slash);
  }
  return at;
}

Result<std::string_view> Sampler::TypeOf(const json::Object& schema) {
  const auto type = schema.Find("type");
  if (!type) {
    if (schema.Find("properties")) return std::string_view("object");
    if (schema.Find("items")) return std::string_view("array");
    return std::string_view("string");
  }
  if (type->is_string()) return type->String();
  TIDEGATE_ASSIGN(const json::Array types, type->Array());
  for (const json::Value one : types) {
    TIDEGATE_ASSIGN(const std::string_view name, one.String());
    if (name != "null") return name;
  }
  return std::string_view("null");
}

Result<void> Sampler::Sample(json::Value value, int depth) {
  if (depth > kSchemaDepthMax || out_.size() > kSampleBytesMax) {
    return value.Invalid("the schema is too deep, too large or endless");
  }
  if (value.kind() == json::Kind::kBool) {
    writer_.String(label_);
    return Result<void>();
  }
  TIDEGATE_ASSIGN(const json::Object schema, value.Object());
  if (const auto reference = schema.Find("$ref")) {
    TIDEGATE_ASSIGN(const json::Value target, Resolve(*reference));
    return Sample(target, depth + 1);
  }
  if (const auto fixed = schema.Find("const")) {
    writer_.Raw(fixed->raw());
    return Result<void>();
  }
  for (const std::string_view list : {"enum", "anyOf", "oneOf", "allOf"}) {
    const auto choices = schema.Find(list);
    if (!choices) continue;
    TIDEGATE_ASSIGN(const json::Array array, choices->Array());
    if (array.empty()) return choices->Invalid("must not be empty");
    if (list != "enum") return Sample(*array.begin(), depth + 1);
    writer_.Raw((*array.begin()).raw());
    return Result<void>();
  }
  TIDEGATE_ASSIGN(const std::string_view written, TypeOf(schema));
  std::string type(written);  // Google's own way to write a schema has upper case here
  std::transform(type.begin(), type.end(), type.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (type == "object") return SampleObject(schema, depth);
  if (type == "array") return SampleArray(schema, depth);
  if (type == "string") return SampleString(schema);
  if (type == "integer" || type == "number") return SampleNumber(schema, type == "integer");
  if (type == "boolean") {
    writer_.Bool(true);
  } else if (type == "null") {
    writer_.Null();
  } else {
    return value.Invalid("there is no type of this name");
  }
  return Result<void>();
}

Result<bool> Sampler::Requires(const json::Object& schema, std::string_view name) {
  const auto required = schema.Find("required");
  if (!required) return false;
  TIDEGATE_ASSIGN(const json::Array names, required->Array());
  for (const json::Value one : names) {
    TIDEGATE_ASSIGN(const std::string_view text, one.String());
    if (text == name) return true;
  }
  return false;
}

// The required properties; all of them when none is required.
Result<void> Sampler::SampleObject(const json::Object& schema, int depth) {
  writer_.BeginObject();
  const auto required = schema.Find("required");
  bool all = true;
  if (required) {
    TIDEGATE_ASSIGN(const json::Array names, required->Array());
    all = names.empty();
  }
  const auto properties = schema.Find("properties");
  if (properties) {
    TIDEGATE_ASSIGN(const json::Object members, properties->Object());
    TIDEGATE_TRY(SampleProperties(schema, members, all, depth));
  }
  if (required) {  // names that no property describes may have any value
    TIDEGATE_ASSIGN(const json::Array names, required->Array());
    for (const json::Value name : names) {
      TIDEGATE_ASSIGN(const std::string_view text, name.String());
      if (properties && properties->Object()->Find(text)) continue;
      writer_.Key(text).String(label_);
    }
  }
  writer_.EndObject();
  return Result<void>();
}

Result<void> Sampler::SampleProperties(const json::Object& schema, json::Object properties,
                                       bool all, int depth) {
  for (const json::Member& member : properties) {
    TIDEGATE_ASSIGN(const bool required, Requires(schema, member.key));
    if (!all && !required) continue;
    // An optional property that would never end is left out at half the depth.
    if (!required && depth > kSchemaDepthMax / 2) continue;
    writer_.Key(member.key);
    TIDEGATE_TRY(Sample(member.value, depth + 1));
  }
  return Result<void>();
}

Result<void> Sampler::SampleArray(const json::Object& schema, int depth) {
  writer_.BeginArray();
  std::int64_t written = 0;
  if (const auto prefix = schema.Find("prefixItems")) {
    TIDEGATE_ASSIGN(const json::Array items, prefix->Array());
    for (const json::Value item : items) {
      TIDEGATE_TRY(Sample(item, depth + 1));
      ++written;
    }
  }
  TIDEGATE_ASSIGN(const std::int64_t high,
                  SmallCount(schema, "maxItems", kSampleItemsMax, kSampleItemsMax));
  // One item as an example, except where a schema that contains itself would never end.
  const std::int64_t wanted = depth > kSchemaDepthMax / 2 ? 0 : 1;
  TIDEGATE_ASSIGN(const std::int64_t low,
                  SmallCount(schema, "minItems", std::min(wanted, high), kSampleItemsMax));
  const auto items = schema.Find("items");
  for (; written < low; ++written) {
    if (items) {
      TIDEGATE_TRY(Sample(*items, depth + 1));
    } else {
      writer_.String(label_);
    }
  }
  writer_.EndArray();
  return Result<void>();
}

Result<void> Sampler::SampleString(const json::Object& schema) {
  if (const auto format = schema.Find("format")) {
    TIDEGATE_ASSIGN(const std::string_view name, format->String());
    for (const Format& known : kFormats) {
      if (known.name != name) continue;
      writer_.String(known.example);
      return Result<void>();
    }
  }
  TIDEGATE_ASSIGN(const std::int64_t low,
                  SmallCount(schema, "minLength", 0, kSampleStringBytesMax));
  TIDEGATE_ASSIGN(const std::int64_t high,
                  SmallCount(schema, "maxLength", kSampleStringBytesMax, json::kDocumentBytesMax));
  std::string text(label_);  // ASCII, so bytes are characters
  text.resize(static_cast<std::size_t>(std::clamp<std::int64_t>(
                  static_cast<std::int64_t>(text.size()), low, std::max(low, high))),
              '.');
  writer_.String(text);
  return Result<void>();
}

Result<void> Sampler::SampleNumber(const json::Object& schema, bool whole) {
  TIDEGATE_ASSIGN(const auto low, FindNumber(schema, "minimum"));
  TIDEGATE_ASSIGN(const auto above, FindNumber(schema, "exclusiveMinimum"));
  TIDEGATE_ASSIGN(const auto high, FindNumber(schema, "maximum"));
  TIDEGATE_ASSIGN(const auto below, FindNumber(schema, "exclusiveMaximum"));
  TIDEGATE_ASSIGN(const auto step, FindNumber(schema, "multipleOf"));
  // Between exclusive bounds a whole number stays one away from them, another goes half-way.
  double number = 1;
  if (high) number = std::min(number, *high);
  if (below && number >= *below) number = whole ? std::ceil(*below) - 1 : *below - 1;
  if (low) number = std::max(number, *low);
  if (above && number <= *above) number = whole ? std::floor(*above) + 1 : *above + 1;
  if (!whole && above && below && number >= *below) number = (*above + *below) / 2;
  if (whole) number = std::ceil(number);
  if (step && *step > 0) number = std::ceil(number / *step) * *step;
  if (whole && std::abs(number) < 9e15) {
    writer_.Integer(std::llround(number));
  } else {
    writer_.Double(number);
  }
  return Result<void>();
}

}  // namespace

Result<std::string> SampleSchema(std::string_view schema, std::string_view label) {
  json::Reader reader;
  TIDEGATE_ASSIGN(const json::Value root, reader.ParseCopy(schema, kSchemaBytesMax));
  std::string out;
  Sampler sampler(root, label, out);
  TIDEGATE_TRY(sampler.Sample(root, 0));
  return out;
}

}  // namespace tidegate::emulator
