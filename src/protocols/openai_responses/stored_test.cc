#include "protocols/openai_responses/stored.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocols/openai_responses/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::openai_responses {
namespace {

constexpr RequestId kId{1, 2};

StoredTurn Turn(std::string id, std::string input, std::string output) {
  return {std::move(id), "", std::move(input), R"({"id":"x","output":)" + output + "}"};
}

TEST(StoredResponses, EveryInputItemHasANameATypeAndAListOfParts) {
  const Result<std::string> text = Stored().InputOf(R"({"input":"a \"b\""})", {}, kId);
  ASSERT_TRUE(text.ok());
  EXPECT_NE(text->find(R"("type":"message","status":"completed","role":"user","content":)"
                       R"([{"type":"input_text","text":"a \"b\""}]}])"),
            std::string::npos)
      << *text;
  const Result<std::string> items = Stored().InputOf(
      R"({"input":[{"role":"assistant","content":"x"},{"type":"function_call_output",)"
      R"("call_id":"c","output":"1"},{"id":"rs_1","type":"reasoning","summary":[]},)"
      R"({"id":null,"role":"user","content":[]}]})",
      {}, kId);
  ASSERT_TRUE(items.ok());
  EXPECT_NE(items->find(R"([{"type":"output_text","text":"x","annotations":[]}])"),
            std::string::npos)
      << *items;
  EXPECT_NE(items->find(R"({"id":"fco_tg_)"), std::string::npos) << *items;
  EXPECT_NE(items->find(R"({"id":"rs_1","type":"reasoning","summary":[]})"), std::string::npos);
  EXPECT_EQ(items->find("null"), std::string::npos) << *items;
}

TEST(StoredResponses, ARequestIsExpandedByWhatItContinues) {
  const std::vector<StoredTurn> turns = {
      Turn("r1", R"([{"id":"msg_a","role":"user","content":"one"}])",
           R"([{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"e"},)"
           R"({"id":"msg_b","type":"message","role":"assistant","content":[]}])"),
      Turn("r2", R"([{"type":"function_call_output","id":"fco_1","call_id":"c","output":"2"}])",
           R"([{"type":"web_search_call","id":"ws_1"}])")};
  const Result<std::string> expanded =
      Stored().Expand(R"({"model":"m","previous_response_id":"r2","input":"three","stream":true})",
                      turns, {}, 4096);
  ASSERT_TRUE(expanded.ok());
  EXPECT_EQ(*expanded, R"({"model":"m","input":[{"role":"user","content":"one"},)"
                       R"({"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"e"},)"
                       R"({"type":"message","role":"assistant","content":[]},)"
                       R"({"type":"function_call_output","call_id":"c","output":"2"},)"
                       R"({"type":"web_search_call","id":"ws_1"},)"
                       R"({"role":"user","content":"three"}],"stream":true})");
  const Result<std::string> list =
      Stored().Expand(R"({"input":[{"role":"user","content":"x"}],"previous_response_id":"r1"})",
                      std::span(turns).first(1), {}, 4096);
  ASSERT_TRUE(list.ok());
  EXPECT_TRUE(list->ends_with(R"({"role":"user","content":"x"}]})")) << *list;
  EXPECT_EQ(
      Stored().Expand(R"({"input":"x","previous_response_id":"r2"})", turns, {}, 100).error().code,
      ErrorCode::kTooLarge);
}

TEST(StoredResponses, AnItemThatIsNamedStandsWhereItsNameStood) {
  const std::vector<StoredTurn> sources = {
      Turn("r1", R"([{"id":"msg_a","role":"user","content":"one"}])",
           R"([{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"e"},)"
           R"({"id":"msg_b","type":"message","role":"assistant","content":[]}])")};
  EXPECT_EQ(Stored().ItemIds(sources[0]), (std::vector<std::string>{"msg_a", "rs_1", "msg_b"}));
  constexpr std::string_view kBody =
      R"({"input":[{"type":"item_reference","id":"rs_1"},{"type":"item_reference","id":"msg_b"},)"
      R"({"role":"user","content":"two"}],"model":"m"})";
  EXPECT_EQ(*Stored().Expand(kBody, {}, sources, 4096),
            R"({"input":[{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"e"},)"
            R"({"type":"message","role":"assistant","content":[]},)"
            R"({"role":"user","content":"two"}],"model":"m"})");
  const Result<std::string> kept = Stored().InputOf(kBody, sources, kId);
  ASSERT_TRUE(kept.ok());
  EXPECT_NE(kept->find(R"({"id":"msg_b","type":"message","role":"assistant","content":[]})"),
            std::string::npos)
      << "kept under the name it had: " << *kept;
  EXPECT_EQ(kept->find("item_reference"), std::string::npos);
  const Error missing =
      Stored().Expand(R"({"input":[{"type":"item_reference","id":"x"}]})", {}, sources, 99).error();
  EXPECT_EQ(Codec().ErrorStatus(missing), 404);
  EXPECT_NE(missing.message.find("'x'"), std::string::npos);
}

TEST(StoredResponses, WhatIsMissingIsSaidInOpenAisWords) {
  const Error error = Stored().NotContinued("resp_9", "resp_9");
  EXPECT_EQ(Codec().ErrorStatus(error), 400);
  EXPECT_EQ(Codec().EncodeError(error),
            R"({"error":{"message":"Previous response with id 'resp_9' not found.",)"
            R"("type":"invalid_request_error","param":"previous_response_id",)"
            R"("code":"previous_response_not_found"}})");
  EXPECT_NE(Stored().NotContinued("resp_9", "resp_1").message.find("'resp_1'"), std::string::npos);
  EXPECT_EQ(Codec().ErrorStatus(Stored().NotStored("resp_9")), 404);
  EXPECT_EQ(Codec().ErrorStatus(Stored().NotCancelled()), 400);
}

TEST(StoredResponses, InputItemsComeInPages) {
  const StoredTurn turn = Turn("r", R"([{"id":"a"},{"id":"b"},{"id":"c"}])", "[]");
  EXPECT_EQ(*Stored().EncodeInput(turn, ""),
            R"({"object":"list","data":[{"id":"c"},{"id":"b"},{"id":"a"}],"first_id":"c",)"
            R"("last_id":"a","has_more":false})");
  EXPECT_EQ(*Stored().EncodeInput(turn, "order=asc&limit=2"),
            R"({"object":"list","data":[{"id":"a"},{"id":"b"}],"first_id":"a","last_id":"b",)"
            R"("has_more":true})");
  EXPECT_EQ(*Stored().EncodeInput(turn, "limit=2&after=b&order=asc"),
            R"({"object":"list","data":[{"id":"c"}],"first_id":"c","last_id":"c",)"
            R"("has_more":false})");
  for (const auto& [query, field] : {std::pair("limit=0", "limit"), std::pair("limit=101", "limit"),
                                     std::pair("limit=x", "limit"), std::pair("order=up", "order"),
                                     std::pair("after=zz", "after")}) {
    EXPECT_EQ(Stored().EncodeInput(turn, query).error().field, field) << query;
  }
  EXPECT_EQ(Stored().EncodeStored(turn, "stream=true").error().field, "stream");
  EXPECT_EQ(*Stored().EncodeStored(turn, "include[]=x&stream=false"), turn.body);
  EXPECT_EQ(Stored().EncodeDeleted("r"), R"({"id":"r","object":"response","deleted":true})");
}

std::string Frame(std::string_view type, std::string_view members) {
  return "event: " + std::string(type) + "\ndata: {\"type\":\"" + std::string(type) + "\"," +
         std::string(members) + "}\n\n";
}
const std::string kCreated =
    Frame("response.created",
          R"("response":{"id":"resp_1","status":"in_progress","error":null,"output":[]})");
const std::string kDelta =
    Frame("response.output_text.delta",
          R"("output_index":0,"content_index":0,"item_id":"m","delta":"response.completed")");

TEST(ResponseTap, TheResponseIsTakenFromItsLastEvent) {
  const std::unique_ptr<AnswerTap> tap = Stored().NewTap();
  tap->Feed(kCreated + kDelta);
  EXPECT_FALSE(tap->TakeFinished()) << "a text that looks like the end is none";
  const std::string end =
      Frame("response.completed", R"("response":{"id":"resp_1","status":"completed","output":[]})");
  tap->Feed(std::string_view(end).substr(0, 40));
  EXPECT_FALSE(tap->TakeFinished());
  tap->Feed(std::string_view(end).substr(40));
  const std::optional<FinishedAnswer> finished = tap->TakeFinished();
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->id, "resp_1");
  EXPECT_EQ(finished->body, R"({"id":"resp_1","status":"completed","output":[]})");
  EXPECT_FALSE(tap->TakeFinished());
}

TEST(ResponseTap, AFailedResponseIsNotKept) {
  const std::unique_ptr<AnswerTap> tap = Stored().NewTap();
  tap->Feed(kCreated + Frame("response.failed", R"("response":{"id":"r","status":"failed"})"));
  EXPECT_FALSE(tap->TakeFinished());
  EXPECT_FALSE(*Stored().ReadWhole(R"({"id":"r","status":"failed","output":[]})"));
  EXPECT_FALSE(*Stored().ReadWhole(R"({"status":"completed","output":[]})"));
  EXPECT_EQ((*Stored().ReadWhole(R"({"id":"r","status":"incomplete","output":[]})"))->id, "r");
}

TEST(ResponseTap, AStreamThatBreaksEndsAsOpenAisWould) {
  const std::unique_ptr<AnswerTap> tap = Stored().NewTap();
  tap->Feed(kCreated + kDelta);
  Error error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kOtherTarget, "it was cut"};
  error.reason = "cut";
  const std::string end = tap->EncodeBroken(error);
  EXPECT_NE(end.find(R"("type":"error","sequence_number":2,"code":"cut","message":"it was cut")"),
            std::string::npos)
      << end;
  EXPECT_NE(end.find(R"("type":"response.failed","sequence_number":3,"response":{"id":"resp_1",)"
                     R"("status":"failed","error":{"code":"server_error","message":"it was cut"})"),
            std::string::npos)
      << end;
  // Neither our own reader nor anybody's takes that for an answer.
  const std::vector<std::string> events =
      DecodeInPieces(*Codec().NewDecoder(true), kCreated + kDelta + end, 7, true);
  EXPECT_TRUE(events.back().starts_with("error ")) << events.back();
}

}  // namespace
}  // namespace tidegate::protocols::openai_responses
