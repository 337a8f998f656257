#include "protocols/replicate/codec.h"

#include "protocols/media_type.h"
#include "protocols/replicate/prediction.h"
#include "protocols/replicate/request_encoder.h"
#include "protocols/upstream_error.h"
#include "protocols/upstream_only.h"
#include "protocols/whole_answer.h"

namespace tidegate::protocols::replicate {
namespace {

class Replicate final : public UpstreamOnly {
 public:
  core::Protocol id() const override { return core::Protocol::kReplicate; }

  // Which of these a model knows is its own affair; the catalogue and the configuration say it.
  core::CapabilitySet Expressible() const override {
    using core::Capability;
    return core::CapabilitySet()
        .With(Capability::kChat)
        .With(Capability::kStreamUsage)
        .With(Capability::kTemperature)
        .With(Capability::kTopK)
        .With(Capability::kSeed)
        .With(Capability::kStop)
        .With(Capability::kPenalties);
  }

  Result<UpstreamRequest> EncodeRequest(const core::Request& request,
                                        const UpstreamOptions& options) const override {
    return EncodePrediction(request, options);
  }

  std::unique_ptr<ResponseDecoder> NewDecoder(bool stream) const override {
    if (stream) return std::make_unique<StreamDecoder<FrameReader>>();
    return NewWholeDecoder(ReadPrediction);
  }
  std::unique_ptr<StreamRelay> NewStreamRelay(bool hide_usage) const override {
    return std::make_unique<FrameRelay<FrameReader>>(hide_usage);
  }
  Result<RelayState> InspectWhole(std::string_view body) const override {
    return InspectWholeAnswer(body, ReadPrediction);
  }
  const Jobs* jobs() const override { return &Predictions(); }
  bool IsStream(std::string_view content_type) const override {
    return IsEventStream(content_type);
  }

  Error DecodeError(int status, std::string_view body, std::int64_t retry_after_s) const override {
    return JudgeErrorBody(status, body, retry_after_s);
  }
};

}  // namespace

const Protocol& Codec() {
  static const Replicate codec;
  return codec;
}

}  // namespace tidegate::protocols::replicate
