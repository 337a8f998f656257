// The pieces that all rankings have in common.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "core/rerank.h"
#include "json/value.h"
#include "json/writer.h"
#include "protocols/fields.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols::rerank {

// A list of texts, or of objects with the member "text". Errors: kInvalidArgument with the path.
Result<void> DecodeDocuments(const json::Value& list, RequestTexts& texts,
                             core::RerankRequest& request);
// What a result may be limited to.
Result<void> DecodeTopN(const std::optional<json::Value>& top_n, core::RerankRequest& request);

// What all of them ask alike: the model, the query, the documents, and how many results. REQUIRES:
// `names` lists "model", "query", "documents" and "top_n".
template <std::size_t N>
Result<void> DecodeQuestion(const FieldNames<N>& names, const Fields<N>& fields,
                            const json::Value& root, core::RerankRequest& request) {
  RequestTexts texts(request);
  TIDEGATE_TRY(texts.TakeUnknown(names, fields));
  TIDEGATE_ASSIGN(const json::Value model, fields.Required(names.Find("model")));
  TIDEGATE_TRY(texts.TakeModel(model, root));
  texts.Need(core::Capability::kRerank);
  const std::size_t query = names.Find("query");
  TIDEGATE_TRY(fields.Required(query));
  TIDEGATE_ASSIGN(request.query, texts.KeepCounted(*fields.Member(query)));
  TIDEGATE_ASSIGN(const json::Value documents, fields.Required(names.Find("documents")));
  TIDEGATE_TRY(DecodeDocuments(documents, texts, request));
  return DecodeTopN(fields.Value(names.Find("top_n")), request);
}

// "query": …, "documents": […], and "top_n".
void WriteQuestion(json::Writer& out, const core::RerankRequest& request);

// The object of an answer that has results. An error where it has none, or reports one.
Result<json::Object> ReadRoot(const Result<json::Value>& root);
// Its results, best first. Errors: kProtocol.
Result<void> ReadResults(const json::Object& root, std::size_t documents,
                         core::RerankAnswer& answer);
// "results": […].
void WriteResults(json::Writer& out, const core::RerankRequest& request,
                  const core::RerankAnswer& answer);

}  // namespace tidegate::protocols::rerank
