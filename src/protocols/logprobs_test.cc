// Log-probabilities between the protocols that have them: asked for in one, said by another.
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "json/reader.h"
#include "protocols/gemini/codec.h"
#include "protocols/json_members.h"
#include "protocols/limits.h"
#include "protocols/ollama/codec.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/openai_responses/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols {
namespace {

struct Side {
  const char* name;
  const Protocol* codec;
  const char* path;
  const char* asks;  // for the two likeliest tokens at each step
};

std::vector<Side> Sides() {
  return {{"chat", &openai_chat::Codec(), "/v1/chat/completions",
           R"({"model":"m","messages":[{"role":"user","content":"a"}],"logprobs":true,)"
           R"("top_logprobs":2})"},
          {"responses", &openai_responses::Codec(), "/v1/responses",
           R"({"model":"m","input":"a","include":["message.output_text.logprobs"],)"
           R"("top_logprobs":2})"},
          {"gemini", &gemini::Codec(), "/v1beta/models/m:generateContent",
           R"({"contents":[{"role":"user","parts":[{"text":"a"}]}],)"
           R"("generationConfig":{"responseLogprobs":true,"logprobs":2}})"},
          {"ollama", &ollama::Codec(), "/api/chat",
           R"({"model":"m","messages":[{"role":"user","content":"a"}],"logprobs":true,)"
           R"("top_logprobs":2,"stream":false})"}};
}

std::string Joined(const UpstreamRequest& upstream) {
  std::string joined;
  for (const std::string_view piece : upstream.body.pieces) joined += piece;
  return joined;
}

TEST(Logprobs, ARequestForThemReachesEveryProtocolThatHasThem) {
  for (const Side& client : Sides()) {
    const PaddedText body(client.asks);
    const Result<core::Request> asked = DecodeChat(*client.codec, client.path, body.view());
    ASSERT_TRUE(asked.ok()) << client.name << DescribeError(asked.error());
    EXPECT_TRUE(asked->logprobs);
    EXPECT_EQ(asked->top_logprobs, 2);
    EXPECT_TRUE(asked->needs.Has(core::Capability::kLogprobs));
    for (const Side& upstream : Sides()) {
      const auto sent = upstream.codec->EncodeRequest(*asked, UpstreamOptions{.model = "up"});
      ASSERT_TRUE(sent.ok()) << client.name << " to " << upstream.name;
      const PaddedText again_body(Joined(*sent));
      const auto again = DecodeChat(*upstream.codec, upstream.path, again_body.view());
      ASSERT_TRUE(again.ok()) << again_body.view();
      EXPECT_TRUE(again->logprobs) << again_body.view();
      EXPECT_EQ(again->top_logprobs, 2) << again_body.view();
    }
  }
}

TEST(Logprobs, TheOtherProtocolsCannotSayThem) {
  for (const Protocol* codec : All()) {
    bool has = codec->id() == core::Protocol::kOpenAiCompletions;
    for (const Side& side : Sides()) has |= side.codec == codec;
    const bool says = codec->Expressible().Has(core::Capability::kLogprobs);
    if (codec->id() != core::Protocol::kReplicate) {
      EXPECT_EQ(says, has) << core::ToString(codec->id());
    }
  }
}

// "Hi:-0.25[Hi:-0.25 Yo:-2.5]", a step each.
std::string Steps(std::string_view entries) {
  const std::string list = "[" + std::string(entries) + "]";
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(list, kWholeAnswerBytesMax);
  if (!root.ok()) return "no JSON: " + list;
  std::string steps;
  const auto step = [](const json::Value& entry) {
    return fmt::format("{}:{}", *entry.Object()->Find("token")->String(),
                       *entry.Object()->Find("logprob")->Number());
  };
  for (const json::Value entry : *root->Array()) {
    steps += step(entry) + "[";
    for (const json::Value other : *entry.Object()->Find("top_logprobs")->Array()) {
      steps += step(other) + ' ';
    }
    steps += "]";
  }
  return steps;
}

// The answer of a server, or for a client, in its protocol.
std::string Encoded(const Side& side, const std::vector<core::Event>& events, bool stream) {
  core::Request request;
  request.protocol = side.codec->id();
  request.model = "asked";
  request.stream = stream;
  const auto encoder = side.codec->NewEncoder(request, RequestId{1, 2}, 3);
  std::string out;
  for (const core::Event& event : events) encoder->Encode(event, out);
  return out;
}

std::string StepsOf(const Side& side, const std::string& answer, bool stream) {
  const auto decoder = side.codec->NewDecoder(stream);
  std::vector<core::Event> events;
  EXPECT_TRUE(decoder->Feed(answer, events).ok()) << side.name << answer;
  std::string entries;
  const auto take = [&] {
    for (const core::Event& event : events) {
      const auto* logprobs = std::get_if<core::LogprobsEvent>(&event);
      if (logprobs == nullptr) continue;
      if (!entries.empty()) entries += ',';
      entries += logprobs->content;
    }
    events.clear();
  };
  take();
  EXPECT_TRUE(decoder->Finish(events).ok()) << side.name << answer;
  take();
  return Steps(entries);
}

std::vector<core::Event> Answer() {
  std::vector<core::Event> events;
  events.emplace_back(core::StartEvent{"i", "up", 3, {}});
  events.emplace_back(core::LogprobsEvent{
      .choice = 0,
      .content =
          R"({"token":"Hi","logprob":-0.25,"bytes":[72,105],"top_logprobs":[{"token":"Hi",)"
          R"("logprob":-0.25,"bytes":[72,105]},{"token":"Yo","logprob":-2.5,"bytes":null}]})"});
  events.emplace_back(core::TextEvent{0, "Hi"});
  events.emplace_back(core::LogprobsEvent{
      .choice = 0,
      .content = R"({"token":"\"é\n","logprob":-1.5,"bytes":[34,195,169,10],"top_logprobs":[]})"});
  events.emplace_back(core::TextEvent{0, "\"é\n"});
  events.emplace_back(core::FinishEvent{0, core::FinishReason::kStop, {}});
  events.emplace_back(core::UsageEvent{});
  events.emplace_back(core::DoneEvent());
  return events;
}

TEST(Logprobs, AnAnswerKeepsThemFromEachProtocolToEachStreamedOrNot) {
  const std::string expected = "Hi:-0.25[Hi:-0.25 Yo:-2.5 ]\"é\n:-1.5[]";
  for (const Side& upstream : Sides()) {
    const std::string answer = Encoded(upstream, Answer(), true);
    ASSERT_EQ(StepsOf(upstream, answer, true), expected) << upstream.name << answer;
    for (const Side& client : Sides()) {
      for (const bool stream : {false, true}) {
        const auto decoder = upstream.codec->NewDecoder(true);
        core::Request request;
        request.protocol = client.codec->id();
        request.model = "asked";
        request.stream = stream;
        const auto encoder = client.codec->NewEncoder(request, RequestId{1, 2}, 3);
        std::vector<core::Event> events;
        std::string out;
        EXPECT_TRUE(decoder->Feed(answer, events).ok());
        for (const core::Event& event : events) encoder->Encode(event, out);
        events.clear();
        EXPECT_TRUE(decoder->Finish(events).ok());
        for (const core::Event& event : events) encoder->Encode(event, out);
        EXPECT_EQ(StepsOf(client, out, stream), expected)
            << upstream.name << " to " << client.name << (stream ? " streamed: " : ": ") << out;
      }
    }
  }
}

}  // namespace
}  // namespace tidegate::protocols
