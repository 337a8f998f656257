#include "emulator/answer.h"

#include <gtest/gtest.h>

#include "emulator/prefix_cache.h"
#include "emulator/shapes/openai_chat.h"
#include "json/reader.h"

namespace tidegate::emulator {
namespace {

constexpr std::size_t kBytesMax = 1'000'000;
constexpr std::string_view kWeatherTool =
    R"({"type":"function","function":{"name":"weather","parameters":{"type":"object",)"
    R"("required":["city"],"properties":{"city":{"type":"string"}}}}})";

Result<ChatRequest> Parse(std::string_view body) {
  json::Reader reader;
  TIDEGATE_ASSIGN(const json::Value root, reader.ParseCopy(body, kBytesMax));
  return ParseOpenAiChat(root, Quirks());
}

// A request with one message and more members, as `"seed":1`.
ChatRequest Ask(const std::string& text, const std::string& more = "\"seed\":1") {
  const Result<ChatRequest> request =
      Parse(R"({"model":"m","messages":[{"role":"user","content":")" + text + "\"}]," + more + "}");
  EXPECT_TRUE(request.ok()) << Describe(request.error());
  return *request;
}

Model TestModel() {
  Model model;
  model.name = "m";
  return model;
}

Answer Make(const ChatRequest& request, std::string_view faults = "") {
  const Result<Answer> answer = MakeAnswer(request, TestModel(), *ParseFaults(faults));
  EXPECT_TRUE(answer.ok()) << Describe(answer.error());
  return *answer;
}

std::string Text(const Choice& choice, TokenKind kind = TokenKind::kText) {
  std::string text;
  for (const Token& token : choice.tokens) {
    if (token.kind == kind) text += token.text;
  }
  return text;
}

TEST(Answer, TheSameRequestGetsTheSameWordsAndAnotherSeedGetsOthers) {
  const std::string first = Text(Make(Ask("hello")).choices[0]);
  EXPECT_EQ(first, Text(Make(Ask("hello")).choices[0]));
  EXPECT_NE(first, Text(Make(Ask("hello", "\"seed\":2")).choices[0]));
  EXPECT_NE(first, Text(Make(Ask("goodbye")).choices[0]));
  EXPECT_TRUE(first.starts_with("[emulated m] The ")) << first;
}

TEST(Answer, MaxTokensEndsTheAnswerByLength) {
  const Answer answer = Make(Ask("hello", "\"max_tokens\":3"));
  EXPECT_EQ(answer.choices[0].tokens.size(), 3U);
  EXPECT_EQ(answer.choices[0].finish, Finish::kLength);
  EXPECT_EQ(answer.usage.completion, 3);
}

TEST(Answer, AStopSequenceEndsTheTextBeforeIt) {
  const std::string whole = Text(Make(Ask("hello")).choices[0]);
  const Answer answer = Make(Ask("hello", R"("seed":1,"stop":["."])"));
  EXPECT_EQ(Text(answer.choices[0]), whole.substr(0, whole.find('.')));
  EXPECT_EQ(answer.choices[0].finish, Finish::kStop);
  EXPECT_EQ(answer.usage.completion, static_cast<std::int64_t>(answer.choices[0].tokens.size()));
}

TEST(Answer, SeveralChoicesDifferAndAllAreCounted) {
  const Answer answer = Make(Ask("hello", R"("n":3,"max_tokens":10)"));
  ASSERT_EQ(answer.choices.size(), 3U);
  EXPECT_NE(Text(answer.choices[0]), Text(answer.choices[1]));
  EXPECT_EQ(answer.usage.completion, 30);
}

TEST(Answer, ThePromptIsCountedByTheDocumentedRule) {
  // 3 for the prompt, 4 for the message, 2 for eight bytes.
  EXPECT_EQ(Make(Ask("12345678")).usage.prompt, 9);
  EXPECT_EQ(Make(Ask("123456789")).usage.prompt, 10);
}

TEST(Answer, APromptThatFillsTheContextIsRefused) {
  Model model = TestModel();
  model.context_tokens_max = 9;
  const Result<Answer> answer = MakeAnswer(Ask("12345678"), model, Faults());
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().reason, "context_length_exceeded");
}

TEST(Answer, ARequiredToolIsCalledWithArgumentsOfItsSchema) {
  const Answer answer =
      Make(Ask("hello", R"("tool_choice":"required","tools":[)" + std::string(kWeatherTool) + "]"));
  const Choice& choice = answer.choices[0];
  EXPECT_EQ(choice.finish, Finish::kToolCalls);
  ASSERT_EQ(choice.tool_call_ids.size(), 1U);
  EXPECT_EQ(Text(choice, TokenKind::kToolName), "weather");
  EXPECT_EQ(Text(choice, TokenKind::kToolArguments), R"({"city":"[emulated m]"})");
}

TEST(Answer, ToolsNamedInThePromptAreCalledInParallelUnlessThatIsOff) {
  const std::string tools = "\"tools\":[" + std::string(kWeatherTool) + "]";
  const std::string prompt = "call the tool weather, then call the tool weather";
  EXPECT_EQ(Make(Ask(prompt, tools)).choices[0].tool_call_ids.size(), 2U);
  const Answer one = Make(Ask(prompt, tools + R"(,"parallel_tool_calls":false)"));
  EXPECT_EQ(one.choices[0].tool_call_ids.size(), 1U);
  EXPECT_TRUE(Make(Ask("hello", tools)).choices[0].tool_call_ids.empty());
  const Answer none = Make(Ask(prompt, tools + R"(,"tool_choice":"none")"));
  EXPECT_TRUE(none.choices[0].tool_call_ids.empty());
}

TEST(Answer, AToolResultIsAcknowledged) {
  const Result<ChatRequest> request = Parse(
      R"({"model":"m","messages":[{"role":"user","content":"call the tool weather"},
          {"role":"assistant","tool_calls":[]},
          {"role":"tool","tool_call_id":"call_7","content":"sunny"}]})");
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(Text(Make(*request).choices[0]),
            "[emulated m] Received 1 tool result of 5 bytes for call_7.");
}

TEST(Answer, AJsonSchemaIsFollowed) {
  const Answer answer = Make(Ask("hello", R"("response_format":{"type":"json_schema",
      "json_schema":{"name":"s",
      "schema":{"type":"object","properties":{"ok":{"type":"boolean"}}}}})"));
  EXPECT_EQ(Text(answer.choices[0]), R"({"ok":true})");
}

TEST(Answer, ReasoningComesFirstAndIsCounted) {
  const Answer answer = Make(Ask("hello", "\"max_tokens\":8"), "reasoning=5");
  EXPECT_EQ(answer.choices[0].tokens[4].kind, TokenKind::kReasoning);
  EXPECT_EQ(answer.choices[0].tokens[5].kind, TokenKind::kText);
  EXPECT_EQ(answer.usage.reasoning, 5);
  EXPECT_EQ(answer.usage.completion, 8);
}

TEST(Answer, WrongFieldsAreErrorsThatNameTheirPath) {
  for (const auto& [body, field] :
       {std::pair<std::string, std::string>{R"({"messages":[]})", "model"},
        {R"({"model":"m","messages":[]})", "messages"},
        {R"({"model":"m","messages":[{"role":"user","content":5}]})", "messages[0].content"},
        {R"({"model":"m","messages":[{"role":"user","content":"x"}],"n":99})", "n"},
        {R"({"model":"m","messages":[{"role":"user","content":"x"}],"stop":[""]})", "stop"}}) {
    const Result<ChatRequest> request = Parse(body);
    ASSERT_FALSE(request.ok()) << body;
    EXPECT_EQ(request.error().field, field) << body;
  }
}

TEST(PrefixCache, TheLongestPrefixSeenBeforeIsCached) {
  PrefixCache cache(0);
  const ChatRequest first = Ask("a long system prompt");
  EXPECT_EQ(cache.Use(first).read, 0);
  EXPECT_EQ(cache.Use(first).read, first.PromptTokens());
  ChatRequest longer = first;
  longer.messages.push_back({"user", "more", "", 5, false});
  EXPECT_EQ(cache.Use(longer).read, first.PromptTokens());
  EXPECT_EQ(cache.Use(Ask("something else")).read, 0);
}

TEST(PrefixCache, PrefixesBelowTheMinimumAreNotCached) {
  PrefixCache cache(1024);
  EXPECT_EQ(cache.Use(Ask("short")).read, 0);
  EXPECT_EQ(cache.Use(Ask("short")).read, 0);
}

}  // namespace
}  // namespace tidegate::emulator
