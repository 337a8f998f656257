// What crosses between this protocol and others.
#include <string>

#include <gtest/gtest.h>

#include "protocols/anthropic_messages/codec.h"
#include "protocols/cohere_chat/codec.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::cohere_chat {
namespace {

const Protocol& kChat = openai_chat::Codec();
const Protocol& kMessages = anthropic_messages::Codec();

std::string_view PathOf(const Protocol& codec) {
  if (&codec == &kChat) return "/v1/chat/completions";
  return &codec == &kMessages ? "/v1/messages" : "/v2/chat";
}

// The body that `to` would be sent, or the error.
std::string Sent(const Protocol& from, std::string_view text, const Protocol& to) {
  const PaddedText body(text);
  const Result<core::Request> request = DecodeChat(from, PathOf(from), body.view());
  if (!request.ok()) return "bad: " + DescribeError(request.error());
  const Result<UpstreamRequest> upstream = to.EncodeRequest(*request, {.model = "m"});
  if (!upstream.ok()) return "refused: " + DescribeError(upstream.error());
  std::string joined;
  for (const std::string_view piece : upstream->body.pieces) joined += piece;
  return joined;
}

std::string Chat(std::string_view members) {
  return R"({"model":"x","messages":[{"role":"user","content":"a"}],)" + std::string(members) + "}";
}

// What a client of this protocol gets of events.
std::string Encoded(const std::vector<core::Event>& events, bool stream,
                    const core::Request& request = {}) {
  core::Request asked;
  asked.messages = request.messages;
  asked.stream = stream;
  const std::unique_ptr<ResponseEncoder> encoder = Codec().NewEncoder(asked, RequestId{1, 2}, 3);
  std::string out;
  for (const core::Event& event : events) encoder->Encode(event, out);
  return out;
}
std::vector<std::string> Again(const std::string& answer, bool stream) {
  return DecodeInPieces(*Codec().NewDecoder(stream), answer, answer.size(), true);
}
core::ToolCallEvent Call(std::int64_t index, std::string_view id, std::string_view name,
                         std::string_view arguments) {
  core::ToolCallEvent call;
  call.index = index;
  call.id = id;
  call.name = name;
  call.arguments = arguments;
  return call;
}

TEST(CohereTranslate, AChatReachesItWhole) {
  EXPECT_EQ(
      Sent(kChat,
           R"({"model":"x","max_tokens":50,"messages":[{"role":"user","content":[)"
           R"({"type":"text","text":"look"},{"type":"image_url","image_url":{"url":)"
           R"("data:image/png;base64,QQ==","detail":"low"}}]},{"role":"developer","content":"D"},)"
           R"({"role":"assistant","content":"ok","reasoning_content":"hm","tool_calls":[)"
           R"({"id":"c1","type":"function","function":{"name":"f","arguments":)"
           R"("{\"n\": 9223372036854775807}"}},{"id":"c2","type":"function","function":)"
           R"({"name":"g","arguments":""}}]},{"role":"tool","tool_call_id":"c1","content":"r1"},)"
           R"({"role":"tool","tool_call_id":"c2","content":"r2"},)"
           R"({"role":"system","content":"S"},{"role":"user","content":"go"}],)"
           R"("tools":[{"type":"function","function":{"name":"f","description":"d","strict":true,)"
           R"("parameters":{"type":"object"}}},{"type":"function","function":{"name":"g",)"
           R"("strict":true}}],"tool_choice":"required","temperature":0.5,"top_p":1,"stop":"END",)"
           R"("seed":4,"presence_penalty":0.5,"frequency_penalty":0,"reasoning_effort":"low"})",
           Codec()),
      R"({"model":"m","messages":[{"role":"system","content":[{"type":"text","text":"D"},)"
      R"({"type":"text","text":"S"}]},{"role":"user","content":[{"type":"text","text":"look"},)"
      R"({"type":"image_url","image_url":{"url":"data:image/png;base64,QQ==","detail":"low"}}]},)"
      R"({"role":"assistant","content":[{"type":"thinking","thinking":"hm"}],"tool_plan":"ok",)"
      R"("tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":)"
      R"("{\"n\": 9223372036854775807}"}},{"id":"c2","type":"function","function":{"name":"g",)"
      R"("arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"r1"},{"role":"tool",)"
      R"("tool_call_id":"c2","content":"r2"},{"role":"user","content":"go"}],"tools":[)"
      R"({"type":"function","function":{"name":"f","description":"d","parameters":)"
      R"({"type":"object"}}},{"type":"function","function":{"name":"g","parameters":)"
      R"({"type":"object","properties":{}}}}],"strict_tools":true,"tool_choice":"REQUIRED",)"
      R"("thinking":{"type":"enabled","token_budget":1024},"max_tokens":50,"temperature":0.5,)"
      R"("p":0.99,"presence_penalty":0.5,"seed":4,"stop_sequences":["END"]})");
}

TEST(CohereTranslate, MessagesWithDocumentsReachItAsDocuments) {
  EXPECT_EQ(
      Sent(kMessages,
           R"({"model":"x","max_tokens":50,"messages":[{"role":"user","content":[)"
           R"({"type":"document","title":"T","source":{"type":"text","media_type":"text/plain",)"
           R"("data":"wet"}},{"type":"text","text":"a"}]},{"role":"assistant","content":[)"
           R"({"type":"thinking","thinking":"t","signature":"sg"},{"type":"tool_use","id":"t1",)"
           R"("name":"f","input":{"n" : 1.0}}]},{"role":"user","content":[{"type":"tool_result",)"
           R"("tool_use_id":"t1","content":[{"type":"text","text":"r"},{"type":"document",)"
           R"("source":{"type":"text","media_type":"text/plain","data":"dry"}}]},)"
           R"({"type":"text","text":"b"}]}]})",
           Codec()),
      R"({"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant",)"
      R"("tool_calls":[{"id":"t1","type":"function","function":{"name":"f","arguments":)"
      R"("{\"n\" : 1.0}"}}]},{"role":"tool","tool_call_id":"t1","content":[{"type":"text",)"
      R"("text":"r"},{"type":"document","document":{"data":{"text":"dry"}}}]},{"role":"user",)"
      R"("content":"b"}],"documents":[{"id":"0","data":{"title":"T","text":"wet"}}],)"
      R"("citation_options":{"mode":"OFF"},"max_tokens":50})");
  const std::string cited =
      Sent(kMessages,
           R"({"model":"x","max_tokens":50,"messages":[{"role":"user","content":[)"
           R"({"type":"document","citations":{"enabled":true},"source":{"type":"text",)"
           R"("media_type":"text/plain","data":"wet"}}]}]})",
           Codec());
  EXPECT_EQ(cited.find("citation_options"), std::string::npos) << cited;
}

TEST(CohereTranslate, WhatItCannotSayIsRefusedForAnotherTargetWithItsPlace) {
  constexpr std::string_view kTool =
      R"({"type":"function","function":{"name":"f","parameters":{}}})";
  constexpr std::string_view kOther =
      R"({"type":"function","function":{"name":"g","strict":true,"parameters":{}}})";
  const std::string tools = R"("tools":[)" + std::string(kTool) + "," + std::string(kOther) + "]";
  const struct {
    std::string body;
    std::string_view field;
  } cases[] = {
      {Chat(R"("temperature":1.5)"), "temperature"},
      {Chat(R"("presence_penalty":-1)"), "frequency_penalty, presence_penalty"},
      {Chat(R"("presence_penalty":1,"frequency_penalty":1)"), "presence_penalty"},
      {Chat(R"("stop":["1","2","3","4","5","6"])"), "stop"},
      {Chat(R"("seed":-1)"), "seed"},
      {Chat(R"("top_k":501)"), "top_k"},
      {Chat(tools), "tools"},
      {Chat(R"("tools":[)" + std::string(kTool) + R"(],"response_format":{"type":"json_object"})"),
       "response_format"},
      {R"({"model":"x","messages":[{"role":"user","content":[{"type":"file","file":)"
       R"({"file_data":"data:application/pdf;base64,QQ=="}}]}]})",
       "messages[0]"},
      {R"({"model":"x","messages":[{"role":"user","content":[{"type":"input_audio",)"
       R"("input_audio":{"data":"QQ==","format":"wav"}}]}]})",
       "messages[0]"},
  };
  for (const auto& each : cases) {
    const std::string sent = Sent(kChat, each.body, Codec());
    EXPECT_TRUE(sent.starts_with("refused: invalid_argument retry=other_target")) << sent;
    EXPECT_NE(sent.find("field=" + std::string(each.field) + " "), std::string::npos) << sent;
  }
}

TEST(CohereTranslate, OneToolByNameIsTheOnlyToolThatIsRequired) {
  const std::string one = Sent(kChat,
                               Chat(R"("tools":[{"type":"function","function":{"name":"f"}}],)"
                                    R"("tool_choice":{"type":"function","function":{"name":"f"}})"),
                               Codec());
  EXPECT_NE(one.find(R"("tool_choice":"REQUIRED")"), std::string::npos) << one;
  const std::string two = Sent(kChat,
                               Chat(R"("tools":[{"type":"function","function":{"name":"f"}},)"
                                    R"({"type":"function","function":{"name":"g"}}],)"
                                    R"("tool_choice":{"type":"function","function":{"name":"f"}})"),
                               Codec());
  EXPECT_TRUE(two.starts_with("refused: ")) << two;
}

TEST(CohereTranslate, ItsClientsReachAChat) {
  EXPECT_EQ(
      Sent(
          Codec(),
          R"({"model":"x","messages":[{"role":"user","content":"Q"},{"role":"assistant",)"
          R"("tool_plan":"p","tool_calls":[{"id":"a","type":"function","function":{"name":"f",)"
          R"("arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":[{"type":"document",)"
          R"("document":{"data":"{\"a\":1}"}}]}],"k":3,"p":0.5,"max_tokens":9,)"
          R"("response_format":{"type":"json_object","json_schema":{"type":"object"}},)"
          R"("thinking":{"type":"enabled","token_budget":2000},"tidegate":{"privacy":"open"}})",
          kChat),
      R"({"model":"m","messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"p",)"
      R"("tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
      R"({"role":"tool","tool_call_id":"a","content":"{\"a\":1}"}],"response_format":)"
      R"({"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"},)"
      R"("strict":true}},"top_p":0.5,"top_k":3,"reasoning_effort":"low","max_tokens":9})");
}

TEST(CohereTranslate, AnAnswerOfAnyKindIsReadBackAsItWas) {
  core::Usage usage;
  usage.input_tokens = 20;
  usage.cached_read_tokens = 5;
  usage.output_tokens = 7;
  const std::vector<core::Event> events = {
      core::StartEvent{"id", "model", 5, {}},
      core::ReasoningEvent{0, "hm"},
      core::StateEvent{0,
                       {core::StateOrigin::kAnthropic, core::StateKind::kSignature, "signed", {}}},
      core::TextEvent{0, "Très "},
      core::TextEvent{0, "bien."},
      Call(0, "a", "f", ""),
      Call(0, "", "", R"({"x":1.0,)"),
      Call(0, "", "", R"("n":9007199254740993})"),
      Call(1, "", "g", "{}"),
      core::FinishEvent{0, core::FinishReason::kToolCalls, {}},
      core::UsageEvent{usage},
      core::DoneEvent{}};
  const std::string made = "id=call_" + RequestId{1, 2}.ToString() + "_1 name=g ";
  const std::vector<std::string> stream = Again(Encoded(events, true), true);
  EXPECT_EQ(Encoded(events, true).find("signed"), std::string::npos);
  const std::vector<std::string> expected = {
      "start id=" + RequestId{1, 2}.ToString() + " model= created=0",
      R"(reasoning 0 "hm")",
      R"(text 0 "Très ")",
      R"(text 0 "bien.")",
      R"(call 0.0 id=a name=f "")",
      R"(call 0.0 "{\"x\":1.0,")",
      R"(call 0.0 "\"n\":9007199254740993}")",
      "call 0.1 " + made + R"("")",
      R"(call 0.1 "{}")",
      "finish 0 tool_calls",
      "usage in=20 out=7 cached_read=5 cached_write=0 reasoning=0",
      "done"};
  EXPECT_EQ(stream, expected);
  const std::vector<std::string> whole = Again(Encoded(events, false), false);
  const std::vector<std::string> expected_whole = {
      "start id=" + RequestId{1, 2}.ToString() + " model= created=0",
      R"(reasoning 0 "hm")",
      R"(text 0 "Très bien.")",
      R"(call 0.0 id=a name=f "{\"x\":1.0,\"n\":9007199254740993}")",
      "call 0.1 " + made + R"("{}")",
      "finish 0 tool_calls",
      "usage in=20 out=7 cached_read=5 cached_write=0 reasoning=0",
      "done"};
  EXPECT_EQ(whole, expected_whole);
}

TEST(CohereTranslate, CitationsOfOthersNameTheDocumentsOfTheRequest) {
  const PaddedText body(R"({"model":"x","messages":[{"role":"user","content":"Q"}],)"
                        R"("documents":["one",{"id":"wet","data":{"text":"two"}}]})");
  const Result<core::Request> request = DecodeChat(Codec(), "/v2/chat", body.view());
  ASSERT_TRUE(request.ok());
  core::CitationEvent first;  // as Anthropic's: the number of the document, behind the cited text
  first.document = "1";
  first.title = "T";
  first.cited_text = "two";
  core::CitationEvent second;
  second.begin = 6;
  second.end = 11;
  second.document = "0";
  core::CitationEvent third;
  third.url = "https://example.org/";
  const std::vector<core::Event> events = {core::TextEvent{0, "Très "},
                                           core::ReasoningEvent{0, "hm"},
                                           core::TextEvent{0, "bien."},
                                           first,
                                           second,
                                           third,
                                           core::FinishEvent{},
                                           core::DoneEvent{}};
  for (const bool stream : {true, false}) {
    const std::string out = Encoded(events, stream, *request);
    for (
        const std::string_view part :
        {R"({"end":5,"sources":[{"type":"document","id":"wet","document":{"id":"wet",)"
         R"("title":"T","text":"two"}}],"content_index":2,"type":"TEXT_CONTENT"})",
         R"({"start":0,"end":5,"text":"bien.","sources":[{"type":"document","id":"doc:0",)"
         R"("document":{"id":"doc:0"}}],"content_index":2,"type":"TEXT_CONTENT"})",
         R"({"end":5,"sources":[{"type":"document","document":{"url":"https://example.org/"}}])"}) {
      EXPECT_NE(out.find(part), std::string::npos) << part << "\n" << out;
    }
    const std::vector<std::string> lines = Again(out, stream);
    EXPECT_NE(std::find(lines.begin(), lines.end(),
                        R"(citation 0 6..11 url= title="" document="doc:0" "")"),
              lines.end());
  }
}

TEST(CohereTranslate, WhatWasWithheldIsNotComplete) {
  const auto finish = [](core::FinishReason reason) {
    return Encoded({core::TextEvent{0, "a"}, core::FinishEvent{0, reason, {}}, core::DoneEvent{}},
                   false);
  };
  EXPECT_NE(finish(core::FinishReason::kContentFilter).find(R"("finish_reason":"ERROR")"),
            std::string::npos);
  EXPECT_NE(finish(core::FinishReason::kRefusal).find(R"("finish_reason":"COMPLETE")"),
            std::string::npos);
  EXPECT_NE(finish(core::FinishReason::kLength).find(R"("finish_reason":"MAX_TOKENS")"),
            std::string::npos);
}

TEST(CohereTranslate, MixedArgumentsAreNeverHalfBelieved) {
  const std::string out = Encoded({Call(0, "a", "f", "{"), Call(1, "b", "g", "{}"),
                                   Call(0, "", "", "}"), core::FinishEvent{}, core::DoneEvent{}},
                                  true);
  EXPECT_TRUE(out.ends_with(R"("finish_reason":"ERROR"}})"
                            "\n\n"))
      << out;
  EXPECT_EQ(out.find("[DONE]"), std::string::npos);
}

TEST(CohereTranslate, AnErrorEndsAStreamAndNeverSaysDone) {
  Error error = Unavailable(ErrorSource::kUpstream, "gone");
  EXPECT_EQ(Codec().EncodeStreamError(error),
            "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"error\":\"gone\","
            "\"finish_reason\":\"ERROR\"}}\n\n");
  error = InvalidArgument("k", "is bad");
  EXPECT_EQ(Codec().EncodeError(error),
            R"({"message":"k: is bad","code":"invalid_argument","param":"k"})");
}

}  // namespace
}  // namespace tidegate::protocols::cohere_chat
