#include "protocols/openai_responses/encoder.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocols/openai_responses/codec.h"
#include "protocols/sse/event.h"
#include "protocols/sse/splitter.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::openai_responses {
namespace {

constexpr RequestId kId{1, 2};

EncoderOptions Streamed() {
  EncoderOptions options{.id = kId, .created_s = 3, .model = "m", .stream = true};
  options.tools["crm__find"] = {"crm", "find", false};
  options.tools["apply_patch"] = {"", "apply_patch", true};
  return options;
}

core::ToolCallEvent Call(std::int64_t index, std::string_view id, std::string_view name,
                         std::string_view arguments) {
  core::ToolCallEvent event;
  event.index = index;
  event.id = id;
  event.name = name;
  event.arguments = arguments;
  return event;
}

std::string Encode(EncoderOptions options, const std::vector<core::Event>& events) {
  const std::unique_ptr<ResponseEncoder> encoder = NewResponsesEncoder(std::move(options));
  std::string out;
  for (const core::Event& event : events) encoder->Encode(event, out);
  return out;
}

// The names of the events, checked to be numbered from 0.
std::vector<std::string> Names(const std::string& stream) {
  sse::Splitter splitter(sse::Framing::kEventStream);
  std::vector<std::string_view> frames;
  EXPECT_TRUE(splitter.Feed(stream, frames).ok());
  std::vector<std::string> names;
  std::string joined;
  for (const std::string_view frame : frames) {
    const sse::Event event = sse::ParseEvent(frame, joined);
    const std::string number = "\"sequence_number\":" + std::to_string(names.size()) + ",";
    EXPECT_NE(event.data.find(number), std::string_view::npos) << event.data;
    EXPECT_NE(event.data.find("\"type\":\"" + std::string(event.name) + "\""),
              std::string_view::npos);
    names.emplace_back(event.name);
  }
  return names;
}

std::size_t Count(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST(ResponsesEncoder, NothingIsSentBeforeThereIsSomethingToSay) {
  EXPECT_EQ(Encode(Streamed(), {core::StartEvent{"id", "m2", 1, {}}, core::UsageEvent{}}), "");
}

TEST(ResponsesEncoder, EventsStandInOpenAisOrder) {
  const std::string out = Encode(
      Streamed(), {core::ReasoningEvent{0, "hm"}, core::TextEvent{0, "a"}, core::TextEvent{0, "b"},
                   Call(0, "c1", "f", "{"), Call(0, "", "", "}"),
                   core::FinishEvent{0, core::FinishReason::kToolCalls, {}}, core::DoneEvent{}});
  EXPECT_EQ(Names(out), (std::vector<std::string>{"response.created",
                                                  "response.in_progress",
                                                  "response.output_item.added",
                                                  "response.content_part.added",
                                                  "response.reasoning_text.delta",
                                                  "response.reasoning_text.done",
                                                  "response.content_part.done",
                                                  "response.output_item.done",
                                                  "response.output_item.added",
                                                  "response.content_part.added",
                                                  "response.output_text.delta",
                                                  "response.output_text.delta",
                                                  "response.output_text.done",
                                                  "response.content_part.done",
                                                  "response.output_item.done",
                                                  "response.output_item.added",
                                                  "response.function_call_arguments.delta",
                                                  "response.function_call_arguments.delta",
                                                  "response.function_call_arguments.done",
                                                  "response.output_item.done",
                                                  "response.completed"}));
}

TEST(ResponsesEncoder, ASummaryThatWasAskedForIsOne) {
  EncoderOptions options = Streamed();
  options.summary = true;
  const std::string out = Encode(std::move(options), {core::ReasoningEvent{0, "hm"},
                                                      core::TextEvent{0, "a"}, core::DoneEvent{}});
  const std::vector<std::string> names = Names(out);
  EXPECT_EQ(names[3], "response.reasoning_summary_part.added");
  EXPECT_EQ(names[4], "response.reasoning_summary_text.delta");
  EXPECT_EQ(names[6], "response.reasoning_summary_part.done");
  EXPECT_NE(out.find(R"("summary":[{"type":"summary_text","text":"hm"}])"), std::string::npos);
}

TEST(ResponsesEncoder, ACustomToolAndOneOfANamespaceComeBackAsTheCallerDeclaredThem) {
  const std::vector<core::Event> events = {
      Call(0, "c1", "crm__find", R"({"id":7})"), Call(1, "c2", "apply_patch", R"({"inp)"),
      Call(1, "", "", R"(ut":"a\n\"b\""})"), core::DoneEvent{}};
  EncoderOptions whole = Streamed();
  whole.stream = false;
  for (const std::string& out : {Encode(Streamed(), events), Encode(std::move(whole), events)}) {
    EXPECT_NE(
        out.find(R"("call_id":"c1","name":"find","namespace":"crm","arguments":"{\"id\":7}")"),
        std::string::npos)
        << out;
    EXPECT_NE(out.find(R"("type":"custom_tool_call")"), std::string::npos) << out;
    EXPECT_NE(out.find(R"("call_id":"c2","name":"apply_patch","input":"a\n\"b\"")"),
              std::string::npos)
        << out;
    EXPECT_EQ(out.find("crm__find"), std::string::npos) << out;
  }
  const std::string streamed = Encode(Streamed(), events);
  EXPECT_NE(streamed.find(R"("delta":"a\n\"b\"")"), std::string::npos);
}

TEST(ResponsesEncoder, WhatAModelWroteForACustomToolIsNeverLost) {
  for (const std::string_view arguments :
       {"*** Begin Patch", R"({"patch":"x"})", R"({"input":5})", R"({"input":"x","more":1})"}) {
    const std::string out =
        Encode(Streamed(), {Call(0, "c", "apply_patch", arguments), core::DoneEvent{}});
    EXPECT_NE(out.find("\"input\":" + Quote(arguments)), std::string::npos) << out;
  }
}

TEST(ResponsesEncoder, CallsThatAreMixedAreAFailureInAStreamAndNoneInOnePiece) {
  const std::vector<core::Event> events = {Call(0, "a", "f", "{"), Call(1, "b", "g", "{}"),
                                           Call(0, "", "", "}"), core::DoneEvent{}};
  const std::string out = Encode(Streamed(), events);
  const std::vector<std::string> names = Names(out);
  EXPECT_EQ(names[names.size() - 2], "error");
  EXPECT_EQ(names.back(), "response.failed");
  EncoderOptions options = Streamed();
  options.stream = false;
  const std::string whole = Encode(std::move(options), events);
  EXPECT_NE(whole.find(R"("name":"f","arguments":"{}")"), std::string::npos) << whole;
}

TEST(ResponsesEncoder, AStateOfOpenAisKeepsTheNameItIsGoodUnder) {
  const core::StateEvent state{
      0, {core::StateOrigin::kOpenAi, core::StateKind::kRedacted, "enc==", "rs_up"}};
  const std::string alone = Encode(Streamed(), {state, core::DoneEvent{}});
  EXPECT_NE(alone.find(R"("id":"rs_up")"), std::string::npos);
  EXPECT_NE(alone.find(R"("encrypted_content":"enc==")"), std::string::npos);
  // In a stream the item has its name before the state comes: an envelope brings the name along.
  const std::string told =
      Encode(Streamed(), {core::ReasoningEvent{0, "hm"}, state, core::DoneEvent{}});
  EXPECT_EQ(told.find("enc=="), std::string::npos);
  EXPECT_NE(told.find(R"("encrypted_content":"VEdBVEUx)"), std::string::npos);
}

TEST(ResponsesEncoder, AStateOfACallStandsInAThoughtInFrontOfIt) {
  const std::string out =
      Encode(Streamed(),
             {core::TextEvent{0, "a"},
              core::StateEvent{0, {core::StateOrigin::kGemini, core::StateKind::kOfPart, "g", {}}},
              Call(0, "c", "f", "{}"), core::DoneEvent{}});
  const std::size_t thought = out.find("VEdBVEUx");
  ASSERT_NE(thought, std::string::npos);
  EXPECT_LT(out.find("response.output_text.done"), thought);
  EXPECT_LT(thought, out.find("\"function_call\""));
}

TEST(ResponsesEncoder, AnAnswerThatWasCutShortIsIncomplete) {
  const std::string out = Encode(
      Streamed(), {core::TextEvent{0, "a"}, core::FinishEvent{0, core::FinishReason::kLength, {}},
                   core::DoneEvent{}});
  EXPECT_EQ(Names(out).back(), "response.incomplete");
  EXPECT_NE(out.find(R"("incomplete_details":{"reason":"max_output_tokens"})"), std::string::npos);
  EXPECT_EQ(Count(out, "\"status\":\"completed\""), 0U) << out;
}

TEST(ResponsesEncoder, AnAnswerRepeatsWhatWasAskedFor) {
  const PaddedText body(R"({"model":"m","input":"x","temperature":0.25,"metadata":{"k":"v"},)"
                        R"("instructions":"Be brief.","store":false})");
  const Result<core::Request> request = DecodeChat(Codec(), "/v1/responses", body.view());
  ASSERT_TRUE(request.ok());
  const std::unique_ptr<ResponseEncoder> encoder = Codec().NewEncoder(*request, kId, 3);
  std::string out;
  encoder->Encode(core::TextEvent{0, "Hi"}, out);
  EXPECT_EQ(out, "");
  encoder->Encode(core::DoneEvent{}, out);
  for (const std::string_view part :
       {R"("temperature":0.25)", R"("metadata":{"k":"v"})", R"("instructions":"Be brief.")",
        R"("store":false)", R"("object":"response")", R"("tools":[])", R"("usage":null)"}) {
    EXPECT_NE(out.find(part), std::string::npos) << part << '\n' << out;
  }
}

}  // namespace
}  // namespace tidegate::protocols::openai_responses
