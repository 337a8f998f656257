#include "protocols/openai_chat/request_decoder.h"

#include <gtest/gtest.h>

#include "protocols/openai_chat/limits.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::openai_chat {
namespace {

using core::Capability;

constexpr std::string_view kHi = R"([{"role":"user","content":"Hi"}])";

std::string Body(std::string_view messages, std::string_view members = {}) {
  return R"({"model":"m","messages":)" + std::string(messages) + (members.empty() ? "" : ",") +
         std::string(members) + "}";
}
std::string With(std::string_view members) { return Body(kHi, members); }

// A request with the bytes that it views.
struct Decoded {
  PaddedText body;
  Result<core::Request> request;
  explicit Decoded(std::string_view text)
      : body(text), request(DecodeChatRequest(body.view(), SmallConstraintParser())) {}
  const core::Request* operator->() const { return &request.value(); }
};

// --- What is refused ---

struct Refusal {
  std::string body;
  std::string_view field;
  std::string_view says;  // a part of the message
};

std::string Repeat(std::string_view element, std::size_t count) {
  std::string out = "[";
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out += ',';
    out += element;
  }
  return out + "]";
}

std::string Assistant(std::string_view calls) {
  return R"([{"role":"user","content":"x"},{"role":"assistant","tool_calls":)" +
         std::string(calls) + "}]";
}
std::string UserParts(std::string_view parts) {
  return R"([{"role":"user","content":)" + std::string(parts) + "}]";
}

std::vector<Refusal> RootRefusals() {
  return {
      {"", "", "not valid JSON"},
      {"{", "", "not valid JSON"},
      {With("") + "x", "", "not valid JSON"},
      {"[]", "", "expected an object, found an array"},
      {"null", "", "expected an object, found null"},
      {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\xFF\"}]}", "",
       "not valid UTF-8"},
      {Body(R"([{"role":"user","content":"\ud800"}])"), "", "invalid escape"},
      {Body(R"([{"role":"user","content":"\udc00\ud800"}])"), "", "invalid escape"},
      {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\n\"}]}", "",
       "control character"},
      {R"({"messages":[{"role":"user","content":"Hi"}]})", "model", "is required"},
      {R"({"model":null,"messages":[]})", "model", "expected a string, found null"},
      {R"({"model":7,"messages":[]})", "model", "expected a string, found an integer"},
      {R"({"model":"","messages":[]})", "model", "must not be empty"},
      {R"({"model":")" + std::string(kModelNameBytesMax + 1, 'm') + R"(","messages":[]})", "model",
       "the limit is 256"},
      {R"({"model":"m"})", "messages", "is required"},
      {With(R"("model":"n")"), "model", "more than once"},
      {With(R"("temperature":1,"temperature":0)"), "temperature", "more than once"},
      {With(R"("x":1,"x":2)"), "x", "more than once"},
      {With(R"("temperature":"hot")"), "temperature", "expected a number, found a string"},
      {With(R"("temperature":2.01)"), "temperature", "from 0 to 2"},
      {With(R"("temperature":-0.1)"), "temperature", "from 0 to 2"},
      {With(R"("top_p":1.5)"), "top_p", "from 0 to 1"},
      {With(R"("presence_penalty":-2.5)"), "presence_penalty", "from -2 to 2"},
      {With(R"("frequency_penalty":true)"), "frequency_penalty", "expected a number"},
      {With(R"("n":0)"), "n", "from 1 to 128"},
      {With(R"("n":129)"), "n", "from 1 to 128"},
      {With(R"("n":1.5)"), "n", "expected an integer"},
      {With(R"("seed":"a")"), "seed", "expected an integer"},
      {With(R"("seed":9223372036854775808)"), "seed", "too large"},
      {With(R"("max_tokens":0)"), "max_tokens", "from 1 to"},
      {With(R"("max_completion_tokens":-1)"), "max_completion_tokens", "from 1 to"},
      {With(R"("max_tokens":10,"max_completion_tokens":11)"), "max_tokens",
       "differs from max_completion_tokens"},
      {With(R"("stream":"yes")"), "stream", "expected a boolean"},
      {With(R"("stream_options":{"include_usage":true})"), "stream_options",
       "only allowed when `stream` is true"},
      {With(R"("stream":false,"stream_options":{})"), "stream_options",
       "only allowed when `stream` is true"},
      {With(R"("stream":true,"stream_options":[])"), "stream_options", "expected an object"},
      {With(R"("stream":true,"stream_options":{"include_usage":1})"),
       "stream_options.include_usage", "expected a boolean"},
      {With(R"("stream":true,"stream_options":{"include_obfuscation":1})"),
       "stream_options.include_obfuscation", "expected a boolean"},
  };
}

std::vector<Refusal> OptionRefusals() {
  return {
      {With(R"("stop":5)"), "stop", "a string or an array of strings"},
      {With(R"("stop":["a",5])"), "stop[1]", "expected a string, found an integer"},
      {With("\"stop\":" + Repeat("\"a\"", kStopSequencesMax + 1)), "stop", "more than 64"},
      {With(R"("logit_bias":[])"), "logit_bias", "expected an object"},
      {With(R"("logit_bias":{"50256":101})"), "logit_bias.50256", "from -100 to 100"},
      {With(R"("logprobs":1)"), "logprobs", "expected a boolean"},
      {With(R"("top_logprobs":3)"), "top_logprobs", "only allowed when `logprobs` is true"},
      {With(R"("logprobs":true,"top_logprobs":21)"), "top_logprobs", "from 0 to 20"},
      {With(R"("reasoning_effort":"huge")"), "reasoning_effort", "must be one of"},
      {With(R"("reasoning_effort":1)"), "reasoning_effort", "expected a string"},
      {With(R"("user":{})"), "user", "expected a string, found an object"},
      {With(R"("store":"no")"), "store", "expected a boolean"},
      {With(R"("service_tier":1)"), "service_tier", "expected a string"},
      {With(R"("metadata":{"a":1})"), "metadata.a", "expected a string"},
      {With(R"("metadata":[])"), "metadata", "expected an object"},
      {With(R"("prediction":"x")"), "prediction", "expected an object"},
      {With(R"("modalities":"text")"), "modalities", "expected an array"},
      {With(R"("verbosity":3)"), "verbosity", "expected a string"},
      {With(R"("function_call":3)"), "function_call", "a string or an object"},
      {With(R"("functions":[{"parameters":{}}])"), "functions[0].name", "is required"},
  };
}

std::vector<Refusal> ExtensionRefusals() {
  return {
      {With(R"("tidegate":true)"), "tidegate", "expected an object"},
      {With(R"("tidegate":{"privicy":"local"})"), "tidegate.privicy", "unknown"},
      {With(R"("tidegate":{"privacy":"local","privacy":"open"})"), "tidegate.privacy",
       "more than once"},
      {With(R"("tidegate":{"providers":{"only":["a",1]}})"), "tidegate.providers.only[1]",
       "expected a string"},
      {With(R"("tidegate":{"providers":{}})"), "tidegate.providers", "empty object"},
      {With(R"("tidegate":{"a":{"b":{"c":{"d":{"e":1}}}}})"), "tidegate.a.b.c.d", "too deeply"},
      {With(R"("tidegate":{"deadline_ms":18446744073709551615})"), "tidegate.deadline_ms",
       "too large"},
      {With(R"("provider":["openai"])"), "provider", "expected an object"},
      {With(R"("provider":{"only":"openai"})"), "provider.only", "wrong type"},
  };
}

std::vector<Refusal> MessageRefusals() {
  return {
      {Body("{}"), "messages", "expected an array, found an object"},
      {Body("null"), "messages", "expected an array, found null"},
      {Body("[]"), "messages", "at least one message"},
      {Body("[5]"), "messages[0]", "expected an object"},
      {Body(Repeat(R"({"role":"user","content":""})", kMessagesMax + 1)), "messages",
       "more than 8192"},
      {Body(R"([{"content":"x"}])"), "messages[0].role", "is required"},
      {Body(R"([{"role":null,"content":"x"}])"), "messages[0].role", "expected a string"},
      {Body(R"([{"role":"bot","content":"x"}])"), "messages[0].role", "must be one of"},
      {Body(R"([{"role":"user","role":"system","content":"x"}])"), "messages[0].role",
       "more than once"},
      {Body(R"([{"role":"user"}])"), "messages[0].content", "is required"},
      {Body(R"([{"role":"user","content":null}])"), "messages[0].content", "is required"},
      {Body(R"([{"role":"user","content":5}])"), "messages[0].content",
       "a string or an array of parts"},
      {Body(R"([{"role":"user","content":"x","name":5}])"), "messages[0].name",
       "expected a string"},
      {Body(R"([{"role":"user","content":"x"},{"role":"assistant"}])"), "messages[1].content",
       "required when there are no tool_calls"},
      {Body(R"([{"role":"assistant","refusal":7}])"), "messages[0].refusal", "expected a string"},
  };
}

std::vector<Refusal> PartRefusals() {
  return {
      {Body(UserParts("[]")), "messages[0].content", "at least one part"},
      {Body(UserParts("[7]")), "messages[0].content[0]", "expected an object"},
      {Body(UserParts(R"([{"text":"x"}])")), "messages[0].content[0].type", "is required"},
      {Body(UserParts(R"([{"type":"text"}])")), "messages[0].content[0].text", "is required"},
      {Body(UserParts(R"([{"type":"text","text":null}])")), "messages[0].content[0].text",
       "expected a string, found null"},
      {Body(UserParts(R"([{"type":"video_url","video_url":{}}])")), "messages[0].content[0].type",
       "must be one of"},
      {Body(UserParts(R"([{"type":"refusal","refusal":"no"}])")), "messages[0].content[0].type",
       "cannot stand"},
      {Body(R"([{"role":"system","content":[{"type":"image_url",)"
            R"("image_url":{"url":"https://a"}}]}])"),
       "messages[0].content[0].type", "cannot stand"},
      {Body(UserParts(R"([{"type":"image_url","image_url":"https://a"}])")),
       "messages[0].content[0].image_url", "expected an object, found a string"},
      {Body(UserParts(R"([{"type":"image_url","image_url":{}}])")),
       "messages[0].content[0].image_url.url", "is required"},
      {Body(UserParts(R"([{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}])")),
       "messages[0].content[0].image_url.url", "http(s): or data:"},
      {Body(UserParts(R"([{"type":"image_url","image_url":{"url":"https://a","detail":"max"}}])")),
       "messages[0].content[0].image_url.detail", "must be one of"},
      {Body(UserParts(R"([{"type":"input_audio","input_audio":{"data":"x"}}])")),
       "messages[0].content[0].input_audio.format", "is required"},
      {Body(UserParts(R"([{"type":"input_audio","input_audio":{"data":1,"format":"wav"}}])")),
       "messages[0].content[0].input_audio.data", "expected a string"},
      {Body(UserParts(R"([{"type":"file","file":{"filename":"a.pdf"}}])")),
       "messages[0].content[0].file", "either file_data or file_id"},
      {Body(UserParts(R"([{"type":"file","file":{"file_data":"x","file_id":"y"}}])")),
       "messages[0].content[0].file", "either file_data or file_id"},
      {Body(UserParts(Repeat(R"({"type":"text","text":""})", kPartsPerMessageMax + 1))),
       "messages[0].content", "more than 2048"},
      {Body(UserParts(
           Repeat(R"({"type":"image_url","image_url":{"url":"https://a"}})", kMediaPartsMax + 1))),
       "messages[0].content[1024]", "more than 1024 images"},
  };
}

std::vector<Refusal> CallRefusals() {
  const std::string call =
      R"({"id":"a","type":"function","function":{"name":"f","arguments":"{}"}})";
  return {
      {Body(R"([{"role":"tool","content":"x"}])"), "messages[0].tool_call_id", "is required"},
      {Body(R"([{"role":"tool","content":"x","tool_call_id":5}])"), "messages[0].tool_call_id",
       "expected a string"},
      {Body(R"([{"role":"tool","content":"x","tool_call_id":"a"}])"), "messages[0].tool_call_id",
       "no assistant message"},
      {Body(R"([{"role":"tool","content":"x","tool_call_id":"a"},{"role":"assistant",)"
            R"("tool_calls":[)" +
            call + "]}]"),
       "messages[0].tool_call_id", "no assistant message"},
      {Body(R"([{"role":"function","content":"x"}])"), "messages[0].name", "is required"},
      {Body(Assistant("{}")), "messages[1].tool_calls", "expected an array"},
      {Body(Assistant("[]")), "messages[1].content", "required when there are no tool_calls"},
      {Body(Assistant("[7]")), "messages[1].tool_calls[0]", "expected an object"},
      {Body(Assistant("[" + call + "," + call + "]")), "messages[1].tool_calls[1].id",
       "another tool call"},
      {Body(Assistant(R"([{"type":"function","function":{"name":"f","arguments":""}}])")),
       "messages[1].tool_calls[0].id", "is required"},
      {Body(Assistant(R"([{"id":"","function":{"name":"f","arguments":""}}])")),
       "messages[1].tool_calls[0].id", "must not be empty"},
      {Body(Assistant(R"([{"id":"a","type":"magic","function":{"name":"f","arguments":""}}])")),
       "messages[1].tool_calls[0].type", "must be 'function' or 'custom'"},
      {Body(Assistant(R"([{"id":"a","type":"function"}])")), "messages[1].tool_calls[0].function",
       "is required"},
      {Body(Assistant(R"([{"id":"a","function":{"arguments":""}}])")),
       "messages[1].tool_calls[0].function.name", "is required"},
      {Body(Assistant(R"([{"id":"a","function":{"name":"f"}}])")),
       "messages[1].tool_calls[0].function.arguments", "is required"},
      {Body(Assistant(R"([{"id":"a","function":{"name":"f","arguments":{}}}])")),
       "messages[1].tool_calls[0].function.arguments", "expected a string, found an object"},
      {Body(Assistant(R"([{"id":"a","type":"custom","custom":{"name":"f"}}])")),
       "messages[1].tool_calls[0].custom.input", "is required"},
  };
}

std::vector<Refusal> ToolRefusals() {
  const std::string tools = R"("tools":[{"type":"function","function":{"name":"f"}}])";
  return {
      {With(R"("tools":{})"), "tools", "expected an array"},
      {With(R"("tools":[1])"), "tools[0]", "expected an object"},
      {With(R"("tools":[{"function":{"name":"f"}}])"), "tools[0].type", "is required"},
      {With(R"("tools":[{"type":"","function":{"name":"f"}}])"), "tools[0].type",
       "must not be empty"},
      {With(R"("tools":[{"type":"function"}])"), "tools[0].function", "is required"},
      {With(R"("tools":[{"type":"function","function":{}}])"), "tools[0].function.name",
       "is required"},
      {With(R"("tools":[{"type":"function","function":{"name":""}}])"), "tools[0].function.name",
       "must not be empty"},
      {With(R"("tools":[{"type":"function","function":{"name":")" +
            std::string(kToolNameBytesMax + 1, 'f') + "\"}}]"),
       "tools[0].function.name", "the limit is 256"},
      {With(R"("tools":[{"type":"function","function":{"name":"f","parameters":"{}"}}])"),
       "tools[0].function.parameters", "a JSON Schema object"},
      {With(R"("tools":[{"type":"function","function":{"name":"f","strict":"yes"}}])"),
       "tools[0].function.strict", "expected a boolean"},
      {With(R"("tools":[{"type":"function","function":{"name":"f","description":7}}])"),
       "tools[0].function.description", "expected a string"},
      {With("\"tools\":" + Repeat(R"({"type":"function","function":{"name":"f"}})", 10'000)),
       "tools", "more than 2048 tools"},
      {With(tools + R"(,"tool_choice":"any")"), "tool_choice",
       "must be 'auto', 'none', 'required'"},
      {With(tools + R"(,"tool_choice":5)"), "tool_choice", "a string or an object"},
      {With(tools + R"(,"tool_choice":{"type":"magic"})"), "tool_choice.type",
       "must be 'function'"},
      {With(tools + R"(,"tool_choice":{"type":"function"})"), "tool_choice.function",
       "is required"},
      {With(tools + R"(,"tool_choice":{"type":"function","function":{}})"),
       "tool_choice.function.name", "is required"},
      {With(tools + R"(,"tool_choice":{"type":"function","function":{"name":"g"}})"),
       "tool_choice.function.name", "names no function"},
      {With(R"("tool_choice":"required")"), "tool_choice", "needs `tools`"},
      {With(R"("parallel_tool_calls":1)"), "parallel_tool_calls", "expected a boolean"},
      {With(R"("response_format":"json")"), "response_format", "expected an object"},
      {With(R"("response_format":{})"), "response_format.type", "is required"},
      {With(R"("response_format":{"type":"yaml"})"), "response_format.type", "must be 'text'"},
      {With(R"("response_format":{"type":"json_schema"})"), "response_format.json_schema",
       "is required"},
      {With(R"("response_format":{"type":"json_schema","json_schema":{}})"),
       "response_format.json_schema.name", "is required"},
      {With(R"("response_format":{"type":"json_schema","json_schema":{"name":"n","schema":7}})"),
       "response_format.json_schema.schema", "a JSON Schema object"},
      {With(R"("response_format":{"type":"json_schema","json_schema":{"name":"n","strict":7}})"),
       "response_format.json_schema.strict", "expected a boolean"},
  };
}

void ExpectRefused(const std::vector<Refusal>& refusals) {
  for (const Refusal& row : refusals) {
    SCOPED_TRACE(row.body.substr(0, 160));
    const Decoded decoded(row.body);
    ASSERT_FALSE(decoded.request.ok());
    const Error& error = decoded.request.error();
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.source, ErrorSource::kCaller);
    EXPECT_EQ(error.retry, Retry::kNever);
    EXPECT_EQ(error.field, row.field);
    EXPECT_NE(error.message.find(row.says), std::string::npos) << error.message;
    EXPECT_LE(error.message.size(), 200U) << "a message quotes no body";
  }
}

TEST(RequestDecoder, AWrongFieldOfTheRootIsRefusedWithItsPath) {
  ExpectRefused(RootRefusals());
  ExpectRefused(OptionRefusals());
}
TEST(RequestDecoder, AWrongFieldOfTheGatesOwnIsRefusedWithItsPath) {
  ExpectRefused(ExtensionRefusals());
}
TEST(RequestDecoder, AWrongMessageIsRefusedWithItsPath) {
  ExpectRefused(MessageRefusals());
  ExpectRefused(PartRefusals());
  ExpectRefused(CallRefusals());
}
TEST(RequestDecoder, AWrongToolIsRefusedWithItsPath) { ExpectRefused(ToolRefusals()); }

TEST(RequestDecoder, NestingBeyondTheDepthLimitIsRefused) {
  const Decoded decoded(With("\"x\":" + std::string(100'000, '[') + std::string(100'000, ']')));
  ASSERT_FALSE(decoded.request.ok());
  EXPECT_NE(decoded.request.error().message.find("nested deeper"), std::string::npos);
}

// --- What is understood ---

TEST(RequestDecoder, NullMeansAbsentForEveryOptionalField) {
  const Decoded decoded(
      With(R"("temperature":null,"top_p":null,"n":null,"stop":null,"seed":null,"user":null,)"
           R"("stream":null,"stream_options":null,)"
           R"("max_tokens":null,"max_completion_tokens":null,"tools":null,"tool_choice":null,)"
           R"("response_format":null,)"
           R"("logprobs":null,"top_logprobs":null,"logit_bias":null,"metadata":null,)"
           R"("tidegate":null,"provider":null)"));
  ASSERT_TRUE(decoded.request.ok()) << decoded.request.error().message;
  EXPECT_TRUE(decoded->needs.empty()) << core::Join(decoded->needs);
  EXPECT_FALSE(decoded->temperature || decoded->max_output_tokens || decoded->seed ||
               decoded->stream);
}

TEST(RequestDecoder, EveryParameterReachesItsFieldAndItsNeed) {
  const Decoded decoded(
      With(R"("temperature":0.5,"top_p":0.25,"n":2,"stop":["a","b\n"],"seed":-3,"user":"u",)"
           R"("stream":true,)"
           R"("stream_options":{"include_usage":true},"max_tokens":7,"max_completion_tokens":7,)"
           R"("presence_penalty":1,)"
           R"("frequency_penalty":-1.5,"logprobs":true,"top_logprobs":4,"logit_bias":{"1":-100},)"
           R"("reasoning_effort":"xhigh",)"
           R"("parallel_tool_calls":false,"response_format":{"type":"json_schema",)"
           R"("json_schema":{"name":"n","schema":{ }}},)"
           R"("tools":[{"type":"function","function":{"name":"f","description":"d",)"
           R"("parameters":{"a" : 1},"strict":true}}],)"
           R"("tool_choice":{"type":"function","function":{"name":"f"}})"));
  ASSERT_TRUE(decoded.request.ok()) << decoded.request.error().message;
  EXPECT_EQ(decoded->temperature, 0.5);
  EXPECT_EQ(decoded->top_p, 0.25);
  EXPECT_EQ(decoded->choices, 2);
  EXPECT_EQ(decoded->stop, (std::vector<std::string_view>{"a", "b\n"}));
  EXPECT_EQ(decoded->seed, -3);
  EXPECT_EQ(decoded->user, "u");
  EXPECT_TRUE(decoded->stream && decoded->stream_usage && decoded->logprobs);
  EXPECT_EQ(decoded->max_output_tokens, 7);
  EXPECT_EQ(decoded->presence_penalty, 1);
  EXPECT_EQ(decoded->frequency_penalty, -1.5);
  EXPECT_EQ(decoded->top_logprobs, 4);
  EXPECT_EQ(decoded->logit_bias, R"({"1":-100})");
  EXPECT_EQ(decoded->reasoning.effort, "xhigh");
  EXPECT_EQ(decoded->reasoning.mode, core::Reasoning::Mode::kOn);
  EXPECT_EQ(decoded->parallel_tool_calls, false);
  EXPECT_EQ(decoded->response_format, core::ResponseFormat::kJsonSchema);
  EXPECT_EQ(decoded->json_schema.name, "n");
  EXPECT_EQ(decoded->json_schema.schema, "{ }");
  ASSERT_EQ(decoded->tools.size(), 1U);
  EXPECT_EQ(decoded->tools[0].name, "f");
  EXPECT_EQ(decoded->tools[0].description, "d");
  EXPECT_EQ(decoded->tools[0].parameters, R"({"a" : 1})");
  EXPECT_EQ(decoded->tools[0].strict, true);
  EXPECT_EQ(decoded->tool_choice, core::ToolChoiceKind::kNamed);
  EXPECT_EQ(decoded->tool_choice_name, "f");
  EXPECT_EQ(core::Join(decoded->needs),
            "tools, json_schema, reasoning, logprobs, n, seed, parallel_tool_calls, stream_usage, "
            "logit_bias, temperature, "
            "stop, penalties, tool_choice");
}

TEST(RequestDecoder, AFieldWeNeverHeardOfNeedsATargetThatPassesItOn) {
  for (const std::string& body :
       {With(R"("x":1)"), Body(R"([{"role":"user","content":"a","x":1}])"),
        Body(UserParts(R"([{"type":"text","text":"a","x":{}}])")),
        With(R"("tools":[{"type":"web_search"}])"),
        With(R"("tools":[{"type":"function","function":{"name":"f","x":1}}])"),
        With(R"("response_format":{"type":"json_object","schema":{}})"),
        With(R"("modalities":["text","audio"])"), With(R"("stream":true,"stream_options":{"x":1})"),
        With(R"("verbosity":"low")")}) {
    const Decoded decoded(body);
    ASSERT_TRUE(decoded.request.ok()) << body;
    EXPECT_TRUE(decoded->needs.Has(Capability::kVendorFields)) << body;
  }
  EXPECT_TRUE(
      Decoded(With(R"("store":true,"metadata":{"a":"b"},"modalities":["text"])"))->needs.empty());
}

TEST(RequestDecoder, RolesAndPartsKeepTheirOrderAndTexts) {
  const Decoded decoded(
      Body(R"([{"role":"developer","content":"d"},{"role":"system","content":[{"type":"text",)"
           R"("text":"s"}]},)"
           R"({"role":"user","name":"ann","content":[{"type":"text","text":"t"},)"
           R"({"type":"image_url","image_url":{"url":"HTTPS://a/b","detail":"high"}},)"
           R"({"type":"input_audio","input_audio":{"data":"QQ==","format":"mp3"}},{"type":"file",)"
           R"("file":{"file_id":"file-1"}}]},)"
           R"({"role":"assistant","content":null,"refusal":"no","tool_calls":[{"id":"c","index":0,)"
           R"("function":{"name":"f","arguments":"{\"a\":1}"}}]},)"
           R"({"role":"tool","tool_call_id":"c","content":"r"}])"));
  ASSERT_TRUE(decoded.request.ok()) << decoded.request.error().message;
  const std::vector<core::Message>& messages = decoded->messages;
  ASSERT_EQ(messages.size(), 5U);
  EXPECT_EQ(messages[0].role, core::Role::kDeveloper);
  EXPECT_EQ(messages[1].parts[0].text, "s");
  EXPECT_EQ(messages[2].name, "ann");
  ASSERT_EQ(messages[2].parts.size(), 4U);
  EXPECT_EQ(messages[2].parts[1].kind, core::PartKind::kImage);
  EXPECT_EQ(messages[2].parts[1].source, core::MediaSource::kUrl);
  EXPECT_EQ(messages[2].parts[1].text, "HTTPS://a/b");
  EXPECT_EQ(messages[2].parts[1].detail, "high");
  EXPECT_EQ(messages[2].parts[2].media_type, "audio/mpeg");
  EXPECT_EQ(messages[2].parts[3].text, "file-1");
  EXPECT_EQ(messages[3].parts[0].kind, core::PartKind::kRefusal);
  EXPECT_EQ(messages[3].parts[1].kind, core::PartKind::kToolCall);
  EXPECT_EQ(messages[3].parts[1].arguments, R"({"a":1})");
  EXPECT_EQ(messages[4].parts[0].kind, core::PartKind::kToolResult);
  EXPECT_EQ(messages[4].parts[0].id, "c");
  EXPECT_EQ(messages[4].parts[0].name, "f") << "found from the call";
  EXPECT_EQ(messages[4].parts[0].content[0].text, "r");
  EXPECT_EQ(decoded->media_parts, 3);
  EXPECT_EQ(core::Join(decoded->needs), "vision, audio, files, vendor_fields, media_url")
      << "a file's id belongs to one provider";
}

TEST(RequestDecoder, TheFirstFieldThatNobodyKnowsIsNamed) {
  const Decoded decoded(
      Body(R"([{"role":"user","content":[{"type":"text","text":"a","x":1,"y":2}],"z":3}])"));
  ASSERT_TRUE(decoded.request.ok());
  EXPECT_EQ(decoded->vendor_field, "messages[0].z");
}

TEST(RequestDecoder, CacheMarksAndThoughtsOfOthersAreOptional) {
  const Decoded decoded(Body(
      R"([{"role":"user","content":[{"type":"text","text":"a",)"
      R"("cache_control":{"type":"ephemeral","ttl":"1h"}}]},)"
      R"({"role":"assistant","content":"b","reasoning":"why","reasoning_details":[)"
      R"({"type":"reasoning.text","text":"why","signature":"sig","format":"anthropic-claude-v1"},)"
      R"({"type":"reasoning.encrypted","data":"enc","id":"rs_1","format":"openai-responses-v1"}]},)"
      R"({"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"[1]"},)"
      R"("extra_content":{"google":{"thought_signature":"ts"}}}]}])"));
  ASSERT_TRUE(decoded.request.ok()) << decoded.request.error().message;
  EXPECT_TRUE(decoded->has_optional_fields);
  EXPECT_EQ(core::Join(decoded->needs), "text_arguments") << "the arguments are no object";
  EXPECT_EQ(decoded->messages[0].parts[0].cache, core::CacheMark::kLong);
  const std::vector<core::Part>& thoughts = decoded->messages[1].parts;
  ASSERT_EQ(thoughts.size(), 3U);
  EXPECT_EQ(thoughts[0].text, "why");
  EXPECT_EQ(thoughts[0].state.origin, core::StateOrigin::kAnthropic);
  EXPECT_EQ(thoughts[0].state.bytes, "sig");
  EXPECT_EQ(thoughts[1].state.kind, core::StateKind::kRedacted);
  EXPECT_EQ(thoughts[1].state.id, "rs_1");
  EXPECT_EQ(decoded->messages[2].parts[0].state.bytes, "ts");
}

TEST(RequestDecoder, AToolMayBeCalledAgainUnderAnIdOfAnEarlierTurn) {
  const std::string turn =
      R"({"role":"assistant","tool_calls":[{"id":"call_0","function":{"name":"f",)"
      R"("arguments":"{}"}}]},)"
      R"({"role":"tool","tool_call_id":"call_0","content":"1"})";
  EXPECT_TRUE(Decoded(Body("[" + turn + "," + turn + "]")).request.ok());
}

TEST(RequestDecoder, TextsWithoutEscapesAreViewedInTheBodyAndOthersAreOwned) {
  const Decoded decoded(
      Body(R"([{"role":"user","content" :  "plain text"},{"role":"user","content":"a\"b\\"},)"
           R"({"role":"user","content":"\\\\"},{"role":"user","content":"\""},{"role":"user",)"
           R"("content":""}])"));
  ASSERT_TRUE(decoded.request.ok());
  const auto text = [&](std::size_t i) { return decoded->messages[i].parts[0].text; };
  const auto in_body = [&](std::string_view view) {
    return view.data() >= decoded.body.view().data() &&
           view.data() < decoded.body.view().data() + decoded.body.view().size();
  };
  EXPECT_TRUE(in_body(text(0)));
  EXPECT_FALSE(in_body(text(1)));
  EXPECT_FALSE(in_body(text(2)));
  EXPECT_FALSE(in_body(text(3)));
  EXPECT_EQ(text(0), "plain text");
  EXPECT_EQ(text(1), "a\"b\\");
  EXPECT_EQ(text(2), "\\\\");
  EXPECT_EQ(text(3), "\"");
  EXPECT_EQ(text(4), "");
}

TEST(RequestDecoder, ARequestThatWasMovedStillViewsItsTexts) {
  Decoded decoded(Body(R"([{"role":"user","content":"short \n"},{"role":"user",)"
                       R"("content":"long enough to be on the heap \n"}])"));
  const core::Request moved = std::move(decoded.request).value();
  EXPECT_EQ(moved.messages[0].parts[0].text, "short \n");
  EXPECT_EQ(moved.messages[1].parts[0].text, "long enough to be on the heap \n");
}

TEST(RequestDecoder, TextBytesAreAnUpperBoundOfEverythingTheModelReads) {
  EXPECT_EQ(Decoded(With(""))->text_bytes, 2);
  EXPECT_EQ(Decoded(With(R"("x_prompt":"12345678")"))->text_bytes, 2 + 10)
      << "an unknown field counts as it stands";
  const std::string tool = R"({"type":"function","function":{"name":"f","parameters":{}}})";
  EXPECT_EQ(Decoded(With("\"tools\":[" + tool + "]"))->text_bytes,
            static_cast<std::int64_t>(2 + tool.size()));
}

TEST(RequestDecoder, SpansNameTheValuesThatMayHaveToChange) {
  const std::string body =
      R"( { "tidegate" : {"deadline_ms": 5} , "model" : "m", "stream" : true ,)"
      R"( "stream_options" : { "include_usage" : false },)"
      R"("messages":[{"role":"user","content":"Hi"}], "max_tokens" : 5 } )";
  const Decoded decoded(body);
  ASSERT_TRUE(decoded.request.ok()) << decoded.request.error().message;
  const auto at = [&](core::Span span) { return body.substr(span.begin, span.end - span.begin); };
  const core::BodySpans& spans = decoded->spans;
  EXPECT_EQ(spans.object_begin, 2U);
  EXPECT_EQ(at(spans.model), "\"m\"");
  EXPECT_EQ(at(spans.stream), "true");
  EXPECT_EQ(at(spans.stream_options), R"({ "include_usage" : false })");
  EXPECT_EQ(at(spans.include_usage), "false");
  EXPECT_EQ(at(spans.max_tokens_key), "\"max_tokens\"");
  EXPECT_EQ(at(spans.max_tokens), "5");
  EXPECT_TRUE(spans.max_completion_tokens.empty());
  EXPECT_EQ(at(spans.tidegate_member), R"("tidegate" : {"deadline_ms": 5} , )");
  EXPECT_EQ(decoded->constraints.deadline_ms, 5);
}

TEST(RequestDecoder, TheGatesFieldsReachTheParserFlattened) {
  const Decoded decoded(
      With(R"("tidegate":{"privacy":"local","deadline_ms":1500,"providers":{"only":["a"],)"
           R"("ignore":null}},"provider":{"only":["b","c"]})"));
  ASSERT_TRUE(decoded.request.ok()) << decoded.request.error().message;
  EXPECT_EQ(decoded->constraints.privacy, core::Privacy::kLocal);
  EXPECT_EQ(decoded->constraints.deadline_ms, 1500);
  EXPECT_EQ(decoded->constraints.providers_only, (std::vector<std::string>{"b", "c"}));
  EXPECT_TRUE(decoded->needs.empty()) << "they are ours and never reach a target";
}

}  // namespace
}  // namespace tidegate::protocols::openai_chat
