// What a client's request asks for, as far as its method and its path say.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocols/field_lookup.h"

namespace tidegate::protocols {

// What a path of a protocol asks for.
enum class Operation : std::uint8_t {
  kChat,
  kEmbed,
  kRerank,
  kCountTokens,  // of a chat, without answering it
  kListModels,
  kGetModel,
  kListLoaded,    // the models of this device that are in memory now
  kFixed,         // what is the same for everybody, who needs no key for it: EncodeFixed
  kManageModels,  // pulling, making, copying, deleting: not for a protocol to read
  // Of protocols with StoredAnswers; the route names the answer.
  kGetStored,
  kDeleteStored,
  kListStoredInput,
  kCancelStored,
};
constexpr bool IsOfStored(Operation operation) {
  return operation >= Operation::kGetStored && operation <= Operation::kCancelStored;
}
// What goes the way of every request for a model: label, plan, reservation, attempts, record.
constexpr bool IsForAModel(Operation operation) { return operation <= Operation::kCountTokens; }

// What a codec needs of the request that HTTP carried. Everything in it outlives the Request that
// is made of it.
struct ClientHead {
  std::string_view method;
  std::string_view path;   // percent-decoded, without the query
  std::string_view query;  // as it came, without the '?'
  const FieldLookup* fields;
};

struct Route {
  Operation operation = Operation::kChat;
  std::string_view model = {};  // that the path names; views the path
  // The model of a kGetModel stands in the body: DecodeModelQuestion.
  bool model_in_body = false;
  // The answer to a kGetModel holds what the model says of itself: ModelEntry::card.
  bool shows_card = false;
  std::string_view id = {};  // of a stored answer, likewise
  // The path decides about streaming, not the body.
  std::optional<bool> stream = {};
  // A protocol's own number for this path, where several have one meaning.
  int form = 0;
};

}  // namespace tidegate::protocols
