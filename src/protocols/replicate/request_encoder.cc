#include "protocols/replicate/request_encoder.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/percent_encode.h"
#include "json/writer.h"
#include "protocols/cannot_say.h"
#include "protocols/replicate/prompt.h"

namespace tidegate::protocols::replicate {
namespace {

constexpr std::string_view kDeployments = "deployments/";
// The longest that Replicate holds a request until the prediction is there.
constexpr std::string_view kWaitField = "prefer: wait=60\r\n";

// "owner/name" as two segments of a path.
Result<std::string> TwoSegments(std::string_view name) {
  const std::size_t slash = name.find('/');
  const bool two = slash != std::string_view::npos && slash > 0 && slash + 1 < name.size() &&
                   name.find('/', slash + 1) == std::string_view::npos;
  if (!two) {
    Error error = InvalidArgument("model", "is 'owner/name' at this provider");
    error.retry = Retry::kOtherTarget;
    return error;
  }
  std::string path;
  AppendPercentEncoded(path, name.substr(0, slash));
  path += '/';
  AppendPercentEncoded(path, name.substr(slash + 1));
  return path;
}

bool HasVersion(std::string_view model) { return model.find(':') != std::string_view::npos; }

Result<std::string> PathOf(std::string_view model) {
  if (HasVersion(model)) return std::string("/predictions");
  const bool deployment = model.starts_with(kDeployments);
  if (deployment) model.remove_prefix(kDeployments.size());
  TIDEGATE_ASSIGN(const std::string segments, TwoSegments(model));
  return (deployment ? "/deployments/" : "/models/") + segments + "/predictions";
}

// One text with commas between the sequences, so none can hold one.
Result<std::string> StopsOf(const core::Request& request) {
  std::string stops;
  for (const std::string_view stop : request.stop) {
    if (stop.find(',') != std::string_view::npos) {
      return CannotSay("stop", "a stop sequence with a comma");
    }
    if (!stops.empty()) stops += ',';
    stops += stop;
  }
  return stops;
}

Result<void> WriteInput(json::Writer& out, const core::Request& request,
                        const UpstreamOptions& options) {
  TIDEGATE_ASSIGN(const Prompt prompt, WritePrompt(request));
  out.BeginObject().Key("prompt").String(prompt.text);
  if (!prompt.system.empty()) out.Key("system_prompt").String(prompt.system);
  const std::optional<std::int64_t> limit =
      options.output_tokens_limit ? options.output_tokens_limit : request.max_output_tokens;
  const bool new_name = options.dialect->max_completion_tokens;
  if (limit) out.Key(new_name ? "max_completion_tokens" : "max_tokens").Integer(*limit);
  if (request.temperature) out.Key("temperature").Double(*request.temperature);
  if (request.top_p) out.Key("top_p").Double(*request.top_p);
  if (request.top_k) out.Key("top_k").Integer(*request.top_k);
  if (request.presence_penalty) out.Key("presence_penalty").Double(*request.presence_penalty);
  if (request.frequency_penalty) out.Key("frequency_penalty").Double(*request.frequency_penalty);
  if (request.seed) out.Key("seed").Integer(*request.seed);
  TIDEGATE_ASSIGN(const std::string stops, StopsOf(request));
  if (!stops.empty()) out.Key("stop_sequences").String(stops);
  out.EndObject();
  return {};
}

}  // namespace

Result<UpstreamRequest> EncodePrediction(const core::Request& request,
                                         const UpstreamOptions& options) {
  UpstreamRequest upstream;
  TIDEGATE_ASSIGN(upstream.path, PathOf(options.model));
  upstream.streaming = request.stream || options.force_stream;
  if (!upstream.streaming) upstream.fields = kWaitField;
  auto body = std::make_unique<std::string>();
  json::Writer out(*body);
  out.BeginObject();
  if (HasVersion(options.model)) out.Key("version").String(options.model);
  if (upstream.streaming) out.Key("stream").Bool(true);
  TIDEGATE_TRY(WriteInput(out.Key("input"), request, options));
  out.EndObject();
  upstream.body.owned.push_back(std::move(body));
  upstream.body.pieces.push_back(*upstream.body.owned.back());
  return upstream;
}

}  // namespace tidegate::protocols::replicate
