// What a request says whatever it asks for: a chat, embeddings, a ranking.
//
// The gate decides, pays and records on this alone. What is asked stands in the values made of it
// (request.h, embed.h, rerank.h).
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/capability.h"
#include "core/constraints.h"
#include "core/protocol.h"

namespace tidegate::core {

// Half-open range of bytes in the original body; {0, 0} = absent.
struct Span {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  bool empty() const { return begin == end; }
};

// Where in `body` the fields stand that the gate may have to replace; each span covers the value
// only, unless it says otherwise. A protocol fills those that it has.
struct BodySpans {
  std::uint32_t object_begin = 0;  // offset just behind the opening brace
  Span model, stream, stream_options;
  Span include_usage;               // inside stream_options
  Span max_tokens_key, max_tokens;  // the key with its quotes; the value
  Span max_completion_tokens_key, max_completion_tokens;
  // The object that holds the output limit where it does not stand at the top ("generationConfig",
  // "inferenceConfig", "options").
  Span limit_parent;
  Span tidegate_member;  // whole member with the comma that must go with it
  Span provider_member;  // OpenRouter's object, likewise, when we consumed it as an alias
};

// A change of the original body that is due whoever gets it. An empty span inserts at its begin.
struct BodyEdit {
  Span span;
  std::string_view text;
};

struct Envelope {
  Protocol protocol = Protocol::kOpenAiChat;
  int form = 0;           // of Route, for a protocol whose paths have one meaning in several forms
  std::string_view body;  // the original bytes; the caller keeps them alive as long as the request
  // The body may go to an upstream of the same protocol as it is. False for a form that only
  // clients use (a prompt instead of messages, say).
  bool same_bytes = true;
  // An answer of an upstream of the same protocol may be passed on as it is. False where the caller
  // wants it in another form than we ask upstreams for.
  bool same_answer = true;
  BodySpans spans;
  std::vector<BodyEdit> edits;   // beside those that the spans are for; they overlap nothing
  std::list<std::string> arena;  // owns what the views of the request view, where `body` cannot
  // Header fields that mean something to upstreams of the same protocol, as they came: "name",
  // "value".
  std::vector<std::pair<std::string_view, std::string_view>> fields;

  std::string model;
  CapabilitySet needs;       // what the parameters and parts demand of a target
  std::string vendor_field;  // path of the first field that only the same protocol can carry
  // What the caller may add to have left out what does not fit, as it stands in a body; empty where
  // its protocol has no word for that, and where it is said.
  std::string_view cut_remedy = {};
  Constraints constraints;      // from the body's "tidegate" object and its aliases
  std::int64_t text_bytes = 0;  // bytes of text for the model, an upper bound of its tokens
  std::int64_t media_parts = 0;
};

}  // namespace tidegate::core
