#include "protocols/testing/wire.h"

#include "protocols/gemini/codec.h"

namespace tidegate::protocols::gemini {
namespace {

class GeminiWire : public WireTest {
 protected:
  GeminiWire()
      : WireTest({.codec = Codec(),
                  .folder = "gemini",
                  .path = "/v1beta/models/asked-model:generateContent",
                  .end_mark = R"("finishReason")"}) {}
};

TEST_P(GeminiWire, IsReplayedAsWrittenInAnySplitAndIsNeverCompleteWhenCut) { Replay(); }

INSTANTIATE_TEST_SUITE_P(Transcripts, GeminiWire, ::testing::ValuesIn(TranscriptsOf("gemini")),
                         WireTest::NameOf);

}  // namespace
}  // namespace tidegate::protocols::gemini
