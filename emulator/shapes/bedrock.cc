#include "emulator/shapes/bedrock.h"

#include <array>

#include <fmt/format.h>

#include "emulator/keys.h"
#include "emulator/rate_fields.h"
#include "emulator/shapes/shapes.h"
#include "json/writer.h"
#include "protocols/aws_sigv4/verifier.h"

namespace tidegate::emulator {
namespace {

namespace sigv4 = protocols::aws_sigv4;

constexpr std::string_view kPrefix = "/model/";
constexpr std::string_view kService = "bedrock";

// Whether the request is signed, with the model's own AWS key.
bool IsSignedFor(const Received& received, const Model& model) {
  const net::HttpHead& head = received.head;
  std::vector<sigv4::HeaderField> fields;
  for (std::size_t i = 0; i < head.fields(); ++i) fields.push_back({head.name(i), head.value(i)});
  const std::string_view body[] = {received.body};
  const sigv4::Request request{head.method(), head.path(), head.query(), fields, body};
  const auto secret_of = [&](std::string_view id) {
    return id == model.aws_access_key_id ? &model.aws_secret_access_key : nullptr;
  };
  sigv4::SigningKeys keys;
  sigv4::VerifyOptions options;
  options.service = kService;
  return sigv4::Verify(request, secret_of, options, received.wall_nanos, keys).ok();
}

class Bedrock final : public Shape {
 public:
  std::string_view name() const override { return "bedrock"; }

  std::optional<Call> Match(const net::HttpHead& head) const override {
    std::string_view path = head.path();
    if (head.method() != "POST" || !path.starts_with(kPrefix)) return std::nullopt;
    path.remove_prefix(kPrefix.size());
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const std::string_view verb = path.substr(slash + 1);
    Call call;
    if (verb == "count-tokens") {
      call.operation = bedrock::kCountTokens;
    } else if (verb != "converse" && verb != "converse-stream") {
      return std::nullopt;
    }
    call.stream = verb == "converse-stream";
    call.model = net::PercentDecode(path.substr(0, slash)).value_or("");
    return call;
  }

  Error UnknownModel(std::string_view) const override {
    Error error = NotFound("The provided model identifier is invalid.");
    return error;
  }
  std::optional<Refusal> CheckKey(const Received& received, const Model& model) const override;
  Result<ChatRequest> Parse(const Received& received, const json::Value& body, const Model&,
                            const Site&) const override {
    return bedrock::ParseRequest(received, body);
  }
  std::string TooLong(std::int64_t, const Model&) const override {
    return "Input is too long for requested model.";
  }
  std::string_view StreamType(const Call&) const override {
    return "application/vnd.amazon.eventstream";
  }
  void WriteWhole(const Reply& reply, std::string& out) const override {
    bedrock::WriteWhole(reply, out);
  }
  std::unique_ptr<Frames> Stream(const Reply& reply) const override {
    return bedrock::MakeFrames(reply);
  }
  void WriteError(const Refusal& refusal, const Model*, std::string& out) const override {
    const Error& error = refusal.error;
    json::Writer writer(out);
    writer.BeginObject().Key("message");
    writer.String(error.field.empty() ? error.message : error.field + ": " + error.message);
    writer.EndObject();
  }
  std::string HeadFields(const HeadFacts& facts) const override {
    std::string fields = fmt::format("x-amzn-requestid: {}\r\n",
                                     facts.answer_id.empty() ? "emulated" : facts.answer_id);
    if (facts.refusal != nullptr) {
      const std::string& reason = facts.refusal->error.reason;
      const bool named = reason.ends_with("Exception");
      fields += fmt::format("x-amzn-errortype: {}\r\n",
                            named ? reason : bedrock::ExceptionName(facts.refusal->status));
    }
    if (facts.model != nullptr && facts.model->quirks.rate_fields) {
      fields += RateLimitFields(*facts.model->quirks.rate_fields, *facts.model, facts.admission,
                                facts.wall_nanos);
    }
    return fields;
  }
};

// A signature where the model has an AWS key, or its API key as a bearer.
std::optional<Refusal> Bedrock::CheckKey(const Received& received, const Model& model) const {
  const bool aws = !model.aws_access_key_id.empty();
  if (!aws && model.api_key.empty()) return std::nullopt;
  Error error{ErrorCode::kUnauthenticated, ErrorSource::kCaller, Retry::kNever, ""};
  const auto authorization = received.head.Find("authorization");
  if (aws && authorization && authorization->starts_with("AWS4-")) {
    if (IsSignedFor(received, model)) return std::nullopt;
    error.reason = "InvalidSignatureException";
    error.message =
        "The request signature we calculated does not match the signature you provided. Check your "
        "AWS Secret Access Key and signing method. Consult the service documentation for details.";
    return Refusal{403, std::move(error)};
  }
  constexpr std::array kPlaces = {KeyPlace::kBearer};
  if (!model.api_key.empty() && HasKey(received.head, model, kPlaces)) return std::nullopt;
  error.message = authorization ? "Authentication failed: Please make sure your API Key is valid."
                                : "Missing Authentication Token";
  error.reason = authorization ? "AccessDeniedException" : "MissingAuthenticationTokenException";
  return Refusal{403, std::move(error)};
}

}  // namespace

const Shape& BedrockShape() {
  static const Bedrock kShape;
  return kShape;
}

}  // namespace tidegate::emulator
