// The whole encoder of encoder.h.
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "json/writer.h"
#include "protocols/gemini/candidate.h"
#include "protocols/gemini/encode_parts.h"
#include "protocols/gemini/encoder.h"
#include "protocols/gemini/model_traits.h"

namespace tidegate::protocols::gemini {
namespace {

class WholeEncoder final : public ResponseEncoder {
 public:
  explicit WholeEncoder(EncoderOptions options) : options_(std::move(options)) {}

  void Encode(const core::Event& event, std::string& out) override {
    if (ended_) return;
    std::visit([&](const auto& e) { Take(e, out); }, event);
  }

 private:
  Candidate& At(std::int64_t index) {
    return candidates_.try_emplace(index, index, options_.shows_thoughts).first->second;
  }

  void Take(const core::StartEvent& event, std::string&) {
    if (!event.model.empty()) options_.model = event.model;
  }
  void Take(const core::UsageEvent& event, std::string&) { usage_ = event.usage; }
  void Take(const core::ErrorEvent&, std::string&) { ended_ = true; }

  template <typename Event>
  void Take(const Event& event, std::string&) {
    At(event.choice).Take(event);
  }

  void Take(const core::DoneEvent&, std::string& out) {
    ended_ = true;
    if (candidates_.empty()) At(0);
    json::Writer writer(out);
    writer.BeginObject().Key("candidates").BeginArray();
    for (auto& [index, candidate] : candidates_) {
      candidate.WriteLast(writer, !IsGemini(options_.model));
    }
    writer.EndArray();
    if (usage_) WriteUsage(writer.Key("usageMetadata"), *usage_);
    writer.Key("modelVersion").String(options_.model);
    writer.Key("responseId").String(options_.id.ToString()).EndObject();
  }

  EncoderOptions options_;
  std::map<std::int64_t, Candidate> candidates_;
  std::optional<core::Usage> usage_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ResponseEncoder> NewWholeEncoder(EncoderOptions options) {
  return std::make_unique<WholeEncoder>(std::move(options));
}

}  // namespace tidegate::protocols::gemini
