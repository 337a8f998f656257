#include "protocols/llama_tokenize.h"

#include <optional>

#include "json/writer.h"
#include "protocols/json_members.h"
#include "protocols/limits.h"
#include "protocols/scratch_reader.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols {

std::string EncodeTokenize(std::string_view text, bool marked) {
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("content").String(text).Key("add_special").Bool(marked).EndObject();
  return body;
}

Result<std::vector<std::int64_t>> DecodeTokens(std::string_view body) {
  const ScratchReader json;
  const Result<json::Value> root = json->Parse(body, kWholeAnswerBytesMax);
  if (!root.ok()) return MalformedAnswer(root.error());
  if (!root->is_object()) return MalformedAnswer(root->Mismatch("an object"));
  const std::optional<json::Value> list = FindSet(*root->Object(), "tokens");
  if (!list || !list->is_array()) return MalformedAnswer("has no array 'tokens'");
  std::vector<std::int64_t> tokens;
  const json::Array array = *list->Array();
  for (const json::Value element : array) {
    const Result<std::int64_t> token = element.IntegerIn(0, kUsageTokensMax);
    if (!token.ok()) return MalformedAnswer(token.error());
    tokens.push_back(*token);
  }
  return tokens;
}

}  // namespace tidegate::protocols
