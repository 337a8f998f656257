#include "protocols/ollama/request_decoder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "json/splice.h"
#include "protocols/extension_decoder.h"
#include "protocols/fields.h"
#include "protocols/function_tools.h"
#include "protocols/ollama/generate_context.h"
#include "protocols/ollama/keep_alive.h"
#include "protocols/ollama/limits.h"
#include "protocols/ollama/message_decoder.h"
#include "protocols/ollama/options_decoder.h"
#include "protocols/request_texts.h"
#include "protocols/scratch_reader.h"
#include "protocols/spans.h"
#include "templates/ollama_template.h"

namespace tidegate::protocols::ollama {
namespace {

using core::Capability;

// Of both forms.
constexpr FieldNames kRoot{std::to_array<std::string_view>(
    {"model",      "messages", "tools",  "prompt",   "suffix",       "system",   "template",
     "raw",        "context",  "images", "stream",   "format",       "options",  "think",
     "keep_alive", "truncate", "shift",  "logprobs", "top_logprobs", "tidegate", "tool_choice"})};
using RootFields = Fields<kRoot.names.size()>;

constexpr FieldNames kShow{
    std::to_array<std::string_view>({"model", "name", "verbose", "system", "template", "options"})};

constexpr std::string_view kCutRemedy = "\"truncate\": true";

class RequestDecoder {
 public:
  RequestDecoder(Form form, std::string_view body, const json::Value& root,
                 const ConstraintParser& parser)
      : form_(form), root_(root), parser_(parser) {
    request_.protocol = core::Protocol::kOllama;
    request_.form = form;
    request_.body = body;
  }

  Result<core::Request> Decode() {
    TIDEGATE_ASSIGN(const RootFields fields, ReadFields(kRoot, root_));
    TIDEGATE_TRY(texts_.TakeUnknown(kRoot, fields));
    TIDEGATE_ASSIGN(const json::Value model, fields.Required(kRoot.Index("model")));
    TIDEGATE_TRY(texts_.TakeModel(model, root_));
    TIDEGATE_TRY(DecodeKeepAlive(fields.Value(kRoot.Index("keep_alive")), request_.constraints));
    if (form_ == kChatForm) {
      TIDEGATE_TRY(DecodeChat(fields));
    } else {
      TIDEGATE_TRY(DecodePrompt(fields));
    }
    TIDEGATE_TRY(DecodeStream(fields));
    TIDEGATE_TRY(DecodeFormat(fields));
    if (const auto& options = fields.Member(kRoot.Index("options"))) {
      TIDEGATE_TRY(DecodeOptions(options->value, texts_, request_));
    }
    TIDEGATE_TRY(DecodeThink(fields));
    TIDEGATE_TRY(DecodeLogprobs(fields));
    TIDEGATE_TRY(DecodeHints(fields));
    TIDEGATE_TRY(DecodeExtensionMember(fields));
    TIDEGATE_TRY(CheckBesideContext());
    if (request_.readying != core::Readying::kNone) SetReadying();  // the extension may say it, too
    return std::move(request_);
  }

 private:
  // A field of the other form: nobody but a server of this protocol knows what becomes of it.
  void OfOtherForm(const RootFields& fields, std::size_t index) {
    const std::optional<json::Value> value = fields.Value(index);
    if (!value) return;
    texts_.NeedVendor(value->Path());
    texts_.Count(value->raw().size());
  }

  void SetReadying() {
    const bool unload = request_.constraints.keep_alive_nanos == 0;
    request_.readying = unload ? core::Readying::kUnload : core::Readying::kLoad;
  }

  Result<void> DecodeChat(const RootFields& fields) {
    for (const std::size_t index :
         {kRoot.Index("prompt"), kRoot.Index("suffix"), kRoot.Index("system"),
          kRoot.Index("template"), kRoot.Index("raw"), kRoot.Index("context"),
          kRoot.Index("images")}) {
      OfOtherForm(fields, index);
    }
    if (const std::optional<json::Value> messages = fields.Value(kRoot.Index("messages"))) {
      TIDEGATE_TRY(messages_.Decode(*messages));
    }
    if (request_.messages.empty()) SetReadying();
    const std::optional<json::Value> tools = fields.Value(kRoot.Index("tools"));
    if (tools) TIDEGATE_TRY(DecodeFunctionTools(*tools, texts_, request_));
    const std::optional<json::Value> choice = fields.Value(kRoot.Index("tool_choice"));
    if (!choice) return {};
    TIDEGATE_TRY(DecodeFunctionToolChoice(*choice, texts_, request_));
    // A server of this protocol calls none when it is shown none.
    const bool none = request_.tool_choice == core::ToolChoiceKind::kNone;
    if (none && tools) request_.edits.push_back({ToCore(tools->span()), "[]"});
    return {};
  }

  Result<void> DecodePrompt(const RootFields& fields) {
    OfOtherForm(fields, kRoot.Index("messages"));
    OfOtherForm(fields, kRoot.Index("tools"));
    OfOtherForm(fields, kRoot.Index("tool_choice"));
    TIDEGATE_TRY(DecodeRaw(fields));
    if (const std::optional<json::Value> system = fields.Value(kRoot.Index("system"))) {
      TIDEGATE_ASSIGN(const std::string_view text,
                      texts_.KeepCounted(*fields.Member(kRoot.Index("system"))));
      if (!text.empty()) {
        TIDEGATE_TRY(CheckBesideRaw(*system));
        AddMessage(core::Role::kSystem).parts.push_back({.text = text});
      }
    }
    core::Message message{.role = core::Role::kUser, .parts = {}, .name = {}};
    bool prompted = false;
    if (fields.Value(kRoot.Index("prompt"))) {
      TIDEGATE_ASSIGN(const std::string_view text,
                      texts_.KeepCounted(*fields.Member(kRoot.Index("prompt"))));
      prompted = !text.empty();
      if (prompted) message.parts.push_back({.text = text});
    }
    if (!prompted && request_.suffix.empty()) SetReadying();
    if (const std::optional<json::Value> images = fields.Value(kRoot.Index("images"))) {
      TIDEGATE_TRY(messages_.DecodeImages(*images, message.parts));
    }
    TIDEGATE_TRY(DecodeContext(fields));
    if (!message.parts.empty()) request_.messages.push_back(std::move(message));
    return DecodeTemplate(fields);
  }

  // Beside the conversation: the prompt as it stands, or with what follows it.
  Result<void> DecodeRaw(const RootFields& fields) {
    if (const std::optional<json::Value> raw = fields.Value(kRoot.Index("raw"))) {
      TIDEGATE_ASSIGN(request_.raw, raw->Bool());
      if (request_.raw) texts_.Need(Capability::kRawPrompt);
    }
    const std::optional<json::Value> suffix = fields.Value(kRoot.Index("suffix"));
    if (!suffix) return {};
    TIDEGATE_ASSIGN(request_.suffix, texts_.KeepCounted(*fields.Member(kRoot.Index("suffix"))));
    if (request_.suffix.empty()) return {};
    // What a prompt as it stands has to do with it, only a server of this protocol can say.
    if (request_.raw) {
      texts_.NeedVendor(suffix->Path());
    } else {
      texts_.Need(Capability::kInsert);
    }
    return {};
  }

  // By another template the messages are a text that goes on as it stands.
  Result<void> DecodeTemplate(const RootFields& fields) {
    const std::optional<json::Value> value = fields.Value(kRoot.Index("template"));
    if (!value) return {};
    TIDEGATE_ASSIGN(request_.prompt_template,
                    texts_.KeepCounted(*fields.Member(kRoot.Index("template"))));
    if (request_.prompt_template.empty()) return {};
    TIDEGATE_TRY(CheckBesideRaw(*value));
    TIDEGATE_TRY(templates::ReadOllamaTemplate(request_.prompt_template));
    texts_.Need(Capability::kRawPrompt);
    return {};
  }

  // What was said before the prompt: a conversation where we wrote it, else tokens, which only the
  // server that made them can read.
  Result<void> DecodeContext(const RootFields& fields) {
    const std::optional<json::Value> context = fields.Value(kRoot.Index("context"));
    if (!context) return {};
    TIDEGATE_ASSIGN(const json::Array numbers, context->Array());
    if (numbers.empty()) return {};
    TIDEGATE_TRY(CheckBesideRaw(*context));
    TIDEGATE_ASSIGN(const std::optional<std::vector<ContextTurn>> turns, ReadContext(*context));
    if (!turns) {
      texts_.NeedVendor(context->Path());
      texts_.Count(context->raw().size());
      return {};
    }
    if (request_.readying != core::Readying::kNone) return {};  // nothing is asked
    request_.same_bytes = false;
    const bool instructed = !request_.messages.empty();  // anew: what was said first gives way
    for (const ContextTurn& turn : *turns) {
      if (instructed && turn.role == core::Role::kSystem) continue;
      texts_.Count(turn.text.size());
      AddMessage(turn.role).parts.push_back({.text = texts_.Own(turn.text)});
    }
    return {};
  }

  // A conversation is sent on as one, in a body of its own, in which nothing else has a place.
  Result<void> CheckBesideContext() const {
    if (request_.same_bytes || request_.vendor_field.empty()) return {};
    return InvalidArgument(request_.vendor_field,
                           "cannot stand beside a \"context\" of this gate's: only a server of "
                           "Ollama's knows it, which cannot read that context");
  }

  // A text that is continued or filled in has no conversation around it.
  Result<void> CheckBesideRaw(const json::Value& value) const {
    if (request_.raw) {
      return value.Invalid(
          "has no place beside \"raw\": true, which sends the prompt as it stands");
    }
    if (!request_.suffix.empty()) {
      return value.Invalid(
          "has no place beside \"suffix\": what stands between the two texts is "
          "written, and nothing else is said");
    }
    return {};
  }

  core::Message& AddMessage(core::Role role) {
    return request_.messages.emplace_back(core::Message{.role = role, .parts = {}, .name = {}});
  }

  // Streamed unless the caller says otherwise; a request without content has one answer.
  Result<void> DecodeStream(const RootFields& fields) {
    request_.stream = true;
    if (const auto& member = fields.Member(kRoot.Index("stream"))) {
      request_.spans.stream = ToCore(member->value.span());
      if (!member->value.is_null()) {
        TIDEGATE_ASSIGN(request_.stream, member->value.Bool());
      }
    }
    if (request_.readying != core::Readying::kNone) request_.stream = false;
    request_.stream_usage = request_.stream;
    return {};
  }

  Result<void> DecodeFormat(const RootFields& fields) {
    const std::optional<json::Value> format = fields.Value(kRoot.Index("format"));
    if (!format) return {};
    if (format->is_string()) {
      const std::string_view word = *format->String();
      if (word.empty()) return {};
      if (word != "json") return format->Invalid("must be \"json\" or a JSON Schema object");
      request_.response_format = core::ResponseFormat::kJsonObject;
      texts_.Need(Capability::kJsonObject);
      return {};
    }
    if (!format->is_object()) return format->Mismatch("\"json\" or a JSON Schema object");
    request_.response_format = core::ResponseFormat::kJsonSchema;
    request_.json_schema.schema = format->raw();
    texts_.Need(Capability::kJsonSchema);
    texts_.Count(format->raw().size());
    return {};
  }

  Result<void> DecodeThink(const RootFields& fields) {
    const std::optional<json::Value> think = fields.Value(kRoot.Index("think"));
    if (!think) return {};
    bool on = true;
    if (think->is_string()) {
      TIDEGATE_ASSIGN(request_.reasoning.effort, texts_.Keep(*think));
      constexpr std::array<std::string_view, 4> kLevels = {"low", "medium", "high", "max"};
      if (std::find(kLevels.begin(), kLevels.end(), request_.reasoning.effort) == kLevels.end()) {
        return think->Invalid("must be true, false, \"low\", \"medium\", \"high\" or \"max\"");
      }
    } else if (think->kind() == json::Kind::kBool) {
      on = *think->Bool();
    } else {
      return think->Mismatch("a boolean or a string");
    }
    request_.reasoning.mode = on ? core::Reasoning::Mode::kOn : core::Reasoning::Mode::kOff;
    if (on) texts_.Need(Capability::kReasoning);
    return {};
  }

  Result<void> DecodeLogprobs(const RootFields& fields) {
    if (const std::optional<json::Value> logprobs = fields.Value(kRoot.Index("logprobs"))) {
      TIDEGATE_ASSIGN(request_.logprobs, logprobs->Bool());
      if (request_.logprobs) texts_.Need(Capability::kLogprobs);
    }
    const std::optional<json::Value> top = fields.Value(kRoot.Index("top_logprobs"));
    if (!top) return {};
    TIDEGATE_ASSIGN(const std::int64_t count, top->IntegerIn(0, kTopLogprobsMax));
    if (request_.logprobs) request_.top_logprobs = count;  // else it says nothing
    return {};
  }

  // Whether a conversation may lose its oldest messages where the window is too small. Only who
  // says so has it shortened, though a server of this protocol does it unless it is told not to.
  // What may be cut off an answer that is being written, nothing here is, whatever `shift` allows.
  Result<void> DecodeHints(const RootFields& fields) {
    if (const std::optional<json::Value> shift = fields.Value(kRoot.Index("shift"))) {
      TIDEGATE_TRY(shift->Bool());
    }
    const std::optional<json::Value> truncate = fields.Value(kRoot.Index("truncate"));
    if (truncate) {
      TIDEGATE_ASSIGN(request_.may_shorten, truncate->Bool());
    } else if (form_ == kChatForm) {
      request_.cut_remedy = kCutRemedy;
    }
    return {};
  }

  // What the gate adds to this protocol goes no further.
  Result<void> DecodeExtensionMember(const RootFields& fields) {
    const auto& tidegate = fields.Member(kRoot.Index("tidegate"));
    const bool chooses = form_ == kChatForm && fields.Member(kRoot.Index("tool_choice"));
    if (!tidegate && !chooses) return {};
    if (tidegate && !tidegate->value.is_null()) {
      TIDEGATE_TRY(DecodeExtension(tidegate->value, parser_, request_.constraints));
    }
    constexpr std::array<std::string_view, 2> kOurs = {"tidegate", "tool_choice"};
    const std::size_t count = chooses ? 2 : 1;
    const auto spans = json::RemovalSpans(fields.object(), std::span(kOurs).first(count));
    request_.spans.tidegate_member = ToCore(spans[0]);
    if (chooses) request_.edits.push_back({ToCore(spans[1]), {}});
    return {};
  }

  const Form form_;
  json::Value root_;
  const ConstraintParser& parser_;
  core::Request request_;
  RequestTexts texts_{request_};
  MessageDecoder messages_{request_, texts_};
};

}  // namespace

Result<core::Request> DecodeOllamaRequest(Form form, std::string_view body,
                                          const ConstraintParser& constraints) {
  const ScratchReader json;
  TIDEGATE_ASSIGN(const json::Value root, json->Parse(body, kRequestBytesMax));
  return RequestDecoder(form, body, root, constraints).Decode();
}

Result<ModelQuestion> DecodeShowRequest(std::string_view body) {
  const ScratchReader json;
  TIDEGATE_ASSIGN(const json::Value root, json->Parse(body, kShowBytesMax));
  TIDEGATE_ASSIGN(const auto fields, ReadFields(kShow, root));
  ModelQuestion question;
  if (const std::optional<json::Value> verbose = fields.Value(kShow.Index("verbose"))) {
    TIDEGATE_ASSIGN(question.everything, verbose->Bool());
  }
  for (const std::size_t index : {kShow.Index("model"), kShow.Index("name")}) {
    const std::optional<json::Value> value = fields.Value(index);
    if (!value) continue;
    TIDEGATE_ASSIGN(const std::string_view name, value->String());
    if (name.size() > kModelNameBytesMax) return value->Invalid("is too long");
    if (name.empty()) continue;
    question.model = name;
    return question;
  }
  return InvalidArgument("model", "is required");
}

}  // namespace tidegate::protocols::ollama
