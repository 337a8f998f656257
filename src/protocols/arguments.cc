#include "protocols/arguments.h"

#include <string>

#include "protocols/limits.h"
#include "protocols/scratch_reader.h"

namespace tidegate::protocols {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

}  // namespace

bool LooksLikeObject(std::string_view text) {
  const std::string_view trimmed = Trim(text);
  return trimmed.empty() || (trimmed.front() == '{' && trimmed.back() == '}');
}

Result<std::string_view> ObjectArguments(std::string_view arguments, std::string_view path) {
  const std::string_view trimmed = Trim(arguments);
  if (trimmed.empty()) return std::string_view("{}");
  const ScratchReader json;
  const Result<json::Value> value = json->ParseCopy(trimmed, kRequestBytesMax);
  if (value.ok() && value->is_object()) return trimmed;
  Error error = InvalidArgument(
      std::string(path), "holds arguments that are not a JSON object, which this target needs");
  error.retry = Retry::kOtherTarget;
  return error;
}

}  // namespace tidegate::protocols
