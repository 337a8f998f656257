// The vocabulary of a model file, as far as it decides whether one model can guess ahead for
// another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/gguf_source.h"

namespace tidegate::models {

inline constexpr std::uint64_t kVocabularyTokensMax = 4 * 1024 * 1024;
// By how much the vocabularies of a model and its draft may differ, and the first token that has to
// mean the same: llama.cpp's common/speculative.cpp.
inline constexpr std::size_t kDraftVocabularyDifferenceMax = 128;
inline constexpr std::size_t kDraftFirstTokenCompared = 5;

struct Vocabulary {
  std::string kind;   // "llama", "gpt2", "bert", …; empty when the file has none
  std::string split;  // how text is cut before it is looked up: "qwen2", "llama-bpe", …
  // Whether a text begins and ends with a token of its own; nothing = as the kind has it.
  std::optional<bool> adds_begin, adds_end;
  std::optional<std::uint64_t> begin, end;  // those tokens
  std::vector<std::uint64_t> tokens;        // a hash of the text of each
};

// Errors: those of WalkGguf; kInvalidArgument when it has more than kVocabularyTokensMax tokens.
Result<Vocabulary> ReadVocabulary(ByteSource& source);
Result<Vocabulary> ReadVocabularyFile(const std::string& path);

// Why llama-server would not take a model with the one for the draft of a model with the other, as
// the end of a sentence ("it has …"); empty = it takes it. Says so too where the files leave open
// what llama-server would make of them.
std::string WhyNoDraft(const Vocabulary& model, const Vocabulary& draft);

}  // namespace tidegate::models
