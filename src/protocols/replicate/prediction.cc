#include "protocols/replicate/prediction.h"

#include <algorithm>
#include <utility>

#include "protocols/json_members.h"
#include "protocols/limits.h"
#include "protocols/replicate/limits.h"
#include "protocols/scratch_reader.h"
#include "protocols/sse/event.h"
#include "protocols/sse/splitter.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::replicate {
namespace {

constexpr std::string_view kSucceeded = "succeeded";

// "starting" and "processing" are all that is not an end.
bool HasEnded(std::string_view status) { return status != "starting" && status != "processing"; }

Error JobFailed(std::string_view message) {
  Fault fault;
  fault.message = message;
  fault.type = "server_error";
  return JudgeFault(fault, 0);
}

std::int64_t CountOr(const json::Object& metrics, std::string_view key, std::int64_t missing) {
  const std::optional<json::Value> value = FindSet(metrics, key);
  if (!value || value->kind() != json::Kind::kInteger) return missing;
  const Result<std::int64_t> count = value->IntegerIn(0, kTokensMax);
  return count.ok() ? *count : missing;
}

// Of models that count tokens; others say how long they ran and nothing else.
void ReadMetrics(const json::Object& prediction, std::vector<core::Event>& out) {
  const std::optional<json::Value> metrics = FindSet(prediction, "metrics");
  if (!metrics || !metrics->is_object()) return;
  const json::Object object = *metrics->Object();
  core::Usage usage;
  usage.input_tokens = CountOr(object, "input_token_count", -1);
  usage.output_tokens = CountOr(object, "output_token_count", -1);
  if (usage.input_tokens < 0 || usage.output_tokens < 0) return;
  out.emplace_back(core::UsageEvent{usage});
}

// A text, or a list of the pieces of one.
Result<void> ReadOutput(const json::Value& output, std::vector<core::Event>& out) {
  if (output.is_string()) {
    if (!output.String()->empty()) out.emplace_back(core::TextEvent{0, *output.String()});
    return {};
  }
  if (!output.is_array()) return MalformedAnswer(output.Mismatch("a text or a list of texts"));
  const json::Array pieces = *output.Array();
  for (const json::Value piece : pieces) {
    if (!piece.is_string()) return MalformedAnswer(piece.Mismatch("a text"));
    if (!piece.String()->empty()) out.emplace_back(core::TextEvent{0, *piece.String()});
  }
  return {};
}

// Which prediction this is and how far it has come.
struct State {
  std::string id, status, stream_url;
};

Result<State> ReadState(std::string_view body) {
  const ScratchReader json;
  const Result<json::Value> root = json->ParseCopy(body, kWholeAnswerBytesMax);
  if (!root.ok()) return MalformedAnswer(root.error());
  if (!root->is_object()) return MalformedAnswer(root->Mismatch("an object"));
  const json::Object prediction = *root->Object();
  State state;
  state.id = StringOrEmpty(prediction, "id");
  state.status = StringOrEmpty(prediction, "status");
  const bool plain = !state.id.empty() && state.id.size() <= kIdBytesMax &&
                     std::all_of(state.id.begin(), state.id.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '-' || c == '_';
                     });
  if (!plain) return MalformedAnswer("names no prediction");
  if (state.status.empty()) return MalformedAnswer("does not say how far the prediction is");
  const std::optional<json::Value> urls = FindSet(prediction, "urls");
  if (urls && urls->is_object()) state.stream_url = StringOrEmpty(*urls->Object(), "stream");
  return state;
}

class PredictionJobs final : public Jobs {
 public:
  Result<std::optional<JobStep>> Next(std::string_view body, bool stream,
                                      std::int64_t polls) const override {
    TIDEGATE_ASSIGN(const State state, ReadState(body));
    if (HasEnded(state.status)) return std::optional<JobStep>();
    if (polls >= kPollsMax) return MalformedAnswer("does not come to an end");
    JobStep step;
    if (stream && polls == 0 && !state.stream_url.empty()) {
      step.url = state.stream_url;
      step.accept = "text/event-stream";
      return std::optional(std::move(step));
    }
    step.path = "/predictions/" + state.id;
    const std::int64_t doublings = std::min<std::int64_t>(polls, 3);
    step.wait_nanos = std::min(kPollFirstNanos << doublings, kPollNanosMax);
    return std::optional(std::move(step));
  }

  std::optional<JobStep> Cancel(std::string_view body) const override {
    const Result<State> state = ReadState(body);
    if (!state.ok() || HasEnded(state->status)) return std::nullopt;
    JobStep step;
    step.post = true;
    step.path = "/predictions/" + state->id + "/cancel";
    return step;
  }
};

}  // namespace

Result<void> ReadPrediction(const json::Value& root, std::vector<core::Event>& out) {
  if (!root.is_object()) return MalformedAnswer(root.Mismatch("an object"));
  const json::Object prediction = *root.Object();
  const std::string_view status = StringOrEmpty(prediction, "status");
  if (status.empty()) return MalformedAnswer("is no prediction");
  if (status != kSucceeded) {
    const std::string_view why = StringOrEmpty(prediction, "error");
    out.emplace_back(core::ErrorEvent{JobFailed(why.empty() ? status : why)});
    return {};
  }
  core::StartEvent start;
  start.id = StringOrEmpty(prediction, "id");
  start.model = StringOrEmpty(prediction, "model");
  out.emplace_back(start);
  const std::optional<json::Value> output = FindSet(prediction, "output");
  if (!output) return MalformedAnswer("has no output");
  TIDEGATE_TRY(ReadOutput(*output, out));
  out.emplace_back(core::FinishEvent{0, core::FinishReason::kStop, {}});
  ReadMetrics(prediction, out);
  return {};
}

const Jobs& Predictions() {
  static const PredictionJobs kJobs;
  return kJobs;
}

FrameKind FrameReader::Fail(Error error, std::vector<core::Event>& out) {
  failed_ = true;
  out.emplace_back(core::ErrorEvent{std::move(error)});
  return FrameKind::kError;
}

Result<FrameKind> FrameReader::Read(std::string_view frame, std::vector<core::Event>& out) {
  const sse::Event event = sse::ParseEvent(frame, joined_);
  if (!event.has_data) return FrameKind::kIdle;
  if (done_ || failed_) return FrameKind::kIgnored;
  if (event.name == "output") {
    if (!event.data.empty()) out.emplace_back(core::TextEvent{0, event.data});
    return FrameKind::kChunk;
  }
  if (event.name != "error" && event.name != "done") return FrameKind::kChunk;  // logs
  const ScratchReader json;
  const Result<json::Value> root = json->ParseCopy(event.data, sse::kFrameBytesMax);
  const bool is_object = root.ok() && root->is_object();
  if (event.name == "error") {
    const std::string_view detail =
        is_object ? StringOrEmpty(*root->Object(), "detail") : std::string_view();
    return Fail(JobFailed(detail.empty() ? event.data : detail), out);
  }
  if (!root.ok()) return MalformedAnswer(root.error());
  if (!is_object) return MalformedAnswer(root->Mismatch("an object"));
  // It says why where it did not end well.
  const std::string_view reason = StringOrEmpty(*root->Object(), "reason");
  if (!reason.empty()) return Fail(JobFailed(reason), out);
  done_ = true;
  out.emplace_back(core::FinishEvent{0, core::FinishReason::kStop, {}});
  out.emplace_back(core::DoneEvent{});
  return FrameKind::kDone;
}

}  // namespace tidegate::protocols::replicate
