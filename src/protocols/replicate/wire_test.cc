#include "protocols/testing/wire.h"

#include "protocols/openai_chat/codec.h"
#include "protocols/replicate/codec.h"

namespace tidegate::protocols::replicate {
namespace {

class ReplicateWire : public WireTest {
 protected:
  ReplicateWire()
      : WireTest({.codec = Codec(),
                  .folder = "replicate",
                  .path = "/v1/chat/completions",
                  .end_mark = "event: done\ndata: {}",
                  .client = &openai_chat::Codec()}) {}
};

TEST_P(ReplicateWire, IsReplayedAsWrittenInAnySplitAndIsNeverCompleteWhenCut) { Replay(); }

INSTANTIATE_TEST_SUITE_P(Transcripts, ReplicateWire,
                         ::testing::ValuesIn(TranscriptsOf("replicate")), WireTest::NameOf);

}  // namespace
}  // namespace tidegate::protocols::replicate
