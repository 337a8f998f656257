#include "protocols/testing/wire.h"

#include "protocols/cohere_chat/codec.h"

namespace tidegate::protocols::cohere_chat {
namespace {

class CohereChatWire : public WireTest {
 protected:
  CohereChatWire()
      : WireTest({.codec = Codec(),
                  .folder = "cohere_chat",
                  .path = "/v2/chat",
                  .end_mark = R"("type":"message-end")"}) {}
};

TEST_P(CohereChatWire, IsReplayedAsWrittenInAnySplitAndIsNeverCompleteWhenCut) { Replay(); }

INSTANTIATE_TEST_SUITE_P(Transcripts, CohereChatWire,
                         ::testing::ValuesIn(TranscriptsOf("cohere_chat")), WireTest::NameOf);

}  // namespace
}  // namespace tidegate::protocols::cohere_chat
