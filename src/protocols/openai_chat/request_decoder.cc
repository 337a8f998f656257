#include "protocols/openai_chat/request_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "json/splice.h"
#include "protocols/extension_decoder.h"
#include "protocols/fields.h"
#include "protocols/function_tools.h"
#include "protocols/openai_chat/limits.h"
#include "protocols/openai_chat/message_decoder.h"
#include "protocols/openai_chat/sampling_decoder.h"
#include "protocols/openai_chat/tool_decoder.h"
#include "protocols/request_texts.h"
#include "protocols/scratch_reader.h"
#include "protocols/service_tier.h"
#include "protocols/spans.h"

namespace tidegate::protocols::openai_chat {
namespace {

using core::Capability;

// Every field of CreateChatCompletionRequest, `top_k`, which many servers add to them, and the two
// that are the gate's.
constexpr FieldNames kRoot{std::to_array<std::string_view>({"model",
                                                            "messages",
                                                            "stream",
                                                            "max_tokens",
                                                            "max_completion_tokens",
                                                            "temperature",
                                                            "tools",
                                                            "tool_choice",
                                                            "stream_options",
                                                            "top_p",
                                                            "top_k",
                                                            "n",
                                                            "stop",
                                                            "seed",
                                                            "user",
                                                            "response_format",
                                                            "parallel_tool_calls",
                                                            "presence_penalty",
                                                            "frequency_penalty",
                                                            "logprobs",
                                                            "top_logprobs",
                                                            "logit_bias",
                                                            "reasoning_effort",
                                                            "metadata",
                                                            "store",
                                                            "service_tier",
                                                            "safety_identifier",
                                                            "prompt_cache_key",
                                                            "prompt_cache_retention",
                                                            "prompt_cache_options",
                                                            "verbosity",
                                                            "modalities",
                                                            "audio",
                                                            "prediction",
                                                            "web_search_options",
                                                            "moderation",
                                                            "functions",
                                                            "function_call",
                                                            "tidegate",
                                                            "provider"})};
using RootFields = Fields<kRoot.names.size()>;

class RequestDecoder {
 public:
  RequestDecoder(std::string_view body, const json::Value& root, const ConstraintParser& parser)
      : root_(root), parser_(parser) {
    request_.body = body;
  }

  Result<core::Request> Decode() {
    TIDEGATE_ASSIGN(const RootFields fields, ReadFields(kRoot, root_));
    TIDEGATE_TRY(texts_.TakeUnknown(kRoot, fields));
    TIDEGATE_TRY(DecodeModel(fields));
    TIDEGATE_TRY(DecodeMessages(fields));
    TIDEGATE_TRY(DecodeStream<kRoot>(fields, texts_, request_));
    TIDEGATE_TRY(DecodeOutputLimit(fields));
    TIDEGATE_TRY(DecodeSampling<kRoot>(fields, texts_, request_));
    TIDEGATE_TRY(DecodeLogprobs(fields));
    TIDEGATE_TRY(DecodeToolFields(fields));
    TIDEGATE_TRY(DecodeReasoning(fields));
    TIDEGATE_TRY(DecodeHints(fields));
    TIDEGATE_TRY(DecodeVendorFields(fields));
    TIDEGATE_TRY(DecodeExtensions(fields));
    return std::move(request_);
  }

 private:
  void Need(Capability capability) { texts_.Need(capability); }

  Result<void> DecodeModel(const RootFields& fields) {
    TIDEGATE_ASSIGN(const json::Value model, fields.Required(kRoot.Index("model")));
    return texts_.TakeModel(model, root_);
  }

  Result<void> DecodeMessages(const RootFields& fields) {
    TIDEGATE_ASSIGN(const json::Value messages, fields.Required(kRoot.Index("messages")));
    return MessageDecoder(request_, texts_).Decode(messages);
  }

  Result<void> DecodeOutputLimit(const RootFields& fields) {
    const auto& old = fields.Member(kRoot.Index("max_tokens"));
    const auto& current = fields.Member(kRoot.Index("max_completion_tokens"));
    if (old) {
      request_.spans.max_tokens_key = ToCore(old->key_span());
      request_.spans.max_tokens = ToCore(old->value.span());
    }
    if (current) {
      request_.spans.max_completion_tokens_key = ToCore(current->key_span());
      request_.spans.max_completion_tokens = ToCore(current->value.span());
    }
    for (const std::size_t index :
         {kRoot.Index("max_completion_tokens"), kRoot.Index("max_tokens")}) {
      const std::optional<json::Value> value = fields.Value(index);
      if (!value) continue;
      TIDEGATE_ASSIGN(const std::int64_t limit, value->IntegerIn(1, kOutputTokensMax));
      if (request_.max_output_tokens && *request_.max_output_tokens != limit) {
        return value->Invalid(
            "differs from max_completion_tokens: give one of them, or the same value");
      }
      request_.max_output_tokens = limit;
    }
    return {};
  }

  Result<void> DecodeLogprobs(const RootFields& fields) {
    if (const std::optional<json::Value> logprobs = fields.Value(kRoot.Index("logprobs"))) {
      TIDEGATE_ASSIGN(request_.logprobs, logprobs->Bool());
      if (request_.logprobs) Need(Capability::kLogprobs);
    }
    const std::optional<json::Value> top = fields.Value(kRoot.Index("top_logprobs"));
    if (!top) return {};
    TIDEGATE_ASSIGN(request_.top_logprobs, top->IntegerIn(0, kTopLogprobsMax));
    if (!request_.logprobs) return top->Invalid("is only allowed when `logprobs` is true");
    return {};
  }

  Result<void> DecodeToolFields(const RootFields& fields) {
    const std::optional<json::Value> tools = fields.Value(kRoot.Index("tools"));
    if (tools) TIDEGATE_TRY(DecodeFunctionTools(*tools, texts_, request_));
    if (const std::optional<json::Value> choice = fields.Value(kRoot.Index("tool_choice"))) {
      TIDEGATE_TRY(DecodeToolChoice(*choice, texts_, request_));
      const bool has_tools = request_.needs.Has(Capability::kTools);
      if (request_.tool_choice == core::ToolChoiceKind::kRequired && !has_tools) {
        return choice->Invalid("'required' needs `tools` to choose from");
      }
    }
    if (const std::optional<json::Value> parallel =
            fields.Value(kRoot.Index("parallel_tool_calls"))) {
      TIDEGATE_ASSIGN(request_.parallel_tool_calls, parallel->Bool());
      Need(Capability::kParallelTools);
    }
    if (const std::optional<json::Value> functions = fields.Value(kRoot.Index("functions"))) {
      TIDEGATE_TRY(DecodeFunctions(*functions, texts_));
    }
    if (const std::optional<json::Value> call = fields.Value(kRoot.Index("function_call"))) {
      if (!call->is_string() && !call->is_object()) return call->Mismatch("a string or an object");
      texts_.NeedVendor(call->Path());
    }
    if (const std::optional<json::Value> format = fields.Value(kRoot.Index("response_format"))) {
      TIDEGATE_TRY(DecodeResponseFormat(*format, texts_, request_));
    }
    return {};
  }

  Result<void> DecodeReasoning(const RootFields& fields) {
    const std::optional<json::Value> effort = fields.Value(kRoot.Index("reasoning_effort"));
    if (!effort) return {};
    TIDEGATE_ASSIGN(const std::string_view word, texts_.Keep(*effort));
    constexpr std::array<std::string_view, 7> kEfforts = {"none", "minimal", "low", "medium",
                                                          "high", "xhigh",   "max"};
    if (std::find(kEfforts.begin(), kEfforts.end(), word) == kEfforts.end()) {
      return effort->Invalid(
          "must be one of 'none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'");
    }
    request_.reasoning.effort = word;
    request_.reasoning.mode =
        word == "none" ? core::Reasoning::Mode::kOff : core::Reasoning::Mode::kOn;
    Need(Capability::kReasoning);
    return {};
  }

  // Fields that a target may ignore without changing the answer: they are checked and stay in the
  // body.
  Result<void> DecodeHints(const RootFields& fields) {
    if (fields.Value(kRoot.Index("user"))) {
      TIDEGATE_ASSIGN(request_.user, texts_.Keep(*fields.Member(kRoot.Index("user"))));
    }
    for (const std::size_t index :
         {kRoot.Index("service_tier"), kRoot.Index("safety_identifier"),
          kRoot.Index("prompt_cache_key"), kRoot.Index("prompt_cache_retention")}) {
      if (const std::optional<json::Value> text = fields.Value(index)) TIDEGATE_TRY(text->String());
    }
    if (const std::optional<json::Value> tier = fields.Value(kRoot.Index("service_tier"))) {
      ApplyServiceTier(*tier->String(), request_.constraints);
    }
    if (const std::optional<json::Value> store = fields.Value(kRoot.Index("store")))
      TIDEGATE_TRY(store->Bool());
    if (const std::optional<json::Value> cache =
            fields.Value(kRoot.Index("prompt_cache_options"))) {
      TIDEGATE_TRY(cache->Object());
    }
    const std::optional<json::Value> metadata = fields.Value(kRoot.Index("metadata"));
    if (!metadata) return {};
    TIDEGATE_ASSIGN(const json::Object entries, metadata->Object());
    std::size_t count = 0;
    for (const json::Member& entry : entries) {
      if (++count > kMetadataEntriesMax) {
        return metadata->Invalid("has more than " + std::to_string(kMetadataEntriesMax) +
                                 " entries");
      }
      TIDEGATE_TRY(entry.value.String());
    }
    return {};
  }

  // Fields of the API description that change the answer and that only some servers know.
  Result<void> DecodeVendorFields(const RootFields& fields) {
    if (const std::optional<json::Value> verbosity = fields.Value(kRoot.Index("verbosity"))) {
      TIDEGATE_TRY(verbosity->String());
      texts_.NeedVendor(verbosity->Path());
    }
    for (const std::size_t index : {kRoot.Index("audio"), kRoot.Index("prediction"),
                                    kRoot.Index("web_search_options"), kRoot.Index("moderation")}) {
      const std::optional<json::Value> value = fields.Value(index);
      if (!value) continue;
      TIDEGATE_TRY(value->Object());
      texts_.NeedVendor(value->Path());
      texts_.Count(value->raw().size());
    }
    const std::optional<json::Value> modalities = fields.Value(kRoot.Index("modalities"));
    if (!modalities) return {};
    TIDEGATE_ASSIGN(const json::Array array, modalities->Array());
    for (const json::Value modality : array) {
      TIDEGATE_ASSIGN(const std::string_view word, modality.String());
      if (word != "text") texts_.NeedVendor(modality.Path());
    }
    return {};
  }

  Result<void> DecodeExtensions(const RootFields& fields) {
    const auto& tidegate = fields.Member(kRoot.Index("tidegate"));
    const auto& provider = fields.Member(kRoot.Index("provider"));
    if (!tidegate && !provider) return {};
    if (tidegate && !tidegate->value.is_null()) {
      TIDEGATE_TRY(DecodeExtension(tidegate->value, parser_, request_.constraints));
    }
    if (provider && !provider->value.is_null()) {
      TIDEGATE_TRY(DecodeProviderAlias(provider->value, parser_, request_.constraints));
    }
    constexpr std::array<std::string_view, 2> kOurs = {"tidegate", "provider"};
    const std::vector<json::Span> spans = json::RemovalSpans(fields.object(), kOurs);
    request_.spans.tidegate_member = ToCore(spans[0]);
    request_.spans.provider_member = ToCore(spans[1]);
    return {};
  }

  json::Value root_;
  const ConstraintParser& parser_;
  core::Request request_;
  RequestTexts texts_{request_};
};

}  // namespace

Result<core::Request> DecodeChatRequest(std::string_view body,
                                        const ConstraintParser& constraints) {
  const ScratchReader json;
  TIDEGATE_ASSIGN(const json::Value root, json->Parse(body, kRequestBytesMax));
  return RequestDecoder(body, root, constraints).Decode();
}

}  // namespace tidegate::protocols::openai_chat
