#include "protocols/testing/wire.h"

#include "protocols/anthropic_messages/codec.h"

namespace tidegate::protocols::anthropic_messages {
namespace {

class AnthropicMessagesWire : public WireTest {
 protected:
  AnthropicMessagesWire()
      : WireTest({.codec = Codec(),
                  .folder = "anthropic_messages",
                  .path = "/v1/messages",
                  .end_mark = R"({"type":"message_stop")"}) {}
};

TEST_P(AnthropicMessagesWire, IsReplayedAsWrittenInAnySplitAndIsNeverCompleteWhenCut) { Replay(); }

INSTANTIATE_TEST_SUITE_P(Transcripts, AnthropicMessagesWire,
                         ::testing::ValuesIn(TranscriptsOf("anthropic_messages")),
                         WireTest::NameOf);

}  // namespace
}  // namespace tidegate::protocols::anthropic_messages
