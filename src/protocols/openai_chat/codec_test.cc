#include "protocols/openai_chat/codec.h"

#include <gtest/gtest.h>

#include "protocols/openai_chat/request_encoder.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::openai_chat {
namespace {

TEST(OpenAiChat, RoutesAreMatchedByMethodAndPath) {
  const NoFields none;
  const auto match = [&](std::string_view method, std::string_view path) {
    return Codec().Match({method, path, "", &none});
  };
  const Protocol& codec = Codec();
  EXPECT_EQ(match("POST", "/v1/chat/completions")->operation, Operation::kChat);
  EXPECT_EQ(match("GET", "/v1/models")->operation, Operation::kListModels);
  const std::optional<Route> model = match("GET", "/v1/models/openrouter/meta/llama-3:free");
  ASSERT_TRUE(model);
  EXPECT_EQ(model->operation, Operation::kGetModel);
  EXPECT_EQ(model->model, "openrouter/meta/llama-3:free");
  for (const auto& [method, path] : {std::pair("GET", "/v1/chat/completions"),
                                     {"POST", "/v1/models"},
                                     {"GET", "/v1/models/"},
                                     {"POST", "/chat/completions"},
                                     {"POST", "/v1/chat/completions/"},
                                     {"GET", "/"}}) {
    EXPECT_FALSE(match(method, path)) << method << ' ' << path;
  }
  EXPECT_TRUE(codec.OwnsPath("/v1/whatever")) << "a 404 there has this protocol's shape";
  EXPECT_FALSE(codec.OwnsPath("/tidegate/decisions"));
}

TEST(Protocols, EveryProtocolIsInTheListUnderItsOwnId) {
  ASSERT_FALSE(All().empty());
  for (const Protocol* protocol : All()) EXPECT_EQ(&Get(protocol->id()), protocol);
}

TEST(OpenAiChat, ErrorsHaveTheShapeThatClientsParse) {
  Error error = InvalidArgument("messages[2].content", "is \"required\"");
  EXPECT_EQ(Codec().EncodeError(error),
            R"({"error":{"message":"is \"required\"","type":"invalid_request_error",)"
            R"("param":"messages[2].content",)"
            R"("code":"invalid_argument"}})");
  error.field.clear();
  error.reason = "some_reason";
  EXPECT_EQ(Codec().EncodeStreamError(error),
            "data: {\"error\":{\"message\":\"is "
            "\\\"required\\\"\",\"type\":\"invalid_request_error\",\"param\":null,"
            "\"code\":\"some_reason\"}}\n\n");
}

TEST(OpenAiChat, EveryErrorCodeHasATypeAndAStatus) {
  struct Row {
    ErrorCode code;
    std::string_view type;
    int status;
  };
  for (const Row& row : {Row{ErrorCode::kInvalidArgument, "invalid_request_error", 400},
                         {ErrorCode::kUnauthenticated, "authentication_error", 401},
                         {ErrorCode::kPermissionDenied, "permission_error", 403},
                         {ErrorCode::kNotFound, "invalid_request_error", 404},
                         {ErrorCode::kTooLarge, "invalid_request_error", 413},
                         {ErrorCode::kRateLimited, "rate_limit_error", 429},
                         {ErrorCode::kBudgetExceeded, "insufficient_quota", 402},
                         {ErrorCode::kNoCandidate, "server_error", 503},
                         {ErrorCode::kUnavailable, "server_error", 503},
                         {ErrorCode::kDeadlineExceeded, "timeout_error", 504},
                         {ErrorCode::kProtocol, "server_error", 502},
                         {ErrorCode::kInternal, "server_error", 500}}) {
    const Error error{row.code, ErrorSource::kGateway, Retry::kNever, "x"};
    EXPECT_NE(Codec().EncodeError(error).find("\"type\":\"" + std::string(row.type) + '"'),
              std::string::npos);
    EXPECT_EQ(Codec().ErrorStatus(error), row.status);
  }
  Error too_long{ErrorCode::kTooLarge, ErrorSource::kUpstream, Retry::kNever, "x"};
  too_long.reason = "context_length_exceeded";
  EXPECT_EQ(Codec().ErrorStatus(too_long), 400);
}

TEST(OpenAiChat, ModelsAreListedWithWhatIsKnownOfThem) {
  core::Deployment deployment;
  deployment.ref = {"acme", "tide"};
  deployment.place = core::Place::kCloud;
  deployment.region = "eu";
  deployment.context_tokens = 8192;
  deployment.capabilities =
      core::CapabilitySet().With(core::Capability::kTools).With(core::Capability::kVision);
  deployment.prices = core::Prices{};
  deployment.prices->input = Price{2'500'000'000};
  const ModelEntry models[] = {
      {.id = "acme/tide", .owned_by = "acme", .created_s = 17, .deployment = &deployment},
      {.id = "auto", .owned_by = "tidegate"}};
  const std::string acme =
      R"({"id":"acme/tide","object":"model","created":17,"owned_by":"acme",)"
      R"("tidegate":{"provider":"acme","place":"cloud",)"
      R"("region":"eu","zero_data_retention":false,"context_tokens":8192,)"
      R"("capabilities":["tools","vision"],)"
      R"("usd_per_million_tokens":{"input":2.50,"output":0.00,"cached_read":0.00,)"
      R"("cached_write":0.00}}})";
  EXPECT_EQ(Codec().EncodeModel(models[0]), acme);
  EXPECT_EQ(Codec().EncodeModels(models),
            R"({"object":"list","data":[)" + acme +
                R"(,{"id":"auto","object":"model","created":0,"owned_by":"tidegate"}]})");
  EXPECT_EQ(Codec().EncodeModels({}), R"({"object":"list","data":[]})");
}

// The values of a request as text, to compare what was decoded twice.
std::string Values(const core::Request& request) {
  const UpstreamOptions options{.model = request.model, .passes_unknown_fields = true};
  return *WriteChatRequest(request, options, {request.stream, request.stream_usage});
}

TEST(OpenAiChat, ARequestWrittenFromItsValuesDecodesToTheSameValues) {
  const PaddedText body(
      R"({"model":"m","stream":true,"stream_options":{"include_usage":true},)"
      R"("messages":[{"role":"developer","content":"d"},)"
      R"({"role":"user","name":"ann","content":[{"type":"text","text":"t\n"},)"
      R"({"type":"image_url","image_url":{"url":"https://a","detail":"low"}},)"
      R"({"type":"input_audio","input_audio":{"data":"QQ==","format":"wav"}},{"type":"file",)"
      R"("file":{"file_data":"data:application/pdf;base64,QQ==","filename":"f"}}]},)"
      R"({"role":"assistant","content":[{"type":"text","text":"x"},{"type":"refusal",)"
      R"("refusal":"no"}],"tool_calls":[)"
      R"({"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},)"
      R"({"role":"tool","tool_call_id":"c","content":"r"}],)"
      R"("tools":[{"type":"function","function":{"name":"f","description":"d",)"
      R"("parameters":{"x" : 1},"strict":false}}],)"
      R"("tool_choice":"required","parallel_tool_calls":true,)"
      R"("response_format":{"type":"json_schema","json_schema":{"name":"n"}},)"
      R"("temperature":0.1,"top_p":0.9,"presence_penalty":1,"frequency_penalty":-1,"seed":5,)"
      R"("stop":["a","b"],)"
      R"("logit_bias":{"1":2},"n":2,"logprobs":true,"top_logprobs":3,"reasoning_effort":"low",)"
      R"("max_tokens":9,"user":"u"})");
  const Result<core::Request> first = DecodeChat(Codec(), "/v1/chat/completions", body.view());
  ASSERT_TRUE(first.ok()) << first.error().message;
  const PaddedText written(Values(*first));
  const Result<core::Request> second = DecodeChat(Codec(), "/v1/chat/completions", written.view());
  ASSERT_TRUE(second.ok()) << second.error().message << written.view();
  EXPECT_EQ(Values(*second), written.view());
  EXPECT_EQ(second->needs, first->needs);
  EXPECT_EQ(second->media_parts, first->media_parts);
  EXPECT_EQ(second->messages.size(), first->messages.size());
  EXPECT_EQ(second->messages[1].parts[1].detail, "low");
  EXPECT_EQ(second->tools[0].parameters, R"({"x" : 1})");
  EXPECT_EQ(second->max_output_tokens, 9);
}

TEST(OpenAiChat, ARequestWithoutABodyIsWrittenFromItsValues) {
  core::Request request;
  request.model = "asked";
  request.messages.push_back({core::Role::kUser, {{.text = "Hi"}}, {}});
  const Result<UpstreamRequest> upstream = Codec().EncodeRequest(
      request, {.model = "m", .force_stream = true, .output_tokens_limit = 12});
  ASSERT_TRUE(upstream.ok());
  ASSERT_EQ(upstream->body.pieces.size(), 1U);
  EXPECT_EQ(
      upstream->body.pieces[0],
      R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"max_tokens":12,"stream":true,)"
      R"("stream_options":{"include_usage":true}})");
}

TEST(OpenAiChat, AnUntouchedStretchOfTheBodyIsSentFromWhereItStands) {
  const PaddedText body(
      R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"x":[1.0, 2e5]})");
  const Result<core::Request> request = DecodeChat(Codec(), "/v1/chat/completions", body.view());
  ASSERT_TRUE(request.ok());
  const Result<UpstreamRequest> upstream =
      Codec().EncodeRequest(*request, {.model = "longer-name"});
  ASSERT_TRUE(upstream.ok());
  ASSERT_EQ(upstream->body.pieces.size(), 3U);
  EXPECT_EQ(upstream->body.pieces[0].data(), body.view().data());
  EXPECT_EQ(upstream->body.pieces[2].data(), body.view().data() + 12);
  EXPECT_EQ(upstream->body.pieces[2], body.view().substr(12));
}

}  // namespace
}  // namespace tidegate::protocols::openai_chat
