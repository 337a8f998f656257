#include "protocols/openai_responses/custom_tool.h"

#include "json/writer.h"
#include "protocols/limits.h"
#include "protocols/scratch_reader.h"

namespace tidegate::protocols::openai_responses {

std::string ToArguments(std::string_view text) {
  std::string arguments(kTextInputBegin);
  json::EscapeInto(arguments, text);
  arguments += kTextInputEnd;
  return arguments;
}

std::string ToText(std::string_view arguments) {
  const ScratchReader json;
  const Result<json::Value> root = json->ParseCopy(arguments, kWholeAnswerBytesMax);
  if (!root.ok() || !root->is_object()) return std::string(arguments);
  const json::Object object = *root->Object();
  const std::optional<json::Value> input = object.Find("input");
  const bool more = !input || ++object.begin() != object.end();
  if (more || !input->is_string()) return std::string(arguments);
  return std::string(*input->String());
}

std::string JoinedName(std::string_view group, std::string_view name) {
  std::string joined(group);
  if (!group.empty()) joined += kGroupSeparator;
  joined += name;
  return joined;
}

}  // namespace tidegate::protocols::openai_responses
