#include "protocols/openai_responses/response_tap.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "json/splice.h"
#include "json/writer.h"
#include "protocols/json_members.h"
#include "protocols/openai_responses/encoder.h"
#include "protocols/openai_responses/limits.h"
#include "protocols/scratch_reader.h"
#include "protocols/sse/event.h"
#include "protocols/sse/splitter.h"

namespace tidegate::protocols::openai_responses {
namespace {

class ResponseTap final : public AnswerTap {
 public:
  void Feed(std::string_view bytes) override {
    if (lost_) return;
    frames_.clear();
    lost_ = !splitter_.Feed(bytes, frames_).ok();
    for (const std::string_view frame : frames_) Read(frame);
  }

  std::optional<FinishedAnswer> TakeFinished() override {
    return std::exchange(finished_, std::nullopt);
  }

  // As OpenAI's own servers end such a stream: the error, then the response that failed.
  std::string EncodeBroken(const Error& error) const override {
    std::string out = EncodeErrorEvent(error, number_);
    if (begun_.empty()) return out;
    const ScratchReader json;
    const Result<json::Value> root = json->ParseCopy(begun_, sse::kFrameBytesMax);
    if (!root.ok()) return out;
    const json::Object response = *root->Object();
    const std::optional<json::Value> status = response.Find("status");
    const std::optional<json::Value> failure = response.Find("error");
    if (!status || !failure) return out;
    json::Splice splice(json->text());
    splice.Replace(status->span(), "\"failed\"");
    std::string cause;
    json::Writer writer(cause);
    writer.BeginObject().Key("code").String(FailureCode(error));
    writer.Key("message").String(error.message).EndObject();
    splice.Replace(failure->span(), cause);
    out += "event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":";
    out += std::to_string(number_ + 1) + ",\"response\":" + splice.Join() + "}\n\n";
    return out;
  }

 private:
  void Read(std::string_view frame) {
    const sse::Event event = sse::ParseEvent(frame, joined_);
    if (event.data.empty()) return;
    // The numbers of the events are those of their order.
    const bool first = number_++ == 0;
    const bool may_end = event.data.find("\"response.completed\"") != std::string_view::npos ||
                         event.data.find("\"response.incomplete\"") != std::string_view::npos;
    if (!first && !may_end) return;
    const ScratchReader json;
    const Result<json::Value> root = json->ParseCopy(event.data, sse::kFrameBytesMax);
    if (!root.ok() || !root->is_object()) return;
    const std::string_view type = StringOrEmpty(*root->Object(), "type");
    const std::optional<json::Value> response = FindSet(*root->Object(), "response");
    if (!response || !response->is_object()) return;
    if (first) begun_ = response->raw();
    if (type == "response.completed" || type == "response.incomplete") {
      finished_ = KeepResponse(*response);
    }
  }

  sse::Splitter splitter_{sse::Framing::kEventStream};
  std::vector<std::string_view> frames_;
  std::string joined_;
  std::string begun_;        // the response as it was announced
  std::int64_t number_ = 0;  // of the next event
  std::optional<FinishedAnswer> finished_;
  bool lost_ = false;  // a frame was too large to be kept
};

}  // namespace

std::unique_ptr<AnswerTap> NewResponseTap() { return std::make_unique<ResponseTap>(); }

std::optional<FinishedAnswer> KeepResponse(const json::Value& response) {
  if (!response.is_object()) return std::nullopt;
  const json::Object object = *response.Object();
  const std::string_view id = StringOrEmpty(object, "id");
  const std::string_view status = StringOrEmpty(object, "status");
  const bool ended = status == "completed" || status == "incomplete";
  if (id.empty() || id.size() > kResponseIdBytesMax || !ended) return std::nullopt;
  return FinishedAnswer{std::string(id), std::string(response.raw())};
}

}  // namespace tidegate::protocols::openai_responses
