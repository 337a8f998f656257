#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "emulator/fixture_for_tests.h"

namespace tidegate::emulator {
namespace {

class CohereTest : public EmulatorFixture {
 protected:
  void SetUp() override { Start({FastModel("fast")}); }
  RawAnswer Post(std::string_view path, std::string_view members) {
    return Send("POST", path, "", fmt::format(R"({{"model":"fast",{}}})", members));
  }
};

constexpr std::string_view kAsk = R"("messages":[{"role":"user","content":"hello"}])";

TEST_F(CohereTest, AStreamHasItsEventsInTheirOrder) {
  const std::string stream = Stream(
      Post("/v2/chat", fmt::format(R"({},"stream":true,"thinking":{{"type":"enabled"}})", kAsk)));
  std::size_t at = 0;
  for (const std::string_view type :
       {"message-start", "content-start", "content-delta", "content-end", "content-start",
        "content-delta", "content-end", "message-end"}) {
    at = stream.find(fmt::format("event: {}\ndata: {{", type), at);
    ASSERT_NE(at, std::string::npos) << type << "\n" << stream;
  }
  EXPECT_EQ(Count(stream, R"("content":{"type":"thinking","thinking":""})"), 1U) << stream;
  EXPECT_EQ(Count(stream, R"({"type":"content-end","index":1})"), 1U);
  EXPECT_EQ(Count(stream, R"("finish_reason":"COMPLETE","usage":{"billed_units")"), 1U);
}

TEST_F(CohereTest, AToolCallHasAPlanBeforeIt) {
  const std::string members = fmt::format(
      R"({},"tool_choice":"REQUIRED","tools":[{{"type":"function","function":{{"name":"weather",)"
      R"("parameters":{{"type":"object","properties":{{"city":{{"type":"string"}}}}}}}}}}])",
      kAsk);
  const RawAnswer whole = Post("/v2/chat", members);
  EXPECT_EQ(FindText(whole.body(), {"finish_reason"}), "TOOL_CALL");
  EXPECT_EQ(FindText(whole.body(), {"message", "tool_plan"}), "[emulated] I will call the tools.");
  const std::string stream = Stream(Post("/v2/chat", members + R"(,"stream":true)"));
  std::size_t at = 0;
  for (const std::string_view type :
       {"tool-plan-delta", "tool-call-start", "tool-call-delta", "tool-call-end", "message-end"}) {
    at = stream.find(fmt::format("event: {}\n", type), at);
    ASSERT_NE(at, std::string::npos) << type << "\n" << stream;
  }
}

TEST_F(CohereTest, TextsAreEmbeddedInTheTypesAskedFor) {
  const RawAnswer answer =
      Post("/v2/embed", R"("input_type":"search_query","texts":["a","b"],)"
                        R"("embedding_types":["float","base64"],"output_dimension":256)");
  EXPECT_EQ(Count(Find(answer.body(), {"embeddings", "float", "1"}), ","), 255U);
  EXPECT_EQ(FindText(answer.body(), {"embeddings", "base64", "0"}).size(), 1368U);
  EXPECT_EQ(Status(Post("/v2/embed", R"("texts":["a"])")), 400);  // no input_type
}

TEST_F(CohereTest, DocumentsAreRanked) {
  const RawAnswer answer =
      Post("/v2/rerank", R"("query":"harbour","documents":["nothing","the harbour"],"top_n":1)");
  EXPECT_EQ(Find(answer.body(), {"results", "0", "index"}), "1");
  EXPECT_EQ(Count(answer.body(), "relevance_score"), 1U);
  EXPECT_EQ(Find(answer.body(), {"meta", "billed_units", "search_units"}), "1");
}

}  // namespace
}  // namespace tidegate::emulator
