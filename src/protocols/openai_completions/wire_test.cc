#include "protocols/testing/wire.h"

#include "protocols/openai_completions/codec.h"

namespace tidegate::protocols::openai_completions {
namespace {

class OpenAiCompletionsWire : public WireTest {
 protected:
  OpenAiCompletionsWire()
      : WireTest({.codec = Codec(),
                  .folder = "openai_completions",
                  .path = "/v1/completions",
                  .end_mark = "[DONE]"}) {}
};

TEST_P(OpenAiCompletionsWire, IsReplayedAsWrittenInAnySplitAndIsNeverCompleteWhenCut) { Replay(); }

INSTANTIATE_TEST_SUITE_P(Transcripts, OpenAiCompletionsWire,
                         ::testing::ValuesIn(TranscriptsOf("openai_completions")),
                         WireTest::NameOf);

}  // namespace
}  // namespace tidegate::protocols::openai_completions
