// Reading JSON that may be hostile: everything is validated before anything is believed.
//
// simdjson's on-demand reader does not look at what it skips, so a broken or ambiguous part could
// pass through us and mean something else to the next reader. Reader builds the whole tape first
// (about a microsecond for a 2 KB body) and accepts exactly the grammar of RFC 8259 in UTF-8: no
// trailing content, no NaN, no bare control characters, no lone surrogates. Beyond the grammar it
// limits depth and size, and integers to 64 bits.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "json/value.h"

namespace tidegate::json {

// Bytes behind the text that must be readable, whatever is in them.
inline constexpr std::size_t kPaddingBytes = 64;
// Nested arrays and objects; the outermost counts as one.
inline constexpr std::size_t kDepthMax = 64;
// Buffers of a document beyond this size are given back when the next one is read.
inline constexpr std::size_t kKeptDocumentBytes = 1U << 20U;
// The largest limit a caller may set; offsets are 32 bits.
inline constexpr std::size_t kDocumentBytesMax = 0xFFFF'FF00;

// Reads one document at a time into buffers it keeps, so a reader that lives long allocates nothing
// for a document no larger than those before. Not thread-safe: one per thread, or one per nested
// use. Owns everything the values view except the text given to Parse.
class Reader {
 public:
  Reader();
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;

  // The root of `text`. The values view `text`, which must outlive them unchanged. Ends the life of
  // earlier values. Errors: kInvalidArgument with reason "invalid_json" and the cause; kTooLarge
  // beyond `bytes_max`. REQUIRES: kPaddingBytes readable bytes behind `text`; bytes_max <=
  // kDocumentBytesMax.
  Result<Value> Parse(std::string_view text, std::size_t bytes_max);

  // Parse of a text without padding: copies it first, and the values view the copy (`text()`).
  Result<Value> ParseCopy(std::string_view text, std::size_t bytes_max);

  // The text that the spans of the current values count in.
  std::string_view text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidegate::json
