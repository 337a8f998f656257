#include "protocols/gemini/logprobs.h"

#include <optional>

#include "protocols/json_members.h"
#include "protocols/limits.h"
#include "protocols/scratch_reader.h"

namespace tidegate::protocols::gemini {
namespace {

constexpr double kUnlikely = -9999;  // OpenAI's word for a token beyond its list

double NumberOr(const json::Object& object, std::string_view key, double other) {
  const std::optional<json::Value> value = FindSet(object, key);
  if (!value) return other;
  const Result<double> number = value->Number();
  return number.ok() ? *number : other;
}

// Up to the members that only one of the two places has.
void BeginEntry(json::Writer& out, const json::Object& candidate) {
  const std::string_view token = StringOrEmpty(candidate, "token");
  out.BeginObject().Key("token").String(token);
  out.Key("logprob").Double(NumberOr(candidate, "logProbability", 0));
  out.Key("bytes").BeginArray();
  for (const char c : token) out.Integer(static_cast<unsigned char>(c));
  out.EndArray();
}

std::optional<json::Array> FindArray(const json::Object& object, std::string_view key) {
  const std::optional<json::Value> value = FindSet(object, key);
  if (!value || !value->is_array()) return std::nullopt;
  return *value->Array();
}

void WriteCandidate(json::Writer& out, const json::Object& entry) {
  out.BeginObject().Key("token").String(StringOrEmpty(entry, "token"));
  out.Key("logProbability").Double(NumberOr(entry, "logprob", kUnlikely)).EndObject();
}

}  // namespace

std::string ReadLogprobs(const json::Value& result) {
  std::string entries;
  if (!result.is_object()) return entries;
  const std::optional<json::Array> chosen = FindArray(*result.Object(), "chosenCandidates");
  if (!chosen) return entries;
  const std::optional<json::Array> top = FindArray(*result.Object(), "topCandidates");
  std::optional<json::Array::Iterator> step;
  if (top) step = top->begin();
  for (const json::Value candidate : *chosen) {
    if (!candidate.is_object()) continue;
    if (!entries.empty()) entries += ',';
    json::Writer out(entries);
    BeginEntry(out, *candidate.Object());
    out.Key("top_logprobs").BeginArray();
    if (step && !(*step == top->end())) {
      const json::Value others = **step;
      const auto list = others.is_object() ? FindArray(*others.Object(), "candidates")
                                           : std::optional<json::Array>();
      if (list) {
        for (const json::Value other : *list) {
          if (!other.is_object()) continue;
          BeginEntry(out, *other.Object());
          out.EndObject();
        }
      }
      ++*step;
    }
    out.EndArray().EndObject();
  }
  return entries;
}

void WriteLogprobs(json::Writer& out, std::string_view entries) {
  const std::string list = "[" + std::string(entries) + "]";
  const ScratchReader json;
  const Result<json::Value> root = json->ParseCopy(list, kWholeAnswerBytesMax);
  out.BeginObject().Key("chosenCandidates").BeginArray();
  if (root.ok()) {
    for (const json::Value entry : *root->Array()) {
      if (entry.is_object()) WriteCandidate(out, *entry.Object());
    }
  }
  out.EndArray().Key("topCandidates").BeginArray();
  if (root.ok()) {
    for (const json::Value entry : *root->Array()) {
      if (!entry.is_object()) continue;
      out.BeginObject().Key("candidates").BeginArray();
      if (const auto top = FindArray(*entry.Object(), "top_logprobs")) {
        for (const json::Value other : *top) {
          if (other.is_object()) WriteCandidate(out, *other.Object());
        }
      }
      out.EndArray().EndObject();
    }
  }
  out.EndArray().EndObject();
}

}  // namespace tidegate::protocols::gemini
