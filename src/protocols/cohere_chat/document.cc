#include "protocols/cohere_chat/document.h"

#include <array>
#include <optional>

#include "protocols/cohere_chat/limits.h"
#include "protocols/fields.h"

namespace tidegate::protocols::cohere_chat {
namespace {

constexpr FieldNames kDocument{std::to_array<std::string_view>({"id", "data"})};

// One member is its value; several are lines with their names.
Result<void> ReadData(const json::Value& data, Document& document) {
  if (data.is_string()) {
    document.text = *data.String();
    return {};
  }
  if (!data.is_object()) return data.Mismatch("a string or an object");
  const json::Object object = *data.Object();
  TIDEGATE_TRY(object.RequireUniqueKeys());
  std::size_t texts = 0;
  for (const json::Member& member : object) {
    if (member.key != "title" || !member.value.is_string()) ++texts;
  }
  for (const json::Member& member : object) {
    const std::string_view value =
        member.value.is_string() ? *member.value.String() : member.value.raw();
    if (member.key == "title" && member.value.is_string()) {
      document.title = value;
      continue;
    }
    if (!document.text.empty()) document.text += '\n';
    if (texts > 1) {
      document.text += member.key;
      document.text += ": ";
    }
    document.text += value;
  }
  return {};
}

}  // namespace

Result<Document> ReadDocument(const json::Value& value) {
  Document document;
  if (value.is_string()) {
    document.text = *value.String();
    return document;
  }
  if (!value.is_object()) return value.Mismatch("a string or an object");
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kDocument, value));
  if (fields.has_unknown()) return InvalidArgument(fields.UnknownPath(), "is not known here");
  TIDEGATE_ASSIGN(const json::Value data, fields.Required(kDocument.Index("data")));
  TIDEGATE_TRY(ReadData(data, document));
  if (const std::optional<json::Value> id = fields.Value(kDocument.Index("id"))) {
    TIDEGATE_ASSIGN(document.id, id->String());
    if (document.id.size() > kDocumentIdBytesMax) {
      return id->Invalid("has " + std::to_string(document.id.size()) + " bytes, the limit is " +
                         std::to_string(kDocumentIdBytesMax));
    }
  }
  return document;
}

std::string Spell(const Document& document, std::string_view name) {
  std::string text = "Document ";
  text += document.id.empty() ? name : std::string_view(document.id);
  text += ":\n";
  if (!document.title.empty()) text += document.title + "\n";
  return text + document.text;
}

}  // namespace tidegate::protocols::cohere_chat
