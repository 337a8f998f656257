#include "protocols/openai_chat/request_encoder.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/percent_encode.h"
#include "json/splice.h"
#include "json/writer.h"
#include "protocols/cannot_say.h"
#include "protocols/openai_chat/call_id.h"
#include "protocols/openai_chat/limits.h"
#include "protocols/scratch_reader.h"
#include "protocols/spans.h"
#include "protocols/splice_body.h"

namespace tidegate::protocols::openai_chat {
namespace {

constexpr std::string_view kPath = "/chat/completions";
constexpr std::string_view kModelMark = "{model}";
constexpr std::string_view kSeed = "seed";
constexpr std::string_view kCountPath = "/chat/completions/input_tokens";
constexpr std::string_view kOldLimit = "\"max_tokens\"";
constexpr std::string_view kNewLimit = "\"max_completion_tokens\"";

// The edits of one body. Views the request's body; new texts are owned by the result.
class BodyEdits {
 public:
  explicit BodyEdits(const core::Request& request) : request_(request), splice_(request.body) {}

  void Replace(core::Span span, std::string_view text) { splice_.Replace(ToJson(span), text); }
  void ReplaceOwned(core::Span span, std::string text) { Replace(span, Own(std::move(text))); }
  void Insert(std::uint32_t offset, std::string_view text) { splice_.Insert(offset, text); }
  // A member in front of all others; there are always others, since model and messages are
  // required.
  void InsertMember(std::string text) {
    Insert(request_.spans.object_begin, Own(std::move(text) + ','));
  }
  void Erase(core::Span span) {
    if (!span.empty()) splice_.Erase(ToJson(span));
  }

  BodyPieces Finish() && {
    out_.pieces = splice_.Slices();
    return std::move(out_);
  }

 private:
  std::string_view Own(std::string text) {
    out_.owned.push_back(std::make_unique<std::string>(std::move(text)));
    return *out_.owned.back();
  }

  const core::Request& request_;
  json::Splice splice_;
  BodyPieces out_;
};

void EditModel(const core::Request& request, std::string_view model, BodyEdits& edits) {
  std::string quoted;
  json::Writer(quoted).String(model);
  edits.ReplaceOwned(request.spans.model, std::move(quoted));
}

void EditUsage(const core::Request& request, BodyEdits& edits) {
  const core::BodySpans& spans = request.spans;
  if (!spans.include_usage.empty()) return edits.Replace(spans.include_usage, "true");
  if (spans.stream_options.empty())
    return edits.InsertMember("\"stream_options\":{\"include_usage\":true}");
  const std::string_view options = request.body.substr(
      spans.stream_options.begin + 1, spans.stream_options.end - spans.stream_options.begin - 2);
  const bool has_members = options.find('"') != std::string_view::npos;  // else it is {} or null
  if (has_members) return edits.Insert(spans.stream_options.begin + 1, "\"include_usage\":true,");
  edits.Replace(spans.stream_options, "{\"include_usage\":true}");
}

void EditStream(const core::Request& request, BodyEdits& edits) {
  if (request.spans.stream.empty()) return edits.InsertMember("\"stream\":true");
  edits.Replace(request.spans.stream, "true");
}

// An upstream that does not know the limit's name would run without one, so the name is part of the
// limit.
void EditOutputLimit(const core::Request& request, const UpstreamOptions& options,
                     BodyEdits& edits) {
  const core::BodySpans& spans = request.spans;
  const bool wants_new = options.dialect->max_completion_tokens;
  const std::string_view name = wants_new ? kNewLimit : kOldLimit;
  const bool has_old = !spans.max_tokens.empty();
  const bool has_new = !spans.max_completion_tokens.empty();
  if (has_old != has_new) {
    const core::Span key = has_old ? spans.max_tokens_key : spans.max_completion_tokens_key;
    if (has_old == wants_new) edits.Replace(key, name);
  }
  if (!options.output_tokens_limit) return;
  const std::string limit = std::to_string(*options.output_tokens_limit);
  if (has_old) edits.ReplaceOwned(spans.max_tokens, limit);
  if (has_new) edits.ReplaceOwned(spans.max_completion_tokens, limit);
  if (!has_old && !has_new) edits.InsertMember(std::string(name) + ':' + limit);
}

// Leaves out the gate's own members and those that the upstream refuses, and renames what it knows
// by another name. The body is read again, which only such upstreams cost.
Result<void> EditMembers(const core::Request& request, const Dialect& dialect, BodyEdits& edits) {
  if (dialect.refuses.empty() && dialect.seed == kSeed) {
    edits.Erase(request.spans.tidegate_member);
    edits.Erase(request.spans.provider_member);
    return {};
  }
  const ScratchReader json;
  TIDEGATE_ASSIGN(const json::Value root, json->ParseCopy(request.body, kRequestBytesMax));
  TIDEGATE_ASSIGN(const json::Object object, root.Object());
  std::vector<std::string_view> removed(dialect.refuses.begin(), dialect.refuses.end());
  removed.push_back("tidegate");
  if (!request.spans.provider_member.empty()) removed.push_back("provider");
  const bool renames_seed = dialect.seed != kSeed;
  if (renames_seed && !request.seed) removed.push_back(kSeed);  // it says null
  for (const json::Span span : json::RemovalSpans(object, removed)) edits.Erase(ToCore(span));
  if (!renames_seed || !request.seed) return {};
  for (const json::Member& member : object) {
    if (member.key == dialect.seed) return CannotSay(dialect.seed, "a second seed");
    if (member.key == kSeed) {
      edits.ReplaceOwned(ToCore(member.key_span()), '"' + dialect.seed + '"');
    }
  }
  return {};
}

bool IsCall(const core::Part& part) { return part.kind == core::PartKind::kToolCall; }

bool LacksThoughts(const core::Message& message) {
  const bool calls = std::any_of(message.parts.begin(), message.parts.end(), IsCall);
  return calls && std::none_of(message.parts.begin(), message.parts.end(), [](const auto& part) {
           return part.kind == core::PartKind::kReasoning;
         });
}

bool HasOtherId(const core::Part& part, std::size_t bytes) {
  const bool has_id = IsCall(part) || part.kind == core::PartKind::kToolResult;
  return has_id && bytes != 0 && !IsCallIdOf(part.id, bytes);
}

// Whether the messages hold something that this upstream refuses, or may refuse.
enum class Fit : std::uint8_t { kFits, kMayFit, kDiffers };
Fit FitOf(const core::Request& request, const Dialect& dialect) {
  if (request.tool_choice == core::ToolChoiceKind::kNamed && !dialect.named_tool_choice) {
    return Fit::kDiffers;
  }
  if (dialect.call_id_bytes == 0 && !dialect.reasoning_back) return Fit::kFits;
  const auto bytes = static_cast<std::size_t>(dialect.call_id_bytes);
  Fit fit = Fit::kFits;
  for (const core::Message& message : request.messages) {
    if (dialect.reasoning_back && LacksThoughts(message)) return Fit::kDiffers;
    for (const core::Part& part : message.parts) {
      if (HasOtherId(part, bytes)) return Fit::kDiffers;
      // Thoughts may stand under another name than the upstream's.
      if (dialect.reasoning_back && IsCall(part)) fit = Fit::kMayFit;
    }
  }
  return fit;
}

Result<void> CheckNames(const core::Request& request, const Dialect& dialect) {
  if (dialect.message_names) return {};
  for (std::size_t i = 0; i < request.messages.size(); ++i) {
    if (request.messages[i].name.empty()) continue;
    return CannotSay("messages[" + std::to_string(i) + "].name", "the name of who speaks");
  }
  return {};
}

bool MayAskUsage(const UpstreamOptions& options) {
  return options.want_stream_usage && !options.dialect->Refuses("stream_options");
}

std::string PathOf(const UpstreamOptions& options) {
  const std::string& path = options.dialect->chat_path;
  if (path.empty()) return std::string(kPath);
  const std::size_t at = path.find(kModelMark);
  if (at == std::string::npos) return path;
  std::string out = path.substr(0, at);
  AppendPercentEncoded(out, options.model);
  return out + path.substr(at + kModelMark.size());
}

}  // namespace

UpstreamRequest BeginRequest(const core::Request& request, const UpstreamOptions& options,
                             std::string path) {
  UpstreamRequest upstream;
  upstream.path = std::move(path);
  upstream.streaming = request.stream || options.force_stream;
  if (upstream.streaming) upstream.accept = "text/event-stream";
  upstream.hide_stream_usage = AsksUsage(upstream, options) && !request.stream_usage;
  return upstream;
}

bool AsksUsage(const UpstreamRequest& upstream, const UpstreamOptions& options) {
  return upstream.streaming && MayAskUsage(options);
}

Result<UpstreamRequest> EncodeChatRequest(const core::Request& request,
                                          const UpstreamOptions& options) {
  const Dialect& dialect = *options.dialect;
  TIDEGATE_TRY(CheckNames(request, dialect));
  bool foreign = !MayPass(request, core::Protocol::kOpenAiChat) ||
                 (request.has_optional_fields && !options.passes_unknown_fields);
  if (const Fit fit = FitOf(request, dialect); !foreign && fit != Fit::kFits) {
    const bool only_bytes = request.needs.Has(core::Capability::kVendorFields);
    if (only_bytes && fit == Fit::kDiffers) {
      return CannotSay(request.vendor_field, "this beside a conversation that it has otherwise");
    }
    foreign = !only_bytes;
  }
  std::string path = options.count_only ? std::string(kCountPath) : PathOf(options);
  if (!foreign) return PassBody(request, options, std::move(path));
  UpstreamRequest upstream = BeginRequest(request, options, std::move(path));
  const WriteOptions write{upstream.streaming, AsksUsage(upstream, options)};
  TIDEGATE_ASSIGN(std::string body, WriteChatRequest(request, options, write));
  upstream.body = WholeBody(std::move(body));
  return upstream;
}

Result<UpstreamRequest> PassBody(const core::Request& request, const UpstreamOptions& options,
                                 std::string path) {
  UpstreamRequest upstream = BeginRequest(request, options, std::move(path));
  BodyEdits edits(request);
  EditModel(request, options.model, edits);
  TIDEGATE_TRY(EditMembers(request, *options.dialect, edits));
  if (upstream.streaming && !request.stream) EditStream(request, edits);
  if (upstream.hide_stream_usage) EditUsage(request, edits);
  EditOutputLimit(request, options, edits);
  upstream.body = std::move(edits).Finish();
  return upstream;
}

}  // namespace tidegate::protocols::openai_chat
