// The stream encoder of encoder.h.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "json/writer.h"
#include "protocols/gemini/candidate.h"
#include "protocols/gemini/encode_parts.h"
#include "protocols/gemini/encoder.h"
#include "protocols/gemini/error_body.h"
#include "protocols/gemini/model_traits.h"

namespace tidegate::protocols::gemini {
namespace {

class StreamEncoder final : public ResponseEncoder {
 public:
  explicit StreamEncoder(EncoderOptions options) : options_(std::move(options)) {}

  void Encode(const core::Event& event, std::string& out) override {
    if (ended_) return;
    std::visit([&](const auto& e) { Write(e, out); }, event);
  }

 private:
  Candidate& At(std::int64_t index) {
    for (Candidate& candidate : candidates_) {
      if (candidate.index() == index) return candidate;
    }
    return candidates_.emplace_back(index, options_.shows_thoughts);
  }

  // A call that a Gemini model made has what it needs, if anything.
  bool SignsCalls() const { return !IsGemini(options_.model); }

  void BeginChunk(std::string& out) {
    if (options_.form == kEvents) {
      out += "data: ";
    } else {
      out += std::exchange(begun_, true) ? ",\r\n" : "[";
    }
  }
  void EndChunk(json::Writer& writer, std::string& out) const {
    writer.Key("modelVersion").String(options_.model);
    writer.Key("responseId").String(options_.id.ToString()).EndObject();
    if (options_.form == kEvents) out += "\n\n";
  }

  void Release(Candidate& candidate, std::string& out) {
    if (!candidate.ready()) return;
    BeginChunk(out);
    json::Writer writer(out);
    writer.BeginObject().Key("candidates").BeginArray();
    candidate.WriteReady(writer, SignsCalls());
    writer.EndArray();
    EndChunk(writer, out);
  }

  void Write(const core::StartEvent& event, std::string&) {
    if (!event.model.empty()) options_.model = event.model;
  }
  void Write(const core::UsageEvent& event, std::string&) { usage_ = event.usage; }
  void Write(const core::ErrorEvent& event, std::string& out) { Fail(event.error(), out); }

  template <typename Event>
  void Write(const Event& event, std::string& out) {
    Candidate& candidate = At(event.choice);
    candidate.Take(event);
    Release(candidate, out);
  }

  void Write(const core::DoneEvent&, std::string& out) {
    const bool mixed = std::any_of(candidates_.begin(), candidates_.end(),
                                   [](const Candidate& each) { return each.mixed(); });
    if (mixed) {  // half of a call must not be believed
      Error error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kOtherTarget,
                  "the upstream mixed the arguments of its tool calls"};
      error.reason = "mixed_tool_calls";
      return Fail(error, out);
    }
    ended_ = true;
    if (candidates_.empty()) At(0);
    BeginChunk(out);
    json::Writer writer(out);
    writer.BeginObject().Key("candidates").BeginArray();
    for (Candidate& candidate : candidates_) candidate.WriteLast(writer, SignsCalls());
    writer.EndArray();
    if (usage_) WriteUsage(writer.Key("usageMetadata"), *usage_);
    EndChunk(writer, out);
    if (options_.form == kArray) out += ']';
  }

  void Fail(const Error& error, std::string& out) {
    ended_ = true;
    out += options_.form == kEvents ? EncodeErrorEvent(error) : EncodeErrorElement(error);
  }

  EncoderOptions options_;
  std::vector<Candidate> candidates_;
  std::optional<core::Usage> usage_;
  bool begun_ = false, ended_ = false;
};

}  // namespace

std::unique_ptr<ResponseEncoder> NewStreamEncoder(EncoderOptions options) {
  return std::make_unique<StreamEncoder>(std::move(options));
}

}  // namespace tidegate::protocols::gemini
