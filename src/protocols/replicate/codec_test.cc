#include "protocols/replicate/codec.h"

#include <string>

#include <gtest/gtest.h>

#include "protocols/openai_chat/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::replicate {
namespace {

std::string Prediction(std::string_view status, std::string_view urls = R"({})") {
  return R"({"id":"abc123","status":")" + std::string(status) + R"(","urls":)" + std::string(urls) +
         "}";
}

TEST(ReplicateJobs, AStreamIsAskedForWhereItIsAndElseThePredictionAgainAndAgain) {
  const Jobs& jobs = *Codec().jobs();
  const std::string streams = Prediction("starting", R"({"stream":"https://s.example/1"})");
  const auto step = *jobs.Next(streams, true, 0);
  ASSERT_TRUE(step);
  EXPECT_EQ(step->url, "https://s.example/1");
  EXPECT_EQ(step->accept, "text/event-stream");
  const auto whole = *jobs.Next(streams, false, 0);
  EXPECT_EQ(whole->path, "/predictions/abc123");
  EXPECT_GT(whole->wait_nanos, 0);
  EXPECT_GT((*jobs.Next(streams, false, 2))->wait_nanos, whole->wait_nanos);
  EXPECT_EQ((*jobs.Next(streams, false, 50))->wait_nanos,
            (*jobs.Next(streams, false, 9))->wait_nanos);
  EXPECT_EQ((*jobs.Next(Prediction("processing"), true, 0))->path, "/predictions/abc123");
  EXPECT_EQ((*jobs.Next(streams, true, 1))->path, "/predictions/abc123") << "a stream is had once";
}

TEST(ReplicateJobs, WhatHasEndedIsTheAnswerAndNeedsNoEnd) {
  const Jobs& jobs = *Codec().jobs();
  for (const std::string_view status : {"succeeded", "failed", "canceled", "aborted"}) {
    EXPECT_FALSE((*jobs.Next(Prediction(status), true, 0)).has_value()) << status;
    EXPECT_FALSE(jobs.Cancel(Prediction(status)).has_value()) << status;
  }
  const auto end = jobs.Cancel(Prediction("processing"));
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->post);
  EXPECT_EQ(end->path, "/predictions/abc123/cancel");
}

TEST(ReplicateJobs, WhatIsNoPredictionIsAProtocolError) {
  const Jobs& jobs = *Codec().jobs();
  for (const std::string_view body :
       {"", "[]", "{}", R"({"id":"a"})", R"({"id":"../../x","status":"starting"})",
        R"({"id":"a b","status":"starting"})", R"({"id":"","status":"starting"})"}) {
    const auto next = jobs.Next(body, false, 0);
    ASSERT_FALSE(next.ok()) << body;
    EXPECT_EQ(next.error().code, ErrorCode::kProtocol);
    EXPECT_FALSE(jobs.Cancel(body).has_value()) << body;
  }
  EXPECT_FALSE(jobs.Next(Prediction("starting"), false, 1'000'000).ok()) << "it never ends";
}

TEST(Replicate, RefusesWhatItsModelsHaveNoInputFor) {
  const auto field = [](std::string_view members, std::string_view model = "owner/name") {
    const SmallConstraintParser parser;
    const PaddedText body("{\"model\":\"m\"," + std::string(members) + "}");
    const Result<core::Request> request =
        DecodeChat(openai_chat::Codec(), "/v1/chat/completions", body.view(), parser);
    if (!request.ok()) return Describe(request.error());
    const Result<UpstreamRequest> sent = Codec().EncodeRequest(*request, {.model = model});
    if (sent.ok()) return std::string("sent");
    EXPECT_EQ(sent.error().retry, Retry::kOtherTarget);
    return sent.error().field;
  };
  constexpr std::string_view kAsk = R"("messages":[{"role":"user","content":"a"}])";
  EXPECT_EQ(field(kAsk), "sent");
  EXPECT_EQ(field(kAsk, "name"), "model");
  EXPECT_EQ(field(kAsk, "a/b/c"), "model");
  EXPECT_EQ(field(std::string(kAsk) + R"(,"stop":["a,b"])"), "stop");
  EXPECT_EQ(field(R"("messages":[{"role":"user","content":[{"type":"image_url","image_url":)"
                  R"({"url":"https://example.org/a.png"}}]}])"),
            "messages[0]");
}

TEST(Replicate, IsAskedByNobody) {
  const NoFields none;
  EXPECT_FALSE(Codec().Match({"POST", "/v1/predictions", "", &none}));
  EXPECT_FALSE(Codec().OwnsPath("/v1/predictions"));
}

}  // namespace
}  // namespace tidegate::protocols::replicate
