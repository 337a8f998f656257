#include "protocols/testing/wire.h"

#include "protocols/ollama/codec.h"

namespace tidegate::protocols::ollama {
namespace {

class OllamaWire : public WireTest {
 protected:
  OllamaWire()
      : WireTest({.codec = Codec(),
                  .folder = "ollama",
                  .path = "/api/chat",
                  .end_mark = R"("done":true)"}) {}
};

TEST_P(OllamaWire, IsReplayedAsWrittenInAnySplitAndIsNeverCompleteWhenCut) { Replay(); }

INSTANTIATE_TEST_SUITE_P(Transcripts, OllamaWire, ::testing::ValuesIn(TranscriptsOf("ollama")),
                         WireTest::NameOf);

}  // namespace
}  // namespace tidegate::protocols::ollama
