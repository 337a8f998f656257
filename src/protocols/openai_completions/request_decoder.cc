#include "protocols/openai_completions/request_decoder.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "protocols/fields.h"
#include "protocols/openai_chat/sampling_decoder.h"
#include "protocols/openai_completions/limits.h"
#include "protocols/own_members.h"
#include "protocols/request_texts.h"
#include "protocols/scratch_reader.h"
#include "protocols/spans.h"

namespace tidegate::protocols::openai_completions {
namespace {

using core::Capability;

// Every field of CreateCompletionRequest, `top_k`, and the two that are the gate's.
constexpr FieldNames kRoot{std::to_array<std::string_view>({"model",
                                                            "prompt",
                                                            "stream",
                                                            "stream_options",
                                                            "max_tokens",
                                                            "temperature",
                                                            "top_p",
                                                            "top_k",
                                                            "n",
                                                            "stop",
                                                            "seed",
                                                            "presence_penalty",
                                                            "frequency_penalty",
                                                            "logit_bias",
                                                            "logprobs",
                                                            "echo",
                                                            "suffix",
                                                            "best_of",
                                                            "user",
                                                            "tidegate",
                                                            "provider"})};
using RootFields = Fields<kRoot.names.size()>;

class RequestDecoder {
 public:
  RequestDecoder(std::string_view body, const json::Value& root) : root_(root) {
    request_.protocol = core::Protocol::kOpenAiCompletions;
    request_.body = body;
    request_.raw = true;
  }

  Result<core::Request> Decode(const ConstraintParser& parser) {
    TIDEGATE_ASSIGN(const RootFields fields, ReadFields(kRoot, root_));
    TIDEGATE_TRY(texts_.TakeUnknown(kRoot, fields));
    TIDEGATE_ASSIGN(const json::Value model, fields.Required(kRoot.Index("model")));
    TIDEGATE_TRY(texts_.TakeModel(model, root_));
    TIDEGATE_ASSIGN(const json::Value prompt, fields.Required(kRoot.Index("prompt")));
    TIDEGATE_TRY(DecodePrompt(prompt));
    TIDEGATE_TRY(openai_chat::DecodeStream<kRoot>(fields, texts_, request_));
    TIDEGATE_TRY(openai_chat::DecodeSampling<kRoot>(fields, texts_, request_));
    TIDEGATE_TRY(DecodeOutputLimit(fields));
    TIDEGATE_TRY(DecodeLogprobs(fields));
    TIDEGATE_TRY(DecodeWhatChatsLack(fields));
    if (fields.Value(kRoot.Index("user"))) {
      TIDEGATE_ASSIGN(request_.user, texts_.Keep(*fields.Member(kRoot.Index("user"))));
    }
    TIDEGATE_TRY(TakeOwnMembers(kRoot, fields, parser, request_));
    return std::move(request_);
  }

 private:
  // A text, several, the numbers of the tokens of one, or those of several. Each is answered for
  // itself.
  Result<void> DecodePrompt(const json::Value& prompt) {
    if (prompt.is_string()) return TakeText(prompt);
    if (!prompt.is_array()) return prompt.Mismatch("a string or an array");
    const json::Array array = *prompt.Array();
    if (array.empty()) return prompt.Invalid("must hold at least one prompt");
    if ((*array.begin()).kind() == json::Kind::kInteger) return TakeTokens(prompt);
    std::size_t count = 0;
    for (const json::Value each : array) {
      if (++count > kPromptsMax) {
        return prompt.Invalid("has more than " + std::to_string(kPromptsMax) + " prompts");
      }
      TIDEGATE_TRY(each.is_array() ? TakeTokens(each) : TakeText(each));
    }
    if (count > 1) texts_.NeedVendor(prompt.Path());
    prompts_ = static_cast<std::int64_t>(count);
    return {};
  }

  Result<void> TakeText(const json::Value& value) {
    TIDEGATE_ASSIGN(const std::string_view text, texts_.Keep(value));
    texts_.Count(text.size());
    core::Message message{.role = core::Role::kUser, .parts = {}, .name = {}};
    message.parts.push_back(core::Part{.kind = core::PartKind::kText, .text = text});
    request_.messages.push_back(std::move(message));
    return {};
  }

  // What a number means, only the tokenizer of the model that was asked for knows.
  Result<void> TakeTokens(const json::Value& value) {
    const json::Array tokens = *value.Array();
    if (tokens.empty()) return value.Invalid("must not be empty");
    for (const json::Value token : tokens) TIDEGATE_TRY(token.IntegerIn(0, kTokenNumberMax));
    texts_.NeedVendor(value.Path());
    texts_.Count(value.raw().size());
    return {};
  }

  Result<void> DecodeOutputLimit(const RootFields& fields) {
    const auto& member = fields.Member(kRoot.Index("max_tokens"));
    if (!member) return {};
    request_.spans.max_tokens_key = ToCore(member->key_span());
    request_.spans.max_tokens = ToCore(member->value.span());
    if (member->value.is_null()) return {};
    TIDEGATE_ASSIGN(const std::int64_t limit, member->value.IntegerIn(0, kOutputTokensMax));
    // Nothing is to be written: the prompt's own log-probabilities are wanted.
    if (limit == 0) texts_.NeedVendor(member->value.Path());
    request_.max_output_tokens = limit;
    return {};
  }

  // How many alternatives of each token to tell beside it; 0 = none.
  Result<void> DecodeLogprobs(const RootFields& fields) {
    const std::optional<json::Value> logprobs = fields.Value(kRoot.Index("logprobs"));
    if (!logprobs) return {};
    TIDEGATE_ASSIGN(const std::int64_t top, logprobs->IntegerIn(0, kTopLogprobsMax));
    request_.logprobs = true;
    request_.top_logprobs = top;
    texts_.Need(Capability::kLogprobs);
    return {};
  }

  Result<void> DecodeWhatChatsLack(const RootFields& fields) {
    if (const std::optional<json::Value> echo = fields.Value(kRoot.Index("echo"))) {
      TIDEGATE_ASSIGN(const bool wanted, echo->Bool());
      if (wanted) texts_.NeedVendor(echo->Path());
    }
    if (fields.Value(kRoot.Index("suffix"))) {
      TIDEGATE_ASSIGN(request_.suffix, texts_.KeepCounted(*fields.Member(kRoot.Index("suffix"))));
      if (!request_.suffix.empty()) texts_.Need(Capability::kInsert);
    }
    std::int64_t written = request_.choices;
    if (const std::optional<json::Value> best = fields.Value(kRoot.Index("best_of"))) {
      TIDEGATE_ASSIGN(written, best->IntegerIn(1, kBestOfMax));
      if (written < request_.choices) return best->Invalid("must not be less than n");
      if (written > request_.choices) texts_.NeedVendor(best->Path());
    }
    // All that is written is paid for, whether or not it is among the answers.
    request_.choices = written * prompts_;
    return {};
  }

  json::Value root_;
  core::Request request_;
  RequestTexts texts_{request_};
  std::int64_t prompts_ = 1;
};

}  // namespace

Result<core::Request> DecodeCompletionRequest(std::string_view body,
                                              const ConstraintParser& constraints) {
  const ScratchReader json;
  TIDEGATE_ASSIGN(const json::Value root, json->Parse(body, kRequestBytesMax));
  return RequestDecoder(body, root).Decode(constraints);
}

}  // namespace tidegate::protocols::openai_completions
