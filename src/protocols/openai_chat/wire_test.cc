#include "protocols/testing/wire.h"

#include "protocols/openai_chat/codec.h"

namespace tidegate::protocols::openai_chat {
namespace {

class OpenAiChatWire : public WireTest {
 protected:
  OpenAiChatWire()
      : WireTest({.codec = Codec(),
                  .folder = "openai_chat",
                  .path = "/v1/chat/completions",
                  .end_mark = "[DONE]"}) {}
};

TEST_P(OpenAiChatWire, IsReplayedAsWrittenInAnySplitAndIsNeverCompleteWhenCut) { Replay(); }

INSTANTIATE_TEST_SUITE_P(Transcripts, OpenAiChatWire,
                         ::testing::ValuesIn(TranscriptsOf("openai_chat")), WireTest::NameOf);

}  // namespace
}  // namespace tidegate::protocols::openai_chat
