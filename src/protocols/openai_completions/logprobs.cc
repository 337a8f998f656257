#include "protocols/openai_completions/logprobs.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocols/json_members.h"
#include "protocols/limits.h"
#include "protocols/scratch_reader.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::openai_completions {
namespace {

// Views of one document.
struct Token {
  std::string_view text;
  std::string_view logprob;                                        // a JSON number, or "null"
  std::vector<std::pair<std::string_view, std::string_view>> top;  // token, number
};

std::string_view NumberOrNull(const std::optional<json::Value>& value) {
  constexpr std::string_view kNull = "null";
  if (!value) return kNull;
  const json::Kind kind = value->kind();
  return kind == json::Kind::kInteger || kind == json::Kind::kDouble ? value->raw() : kNull;
}

// {"token": …, "logprob": …, "top_logprobs": [the same]}.
Token ReadEntry(const json::Object& entry) {
  Token token{StringOrEmpty(entry, "token"), NumberOrNull(FindSet(entry, "logprob")), {}};
  const std::optional<json::Value> top = FindSet(entry, "top_logprobs");
  if (!top || !top->is_array()) return token;
  const json::Array others = *top->Array();
  for (const json::Value other : others) {
    if (!other.is_object()) continue;
    const json::Object object = *other.Object();
    token.top.emplace_back(StringOrEmpty(object, "token"),
                           NumberOrNull(FindSet(object, "logprob")));
  }
  return token;
}

std::vector<json::Value> ElementsOf(const json::Object& object, std::string_view key) {
  std::vector<json::Value> elements;
  const std::optional<json::Value> array = FindSet(object, key);
  if (!array || !array->is_array()) return elements;
  const json::Array all = *array->Array();
  for (const json::Value element : all) elements.push_back(element);
  return elements;
}

// {"tokens": […], "token_logprobs": […], "top_logprobs": [{…}]}.
void ReadArrays(const json::Object& object, std::vector<Token>& tokens) {
  const std::vector<json::Value> logprobs = ElementsOf(object, "token_logprobs");
  const std::vector<json::Value> tops = ElementsOf(object, "top_logprobs");
  std::size_t at = 0;
  for (const json::Value& text : ElementsOf(object, "tokens")) {
    Token token{text.is_string() ? *text.String() : std::string_view(), "null", {}};
    if (at < logprobs.size()) token.logprob = NumberOrNull(logprobs[at]);
    if (at < tops.size() && tops[at].is_object()) {
      const json::Object top = *tops[at].Object();
      for (const json::Member& member : top) {
        token.top.emplace_back(member.key, NumberOrNull(member.value));
      }
    }
    tokens.push_back(std::move(token));
    ++at;
  }
}

std::int64_t Characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) {
    constexpr unsigned kMask = 0xC0, kContinuation = 0x80;
    return (static_cast<unsigned char>(c) & kMask) != kContinuation;
  });
}

void WriteTop(json::Writer& out, const Token& token) {
  if (token.top.empty()) {
    out.Null();
    return;
  }
  out.BeginObject();
  for (std::size_t i = 0; i < token.top.size(); ++i) {
    // Two tokens may be written alike, where bytes are missing from a character; the likelier
    // counts.
    const bool again =
        std::any_of(token.top.begin(), token.top.begin() + static_cast<std::ptrdiff_t>(i),
                    [&](const auto& earlier) { return earlier.first == token.top[i].first; });
    if (!again) out.Key(token.top[i].first).Raw(token.top[i].second);
  }
  out.EndObject();
}

}  // namespace

Result<std::string_view> ReadLogprobs(const json::Value& logprobs) {
  if (!logprobs.is_object()) return MalformedAnswer(logprobs.Mismatch("an object"));
  const std::optional<json::Value> content = FindSet(*logprobs.Object(), "content");
  if (!content) {
    const bool any = FindSet(*logprobs.Object(), "tokens").has_value();
    return any ? logprobs.raw() : std::string_view();
  }
  if (!content->is_array()) return MalformedAnswer(content->Mismatch("an array"));
  std::string_view raw = content->raw();
  if (content->Array()->empty()) return std::string_view();
  raw.remove_prefix(1);
  raw.remove_suffix(1);
  return raw;
}

void WriteLogprobs(json::Writer& out, std::string_view entries, std::int64_t& text_offset) {
  // What events hold was read as JSON before.
  std::string array = "[";
  array += entries;
  array += ']';
  const ScratchReader json;
  const Result<json::Value> root = json->ParseCopy(array, kWholeAnswerBytesMax);
  std::vector<Token> tokens;
  if (root.ok()) {
    const json::Array all = *root->Array();
    for (const json::Value entry : all) {
      if (!entry.is_object()) continue;
      const json::Object object = *entry.Object();
      if (FindSet(object, "tokens")) {
        ReadArrays(object, tokens);
      } else {
        tokens.push_back(ReadEntry(object));
      }
    }
  }
  out.BeginObject().Key("tokens").BeginArray();
  for (const Token& token : tokens) out.String(token.text);
  out.EndArray().Key("token_logprobs").BeginArray();
  for (const Token& token : tokens) out.Raw(token.logprob);
  out.EndArray().Key("top_logprobs").BeginArray();
  for (const Token& token : tokens) WriteTop(out, token);
  out.EndArray().Key("text_offset").BeginArray();
  for (const Token& token : tokens) {
    out.Integer(text_offset);
    text_offset += Characters(token.text);
  }
  out.EndArray().EndObject();
}

}  // namespace tidegate::protocols::openai_completions
