#include "protocols/gemini/request_decoder.h"

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "json/splice.h"
#include "protocols/extension_decoder.h"
#include "protocols/gemini/config_decoder.h"
#include "protocols/gemini/content_decoder.h"
#include "protocols/gemini/limits.h"
#include "protocols/gemini/path.h"
#include "protocols/gemini/proto_fields.h"
#include "protocols/gemini/tool_decoder.h"
#include "protocols/query.h"
#include "protocols/request_texts.h"
#include "protocols/scratch_reader.h"
#include "protocols/service_tier.h"
#include "protocols/spans.h"

namespace tidegate::protocols::gemini {
namespace {

constexpr FieldNames kRoot{std::to_array<std::string_view>(
    {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings",
     "labels", "serviceTier", "store", "model", "tidegate"})};
using RootFields = Fields<kRoot.names.size()>;
// Of a request to count tokens: either the turns, or a whole request.
constexpr FieldNames kCount{
    std::to_array<std::string_view>({"contents", "generateContentRequest", "tidegate"})};
constexpr FieldNames kSafety{std::to_array<std::string_view>({"category", "threshold", "method"})};

class RequestDecoder {
 public:
  RequestDecoder(const ClientHead& head, std::string_view body, const json::Value& root,
                 const ConstraintParser& parser)
      : head_(head), root_(root), parser_(parser) {
    request_.protocol = core::Protocol::kGemini;
    request_.body = body;
    request_.spans.object_begin = root.span().begin + 1;
    request_.reasoning.visible = false;  // unless the caller asks for thoughts
  }

  Result<core::Request> Decode() {
    TIDEGATE_ASSIGN(const RootFields fields, ReadProto(kRoot, root_));
    TIDEGATE_TRY(TakeUnknown(fields));
    TIDEGATE_TRY(DecodePath());
    TIDEGATE_TRY(DecodeContents(fields));
    TIDEGATE_TRY(DecodeTools(fields));
    TIDEGATE_TRY(DecodeConfig(fields));
    TIDEGATE_TRY(DecodeSafety(fields));
    DecodeTier(fields);
    TIDEGATE_TRY(DecodeExtension(fields));
    if (!request_.same_answer && !request_.vendor_field.empty()) {
      return InvalidArgument(request_.vendor_field,
                             "what only Google can answer needs a stream of events: add alt=sse");
    }
    return std::move(request_);
  }

 private:
  Result<void> TakeUnknown(const RootFields& root) {
    if (!root.has_unknown()) return {};
    TIDEGATE_TRY(root.object().RequireUniqueKeys());
    texts_.NeedVendor(root.UnknownPath());
    for (const json::Member& member : root.object()) {
      const bool unknown = FindEither(kRoot, member.key) == kRoot.names.size();
      if (unknown) texts_.Count(member.value.raw().size());
    }
    return {};
  }

  Result<void> DecodePath() {
    const MethodPath path = *ParseMethodPath(head_.path);
    request_.model = path.ModelName();
    if (request_.model.size() > kModelNameBytesMax) {
      return InvalidArgument("model", "has " + std::to_string(request_.model.size()) +
                                          " bytes, the limit is " +
                                          std::to_string(kModelNameBytesMax));
    }
    const bool stream = path.method == Method::kStream;
    request_.stream = request_.stream_usage = stream;
    const std::string_view alt = FindParameter(head_.query, "alt").value_or("json");
    if (alt != "sse" && alt != "json") return InvalidArgument("alt", "must be 'sse' or 'json'");
    if (stream && alt == "json") {
      request_.form = kArray;
      request_.same_answer = false;  // an upstream is always asked for events
    }
    return {};
  }

  Result<void> DecodeContents(const RootFields& fields) {
    ContentDecoder contents(request_, texts_);
    if (const auto system = fields.Value(kRoot.Index("systemInstruction"))) {
      TIDEGATE_TRY(contents.DecodeSystem(*system));
    }
    TIDEGATE_ASSIGN(const json::Value turns, fields.Required(kRoot.Index("contents")));
    bool any = false;
    TIDEGATE_TRY(ForEachOf(turns, [&](const json::Value& turn) {
      any = true;
      return contents.DecodeTurn(turn);
    }));
    if (!any) return turns.Invalid("must hold at least one turn");
    return {};
  }

  Result<void> DecodeTools(const RootFields& fields) {
    if (const auto tools = fields.Value(kRoot.Index("tools"))) {
      TIDEGATE_TRY(gemini::DecodeTools(*tools, request_, texts_));
    }
    const auto config = fields.Value(kRoot.Index("toolConfig"));
    return config ? DecodeToolConfig(*config, request_, texts_) : Result<void>();
  }

  Result<void> DecodeConfig(const RootFields& fields) {
    const auto& config = fields.Member(kRoot.Index("generationConfig"));
    if (!config) return {};
    request_.spans.limit_parent = ToCore(config->value.span());
    if (config->value.is_null()) return {};
    return DecodeGenerationConfig(config->value, request_, texts_);
  }

  // Google writes the words of its enumerations in two ways.
  void DecodeTier(const RootFields& fields) {
    const auto tier = fields.Value(kRoot.Index("serviceTier"));
    if (!tier || !tier->is_string()) return;
    const std::string_view word = *tier->String();
    const auto is = [word](std::string_view known, std::string_view long_form) {
      return IsWord(word, known) || IsWord(word, long_form);
    };
    if (is("FLEX", "SERVICE_TIER_FLEX")) ApplyServiceTier("flex", request_.constraints);
    if (is("PRIORITY", "SERVICE_TIER_PRIORITY")) ApplyServiceTier("priority", request_.constraints);
  }

  // Who asks for no filter asks for what every other provider does anyway. A filter that is wanted
  // is one that only Google has.
  Result<void> DecodeSafety(const RootFields& fields) {
    const auto settings = fields.Value(kRoot.Index("safetySettings"));
    if (!settings) return {};
    return ForEachOf(*settings, [&](const json::Value& setting) -> Result<void> {
      TIDEGATE_ASSIGN(const auto members, ReadProto(kSafety, setting));
      texts_.NeedVendorIfUnknown(members);
      const auto threshold = members.Value(kSafety.Index("threshold"));
      if (!threshold) return {};
      TIDEGATE_ASSIGN(const std::string_view word, threshold->String());
      const bool off = IsWord(word, "BLOCK_NONE") || IsWord(word, "OFF") ||
                       IsWord(word, "HARM_BLOCK_THRESHOLD_UNSPECIFIED");
      if (!off) texts_.NeedVendor(threshold->Path());
      return {};
    });
  }

  // The gate's own object goes, and so does a model's name: the path for the upstream has another.
  Result<void> DecodeExtension(const RootFields& fields) {
    const auto& tidegate = fields.Member(kRoot.Index("tidegate"));
    const auto& model = fields.Member(kRoot.Index("model"));
    if (!tidegate && !model) return {};
    if (tidegate && !tidegate->value.is_null()) {
      TIDEGATE_TRY(protocols::DecodeExtension(tidegate->value, parser_, request_.constraints));
    }
    constexpr std::array<std::string_view, 2> kOurs = {"tidegate", "model"};
    const std::vector<json::Span> spans = json::RemovalSpans(fields.object(), kOurs);
    request_.spans.tidegate_member = ToCore(spans[0]);
    request_.spans.model = ToCore(spans[1]);  // the whole member
    return {};
  }

  const ClientHead& head_;
  json::Value root_;
  const ConstraintParser& parser_;
  core::Request request_;
  RequestTexts texts_{request_};
};

// A request to count the tokens of the request in it. The gate's own object stands beside that.
Result<core::Request> DecodeNested(const ClientHead& head, std::string_view body,
                                   const json::Value& root, const json::Value& nested,
                                   const ConstraintParser& constraints) {
  TIDEGATE_ASSIGN(core::Request request, RequestDecoder(head, body, nested, constraints).Decode());
  request.form = kNested;
  const auto tidegate = root.Object()->Find("tidegate");
  if (!tidegate) return request;
  if (!request.spans.tidegate_member.empty()) {
    return tidegate->Invalid("stands in generateContentRequest too: give it once");
  }
  if (!tidegate->is_null()) {
    TIDEGATE_TRY(DecodeExtension(*tidegate, constraints, request.constraints));
  }
  constexpr std::array<std::string_view, 1> kOurs = {"tidegate"};
  request.spans.tidegate_member = ToCore(json::RemovalSpans(*root.Object(), kOurs)[0]);
  return request;
}

}  // namespace

Result<core::Request> DecodeGenerateRequest(const ClientHead& head, std::string_view body,
                                            const ConstraintParser& constraints) {
  const ScratchReader json;
  TIDEGATE_ASSIGN(const json::Value root, json->Parse(body, kRequestBytesMax));
  if (ParseMethodPath(head.path)->method == Method::kCountTokens) {
    TIDEGATE_ASSIGN(const auto fields, ReadProto(kCount, root));
    if (const auto nested = fields.Value(kCount.Index("generateContentRequest"))) {
      if (const auto contents = fields.Value(kCount.Index("contents"))) {
        return contents->Invalid("stands beside generateContentRequest, which has its own");
      }
      if (fields.has_unknown()) {
        return InvalidArgument(fields.UnknownPath(), "is not known beside generateContentRequest");
      }
      return DecodeNested(head, body, root, *nested, constraints);
    }
  }
  return RequestDecoder(head, body, root, constraints).Decode();
}

}  // namespace tidegate::protocols::gemini
