#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "protocols/openai_responses/codec.h"
#include "protocols/openai_responses/limits.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::openai_responses {
namespace {

using core::Capability;
using core::PartKind;
using core::Role;

struct Asked {
  explicit Asked(std::string_view text)
      : body(text), request(DecodeChat(Codec(), "/v1/responses", body.view())) {}
  PaddedText body;
  Result<core::Request> request;
};

std::string WithModel(std::string_view members) {
  return R"({"model":"m",)" + std::string(members) + '}';
}

TEST(ResponsesRequest, MistakesAreNamedWithTheirPlace) {
  struct Case {
    std::string_view members, field, words;
  };
  const std::vector<Case> cases = {
      {R"("input":5)", "input", "a string or an array"},
      {R"("store":true)", "input", "is required"},
      {R"("input":[{"role":"wizard","content":"x"}])", "input[0].role", "'user'"},
      {R"("input":[{"content":"x"}])", "input[0].type", "is required"},
      {R"("input":[{"role":"user","content":[{"type":"output_text","text":"x"}]}])",
       "input[0].content[0].type", "cannot stand"},
      {R"("input":[{"role":"assistant","content":[{"type":"input_image","image_url":"data:x"}]}])",
       "input[0].content[0].type", "cannot stand"},
      {R"("input":[{"role":"user","content":[{"type":"input_image"}]}])", "input[0].content[0]",
       "image_url or file_id"},
      {R"("input":[{"role":"user","content":[{"type":"input_image","image_url":"file:///x"}]}])",
       "input[0].content[0].image_url", "http(s)"},
      {R"("input":[{"type":"function_call_output","call_id":"c","output":"x"}])",
       "input[0].call_id", "does not stand before it"},
      {R"("input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},)"
       R"({"type":"function_call","call_id":"c","name":"f","arguments":"{}"}])",
       "input[1].call_id", "another call"},
      {R"("input":[{"type":"item_reference"}])", "input[0].id", "is required"},
      {R"("input":[{"type":"reasoning","id":"r","summary":[],"encrypted_content":"VEdBVEUx!"}])",
       "input[0].encrypted_content", "damaged"},
      {R"("input":"x","background":true)", "background", "in the background"},
      {R"("input":"x","conversation":"conv_1")", "conversation", "previous_response_id"},
      {R"("input":"x","temperature":3)", "temperature", "from 0 to 2"},
      {R"("input":"x","max_output_tokens":0)", "max_output_tokens", "1"},
      {R"("input":"x","top_logprobs":2)", "top_logprobs", "include"},
      {R"("input":"x","truncation":"much")", "truncation", "'auto'"},
      {R"("input":"x","stream_options":{"include_obfuscation":true})", "stream_options", "stream"},
      {R"("input":"x","reasoning":{"effort":"huge"})", "reasoning.effort", "'minimal'"},
      {R"("input":"x","reasoning":{"summary":"long"})", "reasoning.summary", "'concise'"},
      {R"("input":"x","tools":[{"type":"function"}])", "tools[0].name", "is required"},
      {R"("input":"x","tools":[{"type":"function","name":"f"},{"type":"custom","name":"f"}])",
       "tools[1].name", "another tool"},
      {R"("input":"x","tools":[{"type":"custom","name":"f","format":{"type":"bnf"}}])",
       "tools[0].format.type", "'grammar'"},
      {R"("input":"x","tools":[{"type":"namespace","name":"n","tools":[{"type":"web_search"}]}])",
       "tools[0].tools[0].type", "in a namespace"},
      {R"("input":"x","tool_choice":{"type":"function","name":"f"})", "tool_choice.name",
       "names no tool"},
      {R"("input":"x","tool_choice":"required")", "tool_choice", "needs `tools`"},
      {R"("input":"x","text":{"format":{"type":"json_schema","schema":{}}})", "text.format.name",
       "is required"},
      {R"("input":"x","metadata":{"k":1})", "metadata.k", "a string"},
      {R"("input":"x","store":"yes")", "store", "a boolean"},
      {R"("input":"x","store":true,"store":false)", "store", "more than once"},
      {R"("input":"x","previous_response_id":"")", "previous_response_id", "empty"},
      {R"("input":"x","tidegate":{"privacy":"never"})", "tidegate.privacy", "unknown"},
  };
  for (const Case& each : cases) {
    const Asked asked(WithModel(each.members));
    ASSERT_FALSE(asked.request.ok()) << each.members;
    const Error& error = asked.request.error();
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument) << each.members;
    EXPECT_EQ(error.field, each.field) << each.members;
    EXPECT_NE(error.message.find(each.words), std::string::npos) << error.message;
  }
  EXPECT_EQ(Asked(R"({"input":"x"})").request.error().field, "model");
}

TEST(ResponsesRequest, ItemsOfOneTurnAreOneMessageInTheirOrder) {
  const Asked asked(WithModel(
      R"("instructions":"S","input":[{"role":"developer","content":"D"},{"role":"user",)"
      R"("content":"u"},{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text",)"
      R"("text":"t"}],"encrypted_content":"e=="},{"role":"assistant","content":"ok"},)"
      R"({"type":"function_call","call_id":"a","name":"f","arguments":"{}"},)"
      R"({"type":"function_call","call_id":"b","name":"g","arguments":"{}"},)"
      R"({"type":"function_call_output","call_id":"a","output":"1"},)"
      R"({"type":"function_call_output","call_id":"b","output":"2"},)"
      R"({"role":"assistant","content":"x"},{"role":"assistant","content":"y"}])"));
  ASSERT_TRUE(asked.request.ok()) << DescribeError(asked.request.error());
  const std::vector<core::Message>& messages = asked.request->messages;
  ASSERT_EQ(messages.size(), 6U);
  EXPECT_EQ(messages[0].role, Role::kSystem);
  ASSERT_EQ(messages[0].parts.size(), 2U) << "what stands in front is one message";
  EXPECT_EQ(messages[0].parts[1].text, "D");
  ASSERT_EQ(messages[2].parts.size(), 4U);
  EXPECT_EQ(messages[2].parts[0].kind, PartKind::kReasoning);
  EXPECT_EQ(messages[2].parts[0].state.bytes, "e==");
  EXPECT_EQ(messages[2].parts[0].state.id, "rs_1");
  EXPECT_EQ(messages[2].parts[1].text, "ok");
  EXPECT_EQ(messages[2].parts[3].name, "g");
  EXPECT_EQ(messages[3].role, Role::kTool);
  ASSERT_EQ(messages[3].parts.size(), 2U);
  EXPECT_EQ(messages[3].parts[1].name, "g");
  EXPECT_EQ(messages[5].parts[0].text, "y") << "two messages stay two";
}

TEST(ResponsesRequest, ACustomToolIsAFunctionOfOneStringAndItsGrammarIsNotLost) {
  const Asked asked(WithModel(
      R"("input":[{"type":"custom_tool_call","call_id":"c","name":"p","input":"a\"\n"},)"
      R"({"type":"custom_tool_call_output","call_id":"c","output":"ok"}],"tools":[)"
      R"({"type":"custom","name":"p","description":"Patches.","format":{"type":"grammar",)"
      R"("syntax":"lark","definition":"start: /x/"}},{"type":"namespace","name":"n",)"
      R"("description":"All n.","tools":[{"type":"function","name":"f","description":"F."}]}])"));
  ASSERT_TRUE(asked.request.ok()) << DescribeError(asked.request.error());
  const core::Request& request = *asked.request;
  ASSERT_EQ(request.tools.size(), 2U);
  EXPECT_TRUE(request.tools[0].text_input);
  EXPECT_NE(request.tools[0].description.find("start: /x/"), std::string_view::npos);
  EXPECT_NE(request.tools[0].parameters.find("\"input\""), std::string_view::npos);
  EXPECT_EQ(request.tools[1].name, "n__f");
  EXPECT_EQ(request.tools[1].group, "n");
  EXPECT_EQ(request.tools[1].description, "All n.\n\nF.");
  EXPECT_EQ(request.messages[0].parts[0].arguments, R"({"input":"a\"\n"})");
  EXPECT_EQ(request.messages[1].parts[0].name, "p");
  EXPECT_FALSE(request.needs.Has(Capability::kVendorFields));
}

TEST(ResponsesRequest, AToolOfTheVendorsIsAnOfferAmongOthersAndADemandAlone) {
  const std::string own = R"({"type":"function","name":"f","parameters":{}})";
  const Asked offered(WithModel(R"("input":"x","tools":[{"type":"web_search"},)" + own + "]"));
  ASSERT_TRUE(offered.request.ok());
  EXPECT_EQ(offered.request->offers, std::vector<std::string_view>{"web_search"});
  EXPECT_FALSE(offered.request->needs.Has(Capability::kVendorFields));
  EXPECT_EQ(offered.request->echo.find("web_search"), std::string_view::npos)
      << "an answer made without it does not say that it had it";
  const Asked alone(WithModel(R"("input":"x","tools":[{"type":"web_search"}])"));
  ASSERT_TRUE(alone.request.ok());
  EXPECT_TRUE(alone.request->needs.Has(Capability::kVendorFields));
  EXPECT_EQ(alone.request->vendor_field, "tools[0].type");
  const Asked named(WithModel(R"("input":"x","tool_choice":{"type":"web_search"},"tools":[)"
                              R"({"type":"web_search"},)" +
                              own + "]"));
  ASSERT_TRUE(named.request.ok());
  EXPECT_TRUE(named.request->needs.Has(Capability::kVendorFields));
}

TEST(ResponsesRequest, OnlyWhatCannotBeLeftOutNarrowsTheTargets) {
  const Asked plain(WithModel(
      R"("input":"x","truncation":"auto","metadata":{"a":"b"},"user":"u","service_tier":"flex",)"
      R"("prompt_cache_key":"k","safety_identifier":"s","max_tool_calls":3,"text":{"verbosity":)"
      R"("low"},"reasoning":{"summary":"auto","context":"auto"},"include":)"
      R"(["reasoning.encrypted_content"],"client_metadata":{"t":"1"},"parallel_tool_calls":true)"));
  ASSERT_TRUE(plain.request.ok()) << DescribeError(plain.request.error());
  EXPECT_TRUE(plain.request->needs.empty()) << core::Join(plain.request->needs);
  for (const std::string_view vendor :
       {R"("prompt":{"id":"p"})", R"("moderation":{"model":"m"})", R"("new_field":1)",
        R"("reasoning":{"mode":"pro"})", R"("include":["new.thing"])"}) {
    const Asked asked(WithModel(R"("input":"x",)" + std::string(vendor)));
    ASSERT_TRUE(asked.request.ok()) << vendor;
    EXPECT_TRUE(asked.request->needs.Has(Capability::kVendorFields)) << vendor;
  }
}

TEST(ResponsesRequest, WhatIsToBeKeptIsKeptHereAndNotUpstream) {
  const auto sent = [](std::string_view members) {
    const Asked asked(WithModel(members));
    EXPECT_TRUE(asked.request.ok()) << members;
    const Result<UpstreamRequest> upstream =
        Codec().EncodeRequest(*asked.request, UpstreamOptions{.model = "m"});
    std::string joined;
    for (const std::string_view piece : upstream->body.pieces) joined += piece;
    return std::pair(asked.request->keep, joined);
  };
  EXPECT_EQ(sent(R"("input":"x")"),
            std::pair(true, std::string(R"({"store":false,"model":"m","input":"x"})")));
  EXPECT_EQ(sent(R"("input":"x","store":true)"),
            std::pair(true, std::string(R"({"model":"m","input":"x","store":false})")));
  EXPECT_EQ(sent(R"("input":"x","store":null)"),
            std::pair(true, std::string(R"({"model":"m","input":"x","store":false})")));
  EXPECT_EQ(sent(R"("input":"x","store":false)"),
            std::pair(false, std::string(R"({"model":"m","input":"x","store":false})")));
}

TEST(ResponsesRequest, TooManyItemsAreRefused) {
  std::string items;
  for (std::size_t i = 0; i <= kItemsMax; ++i) items += R"({"role":"user","content":""},)";
  items.pop_back();
  EXPECT_EQ(Asked(WithModel("\"input\":[" + items + "]")).request.error().field, "input");
}

}  // namespace
}  // namespace tidegate::protocols::openai_responses
