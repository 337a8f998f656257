// The pieces that all rankings have in common.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "core/rerank.h"
#include "json/value.h"
#include "json/writer.h"
#include "protocols/request_texts.h"

namespace tidegate::protocols::rerank {

// A list of texts, or of objects with the member "text". Errors: kInvalidArgument with the path.
Result<void> DecodeDocuments(const json::Value& list, RequestTexts& texts,
                             core::RerankRequest& request);
// What a result may be limited to.
Result<void> DecodeTopN(const std::optional<json::Value>& top_n, core::RerankRequest& request);

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
