#include <gtest/gtest.h>

#include "protocols/openai_chat/codec.h"
#include "protocols/sse/splitter.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::openai_chat {
namespace {

const std::string kText =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ab\"},\"finish_reason\":null}]}\n\n";
const std::string kStop =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const std::string kUsage =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n";
const std::string kDone = "data: [DONE]\n\n";

TEST(Relay, AFrameThatStandsWholeInTheReadIsNotCopied) {
  const std::unique_ptr<StreamRelay> relay = Codec().NewStreamRelay(false);
  const std::string read = kText + kStop;
  std::vector<std::string_view> out;
  ASSERT_TRUE(relay->Feed(read, out).ok());
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].data(), read.data());
  EXPECT_EQ(out[1].data(), read.data() + kText.size());
}

TEST(Relay, AFrameIsReleasedWithTheReadThatEndsItAndNotBefore) {
  const std::unique_ptr<StreamRelay> relay = Codec().NewStreamRelay(false);
  std::vector<std::string_view> out;
  ASSERT_TRUE(relay->Feed(kText.substr(0, kText.size() - 1), out).ok());
  EXPECT_TRUE(out.empty());
  EXPECT_FALSE(relay->state().content_seen);
  ASSERT_TRUE(relay->Feed("\n", out).ok());
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0], kText);
  EXPECT_TRUE(relay->state().content_seen);
}

TEST(Relay, ARoleAloneIsNotContent) {
  const std::string role =
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
  const Relayed relayed = RelayInPieces(*Codec().NewStreamRelay(false), role, role.size(), false);
  EXPECT_EQ(relayed.bytes, role);
  EXPECT_FALSE(relayed.state.content_seen) << "failover is still free";
}

TEST(Relay, OnlyAUsageFrameThatNobodyAskedForIsDropped) {
  const std::string stream = kText + kStop + kUsage + kDone;
  const Relayed hidden = RelayInPieces(*Codec().NewStreamRelay(true), stream, 5, true);
  EXPECT_EQ(hidden.bytes, kText + kStop + kDone);
  const Relayed shown = RelayInPieces(*Codec().NewStreamRelay(false), stream, 5, true);
  EXPECT_EQ(shown.bytes, stream);
  for (const Relayed* relayed : {&hidden, &shown}) {
    ASSERT_TRUE(relayed->state.usage);
    EXPECT_EQ(relayed->state.usage->input_tokens, 3);
    EXPECT_EQ(relayed->state.usage->output_tokens, 2);
    EXPECT_TRUE(relayed->state.complete);
    EXPECT_EQ(relayed->state.content_bytes, 2);
  }
}

TEST(Relay, TextThatLooksLikeUsageIsNotDropped) {
  const std::string tricky =
      "data: "
      "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"{\\\"choices\\\":[],\\\"usage\\\":{}}\"}"
      "}]}\n\n";
  EXPECT_EQ(RelayInPieces(*Codec().NewStreamRelay(true), tricky, 3, false).bytes, tricky);
}

TEST(Relay, AnErrorIsWithheldAndNothingFollowsIt) {
  const std::string stream =
      kText + "data: {\"error\":{\"message\":\"boom\",\"code\":500}}\n\n" + kStop + kDone;
  const Relayed relayed =
      RelayInPieces(*Codec().NewStreamRelay(false), stream, stream.size(), true);
  EXPECT_EQ(relayed.bytes, kText);
  EXPECT_FALSE(relayed.state.complete);
  ASSERT_TRUE(relayed.state.error);
  EXPECT_EQ(relayed.state.error->code, ErrorCode::kUnavailable);
}

TEST(Relay, AWithheldFrameIsWithheldWithItsTornLineEnd) {
  const std::string crlf =
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\r\n\r\n: ping\r\n\r\n";
  for (const std::size_t step : {std::size_t{1}, crlf.size() - 11, crlf.size()}) {
    EXPECT_EQ(RelayInPieces(*Codec().NewStreamRelay(true), crlf, step, false).bytes,
              ": ping\r\n\r\n")
        << step;
    EXPECT_EQ(RelayInPieces(*Codec().NewStreamRelay(false), crlf, step, false).bytes, crlf) << step;
  }
}

// A CR with an LF behind it is one line end, and no blank line.
TEST(Relay, TheLastEventOfAnUpstreamThatForgotTheBlankLineIsEndedWhateverEndsItsLine) {
  const std::string event = R"(data: {"choices":[{"delta":{"content":"x"}}]})";
  for (const std::string line_end : {"", "\n", "\r", "\r\n"}) {
    const std::string cut = event + line_end;
    const std::string told = RelayInPieces(*Codec().NewStreamRelay(false), cut, 7, true).bytes;
    EXPECT_EQ(told, cut + (line_end.ends_with('\n') ? "\n" : "\n\n"))
        << testing::PrintToString(line_end);
    const Relayed again = RelayInPieces(*Codec().NewStreamRelay(false), told, told.size(), false);
    EXPECT_EQ(again.bytes, told) << "a client sees a whole event";
  }
}

TEST(Relay, AFrameBeyondTheLimitEndsTheStreamBehindTheFramesBeforeIt) {
  const std::string huge = kText + "data: " + std::string(sse::kFrameBytesMax, 'x');
  const Relayed relayed = RelayInPieces(*Codec().NewStreamRelay(false), huge, 4096, false);
  EXPECT_TRUE(relayed.failed);
  EXPECT_EQ(relayed.bytes, kText);
}

TEST(InspectWhole, ABodyWithoutChoicesOrWithRubbishIsMalformed) {
  for (const std::string_view text :
       {"", "{}", "[]", "null", "{\"choices\":[]}", "{\"choices\":{}}", "{\"choices\":[5]}",
        "{\"choices\":[{\"index\":-1}]}",
        "{\"choices\":[{\"index\":0,\"message\":{\"content\":5}}]}", "<html>",
        "{\"choices\":[{}]} x"}) {
    const PaddedText body(text);
    const Result<RelayState> state = Codec().InspectWhole(body.view());
    ASSERT_FALSE(state.ok()) << text;
    EXPECT_EQ(state.error().code, ErrorCode::kProtocol);
    EXPECT_EQ(state.error().source, ErrorSource::kUpstream);
    EXPECT_EQ(state.error().retry, Retry::kOtherTarget);
  }
}

TEST(InspectWhole, UnreadableUsageDoesNotSpoilTheAnswer) {
  for (const std::string_view usage :
       {"[]", "\"n/a\"", "{}", "{\"prompt_tokens\":\"7\"}", "{\"prompt_tokens\":-1}"}) {
    const PaddedText body(
        "{\"choices\":[{\"message\":{\"content\":\"x\"}}],\"usage\":" + std::string(usage) + "}");
    const Result<RelayState> state = Codec().InspectWhole(body.view());
    ASSERT_TRUE(state.ok()) << usage;
    EXPECT_TRUE(state->complete);
    ASSERT_TRUE(state->usage) << usage;
    EXPECT_TRUE(state->usage->estimated) << usage;
    EXPECT_EQ(state->usage->input_tokens, 0);
  }
}

TEST(InspectWhole, WhatWasGuessedAheadIsReadFromTheTimings) {
  const auto usage = [](const std::string& timings) {
    const PaddedText body(R"({"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":10,)"
                          R"("completion_tokens":5},"timings":)" +
                          timings + "}");
    const Result<RelayState> state = Codec().InspectWhole(body.view());
    EXPECT_TRUE(state.ok() && state->usage);
    EXPECT_FALSE(state->usage->estimated);  // they are no part of what is paid for
    return *state->usage;
  };
  EXPECT_EQ(usage(R"({"draft_n":12,"draft_n_accepted":10})").draft_tokens, 12);
  EXPECT_EQ(usage(R"({"draft_n":12,"draft_n_accepted":10})").draft_accepted_tokens, 10);
  for (const char* odd : {R"({"draft_n":1,"draft_n_accepted":2})", R"({"draft_n":-1})", "[]", "{}",
                          R"({"draft_n":"1"})", R"({"draft_n_accepted":1})", "null"}) {
    EXPECT_EQ(usage(odd).draft_tokens, 0) << odd;
    EXPECT_EQ(usage(odd).draft_accepted_tokens, 0) << odd;
  }
}

TEST(InspectWhole, PartsOfTheUsageNeverExceedTheirWhole) {
  const PaddedText body(R"({"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":10,)"
                        R"("completion_tokens":5,)"
                        R"("prompt_tokens_details":{"cached_tokens":8,"cache_write_tokens":8},)"
                        R"("completion_tokens_details":{"reasoning_tokens":6}}})");
  const Result<RelayState> state = Codec().InspectWhole(body.view());
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->usage->cached_read_tokens, 8);
  EXPECT_EQ(state->usage->cached_write_tokens, 2);
  EXPECT_EQ(state->usage->reasoning_tokens, 5);
  EXPECT_TRUE(state->usage->estimated);
}

}  // namespace
}  // namespace tidegate::protocols::openai_chat
