// A request to rank documents by a query and its answer, whatever protocol they came in.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/envelope.h"
#include "core/usage.h"

namespace tidegate::core {

struct RerankRequest : Envelope {
  std::string_view query;
  std::vector<std::string_view> documents;
  std::optional<std::int64_t> top_n;  // at most so many results
  std::optional<std::int64_t> document_tokens_max;
  bool return_documents = false;  // the results hold their documents
};

struct RankedDocument {
  std::int64_t index = 0;  // of the document in the request
  std::string_view score;  // a JSON number
};

// Views live as long as the body that was read.
struct RerankAnswer {
  std::string_view id, model;
  std::vector<RankedDocument> results;  // best first
  std::optional<Usage> usage;
  std::int64_t search_units = 0;  // that are billed; 0 = not said
};

}  // namespace tidegate::core
