// The verbs that people know from Ollama, as whole commands against a small gate of our own.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdlib.h>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/digest.h"
#include "cli/exit_code.h"
#include "cli/fake_gate.h"

namespace tidegate::cli {
namespace {

constexpr const char* kAskPull = "POST /api/pull";
constexpr const char* kNdjson = "application/x-ndjson";
const std::string kLayer =
    "sha256:8eeb52dfb3bb9aefdf9d1ef24b3bdbcfbe82238798c4b918278320b6fcef18fe";

Canned PullAnswer() {
  return Canned{200,
                R"({"status":"pulling manifest"})"
                "\n"
                R"({"status":"pulling 8eeb52dfb3bb","digest":")" +
                    kLayer + R"(","total":4700000000,"completed":1000})" + "\n" +
                    R"({"status":"pulling 8eeb52dfb3bb","digest":")" + kLayer +
                    R"(","total":4700000000,"completed":4700000000})" + "\n" +
                    R"({"status":"verifying sha256 digest"})"
                    "\n"
                    R"({"status":"success"})"
                    "\n",
                kNdjson};
}

class ModelsTest : public CliTest {
 protected:
  ModelsTest() {
    folder_ = ::testing::TempDir() + "tidegate_models_XXXXXX";
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
  }
  ~ModelsTest() override { std::filesystem::remove_all(folder_); }
  std::string Write(const std::string& name, const std::string& bytes) {
    const std::string path = folder_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  std::string folder_;
};

TEST_F(ModelsTest, PullShowsEachFileOnALineOfItsOwn) {
  gate_.Answer(kAskPull, PullAnswer());
  const Outcome outcome = RunAtGate({"pull", "llama3.2", "--insecure"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(outcome.err,
            "pulling manifest\npulling 8eeb52dfb3bb: 100% 4.7 GB\nverifying sha256 digest\n"
            "success\n");
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(gate_.asked().front().body, R"({"model":"llama3.2","insecure":true})");
}

TEST_F(ModelsTest, AFileAtAUrlIsCalledAsItsUserSays) {
  gate_.Answer(kAskPull, PullAnswer());
  EXPECT_EQ(RunAtGate({"pull", "https://hf.co/x.gguf#sha256=ab", "--name", "mine"}).code, kExitOk);
  EXPECT_EQ(gate_.asked().front().body,
            R"({"model":"https://hf.co/x.gguf#sha256=ab","destination":"mine"})");
  EXPECT_NE(gate_.asked("POST /api/show").back().body.find(R"("mine")"), std::string::npos);
  const std::size_t asked = gate_.asked().size();
  const Outcome outcome = RunAtGate({"pull", "llama3.2", "--name", "mine"});
  EXPECT_EQ(outcome.code, kExitUsage);
  EXPECT_NE(outcome.err.find("tidegate cp llama3.2 mine"), std::string::npos) << outcome.err;
  EXPECT_EQ(gate_.asked().size(), asked);
}

TEST_F(ModelsTest, WithJsonPullPassesTheLinesOn) {
  gate_.Answer(kAskPull, PullAnswer());
  const Outcome outcome = RunAtGate({"pull", "llama3.2", "--json"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_EQ(outcome.out, PullAnswer().body);
  EXPECT_EQ(outcome.err, "");
}

TEST_F(ModelsTest, APullThatFailsOrEndsEarlyIsNoSuccess) {
  gate_.Answer(kAskPull, Canned{200,
                                "{\"status\":\"pulling manifest\"}\n"
                                "{\"error\":\"pull model manifest: file does not exist\"}\n",
                                kNdjson});
  Outcome outcome = RunAtGate({"pull", "nonsense"});
  EXPECT_EQ(outcome.code, kExitNoInput);
  EXPECT_EQ(outcome.err, "pulling manifest\ntidegate: pull model manifest: file does not exist\n");
  Canned canned = PullAnswer();
  canned.body.erase(canned.body.find("{\"status\":\"success"));
  gate_.Answer(kAskPull, canned);
  outcome = RunAtGate({"pull", "llama3.2"});
  EXPECT_EQ(outcome.code, kExitProtocol);
  EXPECT_NE(outcome.err.find("try again: what has come is kept"), std::string::npos);
  canned.cut = true;
  gate_.Answer(kAskPull, canned);
  EXPECT_EQ(RunAtGate({"pull", "llama3.2"}).code, kExitProtocol);
  gate_.Answer(kAskPull, Canned{401, R"({"error":"unauthorized"})"});
  outcome = RunAtGate({"pull", "llama3.2"});
  EXPECT_EQ(outcome.code, kExitNoPermission);
  EXPECT_EQ(outcome.err, "tidegate: unauthorized\n");
}

TEST_F(ModelsTest, APathIsNothingToPull) {
  for (const char* path : {"./model.gguf", "/m/model", "~/model"}) {
    const Outcome outcome = RunAtGate({"pull", path});
    EXPECT_EQ(outcome.code, kExitData) << path;
    EXPECT_NE(outcome.err.find("tidegate import"), std::string::npos) << outcome.err;
  }
  EXPECT_TRUE(gate_.asked().empty());
}

TEST_F(ModelsTest, PushTellsOfItsProgressToo) {
  gate_.Answer("POST /api/push",
               Canned{200,
                      "{\"status\":\"retrieving manifest\"}\n{\"status\":\"starting upload\","
                      "\"digest\":\"" +
                          kLayer +
                          "\",\"total\":10,\"completed\":10}\n"
                          "{\"status\":\"success\"}\n",
                      kNdjson});
  const Outcome outcome = RunAtGate({"push", "me/mine"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_EQ(outcome.err, "retrieving manifest\nstarting upload 8eeb52dfb3bb: 100% 10 B\nsuccess\n");
}

std::string Ago(std::int64_t seconds) {
  return FormatUtc(SystemClock().WallNanos() - seconds * 1'000'000'000);
}

TEST_F(ModelsTest, ListShowsWhatIsOnThisDevice) {
  gate_.Answer(
      "GET /api/tags",
      Canned{200, R"({"models":[{"name":"llama3.2:latest","size":4700000000,"digest":")" +
                      kLayer.substr(7) + R"(","modified_at":")" + Ago(3 * 86'400 + 60) +
                      R"("},{"name":"stub:cloud","size":384,"remote_model":"big","digest":"sha256:)"
                      R"(aabbccddeeff0011","modified_at":"0001-01-01T00:00:00Z"},)"
                      R"({"name":"auto:latest","size":0,"digest":"x","modified_at":""}]})"});
  Outcome outcome = RunAtGate({"list"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(outcome.out,
            "NAME               ID              SIZE      MODIFIED\n"
            "llama3.2:latest    8eeb52dfb3bb    4.7 GB    3 days ago\n"
            "stub:cloud         aabbccddeeff    -         Never\n");
  EXPECT_EQ(RunAtGate({"ls", "LLAMA"}).out.find("stub"), std::string::npos);
  EXPECT_TRUE(RunAtGate({"ls", "--json"}).out.starts_with(R"({"models":[)"));
}

TEST_F(ModelsTest, PsHasOllamasColumns) {
  const std::string digest = kLayer.substr(7);
  const auto model = [&digest](const char* name, int gpu, const std::string& until) {
    const std::string pinned = *name == 'd' ? R"(,"tidegate":{"pinned":true})" : "";
    return R"({"name":")" + std::string(name) + R"(","size":1000,"size_vram":)" +
           std::to_string(gpu) + R"(,"digest":")" + digest + R"(","expires_at":")" + until +
           R"(","context_length":4096)" + pinned + "}";
  };
  gate_.Answer("GET /api/ps",
               Canned{200, R"({"models":[)" + model("a:latest", 1000, Ago(-4 * 60 - 30)) + "," +
                               model("b:latest", 0, "2318-11-04T00:00:00Z") + "," +
                               model("c:latest", 650, Ago(5)) + "," +
                               model("d:latest", 0, "2318-11-04T00:00:00Z") + "]}"});
  const Outcome outcome = RunAtGate({"ps"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(
      outcome.out,
      "NAME        ID              SIZE      PROCESSOR          CONTEXT    UNTIL\n"
      "a:latest    8eeb52dfb3bb    1.0 kB    100% GPU           4096       4 minutes from now\n"
      "b:latest    8eeb52dfb3bb    1.0 kB    100% CPU           4096       Forever\n"
      "c:latest    8eeb52dfb3bb    1.0 kB    35%/65% CPU/GPU    4096       Stopping...\n"
      "d:latest    8eeb52dfb3bb    1.0 kB    100% CPU           4096       Forever (pinned)\n");
}

TEST_F(ModelsTest, RmStopsDeletesAndSaysSo) {
  gate_.Answer("POST /api/generate", Canned{200, R"({"done":true})"});
  gate_.Answer("DELETE /api/delete", Canned{200, ""});
  Outcome outcome = RunAtGate({"rm", "a", "b"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(outcome.out, "deleted 'a'\ndeleted 'b'\n");
  const std::vector<Asked> asked = gate_.asked();
  ASSERT_EQ(asked.size(), 4U);
  EXPECT_EQ(asked[0].body, R"({"model":"local/a","stream":false,"keep_alive":0})");
  EXPECT_EQ(asked[1].body, R"({"model":"a"})");
  EXPECT_EQ(RunAtGate({"rm", "a", "--json"}).out, "{\"deleted\":[\"a\"]}\n");
  gate_.Answer("DELETE /api/delete", Canned{200, R"({"warning":"its files stay"})"});
  outcome = RunAtGate({"rm", "a"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_EQ(outcome.out, "deleted 'a'\n");
  EXPECT_EQ(outcome.err, "warning: its files stay\n");
  EXPECT_EQ(RunAtGate({"rm", "a", "--json"}).out,
            "{\"deleted\":[\"a\"],\"warnings\":[\"its files stay\"]}\n");
  gate_.Answer("DELETE /api/delete", Canned{404, R"({"error":"model 'x' not found"})"});
  outcome = RunAtGate({"rm", "x", "y"});
  EXPECT_EQ(outcome.code, kExitNoInput);
  EXPECT_EQ(outcome.err, "tidegate: model 'x' not found\n");
}

TEST_F(ModelsTest, PinAndUnpinSayWhatTheyDid) {
  gate_.Answer("POST /tidegate/models/pin", Canned{200, R"({"model":"a","pinned":true})"});
  EXPECT_EQ(RunAtGate({"pin", "a"}).out, "pinned 'a'\n");
  EXPECT_EQ(gate_.asked().front().body, R"({"model":"a"})");
  EXPECT_EQ(RunAtGate({"pin", "a", "--json"}).out, "{\"model\":\"a\",\"pinned\":true}\n");
  gate_.Answer("POST /tidegate/models/unpin", Canned{200, R"({"model":"a","pinned":false})"});
  EXPECT_EQ(RunAtGate({"unpin", "a"}).out, "unpinned 'a'\n");
  gate_.Answer("POST /tidegate/models/pin",
               Canned{409, R"({"error":{"code":"conflict","message":"pinned ones hold 6 GiB"}})"});
  const Outcome outcome = RunAtGate({"pin", "b"});
  EXPECT_NE(outcome.code, kExitOk);
  EXPECT_EQ(outcome.err, "tidegate: pinned ones hold 6 GiB\n");
}

TEST_F(ModelsTest, WhatIsPinnedIsDeletedWithoutAWord) {
  gate_.Answer("POST /api/generate", Canned{409, R"({"error":"\"a\" is pinned"})"});
  gate_.Answer("DELETE /api/delete", Canned{200, ""});
  const Outcome outcome = RunAtGate({"rm", "a"});
  EXPECT_EQ(outcome.out, "deleted 'a'\n");
  EXPECT_EQ(outcome.err, "");
}

TEST_F(ModelsTest, CpAndStopSayWhatTheyDid) {
  gate_.Answer("POST /api/copy", Canned{200, ""});
  EXPECT_EQ(RunAtGate({"cp", "a", "b"}).out, "copied 'a' to 'b'\n");
  EXPECT_EQ(gate_.asked().front().body, R"({"source":"a","destination":"b","stream":true})");
  EXPECT_EQ(RunAtGate({"cp", "a", "b"}).err, "");
  EXPECT_EQ(RunAtGate({"cp", "a", "b", "--json"}).out,
            "{\"source\":\"a\",\"destination\":\"b\"}\n");
  gate_.Answer("POST /api/generate", Canned{200, R"({"done":true,"done_reason":"unload"})"});
  EXPECT_EQ(RunAtGate({"stop", "a"}).code, kExitOk);
  EXPECT_EQ(RunAtGate({"stop", "a"}).out, "");
  gate_.Answer("POST /api/generate", Canned{404, R"({"error":"model 'z' not found"})"});
  const Outcome outcome = RunAtGate({"stop", "z"});
  EXPECT_EQ(outcome.code, kExitNoInput);
  EXPECT_EQ(outcome.err,
            "tidegate: couldn't find model \"z\" to stop; 'tidegate ps' lists what runs\n");
  // Whichever model the gate would choose is nobody's to stop, and so a name is a local model's.
  for (const Asked& asked : gate_.asked("POST /api/generate")) {
    EXPECT_NE(asked.body.find(R"("model":"local/)"), std::string::npos) << asked.body;
  }
  gate_.AnswerOnce("POST /api/generate", Canned{404, R"({"error":"model not found"})"});
  gate_.Answer("POST /api/generate", Canned{200, R"({"done":true})"});
  EXPECT_EQ(RunAtGate({"stop", "shed/m"}).code, kExitOk);
  EXPECT_EQ(gate_.asked().back().body, R"({"model":"shed/m","stream":false,"keep_alive":0})");
}

TEST_F(ModelsTest, CpShowsHowFarItIsAndWhyItFails) {
  const std::string copied =
      "{\"status\":\"copying file big.gguf\",\"total\":3000000000,\"completed\":1000000000}\n"
      "{\"status\":\"copying file big.gguf\",\"total\":3000000000,\"completed\":3000000000}\n";
  gate_.Answer("POST /api/copy", Canned{200, copied + "{\"status\":\"success\"}\n", kNdjson});
  Outcome outcome = RunAtGate({"cp", "big", "b"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_EQ(outcome.out, "copied 'big' to 'b'\n");
  EXPECT_EQ(outcome.err, "copying file big.gguf: 100% 3.0 GB\nsuccess\n");
  outcome = RunAtGate({"cp", "big", "b", "--json"});
  EXPECT_EQ(outcome.out, "{\"source\":\"big\",\"destination\":\"b\"}\n");
  EXPECT_EQ(outcome.err, "");
  gate_.Answer(
      "POST /api/copy",
      Canned{200, copied + R"({"error":"the disk is full","code":"unavailable"})", kNdjson});
  outcome = RunAtGate({"cp", "big", "b"});
  EXPECT_EQ(outcome.code, kExitUnavailable);
  EXPECT_EQ(outcome.out, "");
  gate_.Answer("POST /api/copy", Canned{200, copied, kNdjson});
  EXPECT_EQ(RunAtGate({"cp", "big", "b"}).code, kExitProtocol) << "it ended on the way";
}

constexpr const char* kShownUnfit =
    R"({"details":{"format":"gguf"},"tidegate":{"memory":{"fits":false,)"
    R"("why_not":"a context of 8192 tokens needs 4096 MiB of memory","context_tokens":8192,)"
    R"("context_tokens_max":8192,"slots":1,"layers":17,"device_layers":12,)"
    R"("devices":["CUDA0","CUDA1"],"weights_bytes":2000000000,"cache_bytes":268435456,)"
    R"("compute_bytes":83000000,"other_bytes":52000000,"host_bytes":400000000,)"
    R"("device_bytes":2000000000,"host_budget_bytes":3000000000,"device_budget_bytes":0}}})";

TEST_F(ModelsTest, ShowSaysWhatAModelTakesOfTheMachine) {
  gate_.Answer("POST /api/show", Canned{200, kShownUnfit});
  EXPECT_EQ(RunAtGate({"show", "m"}).out,
            "  Memory\n"
            "    fits                no: a context of 8192 tokens needs 4096 MiB of memory\n"
            "    window              8,192 tokens\n"
            "    requests at once    1\n"
            "    layers              12 of 17 on CUDA0, CUDA1\n"
            "    weights             2.0 GB\n"
            "    window's cache      268 MB\n"
            "    computing           83 MB\n"
            "    everything else     52 MB\n"
            "    memory              400 MB of 3.0 GB for models\n"
            "    graphics memory     2.0 GB\n\n");
  gate_.Answer("POST /api/show",
               Canned{200, R"({"details":{"format":"gguf"},"tidegate":{"memory":{"fits":true,)"
                           R"("context_tokens":8192,"context_tokens_max":131072,"slots":4}}})"});
  const std::string fits = RunAtGate({"show", "m"}).out;
  EXPECT_NE(fits.find("fits                yes\n"), std::string::npos) << fits;
  EXPECT_NE(fits.find("8,192 tokens, up to 131,072 when asked"), std::string::npos) << fits;
}

TEST_F(ModelsTest, APullOfWhatCannotBeLoadedHereSaysSo) {
  gate_.Answer(kAskPull, Canned{200, R"({"status":"success"})"});
  EXPECT_EQ(RunAtGate({"pull", "m"}).err.find("warning"), std::string::npos);
  gate_.Answer("POST /api/show", Canned{200, kShownUnfit});
  const Outcome outcome = RunAtGate({"pull", "m"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_NE(outcome.err.find("warning: m cannot be loaded on this machine: a context of 8192 "
                             "tokens needs 4096 MiB of memory\n"),
            std::string::npos)
      << outcome.err;
}

TEST_F(ModelsTest, ShowSaysHowFastAModelWasMeasuredToBe) {
  gate_.Answer("POST /api/show",
               Canned{200, R"({"details":{"format":"gguf"},"tidegate":{"provider":"local","speed":)"
                           R"({"prompt_tokens":128,"ttft_ms":412.4,"prompt_tokens_per_s":310.2,)"
                           R"("tokens_per_s":20.26}}})"});
  EXPECT_EQ(RunAtGate({"show", "m"}).out,
            "  Measured\n"
            "    first token    412 ms           after a prompt of 128 tokens\n"
            "    reads          310 tokens/s\n"
            "    writes         20.3 tokens/s\n\n");
}

TEST_F(ModelsTest, ShowSaysWhereAModelCameFrom) {
  gate_.Answer(
      "POST /api/show",
      Canned{200, R"({"details":{"format":"gguf"},"tidegate":{"provider":"local",)"
                  R"("provenance":{"source":"https://hf.co/ann/notes","digest":"sha256:ab",)"
                  R"("time":"2026-11-26T19:00:00Z","license":"apache-2.0",)"
                  R"("signer":"ann\u001b[2J"}}})"});
  EXPECT_EQ(RunAtGate({"show", "m"}).out,
            "  Provenance\n"
            "    from         https://hf.co/ann/notes\n"
            "    digest       sha256:ab\n"
            "    since        2026-11-26T19:00:00Z\n"
            "    license      apache-2.0\n"
            "    signed by    ann[2J\n\n");
  gate_.Answer("POST /api/show",
               Canned{200, R"({"details":{"format":"gguf"},"tidegate":{"provenance":{}}})"});
  EXPECT_EQ(RunAtGate({"show", "m"}).out, "  Provenance\n    from    made here\n\n");
}

TEST_F(ModelsTest, ShowIsBlocksOrOnePart) {
  gate_.Answer(
      "POST /api/show",
      Canned{200, R"({"license":"Line one\n\n  Line two\nLine three","modelfile":"FROM x\n",)"
                  R"("parameters":"stop                           \"<end>\"\nnum_ctx 4096",)"
                  R"("template":"{{ .Prompt }}","system":"Be brief.","details":{"parent_model":"",)"
                  R"("format":"gguf","family":"llama","parameter_size":"3.2B",)"
                  R"("quantization_level":"Q4_K_M"},"model_info":{"general.architecture":"llama",)"
                  R"("general.parameter_count":3212749888,"llama.context_length":131072,)"
                  R"("llama.embedding_length":3072,"tokenizer.ggml.tokens":null},)"
                  R"("tensors":[{"name":"t","type":"F16","shape":[2,3]}],)"
                  R"("capabilities":["completion","tools"]})"});
  const std::string blocks =
      "  Model\n"
      "    architecture        llama\n"
      "    parameters          3.2B\n"
      "    context length      131072\n"
      "    embedding length    3072\n"
      "    quantization        Q4_K_M\n\n"
      "  Capabilities\n    completion\n    tools\n\n"
      "  Parameters\n    stop       \"<end>\"\n    num_ctx    4096\n\n";
  const std::string end =
      "  System\n    Be brief.\n\n  License\n    Line one\n    Line two\n    ...\n\n";
  EXPECT_EQ(RunAtGate({"show", "m"}).out, blocks + end);
  const std::string verbose = RunAtGate({"show", "m", "-v"}).out;
  EXPECT_TRUE(verbose.starts_with(blocks + "  Metadata\n")) << verbose;
  EXPECT_NE(verbose.find("  Tensors\n    t    F16    [2,3]\n"), std::string::npos) << verbose;
  EXPECT_EQ(gate_.asked().back().body, R"({"model":"m","verbose":true})");
  EXPECT_EQ(RunAtGate({"show", "m", "--modelfile"}).out, "FROM x\n");
  EXPECT_EQ(RunAtGate({"show", "m", "--template"}).out, "{{ .Prompt }}\n");
  EXPECT_EQ(RunAtGate({"show", "m", "--system"}).out, "Be brief.\n");
  EXPECT_EQ(RunAtGate({"show", "m", "--system", "--license"}).code, kExitUsage);
}

TEST_F(ModelsTest, CreatePullsWhatItIsMadeFromAndIsNotHere) {
  const std::string file = Write("w/Modelfile", "FROM …\n");
  Modelfile recipe;
  recipe.from = {"llama3.2"};
  modelfile_ = recipe;
  gate_.AnswerOnce("POST /api/create", Canned{404, R"({"error":"model 'llama3.2' not found"})"});
  gate_.Answer("POST /api/create", Canned{200, "{\"status\":\"success\"}\n", kNdjson});
  gate_.Answer("POST /api/pull", Canned{200, "{\"status\":\"success\"}\n", kNdjson});
  const Outcome outcome = RunAtGate({"create", "mine", "-f", file});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  ASSERT_EQ(gate_.asked("POST /api/pull").size(), 1U);
  EXPECT_EQ(gate_.asked("POST /api/pull")[0].body, R"({"model":"llama3.2"})");
  EXPECT_EQ(gate_.asked("POST /api/create").size(), 2U);
}

TEST_F(ModelsTest, CreateSendsTheFilesThatTheGateDoesNotHave) {
  Write("w/weights.gguf", "GGUF" + std::string((3U << 20U) - 4, 'w'));
  Write("w/lora.gguf", "GGUF lora");
  const std::string file = Write("w/Modelfile", "FROM …\n");
  Modelfile recipe;
  recipe.from = {"./weights.gguf"};
  recipe.adapters = {"lora.gguf"};
  recipe.system = "Be brief.";
  recipe.parameters_json["stop"] = R"(["A","B"])";
  recipe.messages = {{"user", "Hi"}};
  recipe.warnings = {"Modelfile line 9: of no effect"};
  modelfile_ = recipe;
  gate_.AnswerPrefix("HEAD /api/blobs/", Canned{404, ""});
  gate_.AnswerPrefix("POST /api/blobs/", Canned{201, ""});
  gate_.Answer("POST /api/create", Canned{200, "{\"status\":\"success\"}\n", kNdjson});
  Outcome outcome = RunAtGate({"create", "mine", "-f", file, "-q", "q8_0"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(modelfile_texts_, std::vector<std::string>{"FROM …\n"});
  EXPECT_TRUE(outcome.err.starts_with("tidegate: Modelfile line 9: of no effect\n"));
  std::vector<Asked> asked = gate_.asked();
  ASSERT_EQ(asked.size(), 6U);
  EXPECT_EQ(asked[5].line, "POST /api/show");  // whether it can be loaded
  EXPECT_TRUE(asked[0].line.starts_with("HEAD /api/blobs/sha256:")) << asked[0].line;
  EXPECT_EQ(asked[1].line, "POST" + asked[0].line.substr(4));
  EXPECT_EQ(asked[1].body.size(), 3U << 20U);
  EXPECT_EQ(asked[3].body, "GGUF lora");
  const std::string first = asked[0].line.substr(std::string("HEAD /api/blobs/").size());
  const std::string second = asked[2].line.substr(std::string("HEAD /api/blobs/").size());
  EXPECT_EQ(second, "sha256:" + ToHex(ComputeSha256("GGUF lora")));
  EXPECT_EQ(asked[4].body, R"({"model":"mine","files":{"weights.gguf":")" + first +
                               R"("},"adapters":{"lora.gguf":")" + second +
                               R"("},"system":"Be brief.","quantize":"q8_0",)"
                               R"("parameters":{"stop":["A","B"]},)"
                               R"("messages":[{"role":"user","content":"Hi"}]})");
  EXPECT_NE(outcome.err.find("copying weights.gguf " + first.substr(7, 12) + ": 100% 3.1 MB\n"),
            std::string::npos)
      << outcome.err;
  gate_.AnswerPrefix("HEAD /api/blobs/", Canned{200, ""});
  outcome = RunAtGate({"create", "mine", "-f", file});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(gate_.asked().size(), 6U + 4U);  // nothing was sent again
}

TEST_F(ModelsTest, CreateSendsNothingThatIsNoModel) {
  Write("w/weights.gguf", "GGUF" + std::string(100, 'w'));
  Write("w/id_rsa", "-----BEGIN OPENSSH PRIVATE KEY-----\n");
  Write("w/empty", "");
  Write("w/folder/model.gguf", "no model at all, whatever it is called");
  const std::string file = Write("w/Modelfile", "FROM …\n");
  gate_.AnswerPrefix("HEAD /api/blobs/", Canned{404, ""});
  gate_.AnswerPrefix("POST /api/blobs/", Canned{201, ""});
  gate_.Answer("POST /api/create", Canned{200, "{\"status\":\"success\"}\n", kNdjson});
  for (const char* path : {"./id_rsa", "./empty", "./folder"}) {
    modelfile_ = Modelfile();
    modelfile_->from = {"./weights.gguf"};
    modelfile_->adapters = {path};
    Outcome outcome = RunAtGate({"create", "mine", "-f", file});
    EXPECT_EQ(outcome.code, kExitData) << path;
    EXPECT_NE(outcome.err.find("neither GGUF nor safetensors"), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find(path + 2), std::string::npos) << outcome.err;
    modelfile_ = Modelfile();
    modelfile_->from = {path};
    EXPECT_EQ(RunAtGate({"create", "mine", "-f", file}).code, kExitData) << path;
  }
  EXPECT_TRUE(gate_.asked().empty());
  // A server that takes safetensors gets them.
  Write("w/tensors/model.safetensors", std::string("\x02\0\0\0\0\0\0\0{}", 10));
  Write("w/tensors/config.json", "{}");
  modelfile_ = Modelfile();
  modelfile_->from = {"./tensors"};
  EXPECT_EQ(RunAtGate({"create", "mine", "-f", file}).code, kExitOk);
}

TEST_F(ModelsTest, QuantizeMakesAModelThatIsCalledAfterItsLevel) {
  gate_.Answer("POST /api/create",
               Canned{200,
                      "{\"status\":\"quantizing F16 model to Q4_K_M\",\"total\":10,"
                      "\"completed\":10}\n{\"status\":\"success\"}\n",
                      kNdjson});
  const Outcome outcome = RunAtGate({"quantize", "reg:5000/me/mine:f16", "q4_K_M"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(gate_.asked().back().body,
            R"({"model":"reg:5000/me/mine:q4_k_m","from":"reg:5000/me/mine:f16",)"
            R"("quantize":"q4_K_M"})");
  EXPECT_NE(outcome.err.find("quantizing F16 model to Q4_K_M"), std::string::npos);
  EXPECT_EQ(RunAtGate({"quantize", "mine", "Q8_0", "small"}).code, kExitOk);
  EXPECT_EQ(gate_.asked().back().body, R"({"model":"small","from":"mine","quantize":"Q8_0"})");
  EXPECT_EQ(RunAtGate({"quantize", "reg:5000/me/mine", "q8_0"}).code, kExitOk);
  EXPECT_NE(gate_.asked().back().body.find(R"("reg:5000/me/mine:q8_0")"), std::string::npos);
  EXPECT_EQ(RunAtGate({"quantize", "mine"}).code, kExitUsage);
}

TEST_F(ModelsTest, CreateNamesWhatIsWrongBeforeAnythingIsSent) {
  const std::string file = Write("Modelfile", "FROM ./missing.gguf\n");
  modelfile_->from = {"./missing.gguf"};
  Outcome outcome = RunAtGate({"create", "m", "-f", file});
  EXPECT_EQ(outcome.code, kExitNoInput);
  EXPECT_EQ(outcome.err, "tidegate: FROM './missing.gguf': there is no such file\n");
  modelfile_ = InvalidArgument("", "Modelfile line 2: …");
  outcome = RunAtGate({"create", "m", "-f", file});
  EXPECT_EQ(outcome.code, kExitData);
  EXPECT_NE(outcome.err.find("Modelfile line 2"), std::string::npos);
  EXPECT_EQ(RunAtGate({"create", "m", "-f", folder_ + "/none"}).code, kExitNoInput);
  EXPECT_TRUE(gate_.asked().empty());
  gate_.Answer("POST /api/create", Canned{200, "{\"status\":\"success\"}\n", kNdjson});
  modelfile_ = Modelfile();
  modelfile_->from = {"qwen3:4b"};
  EXPECT_EQ(RunAtGate({"create", "m", "-f", file}).code, kExitOk);
  EXPECT_EQ(gate_.asked("POST /api/create").back().body, R"({"model":"m","from":"qwen3:4b"})");
}

TEST_F(ModelsTest, AFolderIsItsGgufOrItsSafetensorsWithWhatDescribesThem) {
  Write("hf/model.safetensors", std::string("\x02\0\0\0\0\0\0\0{}", 10));
  Write("hf/config.json", "{}");
  Write("hf/README.md", "no");
  const std::string file = Write("Modelfile", "FROM hf\n");
  modelfile_->from = {"hf"};
  gate_.AnswerPrefix("HEAD /api/blobs/", Canned{200, ""});
  gate_.Answer("POST /api/create", Canned{200, "{\"status\":\"success\"}\n", kNdjson});
  EXPECT_EQ(RunAtGate({"create", "m", "-f", file}).code, kExitOk);
  const std::string body = gate_.asked("POST /api/create").back().body;
  EXPECT_NE(body.find("\"config.json\":"), std::string::npos) << body;
  EXPECT_NE(body.find("\"model.safetensors\":"), std::string::npos) << body;
  EXPECT_EQ(body.find("README"), std::string::npos) << body;
  // Ollama converts it; a gate does not.
  gate_.Answer("GET /tidegate/policy/fields", Canned{200, "{}"});
  const std::size_t asked = gate_.asked().size();
  const Outcome outcome = RunAtGate({"create", "m", "-f", file});
  EXPECT_EQ(outcome.code, kExitData);
  EXPECT_NE(outcome.err.find("convert_hf_to_gguf.py"), std::string::npos) << outcome.err;
  EXPECT_EQ(gate_.asked().size(), asked + 1) << "nothing was sent";
}

TEST_F(ModelsTest, RunPullsAModelThatIsNotHereAndAsksAgain) {
  gate_.AnswerOnce(kAskChat, Canned{404, R"({"error":"model 'llama3.2' not found"})"});
  gate_.Answer(kAskChat, ChatAnswer("hi"));
  gate_.Answer("GET /api/tags", Canned{200, R"({"models":[]})"});
  gate_.Answer(kAskPull, PullAnswer());
  const Outcome outcome = RunAtGate({"run", "llama3.2", "hello"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(outcome.out, "hi\n");
  EXPECT_NE(outcome.err.find("pulling 8eeb52dfb3bb: 100% 4.7 GB\n"), std::string::npos);
}

TEST_F(ModelsTest, RunPullsNothingThatIsNoNameOfARegistry) {
  gate_.Answer(kAskChat, Canned{404, R"({"error":"no model; did you mean 'cloud/swift'?"})"});
  gate_.Answer("GET /api/tags",
               Canned{200, R"({"models":[{"name":"x","tidegate":{"provider":"cloud"}}]})"});
  for (const char* model : {"cloud/swfit", "auto:fst", "a/b/c/d", "../x"}) {
    const Outcome outcome = RunAtGate({"run", model, "hello"});
    EXPECT_EQ(outcome.code, kExitNoInput) << model;
    EXPECT_EQ(outcome.err, "tidegate: no model; did you mean 'cloud/swift'?\n") << model;
  }
  EXPECT_TRUE(gate_.asked(kAskPull).empty());
  gate_.Answer(kAskPull, Canned{200, "{\"error\":\"file does not exist\"}\n", kNdjson});
  const Outcome outcome = RunAtGate({"run", "qwne3", "hello"});
  EXPECT_EQ(outcome.code, kExitNoInput);
  EXPECT_EQ(outcome.err,
            "tidegate: no model; did you mean 'cloud/swift'?\nnor can it be pulled: file does not "
            "exist\n");
}

TEST_F(ModelsTest, RunSendsPicturesAndKnobs) {
  gate_.Answer(kAskChat, ChatAnswer("a cat"));
  const std::string cat = Write("my cat.png", "\x89PNG cat");
  const std::string schema = Write("schema.json", "{\"type\":\"object\"}");
  const Outcome outcome = RunAtGate({"run", "--think=high", "--format", schema, "--keepalive",
                                     "10m", "m", "What is in", "'" + cat + "'?"},
                                    "and /not/sent.png");
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(outcome.out, "a cat\n");
  EXPECT_EQ(outcome.err, "added '" + cat + "'\n");
  EXPECT_EQ(gate_.asked().front().body,
            R"({"model":"m","stream":true,"messages":[{"role":"user","content":)"
            R"("What is in ?\n\nand /not/sent.png","images":["iVBORyBjYXQ="]}],)"
            R"("format":{"type":"object"},"think":"high","keep_alive":"10m"})");
  EXPECT_EQ(RunAtGate({"run", "m", "hi", "--think=hard"}).code, kExitUsage);
  EXPECT_EQ(RunAtGate({"run", "m", "hi", "--keepalive", "soon"}).code, kExitUsage);
}

TEST_F(ModelsTest, AskKeepsItsPromisesOnlyAtAGate) {
  gate_.Answer(kAskChat, ChatAnswer("hi"));
  const Outcome outcome = RunAtGate({"ask", "--privacy", "local", "secret"});
  EXPECT_EQ(outcome.code, kExitProtocol);
  EXPECT_NE(outcome.err.find("nothing was sent"), std::string::npos) << outcome.err;
  EXPECT_TRUE(gate_.asked(kAskChat).empty());
  EXPECT_EQ(RunAtGate({"ask", "hello"}).code, kExitOk);
}

TEST_F(ModelsTest, LaunchShowsWhatItWouldSetAndHidesTheKey) {
  environment_.path = folder_;
  environment_.api_key = Secret("tg-secret");
  environment_.host = "gate.example:8080";
  Outcome outcome =
      Run({"launch", "claude", "--print", "--model", "qwen3:8b", "--", "--continue", "it's"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(outcome.out,
            "export ANTHROPIC_BASE_URL=http://gate.example:8080\n"
            "export ANTHROPIC_AUTH_TOKEN=''\"$TIDEGATE_API_KEY\"''\n"
            "export ANTHROPIC_API_KEY=''\n"
            "export ANTHROPIC_DEFAULT_OPUS_MODEL=qwen3:8b\n"
            "export ANTHROPIC_DEFAULT_SONNET_MODEL=qwen3:8b\n"
            "export ANTHROPIC_DEFAULT_HAIKU_MODEL=qwen3:8b\n"
            "export CLAUDE_CODE_SUBAGENT_MODEL=qwen3:8b\n"
            "claude --model qwen3:8b --continue 'it'\\''s'\n");
  outcome = Run({"launch", "codex", "--print", "--json"});
  EXPECT_EQ(outcome.out.find("tg-secret"), std::string::npos);
  EXPECT_NE(
      outcome.out.find(R"("model_providers.tidegate.base_url=\"http://gate.example:8080/v1\"")"),
      std::string::npos)
      << outcome.out;
  EXPECT_EQ(Run({"launch", "--host", "unix:/run/x.sock", "claude", "--print"}).code, kExitUsage);
}

TEST_F(ModelsTest, LaunchListsAgentsAndSaysHowToGetThem) {
  environment_.path = "relative:" + folder_;
  std::filesystem::permissions(Write("codex", "#!/bin/sh\n"), std::filesystem::perms::owner_all);
  const Outcome list = Run({"launch"});
  EXPECT_EQ(list.code, kExitOk);
  EXPECT_NE(list.out.find(folder_ + "/codex"), std::string::npos) << list.out;
  EXPECT_NE(list.out.find("npm install -g opencode-ai"), std::string::npos) << list.out;
  gate_.Answer("GET /api/version", Canned{200, R"({"version":"1"})"});
  const Outcome missing = RunAtGate({"launch", "aider"});
  EXPECT_EQ(missing.code, kExitNoInput);
  EXPECT_NE(missing.err.find("pip install aider-install"), std::string::npos);
  EXPECT_NE(RunAtGate({"launch", "codx"}).err.find("codex"), std::string::npos);
  EXPECT_EQ(Run({"launch", "codex", "--host", "127.0.0.1:1"}).code, kExitUnavailable);
}

class ChatVerbsTest : public ChatTest {};

TEST_F(ChatVerbsTest, SettingsGoWithTheNextMessage) {
  gate_.Answer(kAskChat, ChatAnswer("ok"));
  const Outcome outcome = Type(
      "/set parameter num_ctx 4096\r/set parameter stop \"a b\" c\r/set format json\r"
      "/set think low\r/set parameter num_ctx big\rone\r"
      "/set noformat\r/set nothink\r/set system \"\"\"be\rbrief\"\"\"\rtwo\r/bye\r");
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  const std::vector<Asked> asked = gate_.asked(kAskChat);
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_NE(asked[0].body.find(
                R"("options":{"num_ctx":4096,"stop":["a b","c"]},"format":"json","think":"low")"),
            std::string::npos)
      << asked[0].body;
  EXPECT_NE(asked[1].body.find(R"([{"role":"system","content":"be\nbrief"},)"), std::string::npos);
  EXPECT_NE(asked[1].body.find(R"("think":false)"), std::string::npos);
  EXPECT_EQ(asked[1].body.find("\"format\""), std::string::npos);
  EXPECT_NE(outcome.err.find("'num_ctx' must be a whole number, not 'big'"), std::string::npos);
}

TEST_F(ChatVerbsTest, AModelIsLoadedSavedAndLeftForAnother) {
  gate_.Answer("POST /api/show",
               Canned{200, R"({"details":{"format":"gguf","parent_model":"base:latest"},)"
                           R"("system":"Hi.","messages":[{"role":"user","content":"before"},)"
                           R"({"role":"assistant","content":"then"}]})"});
  gate_.Answer("POST /api/generate", Canned{200, R"({"done":true})"});
  gate_.Answer("POST /api/create", Canned{200, R"({"status":"success"})"});
  gate_.Answer(kAskChat, ChatAnswer("yes"));
  const Outcome outcome = Type(
      "now\r/set parameter seed 1\r/save mine\r/show system\r/set system Be x\r/load other\r"
      "/show system\rnew\r/bye\r");
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(gate_.asked("POST /api/generate").front().body, R"({"model":"auto","stream":false})");
  EXPECT_EQ(gate_.asked("POST /api/create").front().body,
            R"({"model":"mine","from":"auto","stream":false,"parameters":{"seed":1},)"
            R"("messages":[{"role":"user","content":"before"},)"
            R"({"role":"assistant","content":"then"},{"role":"user","content":"now"},)"
            R"({"role":"assistant","content":"yes"}]})");
  EXPECT_NE(outcome.out.find(">>> before\nthen\n"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("Hi.\n"), std::string::npos);
  EXPECT_NE(outcome.err.find("Created new model 'mine'"), std::string::npos);
  const std::vector<Asked> asked = gate_.asked(kAskChat);
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(asked[1].body, R"({"model":"other","stream":true,"messages":)"
                           R"([{"role":"user","content":"new"}]})")
      << "what was set for the model before is not said to this one";
  EXPECT_EQ(outcome.out.find("Be x\n"), std::string::npos) << outcome.out;
}

TEST_F(ChatVerbsTest, WhatWasShownIsNotSavedAndSaidNotToBe) {
  const std::string cat = testing::TempDir() + "shown-and-not-saved.png";
  std::ofstream(cat) << "\x89PNG cat";
  gate_.Answer("POST /api/show", Canned{200, R"({"details":{"format":"gguf"}})"});
  gate_.Answer("POST /api/generate", Canned{200, R"({"done":true})"});
  gate_.Answer("POST /api/create", Canned{200, R"({"status":"success"})"});
  gate_.Answer(kAskChat, ChatAnswer("a cat"));
  const Outcome outcome = Type("what is " + cat + "\r/save mine\r/bye\r");
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_NE(gate_.asked(kAskChat)[0].body.find("\"images\""), std::string::npos);
  EXPECT_EQ(gate_.asked("POST /api/create")[0].body.find("\"images\""), std::string::npos);
  EXPECT_NE(outcome.err.find("A model keeps no pictures"), std::string::npos) << outcome.err;
}

TEST_F(ChatVerbsTest, AModelThatIsNotThereLeavesTheChatAsItIs) {
  gate_.AnswerOnce("POST /api/show", Canned{200, R"({"details":{"format":""}})"});
  gate_.Answer("POST /api/show", Canned{404, R"({"error":"model 'x' not found"})"});
  gate_.Answer(kAskChat, ChatAnswer("ok"));
  const Outcome outcome = Type("/load x\rhello\r/bye\r");
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_NE(outcome.err.find("tidegate: model 'x' not found\n"), std::string::npos);
  ASSERT_EQ(gate_.asked(kAskChat).size(), 1U);
  EXPECT_NE(gate_.asked(kAskChat)[0].body.find("\"model\":\"auto\""), std::string::npos);
}

TEST_F(ChatVerbsTest, ThoughtsStandBetweenMarksAndLinesFitTheTerminal) {
  gate_.Answer(
      kAskChat,
      Canned{200,
             R"({"message":{"content":"","thinking":"hm hm"},"done":false})"
             "\n"
             R"({"message":{"content":"one two three four five six seven eight nine ten eleven"},)"
             R"("done":false})"
             "\n"
             R"({"message":{"content":" twelve thirteen fourteen fifteen"},"done":true})"
             "\n",
             kNdjson});
  Outcome outcome = Type("hi\r/bye\r");
  EXPECT_NE(outcome.out.find("Thinking...\nhm hm\n...done thinking.\n\none two three"),
            std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("twelve thirteen fourteen\nfifteen\n"), std::string::npos)
      << outcome.out;
  outcome = Type("hi\r/bye\r", {"run", "auto", "--hidethinking", "--nowordwrap"});
  EXPECT_EQ(outcome.out.find("hm hm"), std::string::npos);
  EXPECT_NE(outcome.out.find("thirteen fourteen fifteen\n"), std::string::npos);
}

}  // namespace
}  // namespace tidegate::cli
