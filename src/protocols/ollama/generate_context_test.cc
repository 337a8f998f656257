#include "protocols/ollama/generate_context.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "json/reader.h"
#include "protocols/ollama/codec.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::ollama {
namespace {

std::string Written(GenerateContext context, std::string_view answer) {
  std::string text;
  json::Writer writer(text);
  writer.BeginObject();
  context.WriteTo(writer, answer);
  writer.EndObject();
  constexpr std::string_view kKey = "{\"context\":";
  EXPECT_TRUE(text.starts_with(kKey)) << text.substr(0, 40);
  return text.substr(kKey.size(), text.size() - kKey.size() - 1);
}

// "user: Hi | assistant: Hello", what is wrong, or "not ours".
std::string Read(std::string_view numbers) {
  const PaddedText text(numbers);
  json::Reader reader;
  const Result<json::Value> value = reader.Parse(text.view(), 1U << 20U);
  if (!value.ok()) return "no JSON";
  const auto turns = ReadContext(*value);
  if (!turns.ok()) return turns.error().message;
  if (!*turns) return "not ours";
  std::string out;
  for (const ContextTurn& turn : **turns) {
    if (!out.empty()) out += " | ";
    out += turn.role == core::Role::kSystem ? "system: "
           : turn.role == core::Role::kUser ? "user: "
                                            : "assistant: ";
    out += turn.text;
  }
  return out;
}

TEST(GenerateContext, IsTheConversationInIntegersThatEveryClientHolds) {
  GenerateContext context;
  context.Add(core::Role::kSystem, "Kurz.");
  context.Add(core::Role::kUser, "Grüße, \"Δ\"\n");
  context.Add(core::Role::kAssistant, "");
  const std::string written = Written(context, std::string(70'000, 'x'));
  EXPECT_EQ(Read(written),
            "system: Kurz. | user: Grüße, \"Δ\"\n | assistant: " + std::string(70'000, 'x'));
  const PaddedText text(written);
  json::Reader reader;
  for (const json::Value number : *reader.Parse(text.view(), 1U << 20U)->Array()) {
    EXPECT_TRUE(number.IntegerIn(0, 0x7FFFFFFF).ok()) << number.raw();
  }
}

TEST(GenerateContext, IsNotOursWithoutTheMarkAndDamagedWithLessThanItSays) {
  EXPECT_EQ(Read("[]"), "not ours");
  EXPECT_EQ(Read("[1,2,3]"), "not ours");
  EXPECT_EQ(Read("[1413956401,0]"), "");
  for (const char* damaged :
       {"[1413956401]", "[1413956401,-1]", "[1413956401,1]", "[1413956401,0,0]",
        "[1413956401,3,6356992]",      // a turn's head cut short
        "[1413956401,6,7929856,353]",  // nobody's turn
        "[1413956401,6,6356992,609]",  // a longer text than there is
        "[1413956401,6,6356992,511]",  // no UTF-8
        "[1413956401,6,6356992,16777216]", "[1413956401,6,6356992,-1]",
        "[1413956401,9223372036854775807,6356992,353]"}) {
    EXPECT_EQ(Read(damaged), "is damaged: hand it back as the answer gave it, or leave it out")
        << damaged;
  }
  EXPECT_EQ(Read("[1413956401,6,6356992,353]"), "assistant: a");
}

TEST(GenerateContext, GoesOnWithTheConversationAtAnyTarget) {
  const PaddedText first(
      R"({"model":"m","system":"Be brief.","prompt":"One?","images":["iVBORw0KGgo="]})");
  const Result<core::Request> asked = DecodeChat(Codec(), "/api/generate", first.view());
  ASSERT_TRUE(asked.ok());
  const auto encoder = Codec().NewEncoder(*asked, RequestId{1, 2}, 0);
  std::string answer;
  encoder->Encode(core::TextEvent{0, "Two"}, answer);
  encoder->Encode(core::ReasoningEvent{0, "hm"}, answer);
  encoder->Encode(core::TextEvent{0, "."}, answer);
  encoder->Encode(core::DoneEvent{}, answer);
  const std::size_t begin = answer.find("\"context\":");
  ASSERT_NE(begin, std::string::npos) << answer;
  const std::string context = answer.substr(begin, answer.rfind('}') - begin);

  const auto sent = [&](const std::string& more, const Protocol& to) -> std::string {
    const PaddedText body(R"({"model":"m","prompt":"And then?",)" + context + more + "}");
    const Result<core::Request> request = DecodeChat(Codec(), "/api/generate", body.view());
    if (!request.ok()) return request.error().field + ": " + request.error().message;
    const Result<UpstreamRequest> upstream = to.EncodeRequest(*request, {.model = "up"});
    if (!upstream.ok()) return upstream.error().message;
    std::string text = upstream->path + " ";
    for (const std::string_view piece : upstream->body.pieces) text += piece;
    return text;
  };
  EXPECT_EQ(sent("", Codec()),
            R"(/api/chat {"model":"up","messages":[{"role":"system","content":"Be brief."},)"
            R"({"role":"user","content":"One?"},{"role":"assistant","content":"Two."},)"
            R"({"role":"user","content":"And then?"}],"stream":true,"truncate":false})");
  const std::string openai = sent("", openai_chat::Codec());
  EXPECT_NE(openai.find(R"({"role":"assistant","content":"Two."})"), std::string::npos) << openai;
  // New instructions take the place of the old ones.
  const std::string anew = sent(R"(,"system":"Be long.")", Codec());
  EXPECT_NE(anew.find(R"({"role":"system","content":"Be long."},{"role":"user","content":"One?"})"),
            std::string::npos)
      << anew;
  EXPECT_EQ(anew.find("Be brief."), std::string::npos) << anew;
  // What only Ollama's server knows has no place in the body that is written anew.
  EXPECT_NE(sent(R"(,"_debug_render_only":true)", Codec())
                .find("cannot stand beside a \"context\" of this gate's"),
            std::string::npos);
}

TEST(GenerateContext, HasNoPlaceWhereNothingIsAskedOrNothingIsSaidAround) {
  const std::string context = R"("context":[1413956401,6,6356992,353])";
  const PaddedText load(R"({"model":"m","prompt":"",)" + context + "}");
  const Result<core::Request> loads = DecodeChat(Codec(), "/api/generate", load.view());
  ASSERT_TRUE(loads.ok());
  EXPECT_EQ(loads->readying, core::Readying::kLoad);
  EXPECT_TRUE(loads->messages.empty());
  for (const char* beside : {R"("raw":true)", R"("suffix":"y")"}) {
    const PaddedText body(R"({"model":"m","prompt":"x",)" + context + "," + beside + "}");
    const Result<core::Request> request = DecodeChat(Codec(), "/api/generate", body.view());
    ASSERT_FALSE(request.ok());
    EXPECT_EQ(request.error().field, "context");
  }
  const PaddedText raw_body(R"({"model":"m","prompt":"x","raw":true,"stream":false})");
  const Result<core::Request> raw = DecodeChat(Codec(), "/api/generate", raw_body.view());
  const auto encoder = Codec().NewEncoder(*raw, RequestId{1, 2}, 0);
  std::string answer;
  encoder->Encode(core::DoneEvent{}, answer);
  EXPECT_EQ(answer.find("context"), std::string::npos) << answer;
}

}  // namespace
}  // namespace tidegate::protocols::ollama
