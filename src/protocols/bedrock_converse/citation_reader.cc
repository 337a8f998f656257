#include "protocols/bedrock_converse/citation_reader.h"

#include <optional>
#include <string_view>

#include "protocols/json_members.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

// The first piece: a citation has one, as a rule.
std::string_view SourceText(const json::Object& citation) {
  const std::optional<json::Value> content = FindSet(citation, "sourceContent");
  if (!content || !content->is_array()) return {};
  const json::Array pieces = *content->Array();
  if (pieces.empty()) return {};
  const json::Value first = *pieces.begin();
  return first.is_object() ? StringOrEmpty(*first.Object(), "text") : std::string_view();
}

}  // namespace

core::CitationEvent ReadCitation(const json::Object& citation) {
  core::CitationEvent event;
  event.title = StringOrEmpty(citation, "title");
  event.cited_text = SourceText(citation);
  event.document = StringOrEmpty(citation, "source");
  const std::optional<json::Value> location = FindSet(citation, "location");
  if (!location || !location->is_object()) return event;
  const json::Object kinds = *location->Object();
  for (const json::Member& member : kinds) {
    if (!member.value.is_object()) continue;
    const json::Object place = *member.value.Object();
    if (member.key == "web") event.url = StringOrEmpty(place, "url");
    for (const std::string_view key : {"documentIndex", "searchResultIndex"}) {
      const std::optional<json::Value> index = FindSet(place, key);
      if (index && index->Integer().ok()) event.document = index->raw();
    }
  }
  return event;
}

}  // namespace tidegate::protocols::bedrock_converse
