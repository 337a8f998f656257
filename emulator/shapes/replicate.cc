#include "emulator/shapes/replicate.h"

#include <array>

#include <fmt/format.h>

#include "emulator/fields.h"
#include "emulator/keys.h"
#include "emulator/rate_fields.h"
#include "emulator/shapes/shapes.h"
#include "emulator/site.h"
#include "json/writer.h"

namespace tidegate::emulator {
namespace {

using replicate::Operation;

constexpr std::string_view kPredictions = "/v1/predictions";
constexpr std::string_view kOnePrediction = "/v1/predictions/";
constexpr std::string_view kCancel = "/cancel";
constexpr std::string_view kStreams = "/v1/streams/";
constexpr std::string_view kEnd = "/predictions";

Message MakeMessage(std::string role, std::string text) {
  Message message;
  message.role = std::move(role);
  message.tokens = kTokensPerMessage + TokensOfBytes(text.size());
  message.text = std::move(text);
  return message;
}

std::string OriginOf(const net::HttpHead& head) {
  return "http://" + std::string(head.Find("host").value_or("localhost"));
}

bool Waits(const net::HttpHead& head) {
  return head.Find("prefer").value_or("").starts_with("wait");
}

class Replicate final : public Shape {
 public:
  std::string_view name() const override { return "replicate"; }

  std::optional<Call> Match(const net::HttpHead& head) const override {
    const std::string_view path = head.path();
    if (head.method() == "POST" && path.starts_with(kOnePrediction) && path.ends_with(kCancel)) {
      const std::size_t around = kOnePrediction.size() + kCancel.size();
      if (path.size() <= around) return std::nullopt;
      Call call =
          OfJob(replicate::kCancel, path.substr(kOnePrediction.size(), path.size() - around));
      call.plain = true;
      return call;
    }
    if (head.method() == "GET" && path.starts_with(kOnePrediction)) {
      return OfJob(replicate::kGet, path.substr(kOnePrediction.size()));
    }
    if (head.method() == "GET" && path.starts_with(kStreams)) {
      Call call = OfJob(replicate::kStream, path.substr(kStreams.size()));
      call.stream = true;
      return call;
    }
    if (head.method() != "POST") return std::nullopt;
    if (path == kPredictions) return Call{};
    for (const std::string_view of : {"/v1/models/", "/v1/deployments/"}) {
      if (!path.starts_with(of) || !path.ends_with(kEnd)) continue;
      const std::string_view model = path.substr(of.size(), path.size() - of.size() - kEnd.size());
      Call call;
      call.model = net::PercentDecode(model).value_or("");
      return call;
    }
    return std::nullopt;
  }

  // Of a version: "owner/name:version" is the model's name.
  Result<std::string> ModelOf(const Received& received, const json::Value& body) const override {
    if (!received.call.model.empty()) return received.call.model;
    TIDEGATE_ASSIGN(const json::Object object, body.Object());
    return ReadString(object, "version");
  }
  Error UnknownModel(std::string_view) const override {
    return NotFound("The requested resource could not be found.");
  }
  std::optional<Refusal> CheckKey(const Received& received, const Model& model) const override {
    // The address of a stream is known only to who created it, and asks for no key.
    if (received.call.operation == replicate::kStream) return std::nullopt;
    constexpr std::array kPlaces = {KeyPlace::kBearer, KeyPlace::kToken};
    if (HasKey(received.head, model, kPlaces)) return std::nullopt;
    return Refusal{401, Error{ErrorCode::kUnauthenticated, ErrorSource::kCaller, Retry::kNever,
                              "You did not pass a valid authentication token"}};
  }

  // The request of the job that is asked about, or what is known of it.
  Result<std::optional<Recalled>> Recall(const Site& site, const net::HttpHead& head,
                                         Call& call) const override {
    const bool get = call.operation == replicate::kGet;
    if (!get && call.operation != replicate::kStream) return std::optional<Recalled>();
    const std::optional<Job> job = get ? site.jobs.Ask(call.id) : site.jobs.Find(call.id);
    if (!job) return NotFound("The requested resource could not be found.");
    call.model = job->model;
    const bool is_told = get && (job->cancelled || !job->result.empty() || job->asked == 0);
    if (!is_told) return std::optional(Recalled{job->request, false});
    if (!job->result.empty()) return std::optional(Recalled{job->result, true});
    std::string text;
    replicate::WriteState(*job, job->cancelled ? "canceled" : "processing", OriginOf(head), text);
    return std::optional(Recalled{std::move(text), true});
  }

  Result<ChatRequest> Parse(const Received& received, const json::Value& body, const Model& model,
                            const Site& site) const override {
    TIDEGATE_ASSIGN(const json::Object object, body.Object());
    TIDEGATE_ASSIGN(const json::Value input, object.Get("input"));
    TIDEGATE_ASSIGN(const json::Object inputs, input.Object());
    TIDEGATE_ASSIGN(ChatRequest request, replicate::ParseInput(inputs));
    auto extra = std::make_shared<replicate::Extra>();
    extra->origin = OriginOf(received.head);
    const bool creates = received.call.operation == replicate::kCreate;
    extra->job = creates ? site.jobs.Add(model.name, std::string(received.body)) : received.call.id;
    extra->started = creates && (model.quirks.slow_jobs || !Waits(received.head));
    if (extra->started) request.task = TaskKind::kCountTokens;
    request.begins_job = extra->started;
    request.stream = received.call.operation == replicate::kStream;
    request.extra = std::move(extra);
    return request;
  }
  int InvalidStatus(const Model*) const override { return 422; }

  void WriteWhole(const Reply& reply, std::string& out) const override {
    replicate::WriteWhole(reply, out);
  }
  std::unique_ptr<Frames> Stream(const Reply& reply) const override {
    return replicate::MakeFrames(reply);
  }
  void WriteError(const Refusal& refusal, const Model*, std::string& out) const override {
    const Error& error = refusal.error;
    json::Writer writer(out);
    writer.BeginObject().Key("title").String("[emulated]").Key("detail");
    writer.String(error.field.empty() ? error.message
                                      : fmt::format("- {}: {}", error.field, error.message));
    writer.Key("status").Integer(refusal.status).EndObject();
  }
  std::string HeadFields(const HeadFacts& facts) const override {
    if (facts.model == nullptr || !facts.model->quirks.rate_fields) return {};
    return RateLimitFields(*facts.model->quirks.rate_fields, *facts.model, facts.admission,
                           facts.wall_nanos);
  }
  void Answered(Site& site, const Reply& reply) const override {
    const auto& extra = static_cast<const replicate::Extra&>(*reply.request.extra);
    if (extra.started || reply.request.stream) return;
    std::string result;
    replicate::WriteWhole(reply, result);
    site.jobs.Finish(extra.job, std::move(result));
  }

  Result<std::string> AnswerPlain(Site& site, const Received& received) const override {
    const std::optional<Job> job = site.jobs.Cancel(received.call.id);
    if (!job) return NotFound("The requested resource could not be found.");
    std::string text;
    replicate::WriteState(*job, job->cancelled ? "canceled" : "succeeded", OriginOf(received.head),
                          text);
    return text;
  }

 private:
  static Call OfJob(Operation operation, std::string_view id) {
    Call call;
    call.operation = operation;
    call.id = id;
    return call;
  }
};

}  // namespace

Result<ChatRequest> replicate::ParseInput(const json::Object& input) {
  ChatRequest request;
  TIDEGATE_ASSIGN(const std::string system, ReadOptionalString(input, "system_prompt"));
  if (!system.empty()) request.messages.push_back(MakeMessage("system", system));
  TIDEGATE_ASSIGN(std::string prompt, ReadString(input, "prompt"));
  request.messages.push_back(MakeMessage("user", std::move(prompt)));
  for (const std::string_view key : {"max_tokens", "max_new_tokens", "max_completion_tokens"}) {
    if (const auto value = FindValue(input, key)) {
      TIDEGATE_ASSIGN(request.output_tokens_max, value->IntegerIn(1, kTokenLimitMax));
    }
  }
  if (const auto seed = FindValue(input, "seed")) {
    TIDEGATE_ASSIGN(request.seed, seed->Integer());
  }
  TIDEGATE_ASSIGN(std::string stops, ReadOptionalString(input, "stop_sequences"));
  while (!stops.empty()) {
    const std::size_t comma = stops.find(',');
    if (comma != 0) request.stop.push_back(stops.substr(0, comma));
    stops.erase(0, comma == std::string::npos ? comma : comma + 1);
  }
  TIDEGATE_TRY(CheckNumber(input, "temperature", 0, 5));
  return request;
}

const Shape& ReplicateShape() {
  static const Replicate kShape;
  return kShape;
}

}  // namespace tidegate::emulator
