#include "models/vocabulary.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "models/gguf_walk.h"

namespace tidegate::models {
namespace {

class VocabularyVisitor : public GgufVisitor {
 public:
  Result<void> OnValue(std::string_view key, GgufScalar value) override {
    if (key == "tokenizer.ggml.model" && value.type == kGgufString) {
      vocabulary.kind = std::move(value.text);
    } else if (key == "tokenizer.ggml.pre" && value.type == kGgufString) {
      vocabulary.split = std::move(value.text);
    } else if (key == "tokenizer.ggml.add_bos_token" && value.type == kGgufBool) {
      vocabulary.adds_begin = value.integer != 0;
    } else if (key == "tokenizer.ggml.add_eos_token" && value.type == kGgufBool) {
      vocabulary.adds_end = value.integer != 0;
    } else if (key == "tokenizer.ggml.bos_token_id" && value.IsInteger()) {
      vocabulary.begin = value.integer;
    } else if (key == "tokenizer.ggml.eos_token_id" && value.IsInteger()) {
      vocabulary.end = value.integer;
    }
    return {};
  }
  Result<std::uint64_t> OnArray(std::string_view key, std::uint32_t type,
                                std::uint64_t count) override {
    takes_ = key == "tokenizer.ggml.tokens" && type == kGgufString;
    if (!takes_) return std::uint64_t{0};
    if (count > kVocabularyTokensMax) return MalformedGguf("its vocabulary is impossibly large");
    vocabulary.tokens.clear();
    return count;
  }
  Result<void> OnElement(GgufScalar& value) override {
    if (takes_) vocabulary.tokens.push_back(std::hash<std::string_view>()(value.text));
    return {};
  }
  Result<void> OnTensor(const GgufTensor&) override { return {}; }

  Vocabulary vocabulary;

 private:
  bool takes_ = false;
};

std::string Difference(const std::string& what, const std::string& model,
                       const std::string& draft) {
  return "its " + what + " is " + draft + ", and the model's is " + model;
}

std::string Number(const std::optional<std::uint64_t>& token) {
  return token ? std::to_string(*token) : std::string("not said");
}

// Where neither file says whether the token is added, that depends on how text is split.
std::string WhyNoEdge(const char* edge, const std::optional<bool>& model_adds,
                      const std::optional<bool>& draft_adds,
                      const std::optional<std::uint64_t>& model,
                      const std::optional<std::uint64_t>& draft, bool same_split) {
  const std::string name(edge);
  if (model_adds != draft_adds || (!model_adds && !same_split)) {
    return "it does not surely treat the " + name + " of a text as the model does";
  }
  if (model_adds.value_or(true) && model != draft) {
    return Difference("token for the " + name + " of a text", Number(model), Number(draft));
  }
  return {};
}

}  // namespace

Result<Vocabulary> ReadVocabulary(ByteSource& source) {
  VocabularyVisitor visitor;
  TIDEGATE_TRY(WalkGguf(source, visitor));
  return std::move(visitor.vocabulary);
}

Result<Vocabulary> ReadVocabularyFile(const std::string& path) {
  TIDEGATE_ASSIGN(const std::unique_ptr<ByteSource> source, OpenModelFile(path));
  return ReadVocabulary(*source);
}

std::string WhyNoDraft(const Vocabulary& model, const Vocabulary& draft) {
  if (model.tokens.empty() || draft.tokens.empty()) return "it, or the model, has no vocabulary";
  if (model.kind != draft.kind) return Difference("kind of vocabulary", model.kind, draft.kind);
  const std::size_t most = std::max(model.tokens.size(), draft.tokens.size());
  const std::size_t least = std::min(model.tokens.size(), draft.tokens.size());
  if (most - least > kDraftVocabularyDifferenceMax) {
    return "it knows " + std::to_string(draft.tokens.size()) + " tokens, and the model " +
           std::to_string(model.tokens.size());
  }
  const bool same_split = model.split == draft.split;
  std::string why = WhyNoEdge("beginning", model.adds_begin, draft.adds_begin, model.begin,
                              draft.begin, same_split);
  if (why.empty()) {
    why = WhyNoEdge("end", model.adds_end, draft.adds_end, model.end, draft.end, same_split);
  }
  if (!why.empty()) return why;
  for (std::size_t token = kDraftFirstTokenCompared; token < least; ++token) {
    if (model.tokens[token] != draft.tokens[token]) {
      return "its token " + std::to_string(token) + " is another text than the model's";
    }
  }
  return {};
}

}  // namespace tidegate::models
