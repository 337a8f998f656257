#include "protocols/testing/wire.h"

#include <fstream>

#include "base/testing/read_bytes.h"
#include "protocols/bedrock_converse/codec.h"
#include "protocols/testing/event_stream_text.h"

namespace tidegate::protocols::bedrock_converse {
namespace {

class BedrockConverseWire : public WireTest {
 protected:
  BedrockConverseWire()
      : WireTest({.codec = Codec(),
                  .folder = "bedrock_converse",
                  .path = "/model/claude/converse",
                  .end_mark = "metadata",
                  .to_bytes = EventStreamFromText,
                  .to_text = EventStreamToText}) {}
};

TEST_P(BedrockConverseWire, IsReplayedAsWrittenInAnySplitAndIsNeverCompleteWhenCut) { Replay(); }

INSTANTIATE_TEST_SUITE_P(Transcripts, BedrockConverseWire,
                         ::testing::ValuesIn(TranscriptsOf("bedrock_converse")), WireTest::NameOf);

// The samples' streams are binary; beside each stands what it says, for people.
TEST(BedrockConverseFeatures, EachStreamIsWhatTheTextBesideItSays) {
  std::size_t count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(TranscriptFolder("bedrock_converse") / "features")) {
    std::filesystem::path path = entry.path();
    if (path.extension() != ".frames") continue;
    const std::string bytes = EventStreamFromText(ReadBytes(path));
    path.replace_extension(".stream");
    if (std::getenv("TIDEGATE_WIRE_REWRITE") != nullptr) {
      std::ofstream(path, std::ios::binary) << bytes;
    }
    EXPECT_EQ(ReadBytes(path), bytes) << path;
    const std::vector<std::string> events =
        DecodeInPieces(*Codec().NewDecoder(true), bytes, bytes.size(), true);
    EXPECT_EQ(events.back(), "done") << path;
    ++count;
  }
  EXPECT_GE(count, 8U);
}

}  // namespace
}  // namespace tidegate::protocols::bedrock_converse
