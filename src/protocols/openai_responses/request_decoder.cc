#include "protocols/openai_responses/request_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "json/splice.h"
#include "json/writer.h"
#include "protocols/extension_decoder.h"
#include "protocols/fields.h"
#include "protocols/openai_responses/item_decoder.h"
#include "protocols/openai_responses/limits.h"
#include "protocols/openai_responses/tool_decoder.h"
#include "protocols/request_texts.h"
#include "protocols/scratch_reader.h"
#include "protocols/service_tier.h"
#include "protocols/spans.h"

namespace tidegate::protocols::openai_responses {
namespace {

using core::Capability;

// Every field of CreateResponse, what codex adds to them, and the gate's own.
constexpr FieldNames kRoot{std::to_array<std::string_view>({"model",
                                                            "input",
                                                            "instructions",
                                                            "stream",
                                                            "tools",
                                                            "tool_choice",
                                                            "previous_response_id",
                                                            "store",
                                                            "include",
                                                            "max_output_tokens",
                                                            "temperature",
                                                            "top_p",
                                                            "top_logprobs",
                                                            "parallel_tool_calls",
                                                            "reasoning",
                                                            "text",
                                                            "metadata",
                                                            "stream_options",
                                                            "user",
                                                            "service_tier",
                                                            "safety_identifier",
                                                            "prompt_cache_key",
                                                            "prompt_cache_retention",
                                                            "prompt_cache_options",
                                                            "truncation",
                                                            "max_tool_calls",
                                                            "background",
                                                            "conversation",
                                                            "prompt",
                                                            "moderation",
                                                            "context_management",
                                                            "client_metadata",
                                                            "tidegate"})};
using RootFields = Fields<kRoot.names.size()>;

constexpr FieldNames kReasoning{
    std::to_array<std::string_view>({"effort", "summary", "generate_summary", "context", "mode"})};
constexpr FieldNames kStreamOptions{std::to_array<std::string_view>({"include_obfuscation"})};

constexpr std::string_view kEncryptedContent = "reasoning.encrypted_content";
constexpr std::string_view kLogprobs = "message.output_text.logprobs";
// What the vendor's own tools found and did, which only they can tell; and images of the request.
constexpr std::array<std::string_view, 6> kOtherIncludes = {"file_search_call.results",
                                                            "web_search_call.results",
                                                            "web_search_call.action.sources",
                                                            "message.input_image.image_url",
                                                            "computer_call_output.output.image_url",
                                                            "code_interpreter_call.outputs"};

class RequestDecoder {
 public:
  RequestDecoder(std::string_view body, bool count, const json::Value& root,
                 const ConstraintParser& parser)
      : count_(count), root_(root), parser_(parser) {
    request_.protocol = core::Protocol::kOpenAiResponses;
    request_.body = body;
  }

  Result<core::Request> Decode() {
    TIDEGATE_ASSIGN(const RootFields fields, ReadFields(kRoot, root_));
    TIDEGATE_TRY(texts_.TakeUnknown(kRoot, fields));
    TIDEGATE_ASSIGN(const json::Value model, fields.Required(kRoot.Index("model")));
    TIDEGATE_TRY(texts_.TakeModel(model, root_));
    TIDEGATE_TRY(DecodeState(fields));
    TIDEGATE_TRY(DecodeTools(fields));
    TIDEGATE_TRY(DecodeConversation(fields));
    TIDEGATE_TRY(DecodeToolChoice(fields));
    TIDEGATE_TRY(DecodeStream(fields));
    TIDEGATE_TRY(DecodeSampling(fields));
    TIDEGATE_TRY(DecodeReasoning(fields));
    TIDEGATE_TRY(DecodeInclude(fields));
    TIDEGATE_TRY(DecodeHints(fields));
    TIDEGATE_TRY(DecodeVendorFields(fields));
    TIDEGATE_TRY(DecodeExtension(fields));
    WriteEcho(fields);
    return std::move(request_);
  }

 private:
  // What the gate keeps it keeps itself: no upstream is asked to.
  Result<void> DecodeState(const RootFields& fields) {
    if (const std::optional<json::Value> id = fields.Value(kRoot.Index("previous_response_id"))) {
      TIDEGATE_ASSIGN(request_.previous_id, texts_.Keep(*id));
      if (request_.previous_id.empty()) return id->Invalid("must not be empty");
      if (request_.previous_id.size() > kResponseIdBytesMax) return id->Invalid("is too long");
    }
    request_.keep = !count_;
    const auto& store = fields.Member(kRoot.Index("store"));
    if (store && !store->value.is_null()) {
      TIDEGATE_ASSIGN(request_.keep, store->value.Bool());
    }
    if (count_) {
      request_.keep = false;  // there is no answer
    } else if (!store) {
      const std::uint32_t at = request_.spans.object_begin;
      request_.edits.push_back({{at, at}, "\"store\":false,"});
    } else if (request_.keep) {
      request_.edits.push_back({ToCore(store->value.span()), "false"});
    }
    if (const std::optional<json::Value> background = fields.Value(kRoot.Index("background"))) {
      TIDEGATE_ASSIGN(const bool wanted, background->Bool());
      if (wanted) {
        return background->Invalid(
            "the gate runs no responses in the background: leave it out, and stream the answer if "
            "it takes long");
      }
    }
    if (const std::optional<json::Value> conversation = fields.Value(kRoot.Index("conversation"))) {
      return conversation->Invalid(
          "the gate keeps no conversation objects: continue a response with previous_response_id");
    }
    return {};
  }

  Result<void> DecodeTools(const RootFields& fields) {
    const std::optional<json::Value> tools = fields.Value(kRoot.Index("tools"));
    return tools ? tools_.DecodeTools(*tools) : Result<void>();
  }

  Result<void> DecodeConversation(const RootFields& fields) {
    if (fields.Value(kRoot.Index("instructions"))) {
      TIDEGATE_ASSIGN(const std::string_view text,
                      texts_.KeepCounted(*fields.Member(kRoot.Index("instructions"))));
      if (!text.empty()) {
        request_.messages.push_back({.role = core::Role::kSystem, .parts = {}, .name = {}});
        request_.messages.back().parts.push_back({.text = text});
      }
    }
    ItemDecoder items(request_, texts_, tools_, !request_.previous_id.empty());
    if (const std::optional<json::Value> input = fields.Value(kRoot.Index("input"))) {
      return items.Decode(*input);
    }
    // A prompt that the vendor keeps may be all there is.
    if (fields.Value(kRoot.Index("prompt"))) return {};
    return InvalidArgument("input", "is required");
  }

  Result<void> DecodeToolChoice(const RootFields& fields) {
    if (const std::optional<json::Value> choice = fields.Value(kRoot.Index("tool_choice"))) {
      TIDEGATE_TRY(tools_.DecodeToolChoice(*choice));
    }
    tools_.Finish();
    if (const std::optional<json::Value> parallel =
            fields.Value(kRoot.Index("parallel_tool_calls"))) {
      TIDEGATE_ASSIGN(const bool allowed, parallel->Bool());
      if (!allowed && !request_.tools.empty()) {  // true is what every target does by itself
        request_.parallel_tool_calls = false;
        texts_.Need(Capability::kParallelTools);
      }
    }
    return {};
  }

  Result<void> DecodeStream(const RootFields& fields) {
    if (const auto& member = fields.Member(kRoot.Index("stream"))) {
      request_.spans.stream = ToCore(member->value.span());
      if (!member->value.is_null()) {
        TIDEGATE_ASSIGN(request_.stream, member->value.Bool());
      }
    }
    request_.stream_usage = request_.stream;
    const std::optional<json::Value> options = fields.Value(kRoot.Index("stream_options"));
    if (!options) return {};
    TIDEGATE_ASSIGN(const auto members, ReadFields(kStreamOptions, *options));
    texts_.NeedVendorIfUnknown(members);
    if (!request_.stream) return options->Invalid("is only allowed when `stream` is true");
    if (const auto padding = members.Value(kStreamOptions.Index("include_obfuscation"))) {
      TIDEGATE_TRY(padding->Bool());
    }
    return {};
  }

  Result<void> ReadNumber(const RootFields& fields, std::size_t index, double high,
                          std::optional<double>& out) {
    const std::optional<json::Value> value = fields.Value(index);
    if (!value) return {};
    TIDEGATE_ASSIGN(const double number, value->Number());
    if (!(number >= 0 && number <= high)) {
      return value->Invalid("must be a number from 0 to " + std::to_string(static_cast<int>(high)));
    }
    out = number;
    if (number != 1) texts_.Need(Capability::kTemperature);  // 1 is what they do untuned
    return {};
  }

  Result<void> DecodeSampling(const RootFields& fields) {
    if (const auto& limit = fields.Member(kRoot.Index("max_output_tokens"))) {
      request_.spans.max_tokens = ToCore(limit->value.span());
      if (!limit->value.is_null()) {
        TIDEGATE_ASSIGN(request_.max_output_tokens, limit->value.IntegerIn(1, kOutputTokensMax));
      }
    }
    TIDEGATE_TRY(
        ReadNumber(fields, kRoot.Index("temperature"), kTemperatureMax, request_.temperature));
    TIDEGATE_TRY(ReadNumber(fields, kRoot.Index("top_p"), kTopPMax, request_.top_p));
    if (const std::optional<json::Value> top = fields.Value(kRoot.Index("top_logprobs"))) {
      TIDEGATE_ASSIGN(const std::int64_t number, top->IntegerIn(0, kTopLogprobsMax));
      if (number > 0) request_.top_logprobs = number;
    }
    if (const std::optional<json::Value> text = fields.Value(kRoot.Index("text"))) {
      TIDEGATE_TRY(DecodeText(*text, texts_, request_));
    }
    return {};
  }

  Result<void> DecodeReasoning(const RootFields& fields) {
    const std::optional<json::Value> reasoning = fields.Value(kRoot.Index("reasoning"));
    if (!reasoning) return {};
    TIDEGATE_ASSIGN(const auto members, ReadFields(kReasoning, *reasoning));
    texts_.NeedVendorIfUnknown(members);
    if (const std::optional<json::Value> effort = members.Value(kReasoning.Index("effort"))) {
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
      texts_.Need(Capability::kReasoning);
    }
    // A summary is wanted of whatever the model thinks; one that thinks nothing owes none.
    for (const std::size_t index :
         {kReasoning.Index("summary"), kReasoning.Index("generate_summary")}) {
      const std::optional<json::Value> summary = members.Value(index);
      if (!summary) continue;
      TIDEGATE_ASSIGN(const std::string_view word, summary->String());
      if (word != "auto" && word != "concise" && word != "detailed") {
        return summary->Invalid("must be one of 'auto', 'concise', 'detailed'");
      }
      request_.reasoning.visible = true;
    }
    if (const std::optional<json::Value> context = members.Value(kReasoning.Index("context"))) {
      TIDEGATE_TRY(context->String());
    }
    if (const std::optional<json::Value> mode = members.Value(kReasoning.Index("mode"))) {
      TIDEGATE_ASSIGN(const std::string_view word, mode->String());
      if (word != "standard") texts_.NeedVendor(mode->Path());
    }
    return {};
  }

  Result<void> DecodeInclude(const RootFields& fields) {
    bool encrypted = false;
    const std::optional<json::Value> include = fields.Value(kRoot.Index("include"));
    if (include) {
      TIDEGATE_ASSIGN(const json::Array array, include->Array());
      std::size_t count = 0;
      for (const json::Value value : array) {
        if (++count > kIncludesMax) {
          return include->Invalid("has more than " + std::to_string(kIncludesMax) + " entries");
        }
        TIDEGATE_ASSIGN(const std::string_view word, value.String());
        if (word == kEncryptedContent) {
          encrypted = true;
        } else if (word == kLogprobs) {
          request_.logprobs = true;
          texts_.Need(Capability::kLogprobs);
        } else if (std::find(kOtherIncludes.begin(), kOtherIncludes.end(), word) ==
                   kOtherIncludes.end()) {
          texts_.NeedVendor(value.Path());
        }
      }
    }
    if (request_.top_logprobs && !request_.logprobs) {
      return InvalidArgument(
          "top_logprobs", "is only allowed when `include` holds '" + std::string(kLogprobs) + "'");
    }
    // An upstream that keeps nothing gets its thoughts back only if it hands them out. Only of a
    // model that thinks may they be asked.
    const bool thinks = request_.reasoning.mode == core::Reasoning::Mode::kOn;
    if (request_.keep && thinks && !encrypted) AddInclude(include, fields);
    return {};
  }

  void AddInclude(const std::optional<json::Value>& include, const RootFields& fields) {
    const auto& member = fields.Member(kRoot.Index("include"));
    if (include && !include->Array()->empty()) {
      const std::uint32_t at = include->span().begin + 1;
      request_.edits.push_back({{at, at}, "\"reasoning.encrypted_content\","});
    } else if (member) {  // null, or empty
      request_.edits.push_back({ToCore(member->value.span()), "[\"reasoning.encrypted_content\"]"});
    } else {
      const std::uint32_t at = request_.spans.object_begin;
      request_.edits.push_back({{at, at}, "\"include\":[\"reasoning.encrypted_content\"],"});
    }
  }

  // Fields that a target may ignore without changing what is said: they are checked and stay in
  // the body.
  Result<void> DecodeHints(const RootFields& fields) {
    for (const std::size_t index :
         {kRoot.Index("user"), kRoot.Index("service_tier"), kRoot.Index("safety_identifier"),
          kRoot.Index("prompt_cache_key"), kRoot.Index("prompt_cache_retention")}) {
      const std::optional<json::Value> text = fields.Value(index);
      if (text) TIDEGATE_TRY(text->String());
    }
    if (const std::optional<json::Value> tier = fields.Value(kRoot.Index("service_tier"))) {
      ApplyServiceTier(*tier->String(), request_.constraints);
    }
    if (fields.Value(kRoot.Index("user"))) {
      TIDEGATE_ASSIGN(request_.user, texts_.Keep(*fields.Member(kRoot.Index("user"))));
    }
    // What to do when the conversation does not fit. A model of this device is sent less of it; any
    // other target that cannot do it says that it does not fit.
    if (const std::optional<json::Value> truncation = fields.Value(kRoot.Index("truncation"))) {
      TIDEGATE_ASSIGN(const std::string_view word, truncation->String());
      if (word != "auto" && word != "disabled") {
        return truncation->Invalid("must be 'auto' or 'disabled'");
      }
      request_.may_shorten = word == "auto";
    } else {
      request_.cut_remedy = R"("truncation": "auto")";
    }
    if (const std::optional<json::Value> management =
            fields.Value(kRoot.Index("context_management"))) {
      TIDEGATE_TRY(management->Array());
    }
    if (const std::optional<json::Value> calls = fields.Value(kRoot.Index("max_tool_calls"))) {
      TIDEGATE_TRY(calls->IntegerIn(0, kOutputTokensMax));
    }
    for (const std::size_t index :
         {kRoot.Index("prompt_cache_options"), kRoot.Index("client_metadata")}) {
      const std::optional<json::Value> object = fields.Value(index);
      if (object) TIDEGATE_TRY(object->Object());
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
    return entries.RequireUniqueKeys();
  }

  Result<void> DecodeVendorFields(const RootFields& fields) {
    for (const std::size_t index : {kRoot.Index("prompt"), kRoot.Index("moderation")}) {
      const std::optional<json::Value> value = fields.Value(index);
      if (!value) continue;
      TIDEGATE_TRY(value->Object());
      texts_.NeedVendor(value->Path());
      texts_.Count(value->raw().size());
    }
    return {};
  }

  Result<void> DecodeExtension(const RootFields& fields) {
    const auto& tidegate = fields.Member(kRoot.Index("tidegate"));
    if (!tidegate) return {};
    if (!tidegate->value.is_null()) {
      TIDEGATE_TRY(protocols::DecodeExtension(tidegate->value, parser_, request_.constraints));
    }
    constexpr std::array<std::string_view, 1> kOurs = {"tidegate"};
    request_.spans.tidegate_member = ToCore(json::RemovalSpans(fields.object(), kOurs)[0]);
    return {};
  }

  // Answers of this protocol repeat what was asked for.
  void WriteEcho(const RootFields& fields) {
    std::string echo;
    json::Writer out(echo);
    const auto put = [&](std::size_t index, std::string_view otherwise) {
      const std::optional<json::Value> value = fields.Value(index);
      out.Key(kRoot.names[index]).Raw(value ? value->raw() : otherwise);
    };
    out.BeginObject();
    put(kRoot.Index("background"), "false");
    put(kRoot.Index("instructions"), "null");
    put(kRoot.Index("max_output_tokens"), "null");
    put(kRoot.Index("max_tool_calls"), "null");
    put(kRoot.Index("metadata"), "{}");
    put(kRoot.Index("parallel_tool_calls"), "true");
    put(kRoot.Index("prompt_cache_key"), "null");
    put(kRoot.Index("reasoning"), R"({"effort":null,"summary":null})");
    put(kRoot.Index("safety_identifier"), "null");
    put(kRoot.Index("service_tier"), "\"default\"");
    out.Key("store").Bool(request_.keep);
    put(kRoot.Index("temperature"), "1.0");
    put(kRoot.Index("text"), R"({"format":{"type":"text"}})");
    put(kRoot.Index("tool_choice"), "\"auto\"");
    WriteTools(fields, out.Key("tools"));
    put(kRoot.Index("top_logprobs"), "0");
    put(kRoot.Index("top_p"), "1.0");
    put(kRoot.Index("truncation"), "\"disabled\"");
    put(kRoot.Index("user"), "null");
    request_.echo = texts_.Own(std::string_view(echo).substr(1));  // without the brace
  }

  // Without those that the answer was made without.
  void WriteTools(const RootFields& fields, json::Writer& out) const {
    out.BeginArray();
    const std::optional<json::Value> tools = fields.Value(kRoot.Index("tools"));
    if (tools) {
      const json::Array array = *tools->Array();
      for (const json::Value tool : array) {
        const std::string_view type = *tool.Object()->Find("type")->String();
        const bool offer = std::find(request_.offers.begin(), request_.offers.end(), type) !=
                           request_.offers.end();
        if (!offer) out.Raw(tool.raw());
      }
    }
    out.EndArray();
  }

  const bool count_;  // of its tokens
  json::Value root_;
  const ConstraintParser& parser_;
  core::Request request_;
  RequestTexts texts_{request_};
  ToolDecoder tools_{request_, texts_};
};

}  // namespace

Result<core::Request> DecodeResponsesRequest(std::string_view body, bool count,
                                             const ConstraintParser& constraints) {
  const ScratchReader json;
  TIDEGATE_ASSIGN(const json::Value root, json->Parse(body, kRequestBytesMax));
  return RequestDecoder(body, count, root, constraints).Decode();
}

}  // namespace tidegate::protocols::openai_responses
