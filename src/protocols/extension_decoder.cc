#include "protocols/extension_decoder.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocols/limits.h"

namespace tidegate::protocols {
namespace {

// One of ConstraintParser's two methods.
using Apply = Result<void> (ConstraintParser::*)(core::Constraints&, std::string_view,
                                                 const core::FieldValue&, std::string_view) const;

// REQUIRES: value is neither null nor an object.
Result<void> ReadFieldValue(const json::Value& value, core::FieldValue& out) {
  switch (value.kind()) {
    case json::Kind::kBool:
      out.emplace<bool>(*value.Bool());
      return {};
    case json::Kind::kInteger: {
      TIDEGATE_ASSIGN(const std::int64_t number, value.Integer());
      out.emplace<std::int64_t>(number);
      return {};
    }
    case json::Kind::kDouble:
      out.emplace<double>(*value.Number());
      return {};
    case json::Kind::kString:
      out.emplace<std::string>(*value.String());
      return {};
    default:
      break;
  }
  TIDEGATE_ASSIGN(const json::Array array, value.Array());
  auto& list = out.emplace<std::vector<std::string>>();
  for (const json::Value element : array) {
    TIDEGATE_ASSIGN(const std::string_view text, element.String());
    list.emplace_back(text);
  }
  return {};
}

class Flattener {
 public:
  Flattener(const ConstraintParser& parser, Apply apply, core::Constraints& out)
      : parser_(parser), apply_(apply), out_(out) {}

  Result<void> ReadObject(const json::Value& value, const std::string& prefix, int depth) {
    TIDEGATE_ASSIGN(const json::Object object, value.Object());
    if (depth > kExtensionDepthMax) return value.Invalid("is nested too deeply");
    if (object.empty() && depth > 1)
      return value.Invalid("expected a value, found an empty object");
    TIDEGATE_TRY(object.RequireUniqueKeys());
    for (const json::Member& member : object) {
      const std::string name = prefix + std::string(member.key);
      if (member.value.is_null()) continue;
      if (member.value.is_object()) {
        TIDEGATE_TRY(ReadObject(member.value, name + '.', depth + 1));
        continue;
      }
      core::FieldValue field;
      TIDEGATE_TRY(ReadFieldValue(member.value, field));
      TIDEGATE_TRY((parser_.*apply_)(out_, name, field, member.value.Path()));
    }
    return {};
  }

 private:
  const ConstraintParser& parser_;
  Apply apply_;
  core::Constraints& out_;
};

}  // namespace

Result<void> DecodeExtension(const json::Value& object, const ConstraintParser& parser,
                             core::Constraints& out) {
  return Flattener(parser, &ConstraintParser::ApplyField, out).ReadObject(object, {}, 1);
}

Result<void> DecodeProviderAlias(const json::Value& object, const ConstraintParser& parser,
                                 core::Constraints& out) {
  return Flattener(parser, &ConstraintParser::ApplyProviderAlias, out).ReadObject(object, {}, 1);
}

}  // namespace tidegate::protocols
