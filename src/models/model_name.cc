#include "models/model_name.h"

#include <algorithm>
#include <utility>

namespace tidegate::models {
namespace {

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsPart(std::string_view text, std::size_t bytes_max, std::string_view beyond) {
  return !text.empty() && text.size() <= bytes_max && (IsAlnum(text[0]) || text[0] == '_') &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return IsAlnum(c) || beyond.find(c) != std::string_view::npos;
         });
}

// Takes what stands behind the last `mark` off `text`; empty when there is none.
std::string_view TakeBehind(std::string_view& text, char mark) {
  const std::size_t at = text.rfind(mark);
  if (at == std::string_view::npos) return {};
  const std::string_view behind = text.substr(at + 1);
  text = text.substr(0, at);
  return behind;
}

}  // namespace

Result<ModelName> ModelName::Parse(std::string_view text, std::string field) {
  const auto refuse = [&](std::string_view why) {
    return InvalidArgument(std::move(field),
                           "a model's name is [host/[namespace/]]model[:tag]: " + std::string(why));
  };
  if (text.starts_with("http://")) {
    return refuse("plain http is not said in a name; it is a setting of the registry");
  }
  if (text.starts_with("https://")) text.remove_prefix(8);
  ModelName name;
  std::string_view rest = text;
  const std::size_t slash = rest.rfind('/');
  const std::size_t colon = rest.rfind(':');
  const bool tagged =
      colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash);
  name.tag = tagged ? TakeBehind(rest, ':') : kDefaultTag;
  const bool spaced = rest.find('/') != std::string_view::npos;
  name.model = spaced ? TakeBehind(rest, '/') : std::exchange(rest, {});
  const bool hosted = spaced && rest.find('/') != std::string_view::npos;
  name.space = hosted   ? TakeBehind(rest, '/')
               : spaced ? std::exchange(rest, {})
                        : kDefaultNamespace;
  name.host = hosted ? rest : kDefaultHost;
  if (!IsPart(name.tag, kNamePartBytesMax, "-_.")) {
    return refuse("a tag is 1 to 80 letters, digits and - _ .");
  }
  if (!IsPart(name.model, kNamePartBytesMax, "-_.")) {
    return refuse("a model is 1 to 80 letters, digits and - _ .");
  }
  if (!IsPart(name.space, kNamePartBytesMax, "-_")) {
    return refuse("a namespace is 1 to 80 letters, digits and - _");
  }
  if (!IsPart(name.host, kHostBytesMax, "-_.:")) {
    return refuse("a host is 1 to 350 letters, digits and - _ . :");
  }
  return name;
}

std::string ModelName::Short() const {
  std::string text;
  if (host != kDefaultHost) text = host + "/" + space + "/";
  if (host == kDefaultHost && space != kDefaultNamespace) text = space + "/";
  return text + model + ":" + tag;
}

std::string ModelName::Full() const { return host + "/" + space + "/" + model + ":" + tag; }

std::string CanonicalName(const std::string& name) {
  const Result<ModelName> parsed = ModelName::Parse(name, "model");
  return parsed.ok() ? parsed->Full() : name;
}

std::string ModelName::Path() const { return host + "/" + space + "/" + model + "/" + tag; }

}  // namespace tidegate::models
