#include "protocols/upstream_error.h"

#include <gtest/gtest.h>

#include "protocols/limits.h"
#include "protocols/openai_chat/codec.h"

namespace tidegate::protocols {
namespace {

TEST(UpstreamError, KeysNeverTravelOn) {
  for (const std::string_view key :
       {"sk-proj-abc123DEF456", "sk-ant-REDACTED-0001", "gsk_abcdefgh1234",
        "AIzaSyA-1234567890abcdefg", "hf_abcdefghijkl", "xai-0123456789", "eyJhbGciOi.eyJzdWIi.sig",
        "abcd***********wxyz", "0123456789abcdef0123456789abcdef"}) {
    for (const std::string& text :
         {"Incorrect API key provided: " + std::string(key) + ".", "key=" + std::string(key),
          "\"" + std::string(key) + "\" is wrong", "Bearer " + std::string(key)}) {
      const std::string shown = PublicText(text);
      EXPECT_EQ(shown.find(key.substr(0, 6)), std::string::npos) << shown;
      EXPECT_NE(shown.find("[redacted]"), std::string::npos) << shown;
    }
  }
  EXPECT_EQ(PublicText("authorization: bearer tiny"), "authorization: bearer [redacted]");
}

TEST(UpstreamError, OrdinaryTextIsLeftAlone) {
  for (const std::string_view text :
       {"The model `meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8` does not exist.",
        "task skipped: risk-free", "request 123e4567-e89b-12d3-a456-426614174000 failed",
        "unexpected token '}' at 1:7, donaudampfschiffahrtsgesellschaft",
        "max_tokens must be <= 4096 (\xC3\xA4\xF0\x9F\x8C\x8A)"}) {
    EXPECT_EQ(PublicText(text), text);
  }
}

TEST(UpstreamError, TextIsOneLineAndBounded) {
  EXPECT_EQ(PublicText(" a\r\n\tb\x01\x7F c \n"), "a b c");
  EXPECT_EQ(PublicText(""), "");
  const std::string long_text(5000, 'x');
  EXPECT_LE(PublicText("word " + long_text).size(), kUpstreamMessageBytesMax);
  std::string waves;
  for (int i = 0; i < 400; ++i) waves += "\xF0\x9F\x8C\x8A";
  const std::string cut = PublicText("a" + waves);
  EXPECT_EQ((cut.size() - 1) % 4, 0U) << "a character is never split";
  EXPECT_GT(cut.size(), kUpstreamMessageBytesMax - 4);
}

TEST(UpstreamError, AKeyThatXaiRefusesIsOursAndNoMistakeOfTheCallers) {
  const Error refused = JudgeErrorBody(
      400,
      R"({"code":"invalid-argument","error":"Incorrect API key provided. You can obtain one."})",
      0);
  EXPECT_EQ(refused.code, ErrorCode::kUnavailable);
  EXPECT_EQ(refused.reason, "upstream_key_refused");
  const Error wrong = JudgeErrorBody(
      400, R"({"code":"invalid-argument","error":"Argument not supported: stop"})", 0);
  EXPECT_EQ(wrong.code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(wrong.reason, "invalid-argument");
}

TEST(UpstreamError, ABodyMayStateWhenToTryAgain) {
  const auto seconds = [](std::string_view delay, std::int64_t header) {
    const std::string body =
        R"({"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"@type":)"
        R"("type.googleapis.com/google.rpc.RetryInfo","retryDelay":")" +
        std::string(delay) + R"("}]}})";
    return JudgeErrorBody(429, body, header).retry_after_s;
  };
  EXPECT_EQ(seconds("7s", 0), 7);
  EXPECT_EQ(seconds("7.000s", 0), 7);
  EXPECT_EQ(seconds("7.01s", 0), 8);
  EXPECT_EQ(seconds("0.5s", 0), 1);
  EXPECT_EQ(seconds("7s", 3), 3) << "a header counts first";
  EXPECT_EQ(seconds("99999999s", 0), kRetryAfterSecondsMax);
  for (const std::string_view odd : {"", "7", "-7s", "s", "soon", "99999999999999999999s"}) {
    EXPECT_EQ(seconds(odd, 0), 0) << odd;
  }
}

TEST(UpstreamError, EveryStatusSaysWhoIsAtFaultAndWhatCanHelp) {
  struct Row {
    int status;
    ErrorCode code;
    Retry retry;
  };
  for (const Row& row : {Row{400, ErrorCode::kInvalidArgument, Retry::kNever},
                         {401, ErrorCode::kUnavailable, Retry::kOtherTarget},
                         {402, ErrorCode::kUnavailable, Retry::kOtherTarget},
                         {403, ErrorCode::kUnavailable, Retry::kOtherTarget},
                         {404, ErrorCode::kUnavailable, Retry::kOtherTarget},
                         {405, ErrorCode::kInvalidArgument, Retry::kNever},
                         {408, ErrorCode::kUnavailable, Retry::kOtherTarget},
                         {409, ErrorCode::kUnavailable, Retry::kOtherTarget},
                         {413, ErrorCode::kTooLarge, Retry::kOtherTarget},
                         {422, ErrorCode::kInvalidArgument, Retry::kNever},
                         {429, ErrorCode::kRateLimited, Retry::kOtherTarget},
                         {500, ErrorCode::kUnavailable, Retry::kOtherTarget},
                         {502, ErrorCode::kUnavailable, Retry::kOtherTarget},
                         {503, ErrorCode::kUnavailable, Retry::kOtherTarget},
                         {504, ErrorCode::kUnavailable, Retry::kOtherTarget},
                         {529, ErrorCode::kUnavailable, Retry::kOtherTarget},
                         {301, ErrorCode::kProtocol, Retry::kOtherTarget},
                         {204, ErrorCode::kProtocol, Retry::kOtherTarget},
                         {999, ErrorCode::kProtocol, Retry::kOtherTarget}}) {
    const Error error = openai_chat::Codec().DecodeError(row.status, "", 0);
    EXPECT_EQ(error.code, row.code) << row.status;
    EXPECT_EQ(error.retry, row.retry) << row.status;
    EXPECT_EQ(error.source, ErrorSource::kUpstream);
    EXPECT_EQ(error.upstream_status, row.status);
  }
}

TEST(UpstreamError, RetryAfterIsClamped) {
  EXPECT_EQ(openai_chat::Codec().DecodeError(429, "{}", -1).retry_after_s, 0);
  EXPECT_EQ(openai_chat::Codec().DecodeError(429, "{}", 17).retry_after_s, 17);
  EXPECT_EQ(openai_chat::Codec().DecodeError(429, "{}", 1'000'000'000'000).retry_after_s, 3600);
}

TEST(UpstreamError, WordsDecideWhereTheStatusIsTooCoarse) {
  const auto judge = [](int status, std::string_view body) {
    return openai_chat::Codec().DecodeError(status, body, 0);
  };
  EXPECT_EQ(judge(400, R"({"error":{"message":"prompt is too long: 9 tokens"}})").reason,
            "context_length_exceeded");
  EXPECT_EQ(judge(413, R"({"message":"exceeds the available context size"})").reason,
            "context_length_exceeded");
  EXPECT_EQ(judge(500, R"({"message":"maximum context length"})").code, ErrorCode::kUnavailable)
      << "a 500 is a failure";
  const Error unread = judge(400, R"({"error":{"message":"Failed to load image or audio file"}})");
  EXPECT_EQ(unread.code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(unread.retry, Retry::kOtherTarget) << "another may know the format";
  EXPECT_EQ(judge(500, R"-({"error":{"message":"input (9 tokens) is too large to process. )-"
                       R"-(increase the physical batch size (current batch size: 8)"}})-")
                .reason,
            "context_length_exceeded")
      << "unless llama-server means the text that it should embed";
  EXPECT_EQ(judge(400, R"({"error":{"message":"The model foo is not a valid model ID"}})").reason,
            "model_not_found");
  EXPECT_EQ(judge(404, R"({"object":"error","message":"The model `x` does not exist.",)"
                       R"("type":"NotFoundError","code":404})")
                .reason,
            "model_not_found");
  EXPECT_EQ(judge(404, R"({"error":"model 'x' not found, try pulling it first"})").reason,
            "model_not_found");
  EXPECT_EQ(judge(400, R"({"error":{"message":"m","code":"content_filter","param":"messages[0]"}})")
                .reason,
            "content_filter");
  EXPECT_EQ(judge(400, R"({"error":{"message":"m","code":"content_filter","param":"messages[0]"}})")
                .field,
            "messages[0]");
  EXPECT_EQ(judge(400, R"({"error":{"message":"m","code":"two words"}})").reason, "")
      << "only words are reasons";
  EXPECT_EQ(judge(400, R"({"error":{"message":{"not":"text"},"code":[1]}})").message,
            "the upstream refused the request (400)");
}

}  // namespace
}  // namespace tidegate::protocols
