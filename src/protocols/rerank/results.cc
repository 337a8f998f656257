#include "protocols/rerank/results.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "protocols/fields.h"
#include "protocols/json_members.h"
#include "protocols/limits.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::rerank {
namespace {

constexpr FieldNames kDocument{std::to_array<std::string_view>({"text"})};

}  // namespace

Result<void> DecodeDocuments(const json::Value& list, RequestTexts& texts,
                             core::RerankRequest& request) {
  TIDEGATE_ASSIGN(const json::Array array, list.Array());
  if (array.empty()) return list.Invalid("must hold at least one document");
  for (const json::Value element : array) {
    if (request.documents.size() == kRankedDocumentsMax) {
      return list.Invalid("has more than " + std::to_string(kRankedDocumentsMax) + " documents");
    }
    json::Value text = element;
    if (element.is_object()) {
      TIDEGATE_ASSIGN(const auto fields, ReadFields(kDocument, element));
      texts.NeedVendorIfUnknown(fields);
      TIDEGATE_ASSIGN(text, fields.Required(kDocument.Index("text")));
    } else if (!element.is_string()) {
      return element.Mismatch("a string or an object");
    }
    TIDEGATE_ASSIGN(const std::string_view document, texts.Keep(text));
    texts.Count(element.raw().size());
    request.documents.push_back(document);
  }
  return {};
}

Result<void> DecodeTopN(const std::optional<json::Value>& top_n, core::RerankRequest& request) {
  if (!top_n) return {};
  TIDEGATE_ASSIGN(request.top_n,
                  top_n->IntegerIn(1, std::int64_t{1} << 31U));  // more than there are is all
  return {};
}

void WriteQuestion(json::Writer& out, const core::RerankRequest& request) {
  out.Key("query").String(request.query).Key("documents").BeginArray();
  for (const std::string_view document : request.documents) out.String(document);
  out.EndArray();
  if (request.top_n) out.Key("top_n").Integer(*request.top_n);
}

Result<json::Object> ReadRoot(const Result<json::Value>& root) {
  if (!root.ok()) return MalformedAnswer(root.error());
  if (!root->is_object()) return MalformedAnswer(root->Mismatch("an object"));
  const json::Object object = *root->Object();
  const std::optional<json::Value> results = FindSet(object, "results");
  if (results && results->is_array()) return object;
  const Fault fault = ReadFaultBody(*root);
  if (fault.message.empty()) return MalformedAnswer("has no array 'results'");
  return JudgeFault(fault, 0);
}

Result<void> ReadResults(const json::Object& root, std::size_t documents,
                         core::RerankAnswer& answer) {
  struct Scored {
    core::RankedDocument document;
    double score;
  };
  std::vector<Scored> scored;
  std::vector<bool> seen(documents);
  const json::Array results = *root.Find("results")->Array();
  for (const json::Value result : results) {
    if (!result.is_object()) return MalformedAnswer(result.Mismatch("an object"));
    const json::Object entry = *result.Object();
    const Result<json::Value> index = entry.Get("index");
    if (!index.ok()) return MalformedAnswer(index.error());
    const Result<std::int64_t> number =
        index->IntegerIn(0, static_cast<std::int64_t>(documents) - 1);
    if (!number.ok()) return MalformedAnswer(number.error());
    const auto at = static_cast<std::size_t>(*number);
    if (seen[at]) return MalformedAnswer("ranks a document twice");
    seen[at] = true;
    const Result<json::Value> score = entry.Get("relevance_score");
    if (!score.ok()) return MalformedAnswer(score.error());
    const Result<double> value = score->Number();
    if (!value.ok()) return MalformedAnswer(value.error());
    scored.push_back({{*number, score->raw()}, *value});
  }
  std::stable_sort(scored.begin(), scored.end(),
                   [](const Scored& a, const Scored& b) { return a.score > b.score; });
  for (const Scored& each : scored) answer.results.push_back(each.document);
  return {};
}

void WriteResults(json::Writer& out, const core::RerankRequest& request,
                  const core::RerankAnswer& answer) {
  out.Key("results").BeginArray();
  std::int64_t left = request.top_n.value_or(static_cast<std::int64_t>(answer.results.size()));
  for (const core::RankedDocument& result : answer.results) {
    if (left-- == 0) break;
    out.BeginObject().Key("index").Integer(result.index);
    out.Key("relevance_score").Raw(result.score);
    if (request.return_documents) {
      out.Key("document").BeginObject().Key("text");
      out.String(request.documents[static_cast<std::size_t>(result.index)]).EndObject();
    }
    out.EndObject();
  }
  out.EndArray();
}

}  // namespace tidegate::protocols::rerank
