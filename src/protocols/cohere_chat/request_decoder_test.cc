#include "protocols/cohere_chat/request_decoder.h"

#include <gtest/gtest.h>

#include "protocols/cohere_chat/codec.h"
#include "protocols/cohere_chat/limits.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::cohere_chat {
namespace {

using core::Capability;

constexpr std::string_view kHi = R"([{"role":"user","content":"Hi"}])";

std::string Body(std::string_view messages, std::string_view members = {}) {
  return R"({"model":"m","messages":)" + std::string(messages) + (members.empty() ? "" : ",") +
         std::string(members) + "}";
}
std::string With(std::string_view members) { return Body(kHi, members); }

// A request with the bytes that it views.
struct Decoded {
  PaddedText body;
  Result<core::Request> request;
  explicit Decoded(std::string_view text)
      : body(text), request(DecodeChat(Codec(), "/v2/chat", body.view())) {}
  const core::Request* operator->() const { return &request.value(); }
};

struct Refusal {
  std::string body;
  std::string_view field;
  std::string_view says;  // a part of the message
};

std::string Repeat(std::string_view element, std::size_t count) {
  std::string out = "[";
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out += ',';
    out += element;
  }
  return out + "]";
}
std::string Assistant(std::string_view members) {
  return R"([{"role":"user","content":"x"},{"role":"assistant",)" + std::string(members) + "}]";
}

std::vector<Refusal> MessageRefusals() {
  return {
      {"{", "", "not valid JSON"},
      {"[]", "", "expected an object"},
      {R"({"messages":[]})", "model", "is required"},
      {R"({"model":"","messages":[]})", "model", "must not be empty"},
      {R"({"model":"m"})", "messages", "is required"},
      {Body("[]"), "messages", "at least one message"},
      {Body("{}"), "messages", "expected an array"},
      {Body(Repeat(R"({"role":"user","content":"a"})", kMessagesMax + 1)), "messages",
       "more than 8192 messages"},
      {Body(R"([{"content":"a"}])"), "messages[0].role", "is required"},
      {Body(R"([{"role":"developer","content":"a"}])"), "messages[0].role", "must be one of"},
      {Body(R"([{"role":"user"}])"), "messages[0].content", "is required"},
      {Body(R"([{"role":"user","content":5}])"), "messages[0].content", "a string or an array"},
      {Body(R"([{"role":"user","role":"user","content":"a"}])"), "messages[0].role", "more than"},
      {Body(R"([{"role":"user","content":[{"type":"audio"}]}])"), "messages[0].content[0].type",
       "must be one of"},
      {Body(R"([{"role":"user","content":[{"type":"type"}]}])"), "messages[0].content[0].type",
       "must be one of"},
      {Body(R"([{"role":"user","content":[{"type":"text"}]}])"), "messages[0].content[0].text",
       "is required"},
      {Body(R"([{"role":"user","content":[{"type":"thinking","thinking":"a"}]}])"),
       "messages[0].content[0].type", "cannot stand"},
      {Body(R"([{"role":"system","content":[{"type":"image_url","image_url":{"url":"x"}}]}])"),
       "messages[0].content[0].type", "cannot stand"},
      {Body(
           R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"file:///x"}}]}])"),
       "messages[0].content[0].image_url.url", "http(s)"},
      {Body(R"([{"role":"user","content":"a","tool_plan":"p"}])"), "messages[0].tool_plan",
       "of the assistant"},
      {Body(Assistant(R"("tool_calls":[])")), "messages[1].content", "no tool_calls"},
      {Body(Assistant(R"("tool_calls":[{"type":"function"}])")), "messages[1].tool_calls[0].id",
       "is required"},
      {Body(Assistant(R"("tool_calls":[{"id":"","function":{"name":"f","arguments":""}}])")),
       "messages[1].tool_calls[0].id", "must not be empty"},
      {Body(Assistant(R"("tool_calls":[{"id":"a","type":"x","function":{"name":"f"}}])")),
       "messages[1].tool_calls[0].type", "must be 'function'"},
      {Body(Assistant(R"("tool_calls":[{"id":"a","function":{"name":"f"}}])")),
       "messages[1].tool_calls[0].function.arguments", "is required"},
      {Body(Assistant(R"("tool_calls":[{"id":"a","function":{"name":"f","arguments":{}}}])")),
       "messages[1].tool_calls[0].function.arguments", "expected a string"},
      {Body(Assistant(R"("tool_calls":[{"id":"a","function":{"name":"f","arguments":""}},)"
                      R"({"id":"a","function":{"name":"f","arguments":""}}])")),
       "messages[1].tool_calls[1].id", "names another"},
      {Body(R"([{"role":"tool","content":"a"}])"), "messages[0].tool_call_id", "is required"},
      {Body(R"([{"role":"tool","content":"a","tool_call_id":"x"}])"), "messages[0].tool_call_id",
       "no assistant message"},
  };
}

std::vector<Refusal> RootRefusals() {
  return {
      {With(R"("documents":{})"), "documents", "expected an array"},
      {With(R"("documents":[5])"), "documents[0]", "a string or an object"},
      {With(R"("documents":[{"data":7}])"), "documents[0].data", "a string or an object"},
      {With(R"("documents":[{"data":{"a":"1","a":"2"}}])"), "documents[0].data.a", ""},
      {With(R"("documents":[{"text":"a"}])"), "documents[0].text", "is not known here"},
      {With(R"("documents":[{"id":")" + std::string(kDocumentIdBytesMax + 1, 'i') +
            R"(","data":"a"}])"),
       "documents[0].id", "the limit is 256"},
      {With(R"("documents":)" + Repeat("\"a\"", kMediaPartsMax + 1)), "documents[1024]",
       "more than 1024"},
      {With(R"("citation_options":{"mode":"some"})"), "citation_options.mode", "must be one of"},
      {With(R"("stream":1)"), "stream", "expected a boolean"},
      {With(R"("max_tokens":0)"), "max_tokens", "1"},
      {With(R"("temperature":-0.1)"), "temperature", "from 0 to 2"},
      {With(R"("p":1.5)"), "p", "from 0 to 1"},
      {With(R"("presence_penalty":2)"), "presence_penalty", "from 0 to 1"},
      {With(R"("k":-1)"), "k", ""},
      {With(R"("seed":"x")"), "seed", "expected an integer"},
      {With(R"("stop_sequences":"x")"), "stop_sequences", "expected an array"},
      {With(R"("stop_sequences":)" + Repeat("\"a\"", kStopSequencesMax + 1)), "stop_sequences",
       "more than 64"},
      {With(R"("strict_tools":"yes")"), "strict_tools", "expected a boolean"},
      {With(R"("tools":[{"function":{}}])"), "tools[0].type", "is required"},
      {With(R"("tools":[{"type":"web"}])"), "tools[0].type", "must be 'function'"},
      {With(R"("tools":[{"type":"function","function":{"name":""}}])"), "tools[0].function.name",
       "must not be empty"},
      {With(R"("tools":[{"type":"function","function":{"name":"f","parameters":[]}}])"),
       "tools[0].function.parameters", "a JSON Schema object"},
      {With(R"("tool_choice":"auto")"), "tool_choice", "'REQUIRED' or 'NONE'"},
      {With(R"("tool_choice":"REQUIRED")"), "tool_choice", "needs `tools`"},
      {With(R"("response_format":{"type":"json_schema"})"), "response_format.type", "must be"},
      {With(R"("response_format":{"type":"text","json_schema":{}})"), "response_format.json_schema",
       "only allowed"},
      {With(R"("response_format":{"type":"json_object","json_schema":[]})"),
       "response_format.json_schema", "a JSON Schema object"},
      {With(R"("thinking":{"type":"adaptive"})"), "thinking.type", "must be"},
      {With(R"("thinking":{"type":"enabled","token_budget":0})"), "thinking.token_budget", ""},
      {With(R"("safety_mode":"NONE")"), "safety_mode", "must be one of"},
      {With(R"("priority":-1)"), "priority", ""},
      {With(R"("tidegate":{"privacy":"sometimes"})"), "tidegate.privacy", ""},
      {With(R"("unknown":1,"unknown":2)"), "unknown", ""},
  };
}

TEST(CohereRequest, WhatIsWrongIsRefusedWithItsPlace) {
  std::vector<Refusal> refusals = MessageRefusals();
  for (Refusal& refusal : RootRefusals()) refusals.push_back(std::move(refusal));
  for (const Refusal& refusal : refusals) {
    const Decoded decoded(refusal.body);
    const std::string_view shown = std::string_view(refusal.body).substr(0, 200);
    ASSERT_FALSE(decoded.request.ok()) << shown;
    const Error& error = decoded.request.error();
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument) << shown;
    EXPECT_EQ(error.field, refusal.field) << shown;
    EXPECT_NE(error.message.find(refusal.says), std::string::npos) << shown << "\n"
                                                                   << error.message;
  }
}

TEST(CohereRequest, DocumentsThatAreCitedAreFilesInFrontOfTheQuestion) {
  const Decoded decoded(
      Body(R"([{"role":"user","content":"Q"},{"role":"assistant","content":"A"}])",
           R"("documents":["one",{"id":"x","data":{"title":"T","text":"two"}}])"));
  ASSERT_TRUE(decoded.request.ok());
  const std::vector<core::Part>& parts = decoded->messages[0].parts;
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].kind, core::PartKind::kFile);
  EXPECT_EQ(parts[0].media_type, "text/plain");
  EXPECT_EQ(parts[0].text, "b25l");
  EXPECT_EQ(parts[1].id, "x");
  EXPECT_EQ(parts[1].name, "T");
  EXPECT_EQ(parts[1].text, "dHdv");
  EXPECT_EQ(parts[2].text, "Q");
  EXPECT_TRUE(decoded->needs.Has(Capability::kCitations));
  EXPECT_TRUE(decoded->needs.Has(Capability::kFiles));
}

TEST(CohereRequest, DocumentsThatAreNotCitedAreTextForAnyModel) {
  const Decoded decoded(With(R"("citation_options":{"mode":"OFF"},"documents":["one",)"
                             R"({"id":"x","data":{"title":"T","a":"two","n":3}}])"));
  ASSERT_TRUE(decoded.request.ok());
  const std::vector<core::Part>& parts = decoded->messages[0].parts;
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].text, "Document doc:0:\none");
  EXPECT_EQ(parts[1].text, "Document x:\nT\na: two\nn: 3");
  EXPECT_TRUE(decoded->needs.empty());
}

TEST(CohereRequest, DocumentsWithoutAQuestionMakeOne) {
  const Decoded decoded(
      Body(R"([{"role":"system","content":"S"}])", R"("documents":[{"data":"one"}])"));
  ASSERT_TRUE(decoded.request.ok());
  ASSERT_EQ(decoded->messages.size(), 2U);
  EXPECT_EQ(decoded->messages[1].role, core::Role::kUser);
}

TEST(CohereRequest, APlanIsTextInFrontOfItsCalls) {
  const Decoded decoded(
      Body(Assistant(R"("content":[{"type":"thinking","thinking":"t"}],"tool_plan":"p",)"
                     R"("tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}])")));
  ASSERT_TRUE(decoded.request.ok());
  const std::vector<core::Part>& parts = decoded->messages[1].parts;
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].kind, core::PartKind::kReasoning);
  EXPECT_EQ(parts[1].kind, core::PartKind::kText);
  EXPECT_EQ(parts[1].text, "p");
  EXPECT_EQ(parts[2].kind, core::PartKind::kToolCall);
}

TEST(CohereRequest, OnlyWhatChangesTheAnswerNeedsSomething) {
  EXPECT_TRUE(Decoded(With(R"("safety_mode":"CONTEXTUAL","logprobs":false,"priority":3,"k":0,)"
                           R"("presence_penalty":0,"temperature":1,"stop_sequences":[],)"
                           R"("tools":[],"tool_choice":"NONE","thinking":{"type":"disabled"},)"
                           R"("response_format":{"type":"text"},"documents":[])"))
                  ->needs.empty());
  EXPECT_EQ(core::Join(Decoded(With(R"("safety_mode":"OFF")"))->needs), "vendor_fields");
  EXPECT_EQ(Decoded(With(R"("safety_mode":"OFF")"))->vendor_field, "safety_mode");
  EXPECT_EQ(Decoded(With(R"("logprobs":true)"))->vendor_field, "logprobs");
  EXPECT_EQ(Decoded(With(R"("citation_options":{"x":1})"))->vendor_field, "citation_options.x");
  EXPECT_EQ(core::Join(Decoded(With(R"("k":5,"seed":1,"p":0.5,"frequency_penalty":0.5)"))->needs),
            "seed, temperature, penalties, top_k");
}

TEST(CohereRequest, OnlyItsOwnPathAndMethodAreItsOwn) {
  const NoFields fields;
  EXPECT_TRUE(Codec().Match({"POST", "/v2/chat", "", &fields}).has_value());
  EXPECT_FALSE(Codec().Match({"GET", "/v2/chat", "", &fields}).has_value());
  EXPECT_FALSE(Codec().Match({"GET", "/v1/models", "", &fields}).has_value());
  EXPECT_TRUE(Codec().OwnsPath("/v2/chat"));
  EXPECT_FALSE(Codec().OwnsPath("/v1/models"));
}

}  // namespace
}  // namespace tidegate::protocols::cohere_chat
