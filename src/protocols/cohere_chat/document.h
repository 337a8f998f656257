// A document that an answer may rest on: a text, or names with values, all of which the model
// reads.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "json/value.h"

namespace tidegate::protocols::cohere_chat {

struct Document {
  std::string id;     // the caller's name for it, or empty
  std::string title;  // of its data, or empty
  std::string text;   // what the model reads, without the title
};

// A string, or {"id", "data"} with data that is a string or an object. Errors: kInvalidArgument
// with the field's path.
Result<Document> ReadDocument(const json::Value& value);

// The document as a piece of prose, for who knows no documents. `name`: what it is called.
std::string Spell(const Document& document, std::string_view name);

}  // namespace tidegate::protocols::cohere_chat
