// Rankings in both of their protocols, and what crosses between them.
#include <string>

#include <gtest/gtest.h>

#include "protocols/anthropic_messages/codec.h"
#include "protocols/cohere_chat/codec.h"
#include "protocols/limits.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/rerank/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::rerank {
namespace {

constexpr RequestId kId{1, 2};

struct Asked {
  Asked(const RerankCodec& codec, std::string_view text)
      : body(text), request(codec.DecodeRequest(Route{}, body.view(), SmallConstraintParser())) {}
  const core::RerankRequest* operator->() const { return &request.value(); }
  PaddedText body;
  Result<core::RerankRequest> request;
};

std::string Sent(const RerankCodec& from, std::string_view text, const RerankCodec& to) {
  const Asked asked(from, text);
  if (!asked.request.ok()) return "bad: " + DescribeError(asked.request.error());
  const Result<UpstreamRequest> upstream = to.EncodeRequest(*asked.request, {.model = "m"});
  if (!upstream.ok()) return "refused: " + DescribeError(upstream.error());
  std::string joined = upstream->path + " ";
  for (const std::string_view piece : upstream->body.pieces) joined += piece;
  return joined;
}

std::string Answered(const RerankCodec& client, std::string_view text, const RerankCodec& upstream,
                     std::string_view answer) {
  const Asked asked(client, text);
  if (!asked.request.ok()) return "bad: " + DescribeError(asked.request.error());
  const PaddedText body(answer);
  const Result<core::RerankAnswer> decoded =
      upstream.DecodeAnswer(body.view(), asked.request->documents.size());
  if (!decoded.ok()) return "failed: " + DescribeError(decoded.error());
  return client.EncodeAnswer(*asked.request, *decoded, kId);
}

TEST(Rerank, WhatIsWrongIsRefusedWithItsPlace) {
  std::string many = "[\"a\"";
  for (std::size_t i = 0; i < kRankedDocumentsMax; ++i) many += ",\"a\"";
  const struct {
    std::string body;
    std::string_view field, says;
  } refusals[] = {
      {R"({"query":"q","documents":["a"]})", "model", "is required"},
      {R"({"model":"m","documents":["a"]})", "query", "is required"},
      {R"({"model":"m","query":5,"documents":["a"]})", "query", "expected a string"},
      {R"({"model":"m","query":"q"})", "documents", "is required"},
      {R"({"model":"m","query":"q","documents":[]})", "documents", "at least one"},
      {R"({"model":"m","query":"q","documents":[5]})", "documents[0]", "a string or an object"},
      {R"({"model":"m","query":"q","documents":[{}]})", "documents[0].text", "is required"},
      {R"({"model":"m","query":"q","documents":)" + many + "]}", "documents", "more than 10000"},
      {R"({"model":"m","query":"q","documents":["a"],"top_n":0})", "top_n", ""},
  };
  for (const RerankCodec* codec : {&Jina(), &Cohere()}) {
    for (const auto& refusal : refusals) {
      const Asked asked(*codec, refusal.body);
      const std::string_view shown = std::string_view(refusal.body).substr(0, 120);
      ASSERT_FALSE(asked.request.ok()) << shown;
      EXPECT_EQ(asked.request.error().field, refusal.field) << shown;
      EXPECT_NE(asked.request.error().message.find(refusal.says), std::string::npos)
          << asked.request.error().message;
    }
  }
  EXPECT_EQ(Asked(Cohere(), R"({"model":"m","query":"q","documents":["a"],"max_tokens_per_doc":0})")
                .request.error()
                .field,
            "max_tokens_per_doc");
}

TEST(Rerank, SameProtocolKeepsItsBytes) {
  EXPECT_EQ(Sent(Jina(),
                 R"({ "model":"x", "query":"q","documents":[{"text":"a","id":7}],)"
                 R"("rank_fields":["text"],"tidegate":{"privacy":"open"}})",
                 Jina()),
            R"(/rerank { "model":"m", "query":"q","documents":[{"text":"a","id":7}],)"
            R"("rank_fields":["text"]})");
  EXPECT_EQ(Sent(Cohere(), R"({"model":"x","query":"q","documents":["a"],"priority":1})", Cohere()),
            R"(/rerank {"model":"m","query":"q","documents":["a"],"priority":1})");
}

TEST(Rerank, FieldsOfOneProtocolNeedIt) {
  EXPECT_EQ(Asked(Jina(), R"({"model":"m","query":"q","documents":["a"],"rank_fields":[]})")
                ->vendor_field,
            "rank_fields");
  EXPECT_EQ(
      Asked(Jina(), R"({"model":"m","query":"q","documents":[{"text":"a","id":7}]})")->vendor_field,
      "documents[0].id");
  EXPECT_EQ(core::Join(Asked(Cohere(), R"({"model":"m","query":"q","documents":["a"]})")->needs),
            "rerank");
}

TEST(Rerank, EachReachesTheOther) {
  EXPECT_EQ(Sent(Jina(),
                 R"({"model":"x","query":"q","documents":["a",{"text":"b"}],"top_n":1,)"
                 R"("return_documents":true})",
                 Cohere()),
            R"(/rerank {"model":"m","query":"q","documents":["a","b"],"top_n":1})");
  EXPECT_EQ(Sent(Cohere(), R"({"model":"x","query":"q","documents":["a"]})", Jina()),
            R"(/rerank {"model":"m","query":"q","documents":["a"]})");
  EXPECT_EQ(Sent(Cohere(), R"({"model":"x","query":"q","documents":["a"],"max_tokens_per_doc":9})",
                 Cohere())
                .find("refused"),
            std::string::npos);
  const std::string cut = Sent(
      Cohere(), R"({"model":"x","query":"q","documents":["a"],"max_tokens_per_doc":9})", Jina());
  EXPECT_NE(cut.find("field=max_tokens_per_doc"), std::string::npos) << cut;
}

TEST(Rerank, ResultsComeBestFirstAndNoMoreThanAreWanted) {
  // llama-server's order is that of the documents.
  constexpr std::string_view kUnsorted =
      R"({"model":"up","object":"list","usage":{"prompt_tokens":9,"total_tokens":9},"results":[)"
      R"({"index":0,"relevance_score":-3.25},{"index":1,"relevance_score":0.50},)"
      R"({"index":2,"relevance_score":2}]})";
  EXPECT_EQ(
      Answered(Cohere(), R"({"model":"x","query":"q","documents":["a","b","c"],"top_n":2})", Jina(),
               kUnsorted),
      R"({"id":")" + kId.ToString() +
          R"(","results":[{"index":2,"relevance_score":2},{"index":1,"relevance_score":0.50}],)"
          R"("meta":{"api_version":{"version":"2"},"tokens":{"input_tokens":9}}})");
  EXPECT_EQ(
      Answered(Jina(), R"({"model":"x","query":"q","documents":["a","b"],"return_documents":true})",
               Cohere(),
               R"({"id":"i","results":[{"index":1,"relevance_score":0.9},)"
               R"({"index":0,"relevance_score":0.1}],"meta":{"billed_units":{"search_units":1}}})"),
      R"({"id":")" + kId.ToString() +
          R"(","object":"list","model":"x","results":[{"index":1,"relevance_score":0.9,)"
          R"("document":{"text":"b"}},{"index":0,"relevance_score":0.1,"document":{"text":"a"}}],)"
          R"("meta":{"billed_units":{"search_units":1}}})");
}

TEST(Rerank, AnAnswerThatRanksWhatIsNotThereIsNone) {
  constexpr std::string_view kTwo = R"({"model":"x","query":"q","documents":["a","b"]})";
  for (const std::string_view answer :
       {"{", "[]", "{}", R"({"results":{}})", R"({"results":[5]})",
        R"({"results":[{"relevance_score":1}]})", R"({"results":[{"index":0}]})",
        R"({"results":[{"index":2,"relevance_score":1}]})",
        R"({"results":[{"index":-1,"relevance_score":1}]})",
        R"({"results":[{"index":0,"relevance_score":"1"}]})",
        R"({"results":[{"index":0,"relevance_score":1},{"index":0,"relevance_score":2}]})"}) {
    for (const RerankCodec* upstream : {&Jina(), &Cohere()}) {
      const std::string out = Answered(Jina(), kTwo, *upstream, answer);
      EXPECT_TRUE(out.starts_with("failed: protocol retry=other_target source=upstream"))
          << answer << "\n"
          << out;
    }
  }
  EXPECT_TRUE(Answered(Jina(), kTwo, Cohere(), R"({"message":"internal"})")
                  .starts_with("failed: unavailable"));
}

TEST(Rerank, WhatPassesIsBilledAllTheSame) {
  const auto inspect = [](const RerankCodec& codec, std::string_view text) {
    const PaddedText body(text);
    const Result<RerankBill> bill = codec.Inspect(body.view());
    if (!bill.ok()) return DescribeError(bill.error());
    return (bill->usage ? Describe(*bill->usage) : std::string("unsaid")) +
           " units=" + std::to_string(bill->search_units);
  };
  EXPECT_EQ(inspect(Cohere(), R"({"results":[],"meta":{"billed_units":{"search_units":3}}})"),
            "unsaid units=3");
  EXPECT_EQ(inspect(Cohere(), R"({"results":[],"meta":{"billed_units":{"search_units":-3}}})"),
            "unsaid units=0");
  EXPECT_EQ(inspect(Jina(), R"({"results":[],"usage":{"total_tokens":4}})"),
            "in=4 out=0 cached_read=0 cached_write=0 reasoning=0 units=0");
}

TEST(Rerank, OnlyProtocolsThatRankAreOffered) {
  const core::CapabilitySet ranks = core::CapabilitySet().With(core::Capability::kRerank);
  const auto offered = [&](const Protocol& protocol) {
    return CompleteCapabilities(protocol, ranks).Has(core::Capability::kRerank);
  };
  EXPECT_TRUE(offered(openai_chat::Codec()));
  EXPECT_TRUE(offered(cohere_chat::Codec()));
  EXPECT_FALSE(offered(anthropic_messages::Codec()));
  EXPECT_FALSE(CompleteCapabilities(cohere_chat::Codec(), ranks).Has(core::Capability::kChat));
}

}  // namespace
}  // namespace tidegate::protocols::rerank
