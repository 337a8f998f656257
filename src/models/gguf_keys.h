// Keys of a model file that we use, and what they may hold.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "models/gguf.h"

namespace tidegate::models {

// Takes the keys in the order of the file and fills in the metadata at their end: the
// architecture's name, which is the prefix of most of them, may come last.
class GgufKeys {
 public:
  // Errors: kInvalidArgument naming the key.
  Result<void> Take(std::string_view key, GgufScalar value);
  // How many elements TakeElement wants of this array.
  Result<std::uint64_t> TakeArray(std::string_view key, std::uint32_t type, std::uint64_t count);
  Result<void> TakeElement(GgufScalar& value);
  Result<void> Finish(GgufMetadata& metadata);

 private:
  struct Held {
    std::string key;
    GgufScalar value;                    // of a key with one value
    std::vector<std::uint32_t> numbers;  // of an array
    bool is_array = false;
    bool impossible = false;  // an array that is no list of numbers, or a value that is too large
  };
  Result<void> Hold(Held held);
  Result<void> TakeText(std::string_view key, GgufScalar value);
  Result<void> TakeSplit(std::string_view key, const GgufScalar& value);
  void LookForFillIn(std::string_view token);
  void FinishFillIn(GgufMetadata& metadata) const;
  Result<void> FinishNumber(Held& held, std::string_view name, GgufMetadata& metadata);
  Result<void> FinishArchitecture(GgufMetadata& metadata);
  Result<void> FinishProjector(GgufMetadata& metadata);
  void FinishKind(GgufMetadata& metadata) const;
  void FinishPooling(GgufMetadata& metadata) const;

  GgufMetadata metadata_;   // texts and facts that need no prefix
  std::vector<Held> held_;  // numbers under any prefix
  enum class Array : std::uint8_t { kNone, kNumbers, kTokens } array_ = Array::kNone;
  std::uint64_t vocabulary_ = 0;  // tokens in the list
  // Of the tokens for prefix, suffix and middle: the numbers that keys give, and those of known
  // words.
  struct FillIn {
    std::optional<std::uint64_t> number, of_word;
  };
  std::array<FillIn, 3> fill_in_;
  std::uint64_t tokens_seen_ = 0;
  std::optional<std::uint64_t> pooling_type_;
};

}  // namespace tidegate::models
