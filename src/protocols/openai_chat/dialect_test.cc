// Requests to providers that speak OpenAI Chat in dialects of their own.
#include <string>

#include <gtest/gtest.h>

#include "protocols/openai_chat/call_id.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::openai_chat {
namespace {

constexpr std::string_view kAsk = R"("messages":[{"role":"user","content":"hi"}])";
constexpr std::string_view kLoop =
    R"("messages":[{"role":"user","content":"hi"},{"role":"assistant","reasoning_content":"hm",)"
    R"("content":null,"tool_calls":[{"id":"call_0123456789","type":"function","function":)"
    R"({"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_0123456789",)"
    R"("content":"12"}])";

// What reaches the provider of `members`, or the error.
Result<std::string> Send(std::string_view members, const Dialect& dialect, bool usage = false,
                         bool passes_unknown_fields = false) {
  const SmallConstraintParser parser;
  const PaddedText body("{\"model\":\"m\"," + std::string(members) + "}");
  const Result<core::Request> request =
      DecodeChat(Codec(), "/v1/chat/completions", body.view(), parser);
  if (!request.ok()) return request.error();
  UpstreamOptions options{.model = "up", .want_stream_usage = usage};
  options.passes_unknown_fields = passes_unknown_fields;
  options.dialect = &dialect;
  Result<UpstreamRequest> upstream = Codec().EncodeRequest(*request, options);
  if (!upstream.ok()) return std::move(upstream).error();
  std::string joined = upstream->path + " ";
  for (const std::string_view piece : upstream->body.pieces) joined += piece;
  return joined;
}

std::string With(std::string_view more) { return std::string(kAsk) + std::string(more); }

TEST(Dialect, LeavesOutTheMembersThatTheProviderRefuses) {
  Dialect dialect;
  dialect.refuses = {"user", "store", "logprobs"};
  EXPECT_EQ(
      *Send(With(R"(,"user":"u", "logprobs":false,"x":1,"store":true)"), dialect),
      R"(/chat/completions {"model":"up","messages":[{"role":"user","content":"hi"}],"x":1})");
  EXPECT_EQ(*Send(With(R"(,"tidegate":{"privacy":"open"},"user":"u")"), dialect),
            R"(/chat/completions {"model":"up","messages":[{"role":"user","content":"hi"}]})");
}

TEST(Dialect, AsksForNoUsageWhereTheProviderRefusesThat) {
  Dialect dialect;
  dialect.refuses = {"stream_options"};
  EXPECT_EQ(*Send(With(R"(,"stream":true,"stream_options":{"include_usage":true})"), dialect, true),
            R"(/chat/completions {"model":"up","messages":[{"role":"user","content":"hi"}],)"
            R"("stream":true})");
  EXPECT_EQ(*Send(With(R"(,"stream":true)"), dialect, true),
            R"(/chat/completions {"model":"up","messages":[{"role":"user","content":"hi"}],)"
            R"("stream":true})");
}

TEST(Dialect, CallsTheSeedWhatTheProviderCallsIt) {
  Dialect dialect;
  dialect.seed = "random_seed";
  EXPECT_EQ(*Send(With(R"(,"seed":7)"), dialect),
            R"(/chat/completions {"model":"up","messages":[{"role":"user","content":"hi"}],)"
            R"("random_seed":7})");
  dialect.call_id_bytes = 9;  // has the body written anew
  const Result<std::string> written = Send(std::string(kLoop) + R"(,"seed":7)", dialect);
  EXPECT_NE(written->find(R"("random_seed":7)"), std::string::npos) << *written;
}

TEST(Dialect, SendsOneSeedWhereTheCallerUsedBothNames) {
  Dialect dialect;
  dialect.seed = "random_seed";
  EXPECT_EQ(*Send(With(R"(,"random_seed":1,"seed":null)"), dialect),
            R"(/chat/completions {"model":"up","messages":[{"role":"user","content":"hi"}],)"
            R"("random_seed":1})");
  const Result<std::string> both = Send(With(R"(,"random_seed":1,"seed":7)"), dialect);
  ASSERT_FALSE(both.ok());
  EXPECT_EQ(both.error().field, "random_seed");
  EXPECT_EQ(both.error().retry, Retry::kOtherTarget);
}

TEST(Dialect, RefusesNamesOfSpeakersWithTheirPlace) {
  Dialect dialect;
  dialect.message_names = false;
  const Result<std::string> sent = Send(
      R"("messages":[{"role":"user","content":"hi"},{"role":"user","name":"ann","content":"a"}])",
      dialect);
  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().field, "messages[1].name");
  EXPECT_EQ(sent.error().retry, Retry::kOtherTarget);
  EXPECT_TRUE(Send(kAsk, dialect).ok());
}

TEST(Dialect, GivesACallAndItsResultOneIdOfTheProvidersLength) {
  Dialect dialect;
  dialect.call_id_bytes = 9;
  const std::string id = CallIdOf("call_0123456789", 9);
  EXPECT_TRUE(IsCallIdOf(id, 9));
  EXPECT_NE(id, CallIdOf("call_0123456780", 9));
  EXPECT_EQ(CallIdOf("Ab3dE6gH9", 9), "Ab3dE6gH9");
  const std::string sent = *Send(kLoop, dialect);
  EXPECT_NE(sent.find("\"id\":\"" + id + "\""), std::string::npos) << sent;
  EXPECT_NE(sent.find("\"tool_call_id\":\"" + id + "\""), std::string::npos) << sent;
  EXPECT_EQ(sent.find("reasoning_content"), std::string::npos) << "it did not ask for them";
}

TEST(Dialect, HandsThoughtsBackWithTheCallsTheyLedTo) {
  Dialect dialect;
  dialect.reasoning_back = true;
  const std::string sent = *Send(kLoop, dialect);
  EXPECT_NE(sent.find(R"("reasoning_content":"hm")"), std::string::npos) << sent;
  const std::string plain = *Send(
      R"("messages":[{"role":"user","content":"a"},{"role":"assistant","reasoning_content":"hm",)"
      R"("content":"b"},{"role":"user","content":"c"}])",
      dialect);
  EXPECT_EQ(plain.find("reasoning_content"), std::string::npos) << plain;
  const std::string without = *Send(
      R"("messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,)"
      R"("tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
      R"({"role":"tool","tool_call_id":"c","content":"1"}])",
      dialect);
  EXPECT_NE(without.find(R"("reasoning_content":"")"), std::string::npos) << without;
}

// Writing a conversation anew would lose what only its bytes say.
TEST(Dialect, RefusesToRewriteWhatItCannotSay) {
  const std::string vendors = std::string(kLoop) + R"(,"safe_prompt":true)";
  Dialect dialect;
  dialect.call_id_bytes = 9;
  const Result<std::string> sent = Send(vendors, dialect, false, true);
  ASSERT_FALSE(sent.ok()) << *sent;
  EXPECT_EQ(sent.error().field, "safe_prompt");
  EXPECT_EQ(sent.error().retry, Retry::kOtherTarget);
  Dialect thinks;
  thinks.reasoning_back = true;
  const Result<std::string> whole = Send(vendors, thinks, false, true);
  ASSERT_TRUE(whole.ok()) << whole.error().message;
  EXPECT_EQ(*whole,
            R"(/chat/completions {"model":"up",)" + vendors + "}");  // the thoughts are there
  const std::string legacy = R"("messages":[{"role":"user","content":"a"},)"
                             R"({"role":"function","name":"f","content":"1"}])";
  EXPECT_EQ(Send(legacy, dialect, false, true).error().field, "messages[1].role");
}

TEST(Dialect, NamesTheModelInThePathWhereTheProviderWantsIt) {
  Dialect dialect;
  dialect.chat_path = "/deployments/{model}/chat/completions?api-version=1";
  const SmallConstraintParser parser;
  const PaddedText body("{\"model\":\"m\"," + std::string(kAsk) + "}");
  const Result<core::Request> request =
      DecodeChat(Codec(), "/v1/chat/completions", body.view(), parser);
  const UpstreamOptions options{.model = "a/b?c", .dialect = &dialect};
  EXPECT_EQ(Codec().EncodeRequest(*request, options)->path,
            "/deployments/a%2Fb%3Fc/chat/completions?api-version=1");
}

}  // namespace
}  // namespace tidegate::protocols::openai_chat
