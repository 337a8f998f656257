#include "protocols/token_counter.h"

#include <optional>

#include "json/writer.h"
#include "protocols/json_members.h"
#include "protocols/limits.h"
#include "protocols/scratch_reader.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols {

std::string MemberCounter::EncodeCount(std::int64_t tokens) const {
  std::string body;
  json::Writer out(body);
  out.BeginObject();
  if (!shape_.object.empty()) out.Key("object").String(shape_.object);
  out.Key(shape_.member).Integer(tokens).EndObject();
  return body;
}

Result<std::int64_t> MemberCounter::DecodeCount(std::string_view body) const {
  const ScratchReader json;
  const Result<json::Value> root = json->Parse(body, kWholeAnswerBytesMax);
  if (!root.ok()) return MalformedAnswer(root.error());
  if (!root->is_object()) return MalformedAnswer(root->Mismatch("an object"));
  const std::optional<json::Value> count = FindSet(*root->Object(), shape_.member);
  if (!count) {
    const Fault fault = ReadFaultBody(*root);
    if (!fault.message.empty()) return JudgeFault(fault, 0);
    return MalformedAnswer("has no '" + std::string(shape_.member) + "'");
  }
  const Result<std::int64_t> tokens = count->IntegerIn(0, kUsageTokensMax);
  if (!tokens.ok()) return MalformedAnswer(tokens.error());
  return *tokens;
}

}  // namespace tidegate::protocols
