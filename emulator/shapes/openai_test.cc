// The smaller calls of the OpenAI kind, and the quirks by which its vendors differ.
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "emulator/fixture_for_tests.h"

namespace tidegate::emulator {
namespace {

constexpr std::string_view kAsk = R"("messages":[{"role":"user","content":"hello"}])";

class OpenAiTest : public EmulatorFixture {
 protected:
  void SetUp() override {
    Model refusing = FastModel("refusing");
    refusing.quirks.refuse_fields = {"logprobs"};
    Model nim = FastModel("nim");
    nim.quirks.nim = true;
    Model named = FastModel("named");
    named.quirks.reasoning_field = "reasoning";
    Model elsewhere = FastModel("elsewhere");
    elsewhere.quirks.shapes = {"anthropic"};
    Model azure = FastModel("azure");
    azure.api_key = Secret("right");
    azure.quirks.key_place = KeyPlace::kApiKey;
    Model strict = FastModel("strict");
    strict.quirks.refuse_fields = {"messages[].name"};
    strict.quirks.seed_field = "random_seed";
    strict.quirks.tool_call_id_bytes = 9;
    strict.quirks.reasoning_back = true;
    Model filtered = FastModel("filtered");
    filtered.quirks.azure = true;
    filtered.quirks.error_style = ErrorStyle::kAzure;
    Model chatty = FastModel("chatty");
    chatty.quirks.comments = true;
    chatty.quirks.x_groq = true;
    chatty.quirks.error_style = ErrorStyle::kOpenRouter;
    std::vector<Model> models = {FastModel("fast"), std::move(refusing),  std::move(nim),
                                 std::move(named),  std::move(elsewhere), std::move(azure)};
    for (Model* more : {&strict, &filtered, &chatty}) models.push_back(std::move(*more));
    for (const auto& [name, style] :
         {std::pair{"mistral", ErrorStyle::kMistral}, std::pair{"together", ErrorStyle::kTogether},
          std::pair{"huggingface", ErrorStyle::kHuggingFace},
          std::pair{"cerebras", ErrorStyle::kCerebras},
          std::pair{"styled-azure", ErrorStyle::kAzure},
          std::pair{"openrouter", ErrorStyle::kOpenRouter}, std::pair{"xai", ErrorStyle::kXai},
          std::pair{"vllm", ErrorStyle::kVllm}, std::pair{"sglang", ErrorStyle::kSglang}}) {
      Model styled = FastModel(name);
      styled.quirks.error_style = style;
      models.push_back(std::move(styled));
    }
    for (const auto& [name, fields] : {std::pair{"limited-mistral", RateFields::kMistral},
                                       std::pair{"limited-together", RateFields::kTogether},
                                       std::pair{"limited-ietf", RateFields::kIetf},
                                       std::pair{"limited-cerebras", RateFields::kCerebras},
                                       std::pair{"limited-openrouter", RateFields::kOpenRouter},
                                       std::pair{"limited-none", RateFields::kNone}}) {
      Model limited = FastModel(name);
      limited.requests_per_minute_max = 5;
      limited.tokens_per_minute_max = 1'000;
      limited.quirks.rate_fields = fields;
      models.push_back(std::move(limited));
    }
    Start(std::move(models));
  }
  RawAnswer Chat(std::string_view model, std::string_view members, std::string_view faults = "") {
    return Send("POST", "/v1/chat/completions", fmt::format("x-emulate: {}\r\n", faults),
                fmt::format(R"({{"model":"{}",{}}})", model, members));
  }
  RawAnswer Post(std::string_view path, std::string_view members) {
    return Send("POST", path, "", fmt::format(R"({{"model":"fast",{}}})", members));
  }
};

TEST_F(OpenAiTest, AzuresPathNamesTheDeploymentAndItsKeyHasAFieldOfItsOwn) {
  const std::string path = "/openai/deployments/azure/chat/completions";
  const std::string body = fmt::format("{{{}}}", kAsk);
  const std::string key = "api-key: right\r\n";
  EXPECT_EQ(Status(Send("POST", path + "?api-version=2024-10-21", key, body)), 200);
  EXPECT_EQ(Status(Send("POST", path, key, body)), 404);
  EXPECT_EQ(Status(Send("POST", path + "?api-version=2024-10-21", "authorization: Bearer right\r\n",
                        body)),
            401);
}

TEST_F(OpenAiTest, NamedFieldsAreRefused) {
  const RawAnswer answer = Chat("refusing", fmt::format(R"({},"logprobs":true)", kAsk));
  EXPECT_EQ(Status(answer), 400);
  EXPECT_EQ(FindText(answer.body(), {"error", "message"}), "property 'logprobs' is unsupported");
  EXPECT_EQ(Status(Chat("refusing", kAsk)), 200);
}

TEST_F(OpenAiTest, ReasoningHasTheNameOfTheVendor) {
  EXPECT_TRUE(
      FindText(Chat("named", kAsk, "reasoning=3").body(), {"choices", "0", "message", "reasoning"})
          .starts_with("[emulated named]"));
  EXPECT_EQ(Count(Chat("named", fmt::format(R"({},"stream":true)", kAsk), "reasoning=3").bytes,
                  "\"delta\":{\"reasoning\":"),
            1U);
}

TEST_F(OpenAiTest, NvidiasAdditionsAreUnderstood) {
  const RawAnswer answer =
      Chat("nim", fmt::format(R"({},"nvext":{{"guided_json":{{"type":"object","properties":)"
                              R"({{"ok":{{"type":"boolean"}}}}}}}})",
                              kAsk));
  EXPECT_EQ(FindText(answer.body(), {"choices", "0", "message", "content"}), R"({"ok":true})");
  EXPECT_EQ(Find(answer.body(), {"choices", "0", "stop_reason"}), "null");
}

TEST_F(OpenAiTest, AModelIsServedOnlyInItsShapes) {
  EXPECT_EQ(Status(Chat("elsewhere", kAsk)), 404);
  EXPECT_EQ(Status(Send("POST", "/v1/messages", "anthropic-version: 2023-06-01\r\n",
                        fmt::format(R"({{"model":"elsewhere","max_tokens":5,{}}})", kAsk))),
            200);
}

TEST_F(OpenAiTest, ErrorsHaveTheVendorsShape) {
  const std::string_view bad = R"("messages":[{"role":"user"}])";
  const RawAnswer mistral = Chat("mistral", bad);
  EXPECT_EQ(Status(mistral), 422);
  EXPECT_EQ(Find(mistral.body(), {"detail", "0", "loc"}), R"(["body","messages",0,"content"])");
  EXPECT_EQ(FindText(mistral.body(), {"detail", "0", "type"}), "missing");
  EXPECT_EQ(FindText(Chat("mistral", kAsk, "status=429").body(), {"code"}), "1300");
  EXPECT_EQ(FindText(Chat("together", bad).body(), {"error", "param"}), "messages[0].content");
  EXPECT_EQ(FindText(Chat("cerebras", bad).body(), {"param"}), "messages[0].content");
  const RawAnswer tgi = Chat("huggingface", bad);
  EXPECT_EQ(Status(tgi), 422);
  EXPECT_EQ(FindText(tgi.body(), {"error_type"}), "validation");
  EXPECT_EQ(FindText(Chat("styled-azure", kAsk, "status=429").body(), {"error", "code"}), "429");
  EXPECT_EQ(Find(Chat("openrouter", bad).body(), {"error", "code"}), "400");
  EXPECT_EQ(FindText(Chat("xai", bad).body(), {"code"}), "invalid-argument");
  EXPECT_EQ(Find(Chat("vllm", bad).body(), {"error", "code"}), "400");
  EXPECT_EQ(FindText(Chat("sglang", bad).body(), {"object"}), "error");
}

TEST_F(OpenAiTest, LimitsHaveTheVendorsFields) {
  for (const auto& [model, field] :
       {std::pair{"limited-mistral", "x-ratelimit-limit-req-minute: 5\r\n"},
        std::pair{"limited-together", "x-ratelimit-limit: 5\r\n"},
        std::pair{"limited-together", "x-tokenlimit-limit: 1000\r\n"},
        std::pair{"limited-cerebras", "x-ratelimit-limit-tokens-minute: 1000\r\n"},
        std::pair{"limited-openrouter", "X-RateLimit-Limit: 5\r\n"},
        std::pair{"limited-ietf", "ratelimit-remaining: 4\r\n"}}) {
    EXPECT_EQ(Count(Chat(model, kAsk).head(), field), 1U) << model;
  }
  EXPECT_EQ(Count(Chat("limited-none", kAsk).head(), "ratelimit"), 0U);
}

TEST_F(OpenAiTest, AStrictVendorRefusesWhatItsDocumentsSay) {
  const auto error = [&](std::string_view members) {
    return FindText(Chat("strict", members).body(), {"error", "message"});
  };
  EXPECT_EQ(error(R"("messages":[{"role":"user","name":"ann","content":"a"}])"),
            "property 'messages[].name' is unsupported");
  constexpr std::string_view kCalls =
      R"("messages":[{{"role":"user","content":"a"}},{{"role":"assistant"{},"tool_calls":[{{"id":)"
      R"("{}","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}]}}])";
  EXPECT_EQ(
      Count(error(fmt::format(kCalls, R"(,"reasoning_content":"")", "call_1")), "length of 9"), 1U);
  EXPECT_EQ(Count(error(fmt::format(kCalls, "", "abcdefghi")), "must be passed back"), 1U);
  EXPECT_EQ(Status(Chat("strict", fmt::format(kCalls, R"(,"reasoning_content":"")", "abcdefghi"))),
            200);
  const std::string tools =
      R"(,"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required")";
  const RawAnswer called = Chat("strict", std::string(kAsk) + tools);
  EXPECT_EQ(FindText(called.body(), {"choices", "0", "message", "tool_calls", "0", "id"}).size(),
            9U);
  const auto text = [&](std::string_view seed) {
    return FindText(Chat("strict", std::string(kAsk) + std::string(seed)).body(),
                    {"choices", "0", "message", "content"});
  };
  EXPECT_EQ(text(R"(,"seed":7)"), text(""));
  EXPECT_NE(text(R"(,"random_seed":7)"), text(""));
}

TEST_F(OpenAiTest, AzuresFiltersStandInEveryAnswer) {
  const RawAnswer whole = Chat("filtered", kAsk);
  EXPECT_EQ(Find(whole.body(), {"choices", "0", "content_filter_results", "hate", "filtered"}),
            "false");
  const std::string stream = Stream(Chat("filtered", std::string(kAsk) + R"(,"stream":true)"));
  EXPECT_TRUE(stream.starts_with("data: {\"choices\":[],")) << stream;
  const RawAnswer refused = Chat("filtered", kAsk, "refusal");
  EXPECT_EQ(Status(refused), 400);
  EXPECT_EQ(FindText(refused.body(), {"error", "code"}), "content_filter");
  EXPECT_EQ(FindText(refused.body(), {"error", "innererror", "code"}),
            "ResponsibleAIPolicyViolation");
}

TEST_F(OpenAiTest, StreamsHaveTheVendorsCommentsUsageAndErrors) {
  const std::string ask = std::string(kAsk) + R"(,"stream":true)";
  const std::string stream = Stream(Chat("chatty", ask));
  EXPECT_TRUE(stream.starts_with(": OPENROUTER PROCESSING\n\n")) << stream;
  EXPECT_EQ(Count(stream, R"("x_groq":{"id":"req_)"), 1U);
  const std::string broken = Stream(Chat("chatty", ask, "error_after=2"));
  EXPECT_EQ(Count(broken, R"("error":{"code":"server_error")"), 1U) << broken;
  EXPECT_EQ(Count(broken, R"("finish_reason":"error")"), 1U) << broken;
}

TEST_F(OpenAiTest, ATextIsCompletedWithItsEcho) {
  const RawAnswer answer =
      Post("/v1/completions", R"("prompt":"hello","echo":true,"max_tokens":4)");
  EXPECT_TRUE(
      FindText(answer.body(), {"choices", "0", "text"}).starts_with("hello[emulated fast]"));
  EXPECT_EQ(FindText(answer.body(), {"choices", "0", "finish_reason"}), "length");
  const std::string stream =
      Stream(Post("/v1/completions",
                  R"("prompt":"hello","stream":true,"stream_options":{"include_usage":true})"));
  EXPECT_EQ(Count(stream, "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":16"), 1U) << stream;
}

TEST_F(OpenAiTest, TextsAreEmbeddedAsNumbersOrPacked) {
  const RawAnswer numbers = Post("/v1/embeddings", R"("input":["a","b"],"dimensions":5)");
  EXPECT_EQ(Count(Find(numbers.body(), {"data", "1", "embedding"}), ","), 4U) << numbers.body();
  const RawAnswer packed =
      Post("/v1/embeddings", R"("input":"a","dimensions":3,"encoding_format":"base64")");
  EXPECT_EQ(FindText(packed.body(), {"data", "0", "embedding"}).size(), 16U);
  EXPECT_EQ(Find(packed.body(), {"usage", "total_tokens"}), "8");
  EXPECT_EQ(Find(Bill(), {"models", "fast", "completion_tokens"}), "0");
}

TEST_F(OpenAiTest, DocumentsAreRankedWithTheirTexts) {
  const RawAnswer answer = Post("/v1/rerank", R"("query":"harbour","return_documents":true,)"
                                              R"("documents":["nothing",{"text":"the harbour"}])");
  EXPECT_EQ(Find(answer.body(), {"results", "0", "index"}), "1");
  EXPECT_EQ(FindText(answer.body(), {"results", "0", "document", "text"}), "the harbour");
  EXPECT_EQ(std::stod(Find(answer.body(), {"results", "1", "relevance_score"})), 0);
}

}  // namespace
}  // namespace tidegate::emulator
