#include "protocols/testing/wire.h"

#include "protocols/openai_responses/codec.h"

namespace tidegate::protocols::openai_responses {
namespace {

class OpenAiResponsesWire : public WireTest {
 protected:
  OpenAiResponsesWire()
      : WireTest({.codec = Codec(),
                  .folder = "openai_responses",
                  .path = "/v1/responses",
                  .end_mark = R"("usage":{)"}) {}
};

TEST_P(OpenAiResponsesWire, IsReplayedAsWrittenInAnySplitAndIsNeverCompleteWhenCut) { Replay(); }

INSTANTIATE_TEST_SUITE_P(Transcripts, OpenAiResponsesWire,
                         ::testing::ValuesIn(TranscriptsOf("openai_responses")), WireTest::NameOf);

}  // namespace
}  // namespace tidegate::protocols::openai_responses
