// Embeddings in every protocol that has them, and what crosses between them.
#include <string>

#include <gtest/gtest.h>

#include "base/base64.h"
#include "protocols/cohere_chat/codec.h"
#include "protocols/embeddings/codec.h"
#include "protocols/limits.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::embeddings {
namespace {

using core::Capability;

constexpr RequestId kId{1, 2};
// The floats 1.5, -2, 0.1.
const std::string kBase64 =
    EncodeBase64(std::string_view("\0\0\xC0\x3F\0\0\0\xC0\xCD\xCC\xCC\x3D", 12));

// A request that keeps its body alive.
struct Asked {
  Asked(const EmbedCodec& codec, std::string_view text, int form = 0)
      : body(text),
        request(codec.DecodeRequest(Route{.model = "of-path", .form = form}, body.view(),
                                    SmallConstraintParser())) {}
  const core::EmbedRequest* operator->() const { return &request.value(); }
  PaddedText body;
  Result<core::EmbedRequest> request;
};

std::string Sent(const EmbedCodec& from, std::string_view text, const EmbedCodec& to,
                 int form = 0) {
  const Asked asked(from, text, form);
  if (!asked.request.ok()) return "bad: " + DescribeError(asked.request.error());
  const Result<UpstreamRequest> upstream = to.EncodeRequest(*asked.request, {.model = "m"});
  if (!upstream.ok()) return "refused: " + DescribeError(upstream.error());
  std::string joined = upstream->path + " ";
  for (const std::string_view piece : upstream->body.pieces) joined += piece;
  return joined;
}

// What the client that asked `text` gets of the upstream's answer.
std::string Answered(const EmbedCodec& client, std::string_view text, const EmbedCodec& upstream,
                     std::string_view answer, int form = 0) {
  const Asked asked(client, text, form);
  if (!asked.request.ok()) return "bad: " + DescribeError(asked.request.error());
  const PaddedText body(answer);
  const Result<core::EmbedAnswer> decoded =
      upstream.DecodeAnswer(body.view(), asked.request->inputs);
  if (!decoded.ok()) return "failed: " + DescribeError(decoded.error());
  return client.EncodeAnswer(*asked.request, *decoded, kId);
}

std::string Many(std::string_view element, std::size_t count) {
  std::string out = "[";
  for (std::size_t i = 0; i < count; ++i) out += (i > 0 ? "," : "") + std::string(element);
  return out + "]";
}

struct Refusal {
  std::string body;
  std::string_view field, says;
};

void ExpectRefusals(const EmbedCodec& codec, const std::vector<Refusal>& refusals) {
  for (const Refusal& refusal : refusals) {
    const Asked asked(codec, refusal.body);
    const std::string_view shown = std::string_view(refusal.body).substr(0, 120);
    ASSERT_FALSE(asked.request.ok()) << shown;
    EXPECT_EQ(asked.request.error().field, refusal.field) << shown;
    EXPECT_NE(asked.request.error().message.find(refusal.says), std::string::npos)
        << shown << "\n"
        << asked.request.error().message;
  }
}

TEST(Embeddings, WhatIsWrongForOpenAiIsRefusedWithItsPlace) {
  const auto with = [](std::string_view members) {
    return R"({"model":"m",)" + std::string(members) + "}";
  };
  ExpectRefusals(
      OpenAi(),
      {{"[]", "", "expected an object"},
       {R"({"input":"a"})", "model", "is required"},
       {R"({"model":"m"})", "input", "is required"},
       {with(R"("input":"")"), "input", "must not be empty"},
       {with(R"("input":[])"), "input", "at least one"},
       {with(R"("input":{"a":1})"), "input", "a string or an array"},
       {with(R"("input":["a",""])"), "input[1]", "must not be empty"},
       {with(R"("input":["a",5])"), "input[1]", "expected a string"},
       {with(R"("input":[5,"a"])"), "input[1]", "expected an integer"},
       {with(R"("input":[[]])"), "input[0]", "must not be empty"},
       {with(R"("input":[[-1]])"), "input[0][0]", ""},
       {with(R"("input":)" + Many("\"a\"", kEmbedInputsMax + 1)), "input", "more than 2048"},
       {with(R"("input":"a","encoding_format":"hex")"), "encoding_format", "'float' or 'base64'"},
       {with(R"("input":"a","dimensions":0)"), "dimensions", ""},
       {with(R"("input":"a","input":"b")"), "input", "more than once"},
       {with(R"("input":"a","tidegate":{"x":1})"), "tidegate.x", "unknown"}});
}

TEST(Embeddings, WhatIsWrongForCohereIsRefusedWithItsPlace) {
  const auto with = [](std::string_view members) {
    return R"({"model":"m",)" + std::string(members) + "}";
  };
  ExpectRefusals(
      Cohere(),
      {{R"({"texts":["a"]})", "model", "is required"},
       {R"({"model":"m"})", "texts", "is required"},
       {with(R"("texts":["a"],"images":["b"])"), "texts", "either images or inputs"},
       {with(R"("texts":[])"), "texts", "must not be empty"},
       {with(R"("texts":"a")"), "texts", "expected an array"},
       {with(R"("texts":[5])"), "texts[0]", "expected a string"},
       {with(R"("texts":)" + Many("\"a\"", kEmbedInputsMax + 1)), "texts", "more than 2048"},
       {with(R"("images":["file:///x"])"), "images[0]", "http(s)"},
       {with(R"("inputs":[{"content":[]}])"), "inputs[0].content", "must not be empty"},
       {with(R"("inputs":[{"content":[{"type":"sound"}]}])"), "inputs[0].content[0].type",
        "must be 'text' or 'image_url'"},
       {with(R"("inputs":[{"content":[{"type":"image_url","image_url":{}}]}])"),
        "inputs[0].content[0].image_url.url", "is required"},
       {with(R"("texts":["a"],"input_type":"some")"), "input_type", "must be one of"},
       {with(R"("texts":["a"],"embedding_types":["hex"])"), "embedding_types[0]", "one of"},
       {with(R"("texts":["a"],"output_dimension":0)"), "output_dimension", ""},
       {with(R"("texts":["a"],"truncate":"MIDDLE")"), "truncate", "must be one of"},
       {with(R"("texts":["a"],"max_tokens":0)"), "max_tokens", ""}});
}

TEST(Embeddings, WhatOnlyOneProtocolKnowsNeedsIt) {
  const auto needs = [](const EmbedCodec& codec, std::string_view text) {
    const Asked asked(codec, text);
    EXPECT_TRUE(asked.request.ok()) << text;
    return core::Join(asked->needs) + " " + asked->vendor_field;
  };
  EXPECT_EQ(needs(OpenAi(), R"({"model":"m","input":"a","user":"u"})"), "embeddings ");
  EXPECT_EQ(needs(OpenAi(), R"({"model":"m","input":[[1,2],[3]]})"),
            "vendor_fields, embeddings input[0]");
  EXPECT_EQ(needs(OpenAi(), R"({"model":"m","input":[1,2]})"), "vendor_fields, embeddings input");
  EXPECT_EQ(needs(OpenAi(), R"({"model":"m","input":"a","dimensions":9})"),
            "embeddings, dimensions ");
  EXPECT_EQ(needs(OpenAi(), R"({"model":"m","input":"a","x":9})"), "vendor_fields, embeddings x");
  EXPECT_EQ(needs(Cohere(), R"({"model":"m","texts":["a"],"input_type":"search_query"})"),
            "embeddings ");
  EXPECT_EQ(needs(Cohere(), R"({"model":"m","texts":["a"],"embedding_types":["float","int8"]})"),
            "vendor_fields, embeddings embedding_types[1]");
  EXPECT_EQ(needs(Cohere(), R"({"model":"m","images":["data:image/png;base64,QQ=="]})"),
            "vision, vendor_fields, embeddings images[0]");
  EXPECT_EQ(needs(Cohere(), R"({"model":"m","inputs":[{"content":[{"type":"text","text":"a"}]}]})"),
            "embeddings ");
  EXPECT_EQ(needs(Cohere(), R"({"model":"m","texts":["a"],"max_tokens":5})"),
            "vendor_fields, embeddings max_tokens");
  const Asked numbers(OpenAi(), R"({"model":"m","input":[[1,2],[3]]})");
  EXPECT_EQ(numbers->inputs, 2);
  EXPECT_TRUE(numbers->texts.empty());
}

TEST(Embeddings, SameProtocolKeepsItsBytes) {
  EXPECT_EQ(Sent(OpenAi(), R"({ "input" : [[1, 2]], "tidegate":{"privacy":"open"} ,"model":"x" })",
                 OpenAi()),
            R"(/embeddings { "input" : [[1, 2]], "model":"m" })");
  EXPECT_EQ(Sent(Cohere(), R"({"model":"x","texts":["\u00e9"],"truncate":"END"})", Cohere()),
            R"(/embed {"model":"m","texts":["\u00e9"],"truncate":"END"})");
}

TEST(Embeddings, OpenAiReachesCohereAndBack) {
  EXPECT_EQ(Sent(OpenAi(), R"({"model":"x","input":"a","dimensions":256,"user":"u"})", Cohere()),
            R"(/embed {"model":"m","input_type":"search_document","texts":["a"],)"
            R"("embedding_types":["float"],"output_dimension":256,"truncate":"NONE"})");
  EXPECT_EQ(
      Sent(OpenAi(), R"({"model":"x","input":["a","b"],"encoding_format":"base64"})", Cohere()),
      R"(/embed {"model":"m","input_type":"search_document","texts":["a","b"],)"
      R"("embedding_types":["base64"],"truncate":"NONE"})");
  EXPECT_EQ(
      Sent(Cohere(), R"({"model":"x","texts":["a"],"input_type":"search_query","truncate":"NONE"})",
           OpenAi()),
      R"(/embeddings {"model":"m","input":["a"],"encoding_format":"float"})");
  EXPECT_EQ(Sent(Cohere(), R"({"model":"x","texts":["a"],"embedding_types":["base64"]})", OpenAi()),
            R"(/embeddings {"model":"m","input":["a"],"encoding_format":"base64"})");
}

TEST(Embeddings, WhatCannotBeSaidIsRefusedForAnotherTarget) {
  const std::string cut =
      Sent(Cohere(), R"({"model":"x","texts":["a"],"truncate":"END"})", OpenAi());
  EXPECT_TRUE(cut.starts_with("refused: invalid_argument retry=other_target")) << cut;
  EXPECT_NE(cut.find("field=truncate"), std::string::npos) << cut;
  const std::string many =
      Sent(OpenAi(), R"({"model":"x","input":)" + Many("\"a\"", 97) + "}", Cohere());
  EXPECT_NE(many.find("field=input"), std::string::npos) << many;
}

TEST(Embeddings, VectorsCrossInTheFormThatIsWanted) {
  const std::string numbers = R"({"object":"list","model":"up","data":[)"
                              R"({"object":"embedding","index":1,"embedding":[ 3 ]},)"
                              R"({"object":"embedding","index":0,"embedding":[1.50, -2,1e-1]}],)"
                              R"("usage":{"prompt_tokens":7,"total_tokens":7}})";
  constexpr std::string_view kTwo = R"({"model":"x","texts":["a","b"]})";
  // The text of numbers is what it was, and in the order of the inputs.
  EXPECT_EQ(Answered(Cohere(), kTwo, OpenAi(), numbers),
            R"({"id":")" + kId.ToString() +
                R"(","embeddings":{"float":[[1.50, -2,1e-1],[ 3 ]]},"texts":["a","b"],)"
                R"("meta":{"api_version":{"version":"2"},"billed_units":{"input_tokens":7}},)"
                R"("response_type":"embeddings_by_type"})");
  const std::string one = R"({"id":"i","embeddings":{"base64":[")" + kBase64 +
                          R"("]},"meta":{"billed_units":{"input_tokens":3,"image_tokens":2}}})";
  EXPECT_EQ(Answered(OpenAi(), R"({"model":"x","input":"a"})", Cohere(), one),
            R"({"object":"list","data":[{"object":"embedding","index":0,)"
            R"("embedding":[1.5,-2,0.1]}],"model":"x","usage":{"prompt_tokens":5,)"
            R"("total_tokens":5}})");
  const std::string back =
      Answered(OpenAi(), R"({"model":"x","input":"a","encoding_format":"base64"})", Cohere(),
               R"({"embeddings":[[1.5,-2.0,0.1]]})");
  EXPECT_NE(back.find("\"embedding\":\"" + kBase64 + "\""), std::string::npos) << back;
  const std::string both =
      Answered(Cohere(), R"({"model":"x","texts":["a"],"embedding_types":["float","base64"]})",
               OpenAi(), R"({"data":[{"embedding":[1.5,-2.0,0.1]}]})");
  EXPECT_NE(both.find(R"("float":[[1.5,-2.0,0.1]],"base64":[")" + kBase64 + "\"]"),
            std::string::npos)
      << both;
}

TEST(Embeddings, AnAnswerThatIsNotOneForEachInputIsNone) {
  constexpr std::string_view kOne = R"({"model":"x","input":"a"})";
  const std::string nan = EncodeBase64(std::string_view("\0\0\xC0\x7F", 4));
  const std::string bad[] = {
      "{",
      "[]",
      R"({"data":[]})",
      R"({"data":[{"embedding":[1]},{"embedding":[2]}]})",
      R"({"data":[{"embedding":[]}]})",
      R"({"data":[{"embedding":["1"]}]})",
      R"({"data":[{"embedding":null}]})",
      R"({"data":[{"embedding":[1],"index":1}]})",
      R"({"data":[{"embedding":"no base64"}]})",
      R"({"data":[{"embedding":"QQ=="}]})",
      R"({"data":[{"embedding":")" + nan + R"("}]})",
  };
  for (const std::string& answer : bad) {
    const std::string out = Answered(OpenAi(), kOne, OpenAi(), answer);
    EXPECT_TRUE(out.starts_with("failed: protocol retry=other_target source=upstream"))
        << answer << "\n"
        << out;
  }
  const std::string twice = Answered(OpenAi(), R"({"model":"x","input":["a","b"]})", OpenAi(),
                                     R"({"data":[{"embedding":[1],"index":1},)"
                                     R"({"embedding":[2],"index":1}]})");
  EXPECT_TRUE(twice.starts_with("failed: protocol")) << twice;
  for (const std::string_view answer :
       {R"({"embeddings":{"int8":[[1]]}})", R"({"embeddings":{"float":[]}})",
        R"({"embeddings":{"float":[[1],[2]]}})", R"({"embeddings":7})", R"({})"}) {
    const std::string out = Answered(OpenAi(), kOne, Cohere(), answer);
    EXPECT_TRUE(out.starts_with("failed: protocol")) << answer << "\n" << out;
  }
}

TEST(Embeddings, AnErrorInAnAnswerIsOne) {
  constexpr std::string_view kOne = R"({"model":"x","input":"a"})";
  EXPECT_NE(Answered(OpenAi(), kOne, OpenAi(), R"({"error":{"message":"no","code":500}})")
                .find("failed: unavailable"),
            std::string::npos);
  EXPECT_NE(
      Answered(OpenAi(), kOne, Cohere(), R"({"message":"internal"})").find("failed: unavailable"),
      std::string::npos);
}

TEST(Embeddings, WhatPassesIsBilledAllTheSame) {
  const auto inspect = [](const EmbedCodec& codec, std::string_view text) {
    const PaddedText body(text);
    const Result<std::optional<core::Usage>> usage = codec.Inspect(body.view());
    if (!usage.ok()) return DescribeError(usage.error());
    return *usage ? Describe(**usage) : std::string("unsaid");
  };
  EXPECT_EQ(inspect(OpenAi(), R"({"data":[],"usage":{"total_tokens":4}})"),
            "in=4 out=0 cached_read=0 cached_write=0 reasoning=0");
  EXPECT_EQ(inspect(OpenAi(), R"({"data":[]})"), "unsaid");
  EXPECT_EQ(inspect(OpenAi(), R"({"data":[],"usage":{"prompt_tokens":-4}})"),
            "in=0 out=0 cached_read=0 cached_write=0 reasoning=0 estimated");
  EXPECT_TRUE(inspect(OpenAi(), R"({"usage":{}})").starts_with("protocol"));
  EXPECT_EQ(inspect(Cohere(), R"({"embeddings":{"int8":[[1]]},"meta":{"billed_units":)"
                              R"({"input_tokens":2}}})"),
            "in=2 out=0 cached_read=0 cached_write=0 reasoning=0");
  EXPECT_EQ(inspect(Cohere(), R"({"embeddings":{}})"), "unsaid");
}

TEST(Embeddings, WhatIsWrongForGeminiAndOllamaIsRefusedWithItsPlace) {
  ExpectRefusals(
      Gemini(),
      {{"[]", "", "expected an object"},
       {"{}", "content", "is required"},
       {R"({"content":{}})", "content.parts", "is required"},
       {R"({"content":{"parts":[]}})", "content.parts", "at least one"},
       {R"({"content":{"parts":[{"text":5}]}})", "content.parts[0].text", "expected a string"},
       {R"({"content":{"parts":[{"text":"a"}]},"outputDimensionality":0})", "outputDimensionality",
        ""},
       {R"({"content":{"parts":[{"text":"a"}]},"taskType":5})", "taskType", "expected a string"}});
  EXPECT_EQ(Asked(Gemini(), R"({"requests":[]})", kGeminiBatch).request.error().field, "requests");
  EXPECT_EQ(Asked(Gemini(), R"({"requests":[{}]})", kGeminiBatch).request.error().field,
            "requests[0].content");
  ExpectRefusals(Ollama(),
                 {{R"({"input":"a"})", "model", "is required"},
                  {R"({"model":"m"})", "input", "is required"},
                  {R"({"model":"m","input":[]})", "input", "at least one"},
                  {R"({"model":"m","input":[1]})", "input[0]", "expected a string"},
                  {R"({"model":"m","input":"a","truncate":1})", "truncate", "expected a boolean"},
                  {R"({"model":"m","input":"a","options":1})", "options", "expected an object"}});
  EXPECT_EQ(Asked(Ollama(), R"({"model":"m","input":"a"})", kOllamaOld).request.error().field,
            "prompt");
}

TEST(Embeddings, GeminiReachesOpenAiAndBack) {
  constexpr std::string_view kTwo =
      R"({"requests":[{"model":"models/x","content":{"parts":[{"text":"a"}]},)"
      R"("taskType":"RETRIEVAL_QUERY","outputDimensionality":8},{"model":"models/x",)"
      R"("content":{"parts":[{"text":"b"}]},"taskType":"RETRIEVAL_QUERY",)"
      R"("outputDimensionality":8}]})";
  EXPECT_EQ(Sent(Gemini(), kTwo, OpenAi(), kGeminiBatch),
            R"(/embeddings {"model":"m","input":["a","b"],"encoding_format":"float",)"
            R"("dimensions":8})");
  EXPECT_EQ(Sent(Gemini(), kTwo, Cohere(), kGeminiBatch),
            R"(/embed {"model":"m","input_type":"search_query","texts":["a","b"],)"
            R"("embedding_types":["float"],"output_dimension":8})");
  // The bytes pass but for the names in them.
  EXPECT_EQ(Sent(Gemini(), kTwo, Gemini(), kGeminiBatch),
            R"(/models/m:batchEmbedContents {"requests":[{"model":"models/m","content":)"
            R"({"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY","outputDimensionality":8},)"
            R"({"model":"models/m","content":{"parts":[{"text":"b"}]},)"
            R"("taskType":"RETRIEVAL_QUERY","outputDimensionality":8}]})");
  EXPECT_EQ(Sent(Gemini(), R"({ "content":{"parts":[{"text":"a"}]} })", Gemini()),
            R"(/models/m:embedContent { "content":{"parts":[{"text":"a"}]} })");
  EXPECT_EQ(Sent(OpenAi(), R"({"model":"x","input":"a"})", Gemini()),
            R"(/models/m:embedContent {"content":{"parts":[{"text":"a"}]}})");
  EXPECT_EQ(Asked(Gemini(), R"({"content":{"parts":[{"text":"a"}]}})")->model, "of-path");
  EXPECT_EQ(Answered(Gemini(), R"({"content":{"parts":[{"text":"a"}]}})", OpenAi(),
                     R"({"data":[{"embedding":[1.0]}],"usage":{"prompt_tokens":3}})"),
            R"({"embedding":{"values":[1.0]},"usageMetadata":{"promptTokenCount":3}})");
  EXPECT_EQ(
      Answered(Gemini(), kTwo, Cohere(), R"({"embeddings":{"float":[[1],[2]]}})", kGeminiBatch),
      R"({"embeddings":[{"values":[1]},{"values":[2]}]})");
  EXPECT_EQ(Answered(OpenAi(), R"({"model":"x","input":["a","b"]})", Gemini(),
                     R"({"embeddings":[{"values":[1]},{"values":[2]}]})"),
            R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[1]},)"
            R"({"object":"embedding","index":1,"embedding":[2]}],"model":"x"})");
  for (const std::string_view answer :
       {R"({})", R"({"embedding":{}})", R"({"embedding":7})", R"({"embeddings":[]})",
        R"({"embeddings":[{"values":[1]},{"values":[1]}]})"}) {
    EXPECT_TRUE(Answered(OpenAi(), R"({"model":"x","input":"a"})", Gemini(), answer)
                    .starts_with("failed: protocol"))
        << answer;
  }
}

TEST(Embeddings, WhatOnlyGeminiKnowsNeedsIt) {
  for (const std::string_view body :
       {R"({"content":{"parts":[{"text":"a"}]},"title":"t"})",
        R"({"content":{"parts":[{"text":"a"},{"text":"b"}]}})",
        R"({"content":{"parts":[{"inlineData":{}}]}})",
        R"({"content":{"parts":[{"text":"a"}]},"taskType":"CODE_RETRIEVAL_QUERY"})"}) {
    EXPECT_TRUE(Asked(Gemini(), body)->needs.Has(Capability::kVendorFields)) << body;
  }
  const Asked mixed(Gemini(),
                    R"({"requests":[{"content":{"parts":[{"text":"a"}]}},)"
                    R"({"content":{"parts":[{"text":"b"}]},"taskType":"CLUSTERING"}]})",
                    kGeminiBatch);
  EXPECT_EQ(mixed->vendor_field, "requests");
  constexpr std::string_view kTitled =
      R"({"model":"models/x","content":{"parts":[{"text":"a"}]}, "title":"t"})";
  EXPECT_EQ(Sent(Gemini(), kTitled, Gemini()),
            R"(/models/m:embedContent {"model":"models/m","content":{"parts":[{"text":"a"}]}, )"
            R"("title":"t"})");
  const std::string titled = Sent(Gemini(), kTitled, OpenAi());
  EXPECT_TRUE(titled.starts_with("refused: invalid_argument retry=other_target")) << titled;
  EXPECT_NE(titled.find("field=title"), std::string::npos) << titled;
}

TEST(Embeddings, GooglesJsonMayBeWrittenInItsOtherWays) {
  const Asked asked(Gemini(),
                    R"({"requests":{"content":{"parts":{"text":"a"}},)"
                    R"("task_type":"CLUSTERING","output_dimensionality":"8"}})",
                    kGeminiBatch);
  ASSERT_TRUE(asked.request.ok()) << DescribeError(asked.request.error());
  EXPECT_EQ(asked->texts, std::vector<std::string_view>{"a"});
  EXPECT_EQ(asked->dimensions, 8);
  EXPECT_EQ(asked->purpose, core::EmbedPurpose::kClustering);
  EXPECT_TRUE(asked->vendor_field.empty()) << asked->vendor_field;
}

TEST(Embeddings, OllamasSayHowLongTheModelStays) {
  const Asked asked(Ollama(), R"({"model":"x","input":"a","keep_alive":"5m"})");
  ASSERT_TRUE(asked.request.ok()) << DescribeError(asked.request.error());
  EXPECT_EQ(asked->constraints.keep_alive_nanos, 300'000'000'000);
  const Asked old(Ollama(), R"({"model":"x","prompt":"a","keep_alive":0})", kOllamaOld);
  ASSERT_TRUE(old.request.ok()) << DescribeError(old.request.error());
  EXPECT_EQ(old->constraints.keep_alive_nanos, 0);
  const Asked wrong(Ollama(), R"({"model":"x","input":"a","keep_alive":"soon"})");
  ASSERT_FALSE(wrong.request.ok());
  EXPECT_EQ(wrong.request.error().field, "keep_alive");
}

TEST(Embeddings, OllamaReachesOthersAndBack) {
  EXPECT_EQ(
      Sent(Ollama(), R"({"model":"x","input":["a"],"truncate":false,"keep_alive":"5m"})", OpenAi()),
      R"(/embeddings {"model":"m","input":["a"],"encoding_format":"float"})");
  EXPECT_EQ(Sent(Ollama(), R"({"model":"x","prompt":"a"})", Cohere(), kOllamaOld),
            R"(/embed {"model":"m","input_type":"search_document","texts":["a"],)"
            R"("embedding_types":["float"]})");
  EXPECT_EQ(Sent(Ollama(), R"({"model":"x", "prompt":"a"})", Ollama(), kOllamaOld),
            R"(/api/embeddings {"model":"m", "prompt":"a"})");
  EXPECT_EQ(Sent(OpenAi(), R"({"model":"x","input":"a","dimensions":4})", Ollama()),
            R"(/api/embed {"model":"m","input":["a"],"truncate":false,"dimensions":4})");
  EXPECT_EQ(Answered(Ollama(), R"({"model":"x","input":"a"})", OpenAi(),
                     R"({"model":"up","data":[{"embedding":[1]}],"usage":{"prompt_tokens":3}})"),
            R"({"model":"up","embeddings":[[1]],"prompt_eval_count":3})");
  EXPECT_EQ(Answered(Ollama(), R"({"model":"x","prompt":"a"})", OpenAi(),
                     R"({"data":[{"embedding":[1]}]})", kOllamaOld),
            R"({"embedding":[1]})");
  EXPECT_EQ(Answered(Cohere(), R"({"model":"x","texts":["a"]})", Ollama(),
                     R"({"model":"up","embeddings":[[1.5]],"prompt_eval_count":2})"),
            R"({"id":")" + kId.ToString() +
                R"(","embeddings":{"float":[[1.5]]},"texts":["a"],"meta":{"api_version":)"
                R"({"version":"2"},"billed_units":{"input_tokens":2}},)"
                R"("response_type":"embeddings_by_type"})");
  EXPECT_TRUE(Asked(Ollama(), R"({"model":"x","input":"a","options":{"num_ctx":9}})")
                  ->needs.Has(Capability::kVendorFields));
}

TEST(Embeddings, WhoDidNotAskForTextsToBeCutIsToldHowTo) {
  EXPECT_EQ(Asked(Ollama(), R"({"model":"x","input":"a"})")->cut_remedy, R"("truncate": true)");
  EXPECT_EQ(Asked(Ollama(), R"({"model":"x","input":"a","truncate":false})")->cut_remedy, "");
  EXPECT_EQ(Asked(Cohere(), R"({"model":"x","texts":["a"]})")->cut_remedy, R"("truncate": "END")");
  EXPECT_EQ(Asked(Cohere(), R"({"model":"x","texts":["a"],"truncate":"NONE"})")->cut_remedy, "");
  EXPECT_EQ(Asked(OpenAi(), R"({"model":"x","input":"a"})")->cut_remedy, "")
      << "it has no word for it";
}

TEST(Embeddings, WhatWasCutIsSentAsItsTokens) {
  Asked asked(Ollama(), R"({"model":"x","input":["long text","b"],"truncate":true})");
  ASSERT_TRUE(asked.request.ok()) << DescribeError(asked.request.error());
  core::EmbedRequest* const request = &asked.request.value();
  EXPECT_EQ(request->truncate, core::Truncate::kEnd);
  EXPECT_EQ(request->cut_remedy, "");
  UpstreamOptions options{.model = "m"};
  EXPECT_FALSE(OpenAi().EncodeRequest(*request, options).ok()) << "that target does not cut";
  options.cuts_here = true;
  const auto sent = [&] {
    std::string joined;
    const Result<UpstreamRequest> upstream = OpenAi().EncodeRequest(*request, options);
    if (!upstream.ok()) return DescribeError(upstream.error());
    for (const std::string_view piece : upstream->body.pieces) joined += piece;
    return joined;
  };
  EXPECT_EQ(sent(), R"({"model":"m","input":["long text","b"],"encoding_format":"float"})");
  request->cut_tokens = {{101, 7, 102}, {}};
  EXPECT_EQ(sent(), R"({"model":"m","input":[[101,7,102],"b"],"encoding_format":"float"})");
}

TEST(Embeddings, OllamaTellsHowLongTheyTook) {
  const Asked request(Ollama(), R"({"model":"x","input":"a"})");
  EXPECT_EQ(request->cut_remedy, R"("truncate": true)");
  core::EmbedAnswer answer;
  answer.embeddings = {{.numbers = "[1]", .base64 = {}}};
  answer.load_nanos = 5;
  answer.total_nanos = 9;
  EXPECT_EQ(Ollama().EncodeAnswer(*request.request, answer, kId),
            R"({"model":"x","embeddings":[[1]],"total_duration":9,"load_duration":5})");
}

TEST(Embeddings, OnlyModelsThatEmbedAreOffered) {
  const auto complete = [](const Protocol& protocol, core::CapabilitySet of_model) {
    return CompleteCapabilities(protocol, of_model);
  };
  const core::CapabilitySet none;
  const core::CapabilitySet embeds = none.With(Capability::kEmbeddings);
  for (const Protocol* protocol : {&openai_chat::Codec(), &cohere_chat::Codec()}) {
    EXPECT_TRUE(complete(*protocol, none).Has(Capability::kChat));
    EXPECT_FALSE(complete(*protocol, none).Has(Capability::kEmbeddings));
    EXPECT_TRUE(complete(*protocol, embeds).Has(Capability::kEmbeddings));
    EXPECT_FALSE(complete(*protocol, embeds).Has(Capability::kChat)) << "it only embeds";
    EXPECT_TRUE(complete(*protocol, embeds.With(Capability::kChat)).Has(Capability::kChat));
  }
  for (const Protocol* protocol : All()) {
    if (protocol->Embeddings() != nullptr) continue;
    EXPECT_FALSE(complete(*protocol, embeds).Has(Capability::kEmbeddings));
  }
}

}  // namespace
}  // namespace tidegate::protocols::embeddings
