#include "protocols/ollama/codec.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/memory_fit.h"
#include "protocols/ollama/request_decoder.h"
#include "protocols/testing/test_support.h"
#include "protocols/testing/wire_transcript.h"

namespace tidegate::protocols::ollama {
namespace {

std::optional<Route> Match(std::string_view method, std::string_view path) {
  const NoFields fields;
  return Codec().Match({method, path, "", &fields});
}

TEST(Ollama, ServesItsPathsAndNoOthers) {
  EXPECT_EQ(Match("POST", "/api/chat")->form, kChatForm);
  EXPECT_EQ(Match("POST", "/api/generate")->form, kGenerateForm);
  EXPECT_EQ(Match("GET", "/api/tags")->operation, Operation::kListModels);
  EXPECT_EQ(Match("HEAD", "/api/tags")->operation, Operation::kListModels);
  EXPECT_EQ(Match("GET", "/api/ps")->operation, Operation::kListLoaded);
  EXPECT_TRUE(Match("POST", "/api/show")->model_in_body);
  EXPECT_EQ(Match("POST", "/api/embed")->operation, Operation::kEmbed);
  EXPECT_EQ(Match("POST", "/api/embeddings")->operation, Operation::kEmbed);
  for (const char* method : {"GET", "HEAD"}) {
    EXPECT_EQ(Codec().EncodeFixed(*Match(method, "/")).body, "Ollama is running");
    EXPECT_EQ(Codec().EncodeFixed(*Match(method, "/api/version")).body, R"({"version":"0.33.0"})");
  }
  for (const char* path : {"/api/me", "/api/signout", "/api/status", "/api/user/keys/x",
                           "/api/experimental/web_search", "/api/embedding", "/api", "/apis",
                           "/api/chat/", "/v1/chat/completions"}) {
    EXPECT_FALSE(Match("POST", path)) << path;
  }
  EXPECT_FALSE(Match("GET", "/api/chat"));
  EXPECT_TRUE(Codec().OwnsPath("/api/pull"));
  EXPECT_FALSE(Codec().OwnsPath("/v1/models"));
}

// What a client gets of these events.
std::string Encoded(const std::vector<core::Event>& events, bool stream, int form = kChatForm) {
  core::Request request;
  request.model = "asked";
  request.stream = stream;
  request.form = form;
  const auto encoder = Codec().NewEncoder(request, RequestId{1, 2}, 1'700'000'000);
  std::string out;
  std::int64_t taken = 0;
  for (const core::Event& event : events) {
    encoder->NoteTimes({7, taken += 10});
    encoder->Encode(event, out);
  }
  return out;
}

core::ToolCallEvent Piece(std::int64_t index, std::string_view id, std::string_view name,
                          std::string_view arguments) {
  return {0, index, id, name, arguments};
}

constexpr std::string_view kHead = R"({"model":"up","created_at":"2023-11-14T22:13:20.000Z",)";

std::string Line(std::string_view rest) { return std::string(kHead) + std::string(rest) + "\n"; }

std::vector<core::Event> SmallAnswer() {
  core::Usage usage;
  usage.input_tokens = 5;
  usage.output_tokens = 3;
  return {core::StartEvent{"i", "up", 0, {}},
          core::ReasoningEvent{0, "hm"},
          core::TextEvent{0, "a\n\"b\""},
          core::FinishEvent{0, core::FinishReason::kLength, {}},
          core::UsageEvent{usage},
          core::DoneEvent{}};
}

TEST(OllamaEncoder, SaysWhatAPromptsAnswerSaysInItsOwnForm) {
  const std::string end =
      R"("done":true,"done_reason":"length","total_duration":67,"load_duration":7,)"
      R"("prompt_eval_count":5,"prompt_eval_duration":20,"eval_count":3,"eval_duration":40})";
  // 'a', the length, and the text of the answer: the request of this test has said nothing.
  const std::string with_context =
      end.substr(0, end.size() - 1) + R"(,"context":[1413956401,10,6356992,1377,664162,2228224]})";
  EXPECT_EQ(Encoded(SmallAnswer(), true, kGenerateForm),
            Line(R"("response":"","thinking":"hm","done":false})") +
                Line(R"("response":"a\n\"b\"","done":false})") +
                Line(R"("response":"",)" + with_context));
  EXPECT_EQ(Encoded(SmallAnswer(), false, kGenerateForm) + "\n",
            Line(R"("response":"a\n\"b\"","thinking":"hm",)" + with_context));
  EXPECT_EQ(Encoded(SmallAnswer(), false, kChatForm) + "\n",
            Line(R"("message":{"role":"assistant","content":"a\n\"b\"","thinking":"hm"},)" + end));
}

TEST(OllamaEncoder, WritesACallWhenItsObjectIsCompleteAndKeepsItsText) {
  const std::vector<core::Event> events = {
      core::StartEvent{"i", "up", 0, {}},
      Piece(0, "c0", "f", ""),
      Piece(0, "", "", "{\"n\": 9007199254740993,\n \"t\": \"}\\\""),
      Piece(1, "", "g", "{\"x\":[1.0"),
      Piece(0, "", "", "{\"}"),
      Piece(1, "", "", "]}"),
  };
  const std::string made = RequestId{1, 2}.ToString();
  const std::string first = Encoded({events.begin(), events.begin() + 4}, true);
  EXPECT_EQ(first, "") << "no object is complete";
  EXPECT_EQ(
      Encoded(events, true),
      Line(R"("message":{"role":"assistant","content":"","tool_calls":[{"id":"c0","function":)"
           R"({"index":0,"name":"f","arguments":{"n": 9007199254740993,  "t": "}\"{"}}}]},)"
           R"("done":false})") +
          Line(R"("message":{"role":"assistant","content":"","tool_calls":[{"id":"call_)" + made +
               R"(_1","function":{"index":1,"name":"g",)"
               R"("arguments":{"x":[1.0]}}}]},"done":false})"));
}

TEST(OllamaEncoder, ShowsArgumentsThatAreNoObjectAndRefusesMoreThanOne) {
  const std::vector<core::Event> never = {core::StartEvent{"i", "up", 0, {}},
                                          Piece(0, "a", "f", "{\"x\":"),
                                          Piece(1, "b", "g", ""),
                                          Piece(2, "c", "h", "{x:1}"),
                                          core::FinishEvent{0, core::FinishReason::kToolCalls, {}},
                                          core::DoneEvent{}};
  for (const bool stream : {true, false}) {
    const std::string out = Encoded(never, stream);
    EXPECT_NE(out.find(R"("name":"f","arguments":{"raw_arguments":"{\"x\":"})"), std::string::npos)
        << out;
    EXPECT_NE(out.find(R"("name":"g","arguments":{})"), std::string::npos) << out;
    EXPECT_NE(out.find(R"("name":"h","arguments":{"raw_arguments":"{x:1}"})"), std::string::npos)
        << out;
  }
  const std::string twice = Encoded({core::StartEvent{"i", "up", 0, {}}, Piece(0, "a", "f", "{} "),
                                     Piece(0, "", "", "{\"b\":1}"), core::DoneEvent{}},
                                    true);
  EXPECT_EQ(twice.substr(twice.find('\n') + 1),
            "{\"error\":\"the arguments of a tool call are more than one JSON object\","
            "\"code\":\"protocol\"}\n");
}

TEST(OllamaEncoder, HoldsProbabilitiesForTheirTextAndLeavesOutWhatItCannotSay) {
  const std::vector<core::Event> events = {
      core::StartEvent{"i", "up", 0, {}},
      core::StateEvent{0, {core::StateOrigin::kAnthropic, core::StateKind::kSignature, "sig", {}}},
      core::CitationEvent{0, 0, 1, "https://x", "t", "c", {}},
      core::LogprobsEvent{.choice = 0, .content = "{\"token\":\"a\",\n\"logprob\":-1}"},
      core::TextEvent{0, "a"},
      core::DoneEvent{}};
  const std::string out = Encoded(events, true);
  EXPECT_TRUE(out.starts_with(Line(R"("message":{"role":"assistant","content":"a"},"done":false,)"
                                   R"("logprobs":[{"token":"a", "logprob":-1}]})")))
      << out;
  EXPECT_EQ(out.find("sig"), std::string::npos);
  EXPECT_NE(Encoded(events, false).find(R"("logprobs":[{"token":"a",)"), std::string::npos);
}

TEST(OllamaEncoder, AnErrorEndsAStreamWithALineAndAWholeAnswerWithNothing) {
  const std::vector<core::Event> events = {
      core::StartEvent{"i", "up", 0, {}}, core::TextEvent{0, "a"},
      core::ErrorEvent{Unavailable(ErrorSource::kUpstream, "it broke")}, core::DoneEvent{}};
  EXPECT_TRUE(Encoded(events, true)
                  .ends_with("false}\n{\"error\":\"it broke\",\"code\":\"unavailable\"}\n"));
  EXPECT_EQ(Encoded(events, false), "");
}

TEST(OllamaErrors, AreOneTextWithTheFieldAndTheStatusThatClientsExpect) {
  EXPECT_EQ(Codec().EncodeError(InvalidArgument("options.seed", "expected an integer")),
            R"({"error":"options.seed: expected an integer","code":"invalid_argument",)"
            R"("param":"options.seed"})");
  Error long_prompt{ErrorCode::kTooLarge, ErrorSource::kUpstream, Retry::kNever, "too long"};
  long_prompt.reason = "context_length_exceeded";
  EXPECT_EQ(Codec().ErrorStatus(long_prompt), 400);
  EXPECT_EQ(Codec().ErrorStatus(NotFound("x")), 404);
}

Error DecodeFault(std::string_view path, std::string_view text) {
  const PaddedText body(text);
  const Result<core::Request> request = DecodeChat(Codec(), path, body.view());
  return request.ok() ? Error{ErrorCode::kInternal, ErrorSource::kGateway, Retry::kNever, "none"}
                      : request.error();
}

TEST(OllamaRequest, IsRefusedWithThePlaceOfItsFault) {
  struct Case {
    const char *path, *body, *field;
  };
  for (const Case& c : std::vector<Case>{
           {"/api/chat", R"({"messages":[]})", "model"},
           {"/api/chat", R"({"model":""})", "model"},
           {"/api/chat", R"({"model":"m","messages":{}})", "messages"},
           {"/api/chat", R"({"model":"m","messages":[{"content":"x"}]})", "messages[0].role"},
           {"/api/chat", R"({"model":"m","messages":[{"role":"robot"}]})", "messages[0].role"},
           {"/api/chat", R"({"model":"m","messages":[{"role":"user","content":[]}]})",
            "messages[0].content"},
           {"/api/chat", R"({"model":"m","messages":[{"role":"user","images":["data:x"]}]})",
            "messages[0].images[0]"},
           {"/api/chat", R"({"model":"m","messages":[{"role":"user","images":["http://x"]}]})",
            "messages[0].images[0]"},
           {"/api/chat",
            R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":)"
            R"({"name":"f","arguments":"{}"}}]}]})",
            "messages[0].tool_calls[0].function.arguments"},
           {"/api/chat",
            R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","function":)"
            R"({"name":"f"}},{"id":"a","function":{"name":"f"}}]}]})",
            "messages[0].tool_calls[1]"},
           {"/api/chat", R"({"model":"m","messages":[],"stream":"yes"})", "stream"},
           {"/api/chat", R"({"model":"m","messages":[],"think":"deep"})", "think"},
           {"/api/chat", R"({"model":"m","messages":[],"think":1})", "think"},
           {"/api/chat", R"({"model":"m","messages":[],"format":"yaml"})", "format"},
           {"/api/chat", R"({"model":"m","messages":[],"keep_alive":"soon"})", "keep_alive"},
           {"/api/chat", R"({"model":"m","messages":[],"options":{"seed":"x"}})", "options.seed"},
           {"/api/chat", R"({"model":"m","messages":[],"options":{"stop":"x"}})", "options.stop"},
           {"/api/chat", R"({"model":"m","messages":[],"options":{"num_predict":0}})",
            "options.num_predict"},
           {"/api/chat", R"({"model":"m","messages":[],"options":{"num_ctx":"x"}})",
            "options.num_ctx"},
           {"/api/chat", R"({"model":"m","messages":[],"options":{"num_ctx":100000001}})",
            "options.num_ctx"},
           {"/api/chat", R"({"model":"m","messages":[],"top_logprobs":21})", "top_logprobs"},
           {"/api/chat", R"({"model":"m","messages":[],"tool_choice":"any"})", "tool_choice"},
           {"/api/chat", R"({"model":"m","messages":[],"tool_choice":1})", "tool_choice"},
           {"/api/chat", R"({"model":"m","messages":[],"tidegate":{"oops":1}})", "tidegate.oops"},
           {"/api/generate", R"({"model":"m","prompt":1})", "prompt"},
           {"/api/generate", R"({"model":"m","prompt":"x","raw":"yes"})", "raw"},
           {"/api/generate", R"({"model":"m","prompt":"x","suffix":1})", "suffix"},
           {"/api/generate", R"({"model":"m","prompt":"x","raw":true,"system":"s"})", "system"},
           {"/api/generate", R"({"model":"m","prompt":"x","raw":true,"template":"t"})", "template"},
           {"/api/generate", R"({"model":"m","prompt":"x","raw":true,"context":[1]})", "context"},
           {"/api/generate", R"({"model":"m","prompt":"x","suffix":"y","system":"s"})", "system"},
           {"/api/generate", R"({"model":"m","prompt":"x","template":"{{ if"})", "template"},
           {"/api/generate", R"({"model":"m","prompt":"x","context":["a"]})", "context[0]"}}) {
    const Error error = DecodeFault(c.path, c.body);
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument) << c.body << " " << error.message;
    EXPECT_EQ(error.field, c.field) << c.body;
  }
}

core::Request Decoded(std::string_view path, const PaddedText& body) {
  Result<core::Request> request = DecodeChat(Codec(), path, body.view());
  EXPECT_TRUE(request.ok()) << body.view();
  return request.ok() ? *std::move(request) : core::Request();
}

TEST(OllamaRequest, ATextMayBeContinuedOrFilledInAsItStands) {
  using core::Capability;
  const PaddedText raw_body(R"({"model":"m","prompt":"def f(","raw":true,"suffix":""})");
  const core::Request raw = Decoded("/api/generate", raw_body);
  EXPECT_TRUE(raw.raw);
  EXPECT_EQ(core::Join(raw.needs), "raw_prompt");
  EXPECT_EQ(raw.vendor_field, "");
  const PaddedText fill_body(R"({"model":"m","prompt":"def f(","suffix":"\n  return x"})");
  const core::Request fill = Decoded("/api/generate", fill_body);
  EXPECT_EQ(fill.suffix, "\n  return x");
  EXPECT_EQ(core::Join(fill.needs), "insert");
  EXPECT_EQ(fill.text_bytes, 17) << "what follows is read by the model, too";
  const PaddedText both_body(R"({"model":"m","prompt":"x","raw":true,"suffix":"y"})");
  EXPECT_EQ(Decoded("/api/generate", both_body).vendor_field, "suffix");
  const PaddedText front_body(R"({"model":"m","suffix":"x"})");
  EXPECT_EQ(Decoded("/api/generate", front_body).readying, core::Readying::kNone);
}

TEST(OllamaRequest, OnlyWhoSaysSoHasItsConversationShortened) {
  const auto chat = [](const std::string& more) {
    const PaddedText body(R"({"model":"m","messages":[{"role":"user","content":"x"}])" + more +
                          "}");
    const core::Request request = Decoded("/api/chat", body);
    return std::pair(request.may_shorten, std::string(request.cut_remedy));
  };
  EXPECT_EQ(chat(""), std::pair(false, std::string(R"("truncate": true)")));
  EXPECT_EQ(chat(R"(,"truncate":true)"), std::pair(true, std::string()));
  EXPECT_EQ(chat(R"(,"truncate":false)"), std::pair(false, std::string()));
}

TEST(OllamaRequest, NumCtxIsTheWindowThatATargetMustHave) {
  const auto window = [](const std::string& options) {
    const PaddedText body(R"({"model":"m","prompt":"x")" + options + "}");
    return Decoded("/api/generate", body).window_tokens;
  };
  EXPECT_EQ(window(""), 0);
  EXPECT_EQ(window(R"(,"options":{"num_ctx":32768})"), 32'768);
  EXPECT_EQ(window(R"(,"options":{"num_ctx":-1})"), 0);
  EXPECT_EQ(window(R"(,"options":{"num_ctx":null})"), 0);
}

TEST(OllamaRequest, WithoutContentLoadsOrLetsGo) {
  struct Case {
    const char *path, *body;
    core::Readying readying;
    const char* answer;
  };
  for (const Case& c : std::vector<Case>{
           {"/api/chat", R"({"model":"m"})", core::Readying::kLoad,
            R"("message":{"role":"assistant","content":""},"done":true,"done_reason":"load"})"},
           {"/api/chat", R"({"model":"m","messages":[],"keep_alive":0})", core::Readying::kUnload,
            R"("message":{"role":"assistant","content":""},"done":true,"done_reason":"unload"})"},
           {"/api/generate", R"({"model":"m","stream":true})", core::Readying::kLoad,
            R"("response":"","done":true,"done_reason":"load"})"},
           {"/api/generate", R"({"model":"m","prompt":"","keep_alive":"0s"})",
            core::Readying::kUnload, R"("response":"","done":true,"done_reason":"unload"})"}}) {
    const PaddedText body(c.body);
    const core::Request request = Decoded(c.path, body);
    EXPECT_EQ(request.readying, c.readying) << c.body;
    EXPECT_FALSE(request.stream) << "one answer";
    EXPECT_EQ(Codec().EncodeReadied(request, 0),
              R"({"model":"m","created_at":"1970-01-01T00:00:00.000Z",)" + std::string(c.answer));
  }
  const PaddedText asks(
      R"({"model":"m","messages":[{"role":"user","content":"x"}],"keep_alive":0})");
  EXPECT_EQ(Decoded("/api/chat", asks).readying, core::Readying::kNone);
  EXPECT_EQ(Decoded("/api/chat", asks).constraints.keep_alive_nanos, 0);
}

TEST(OllamaRequest, KeepAliveIsSecondsOrADuration) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const auto read = [](const std::string& value) {
    const PaddedText body(R"({"model":"m","keep_alive":)" + value + "}");
    return Decoded("/api/chat", body).constraints.keep_alive_nanos;
  };
  EXPECT_EQ(read("300"), 300 * kSecond);
  EXPECT_EQ(read("0.5"), kSecond / 2);
  EXPECT_EQ(read("-1"), -1);
  EXPECT_EQ(read("\"-1m\""), -1);
  EXPECT_EQ(read("\"1h30m\""), 5400 * kSecond);
  EXPECT_EQ(read("1e300"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(read("null"), std::nullopt);
}

TEST(OllamaModels, AreNamedWithATagAndSayWhereTheyTrulyRun) {
  core::Deployment local, cloud, passed_on;
  local.ref = {"local", "tiny"};
  local.place = core::Place::kDevice;
  local.context_tokens = 8192;
  local.weights = core::Weights{"gguf", "llama", "Q4_K_M", 8'030'261'248, 4'661'211'808, 86'400};
  cloud.ref = {"anthropic", "claude"};
  cloud.place = core::Place::kCloud;
  passed_on.ref = {"ollama", "mine:latest"};
  passed_on.place = core::Place::kCloud;
  passed_on.passed_on_to = "https://ollama.com:443";
  passed_on.passed_on_as = "gpt-oss:120b";
  const auto entry = [](const core::Deployment& deployment, std::string host) {
    return ModelEntry{.id = deployment.ref.ToString(),
                      .owned_by = deployment.ref.provider,
                      .deployment = &deployment,
                      .capabilities = core::CapabilitySet().With(core::Capability::kTools),
                      .context_tokens = deployment.context_tokens,
                      .host = std::move(host)};
  };
  std::vector<ModelEntry> models = {
      {.id = "auto", .owned_by = "tidegate", .context_tokens = 200'000},
      entry(local, ""),
      entry(cloud, "https://api.anthropic.com:443"),
      entry(passed_on, "http://127.0.0.1:11434")};
  models[0].capabilities = core::CapabilitySet().With(core::Capability::kReasoning);
  models[1].plain = "tiny:latest";

  const std::string tags = Codec().EncodeModels(models);
  for (const char* part :
       {R"("name":"auto:latest","model":"auto:latest","modified_at":)",
        R"("capabilities":["completion","thinking"])",
        R"("name":"tiny:latest","model":"tiny:latest","modified_at":"1970-01-02T)",
        R"("size":4661211808,)",
        R"("details":{"parent_model":"","format":"gguf","family":"llama","families":["llama"],)"
        R"("parameter_size":"8.0B","quantization_level":"Q4_K_M","context_length":8192})",
        R"("capabilities":["completion","tools"])",
        R"("name":"anthropic/claude:latest","model":"anthropic/claude:latest",)"
        R"("remote_model":"claude","remote_host":"https://api.anthropic.com:443")",
        R"("name":"ollama/mine:latest","model":"ollama/mine:latest","remote_model":"gpt-oss:120b",)"
        R"("remote_host":"https://ollama.com:443")"}) {
    EXPECT_NE(tags.find(part), std::string::npos) << part << "\n" << tags;
  }
  const std::string mine =
      tags.substr(tags.find("\"tiny:"), tags.find("anthropic/") - tags.find("\"tiny:"));
  EXPECT_EQ(mine.find("remote"), std::string::npos) << "it runs here";

  const std::string show = Codec().EncodeModel(models[1]);
  EXPECT_NE(show.find(R"("template":"")"), std::string::npos) << show;
  EXPECT_NE(show.find(R"("model_info":{"general.architecture":"llama",)"
                      R"("general.basename":"tiny:latest",)"
                      R"("general.parameter_count":8030261248,"llama.context_length":8192})"),
            std::string::npos)
      << show;
  EXPECT_NE(Codec().EncodeModel(models[0]).find(
                R"("general.architecture":"tidegate","general.basename":"auto:latest",)"
                R"("tidegate.context_length":200000})"),
            std::string::npos);

  models[1].residency = Residency{123, 86'400'000'000'000};
  EXPECT_NE(Codec().EncodeLoadedModels({&models[1], 1}).find(R"("size":123)"), std::string::npos);
  EXPECT_NE(Codec()
                .EncodeLoadedModels({&models[1], 1})
                .find(R"("expires_at":"1970-01-02T00:00:00.000Z","size_vram":0)"),
            std::string::npos);
  models[1].residency = Residency{123, 0};
  EXPECT_NE(Codec().EncodeLoadedModels({&models[1], 1}).find(R"("expires_at":"2262-)"),
            std::string::npos);
  EXPECT_EQ(Codec().EncodeLoadedModels({}), R"({"models":[]})");
}

TEST(OllamaModels, SayHowFastTheyWereMeasuredToBe) {
  core::Deployment local;
  local.ref = {"local", "tiny"};
  const ModelEntry entry{.id = "tiny:latest", .owned_by = "local", .deployment = &local};
  EXPECT_EQ(Codec().EncodeModel(entry).find("\"speed\""), std::string::npos)
      << "nothing was measured";
  local.speed = std::make_shared<const core::SpeedProfile>(
      std::vector<core::SpeedPoint>{{.prompt_tokens = 128,
                                     .ttft_ms_p50 = 41.5,
                                     .prompt_tokens_per_s = 812.5,
                                     .tokens_per_s = 20.25}},
      0, "");
  const std::string show = Codec().EncodeModel(entry);
  EXPECT_NE(show.find(R"("speed":{"prompt_tokens":128,"ttft_ms":41.5,"prompt_tokens_per_s":812.5,)"
                      R"("tokens_per_s":20.25})"),
            std::string::npos)
      << show;
}

TEST(OllamaModels, ShowSaysWhereTheModelCameFrom) {
  core::Deployment local;
  local.ref = {"local", "tiny"};
  core::ModelCard card;
  ModelEntry entry{.id = "tiny:latest", .owned_by = "local", .deployment = &local};
  entry.card = std::make_shared<const core::ModelCard>(card);
  EXPECT_EQ(Codec().EncodeModel(entry).find("provenance"), std::string::npos);
  card.provenance = {"https://hf.co/ann/notes", "sha256:ab", 1'764'000'000, "MIT", "ann", "", ""};
  entry.card = std::make_shared<const core::ModelCard>(card);
  const std::string show = Codec().EncodeModel(entry);
  EXPECT_NE(show.find(R"("provenance":{"source":"https://hf.co/ann/notes","digest":"sha256:ab",)"
                      R"("time":"2025-11-24T16:00:00.000Z","license":"MIT","signer":"ann"})"),
            std::string::npos)
      << show;
  EXPECT_EQ(Codec().EncodeModels({&entry, 1}).find("provenance"), std::string::npos)
      << "lists stay short";
}

TEST(OllamaModels, ShowSaysWhatTheModelSaysOfItself) {
  core::ModelCard card;
  const std::string digest(64, 'a');
  card.parent = "base:latest";
  card.chat_template = "{{ messages }}";
  card.template_note = "of no effect";
  card.system = "Be brief.";
  card.modelfile = "FROM base\n";
  card.licenses = {"MIT", "and more"};
  card.renderer = "coder";
  card.parser = "reader";
  card.required_version = "0.14.0";
  card.parameters = {{"temperature", "0.2"}, {"stop", R"(["</s>","zz"])"}};
  card.messages = {{"user", "hi"}};
  card.info = {{"general.architecture", R"("llama")"}, {"llama.block_count", "32"}};
  card.projector_info = {{"clip.has_vision_encoder", "true"}};
  card.tensors = {{"output.weight", "F16", {64, 32}}};
  core::Deployment mine;
  mine.ref = {"local", "tiny:latest"};
  mine.place = core::Place::kDevice;
  mine.weights = core::Weights();
  mine.weights->architecture = "llama";
  mine.weights->digest = digest;
  ModelEntry model{.id = "local/tiny:latest", .owned_by = "local", .deployment = &mine};
  model.card = std::make_shared<core::ModelCard>(card);
  const std::string show = Codec().EncodeModel(model);
  for (const char* part :
       {R"("license":"MIT\nand more","modelfile":"FROM base\n",)",
        R"("parameters":"temperature                    0.2\n)"
        R"(stop                           \"</s>\"\n)"
        R"(stop                           \"zz\"",)",
        R"("template":"{{ messages }}","system":"Be brief.",)",
        R"("renderer":"coder","parser":"reader","requires":"0.14.0",)",
        R"("messages":[{"role":"user","content":"hi"}],)",
        R"("projector_info":{"clip.has_vision_encoder":true},)",
        R"("tensors":[{"name":"output.weight","type":"F16","shape":[64,32]}],)",
        R"("parent_model":"base:latest")", R"("template_note":"of no effect")",
        R"("model_info":{"general.architecture":"llama","llama.block_count":32})"}) {
    EXPECT_NE(show.find(part), std::string::npos) << part << "\n" << show;
  }
  EXPECT_NE(Codec().EncodeModels({&model, 1}).find("\"digest\":\"" + digest), std::string::npos);
}

TEST(OllamaModels, ShowSaysWhatTheModelTakesOfTheMachine) {
  core::Deployment deployment;
  deployment.ref = {"local", "tiny"};
  deployment.place = core::Place::kDevice;
  const auto memory = std::make_shared<core::MemoryFit>();
  memory->fits = false;
  memory->why_not = "it is too large";
  memory->context_tokens = 8'192;
  memory->slots = 4;
  memory->devices = {"CUDA0"};
  memory->weights = 1'000;
  memory->host = UINT64_MAX;
  deployment.memory = memory;
  ModelEntry model{.id = "local/tiny", .owned_by = "local"};
  model.deployment = &deployment;
  const std::string show = Codec().EncodeModel(model);
  EXPECT_NE(show.find(R"("memory":{"fits":false,"why_not":"it is too large",)"
                      R"("context_tokens":8192,"context_tokens_max":0,"slots":4,)"),
            std::string::npos)
      << show;
  EXPECT_NE(show.find(R"("devices":["CUDA0"])"), std::string::npos) << show;
  EXPECT_NE(show.find(R"("weights_bytes":1000,)"), std::string::npos) << show;
  EXPECT_NE(show.find(R"("host_bytes":9223372036854775807,)"), std::string::npos) << show;
  model.context_tokens = 8'192;
  model.residency = Residency{123, 0, 100, 4'096};
  const std::string loaded = Codec().EncodeLoadedModels({&model, 1});
  EXPECT_NE(loaded.find(R"("size_vram":100,"context_length":4096)"), std::string::npos) << loaded;
}

TEST(OllamaModels, TheDigestOfALooseFileChangesWithTheFile) {
  const auto digest = [](std::uint64_t bytes, std::int64_t modified_s, const std::string& name) {
    core::Deployment loose;
    loose.ref = {"local", name};
    loose.weights = core::Weights{"gguf", "llama", "F16", 1, bytes, modified_s};
    const ModelEntry model{.id = name, .owned_by = "local", .deployment = &loose};
    const std::string tags = Codec().EncodeModels({&model, 1});
    const std::size_t at = tags.find("\"digest\":");
    return tags.substr(at, tags.find(',', at) - at);
  };
  const std::string first = digest(10, 100, "m");
  EXPECT_EQ(first.size(), std::string_view("\"digest\":\"\"").size() + 64);
  EXPECT_EQ(digest(10, 100, "m"), first);
  EXPECT_NE(digest(11, 100, "m"), first);
  EXPECT_NE(digest(10, 101, "m"), first);
  EXPECT_NE(digest(10, 100, "n"), first);
}

TEST(OllamaModels, ListsSayWhatAModelIsFor) {
  const auto capabilities = [](core::CapabilitySet set) {
    const ModelEntry model{.id = "m", .owned_by = "local", .capabilities = set};
    const std::string tags = Codec().EncodeModels({&model, 1});
    const std::size_t at = tags.find("\"capabilities\":");
    return tags.substr(at, tags.find(']', at) + 1 - at);
  };
  using core::Capability;
  EXPECT_EQ(capabilities(core::CapabilitySet().With(Capability::kEmbeddings)),
            R"("capabilities":["embedding"])");
  EXPECT_EQ(capabilities(core::CapabilitySet().With(Capability::kRerank)),
            R"("capabilities":["rerank"])");
  EXPECT_EQ(capabilities(core::CapabilitySet().With(Capability::kChat).With(Capability::kVision)),
            R"("capabilities":["completion","vision"])");
  EXPECT_EQ(capabilities(core::CapabilitySet().With(Capability::kChat).With(Capability::kInsert)),
            R"("capabilities":["completion","insert"])");
}

TEST(OllamaModels, ManagingModelsIsNotForTheProtocolToRead) {
  const auto operation = [](std::string_view method, std::string_view path) {
    const std::optional<Route> route = Codec().Match({method, path, "", nullptr});
    return route ? std::optional(route->operation) : std::nullopt;
  };
  for (const char* path : {"/api/pull", "/api/push", "/api/create", "/api/copy"}) {
    EXPECT_EQ(operation("POST", path), Operation::kManageModels) << path;
    EXPECT_FALSE(operation("GET", path)) << path;
  }
  EXPECT_EQ(operation("DELETE", "/api/delete"), Operation::kManageModels);
  EXPECT_EQ(operation("HEAD", "/api/blobs/sha256:00"), Operation::kManageModels);
  EXPECT_EQ(operation("POST", "/api/blobs/sha256:00"), Operation::kManageModels);
  EXPECT_FALSE(operation("GET", "/api/blobs/sha256:00"));
}

TEST(OllamaModels, ShowTakesBothNamesOfTheField) {
  const auto read = [](std::string_view text) {
    const PaddedText body(text);
    return Codec().DecodeModelQuestion(body.view());
  };
  EXPECT_EQ(read(R"({"model":"a"})")->model, "a");
  EXPECT_FALSE(read(R"({"model":"a"})")->everything);
  EXPECT_EQ(read(R"({"name":"b","verbose":true})")->model, "b");
  EXPECT_TRUE(read(R"({"name":"b","verbose":true})")->everything);
  EXPECT_EQ(read(R"({"model":"","name":"b"})")->model, "b");
  EXPECT_EQ(read(R"({"model":"a","system":"s","template":"t","options":{"num_ctx":1}})")->model,
            "a")
      << "which change nothing";
  EXPECT_EQ(read(R"({"model":"a","verbose":1})").error().field, "verbose");
  EXPECT_EQ(read("{}").error().field, "model");
  EXPECT_EQ(read(R"({"model":7})").error().field, "model");
  EXPECT_EQ(read("[").error().reason, "invalid_json");
}

std::string Read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The samples that other protocols are compared with are what this one takes.
TEST(OllamaFeatures, AreUnderstoodWholeAndStreamed) {
  std::size_t count = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(TranscriptFolder("ollama") / "features")) {
    const std::string path = file.path().string();
    const std::size_t suffix = path.find(".request.json");
    if (suffix == std::string::npos) continue;
    ++count;
    const std::string stem = path.substr(0, suffix);
    const PaddedText body(Read(path));
    EXPECT_TRUE(DecodeChat(Codec(), "/api/chat", body.view()).ok()) << path;
    const std::string stream = Read(stem + ".stream"), whole = Read(stem + ".whole.json");
    const auto streamed = DecodeInPieces(*Codec().NewDecoder(true), stream, 3, true);
    const auto at_once = DecodeInPieces(*Codec().NewDecoder(false), whole, whole.size(), true);
    EXPECT_EQ(streamed.back(), "done") << path;
    EXPECT_EQ(at_once.back(), "done") << path;
    EXPECT_EQ(streamed[streamed.size() - 2], at_once[at_once.size() - 2]) << "usage, " << path;
  }
  EXPECT_EQ(count, 8U);
}

}  // namespace
}  // namespace tidegate::protocols::ollama
