// A value in a document that Reader has validated: typed, with its place in the original text and
// its path for errors.
//
// A gateway must both understand a document and forward parts of it byte for byte. So every value
// here knows the span of its text: tool arguments and schemas are passed on as `raw()`, and members
// are replaced by span (splice.h). A value is two words and is passed by value. It carries no path:
// the path is found again from the position when an error needs it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/span.h"

namespace tidegate::json {

enum class Kind : std::uint8_t { kNull, kBool, kInteger, kDouble, kString, kArray, kObject };
std::string_view ToString(Kind kind);  // as in messages: "null", "a boolean", "an integer", …

class Array;
class Object;

// What Reader leaves behind of one document. `tape` holds one 64-bit word per value and bracket
// (two for numbers), the type letter in the top byte; `offsets` holds the position in the text of
// each word.
struct Document {
  std::string_view text;
  const std::uint64_t* tape = nullptr;
  const std::uint8_t* strings = nullptr;
  const std::uint32_t* offsets = nullptr;
};

// Any thread may read a value while no thread uses its Reader. Values and all views from them live
// until the Reader parses again or dies, or its text changes. The getters' errors are
// kInvalidArgument with the full path in `field` and a message that names the expected and the
// found type.
class Value {
 public:
  Value(const Document& document, std::uint32_t index) : document_(&document), index_(index) {}

  Kind kind() const;
  bool is_null() const { return Letter() == 'n'; }
  bool is_string() const { return Letter() == '"'; }
  bool is_array() const { return Letter() == '['; }
  bool is_object() const { return Letter() == '{'; }

  Result<bool> Bool() const;
  // Also takes a number written with a fraction or exponent when its value is whole and below 2^53
  // in size.
  Result<std::int64_t> Integer() const;
  // Integer() that must be in low … high; the error states the range.
  Result<std::int64_t> IntegerIn(std::int64_t low, std::int64_t high) const;
  Result<double> Number() const;
  // The unescaped text, valid UTF-8.
  Result<std::string_view> String() const;
  Result<json::Array> Array() const;
  Result<json::Object> Object() const;

  // The value as written.
  std::string_view raw() const { return span().Of(document_->text); }
  Span span() const;
  // As "messages[2].content[0].type"; empty for the root. Costs a walk from the root: for errors
  // only.
  std::string Path() const;

  // Where it stands in its document: Value(document(), position()) is this one again.
  std::uint32_t position() const { return index_; }
  const Document& document() const { return *document_; }

  // Errors about this value: "expected <expected>, found a string", or any sentence.
  Error Mismatch(std::string_view expected) const;
  Error Invalid(std::string message) const;

 private:
  friend class json::Array;
  friend class json::Object;
  friend class Reader;

  std::uint64_t Word() const { return document_->tape[index_]; }
  char Letter() const { return static_cast<char>(Word() >> 56); }
  // The word behind this value and all that is in it.
  std::uint32_t Next() const {
    switch (Letter()) {
      case '{':
      case '[':
        return static_cast<std::uint32_t>(Word());
      case 'l':
      case 'u':
      case 'd':
        return index_ + 2;
      default:
        return index_ + 1;
    }
  }
  std::string_view StringAt() const;

  const Document* document_;
  std::uint32_t index_;
};

// The elements of an array: for (json::Value element : array).
class Array {
 public:
  explicit Array(Value array) : array_(array) {}

  class Iterator {
   public:
    explicit Iterator(Value at) : at_(at) {}
    Value operator*() const { return at_; }
    Iterator& operator++() {
      at_.index_ = at_.Next();
      return *this;
    }
    bool operator==(const Iterator& other) const { return at_.index_ == other.at_.index_; }

   private:
    Value at_;
  };
  Iterator begin() const { return Iterator(Value(*array_.document_, array_.index_ + 1)); }
  Iterator end() const { return Iterator(Value(*array_.document_, array_.Next() - 1)); }
  bool empty() const { return begin() == end(); }
  std::size_t Count() const;  // walks
  Value value() const { return array_; }

 private:
  Value array_;
};

struct Member {
  std::string_view key;  // unescaped
  Value key_value;
  Value value;
  Span key_span() const { return key_value.span(); }  // with its quotes
};

// The members of an object in the order of the text: for (const json::Member& member : object).
class Object {
 public:
  explicit Object(Value object) : object_(object) {}

  class Iterator {
   public:
    explicit Iterator(Value key) : key_(key) {}
    Member operator*() const { return Object::MemberAt(key_); }
    Iterator& operator++() {
      key_.index_ = Value(*key_.document_, key_.index_ + 1).Next();
      return *this;
    }
    bool operator==(const Iterator& other) const { return key_.index_ == other.key_.index_; }

   private:
    Value key_;
  };
  Iterator begin() const { return Iterator(Value(*object_.document_, object_.index_ + 1)); }
  Iterator end() const { return Iterator(Value(*object_.document_, object_.Next() - 1)); }
  bool empty() const { return begin() == end(); }

  // The member that a value of this object is the key of.
  static Member MemberAt(Value key) {
    return Member{key.StringAt(), key, Value(*key.document_, key.index_ + 1)};
  }

  // The first member of that name. Nothing tells a repeated name here: an object from outside whose
  // meaning matters is passed through RequireUniqueKeys first.
  std::optional<Value> Find(std::string_view key) const;
  // Find, or the error "is required" at the path of the missing member.
  Result<Value> Get(std::string_view key) const;
  // A name that stands twice means one thing to us and another to the next reader, so it is
  // refused: the error names it.
  Result<void> RequireUniqueKeys() const;

  Value value() const { return object_; }
  // The path that a member of this name has or would have.
  std::string PathOf(std::string_view key) const;

 private:
  Value object_;
};

}  // namespace tidegate::json
