// Starts the real llama-server with models of several shapes and compares the memory that it takes
// with what models::EstimateMemory says, part by part.
#include "models/memory_fit.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/unique_fd.h"
#include "engine/command_line.h"
#include "engine/locator.h"
#include "engine/memory_plan.h"
#include "engine/tiny_mixed_architectures.h"
#include "models/local_models.h"
#include "process/child.h"
#include "process/run.h"

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

constexpr double kMiB = 1024 * 1024;
constexpr double kTolerance = 0.10;
constexpr std::int64_t kStopGraceNanos = 5'000'000'000;
constexpr int kStartMillis = 60'000;

// "… KV buffer size = 8.00 MiB" by the word in front of "buffer".
std::map<std::string, double> BufferSizes(std::string_view log) {
  constexpr std::string_view kBuffer = " buffer size = ";
  std::map<std::string, double> sizes;
  for (std::size_t at = log.find(kBuffer); at != log.npos; at = log.find(kBuffer, at + 1)) {
    const std::size_t word = log.rfind(' ', at - 1) + 1;
    const std::size_t number = log.find_first_not_of(' ', at + kBuffer.size());
    double mib = 0;
    std::from_chars(log.data() + number, log.data() + log.size(), mib);
    sizes[std::string(log.substr(word, at - word))] += mib;
  }
  return sizes;
}

// A llama-server that serves one model, or has ended.
class Server {
 public:
  Server(std::vector<std::string> argv, std::string socket_path)
      : socket_path_(std::move(socket_path)) {
    process::SpawnOptions options;
    options.argv = std::move(argv);
    Result<process::Child> child = process::Spawn(options);
    EXPECT_TRUE(child.ok());
    if (!child.ok()) return;
    child_ = std::make_unique<process::Child>(std::move(*child));
    ReadUntil("server is listening", "listening on ");
  }
  ~Server() {
    if (child_ != nullptr) child_->Stop(kStopGraceNanos);
  }

  bool serves() const { return serves_; }
  const std::string& log() const { return log_; }

  double ResidentMib() const {
    std::ifstream status("/proc/" + std::to_string(child_->pid()) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024;
    }
    return 0;
  }

  // The answer to a POST, head and all.
  std::string Post(const std::string& path, const std::string& key, const std::string& body) {
    const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path_.copy(address.sun_path, sizeof address.sun_path - 1);
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      return "";
    }
    const std::string request =
        "POST " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" +
        "Authorization: Bearer " + key +
        "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body;
    if (write(fd.get(), request.data(), request.size()) != static_cast<ssize_t>(request.size())) {
      return "";
    }
    std::string answer;
    std::array<char, 4096> piece;
    for (ssize_t got; (got = read(fd.get(), piece.data(), piece.size())) > 0;) {
      answer.append(piece.data(), static_cast<std::size_t>(got));
      Drain(0);
    }
    return answer;
  }

 private:
  void ReadUntil(std::string_view one, std::string_view other) {
    for (int waited = 0; waited < kStartMillis && !serves_; waited += 50) {
      const bool open = Drain(50);
      serves_ = log_.find(one) != log_.npos || log_.find(other) != log_.npos;
      if (!open) return;
    }
  }
  // Takes what it has printed; false once it will print no more.
  bool Drain(int millis) {
    pollfd wanted{child_->output_fd(), POLLIN, 0};
    if (poll(&wanted, 1, millis) <= 0) return true;
    std::array<char, 65'536> piece;
    const ssize_t got = read(wanted.fd, piece.data(), piece.size());
    if (got > 0) log_.append(piece.data(), static_cast<std::size_t>(got));
    return got != 0;
  }

  const std::string socket_path_;
  std::unique_ptr<process::Child> child_;
  std::string log_;
  bool serves_ = false;
};

struct Case {
  std::string name;
  TinyModel (*model)();
  ChildSettings settings;
  int slots = 1;
  bool unified = true;  // where the model can be
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class MemoryFitEngineTest : public testing::Test {
 protected:
  MemoryFitEngineTest() {
    std::string pattern = "/tmp/tidegate-fit-test-XXXXXX";  // short: a socket's path is bounded
    folder_ = mkdtemp(pattern.data());
    files_ = {(folder_ / "a.sock").string(), (folder_ / "a.key").string()};
    std::ofstream(files_.api_key_path) << kKey << "\n";
  }
  ~MemoryFitEngineTest() override { fs::remove_all(folder_); }

  void SetUp() override {
    const char* without = std::getenv("TIDEGATE_NO_ENGINE");
    if (without != nullptr && std::string(without) == "1") GTEST_SKIP() << "TIDEGATE_NO_ENGINE=1";
    Locator locator(LocatorOptions::FromEnvironment(""));
    const Result<EngineBinary> binary = locator.Locate();
    ASSERT_TRUE(binary.ok()) << Describe(binary.error());
    binary_ = *binary;
  }

  models::LocalModel Create(const TinyModel& tiny) {
    const std::string path = (folder_ / "tiny.gguf").string();
    EXPECT_TRUE(tiny.Write(path));
    Result<models::LocalModel> model = models::ReadLocalModel(path, "tiny");
    EXPECT_TRUE(model.ok()) << Describe(model.error());
    return model.ok() ? std::move(*model) : models::LocalModel{};
  }

  std::unique_ptr<Server> StartServer(const models::LocalModel& model,
                                      const ChildSettings& settings, int slots, bool unified) {
    fs::remove(files_.socket_path);
    Result<std::vector<std::string>> argv =
        MakeCommandLine(binary_, model, settings, slots, files_);
    EXPECT_TRUE(argv.ok()) << Describe(argv.error());
    if (!argv.ok()) return nullptr;
    if (!unified) {
      for (std::string& argument : *argv) {
        if (argument == "--kv-unified") argument = "--no-kv-unified";
      }
    }
    argv->insert(argv->end(), {"--verbosity", "4"});
    auto server = std::make_unique<Server>(std::move(*argv), files_.socket_path);
    EXPECT_TRUE(server->serves()) << server->log();
    return server;
  }

  models::FitParts Estimate(const models::LocalModel& model, const ChildSettings& settings,
                            int slots, bool unified) {
    models::FitInput input = FitInputOf(model, {}, settings, slots, {});
    if (!unified) input.unified = false;
    const Result<models::FitEstimate> estimate = models::EstimateMemory(input);
    EXPECT_TRUE(estimate.ok()) << Describe(estimate.error());
    return estimate.ok() ? estimate->host : models::FitParts();
  }

  static constexpr const char* kKey = "fit-test";
  fs::path folder_;
  ChildFiles files_;
  EngineBinary binary_;
};

// Within the tolerance, or within what is lost in printing two digits for each buffer.
void ExpectNear(std::uint64_t bytes, double mib, const std::string& what) {
  const double estimated = static_cast<double>(bytes) / kMiB;
  EXPECT_NEAR(estimated, mib, std::max(0.05, mib * kTolerance)) << what;
}

class MemoryFitPartsTest : public MemoryFitEngineTest, public testing::WithParamInterface<Case> {};

TEST_P(MemoryFitPartsTest, EachPartIsWhatLlamaServerTakes) {
  const Case& c = GetParam();
  const models::LocalModel model = Create(c.model());
  const std::unique_ptr<Server> server = StartServer(model, c.settings, c.slots, c.unified);
  ASSERT_NE(server, nullptr);
  ASSERT_TRUE(server->serves());
  std::map<std::string, double> real = BufferSizes(server->log());
  const models::FitParts parts = Estimate(model, c.settings, c.slots, c.unified);
  ASSERT_GT(real["model"], 5.0) << server->log();
  ExpectNear(parts.weights, real["model"], "weights");
  ExpectNear(parts.cache, real["KV"], "cache");
  ExpectNear(parts.states, real["RS"], "states");
  ExpectNear(parts.compute, real["compute"], "compute");
  ExpectNear(parts.output, real["output"], "output");
  ExpectNear(parts.weights + parts.cache + parts.states + parts.compute + parts.output,
             real["model"] + real["KV"] + real["RS"] + real["compute"] + real["output"], "sum");
}

ChildSettings Settings(std::int64_t context) {
  ChildSettings settings;
  settings.context_tokens_max = context;
  settings.threads = 1;
  settings.prompt_cache_mib = 0;
  return settings;
}

ChildSettings WithTypes(std::int64_t context, models::KvType type) {
  ChildSettings settings = Settings(context);
  settings.key_type = settings.value_type = type;
  return settings;
}

ChildSettings WithBatch(std::int64_t context, int ubatch) {
  ChildSettings settings = Settings(context);
  settings.ubatch = ubatch;
  return settings;
}

ChildSettings WithoutFlashAttention(std::int64_t context) {
  ChildSettings settings = Settings(context);
  settings.flash_attention = FlashAttention::kOff;
  return settings;
}

// Enough to be seen, not enough to be slow.
TinyModel Grouped() { return Llama({}); }
TinyModel AllHeads() { return Llama({.kv_heads = 8, .vocabulary = 32'000}); }
TinyModel Wide() {
  return Llama({.layers = 6,
                .width = 1'024,
                .feed_forward = 2'816,
                .heads = 16,
                .kv_heads = 4,
                .vocabulary = 32'000,
                .context = 32'768});
}
TinyModel LongHeads() { return Qwen3({.kv_heads = 4, .head_length = 128}); }
TinyModel Windows() {
  return Gemma3({.layers = 7,
                 .feed_forward = 2'048,
                 .heads = 4,
                 .kv_heads = 1,
                 .head_length = 256,
                 .vocabulary = 16'384,
                 .context = 32'768},
                512);
}
TinyModel Experts() { return Qwen3Moe({.feed_forward = 256}, 16, 4); }
TinyModel Latent() { return DeepSeek2({}, 256, 64); }
TinyModel States() { return Mamba2({.layers = 6}, 64); }
TinyModel HeadsOfTheirOwn() {
  return Deci({}, {{8, 2, 1'408}, {4, 4, 704}, {0, 0, 2'816}, {8, 1, 1'408}});
}
TinyModel Hybrid() { return GraniteHybrid({.layers = 6}, 64, 3); }
TinyModel Convolutions() { return Lfm2({.layers = 6}, 3); }
TinyModel Sinks() { return GptOss({.feed_forward = 256, .context = 32'768}, 16, 4, 128); }
TinyModel Encoder() {
  return Bert({.width = 384, .feed_forward = 1'536, .heads = 12, .context = 512, .type = 1});
}
TinyModel Ranker() {
  TinyModel model = Grouped();
  model.Number("pooling_type", 4);
  return model;
}

const std::vector<Case> kCases = {
    {"grouped", Grouped, Settings(4'096)},
    {"grouped_four_slots", Grouped, Settings(2'048), 4},
    {"grouped_parts_for_three", Grouped, Settings(1'000), 3, false},
    {"grouped_q8_0", Grouped, WithTypes(8'192, models::KvType::kQ8_0), 2},
    {"grouped_q4_0", Grouped, WithTypes(8'192, models::KvType::kQ4_0), 2},
    {"grouped_f32", Grouped, WithTypes(4'096, models::KvType::kF32)},
    {"grouped_large_batch", Grouped, WithBatch(4'096, 2'048)},
    {"grouped_small_batch", Grouped, WithBatch(8'192, 128), 2},
    {"grouped_without_flash_attention", Grouped, WithoutFlashAttention(4'096), 2},
    {"all_heads", AllHeads, Settings(4'096), 2},
    {"wide", Wide, Settings(16'384), 2},
    {"long_heads", LongHeads, Settings(8'192)},
    {"long_heads_q8_0", LongHeads, WithTypes(8'192, models::KvType::kQ8_0)},
    {"windows", Windows, Settings(16'384), 2},
    {"windows_parts_for_two", Windows, Settings(8'192), 2, false},
    {"windows_q8_0", Windows, WithTypes(16'384, models::KvType::kQ8_0)},
    {"windows_without_flash_attention", Windows, WithoutFlashAttention(4'096)},
    {"experts", Experts, Settings(8'192), 2},
    {"latent", Latent, Settings(8'192), 2},
    {"states", States, Settings(8'192), 4},
    {"heads_of_their_own", HeadsOfTheirOwn, Settings(8'192), 2},
    {"heads_of_their_own_q8_0", HeadsOfTheirOwn, WithTypes(8'192, models::KvType::kQ8_0)},
    {"hybrid", Hybrid, Settings(8'192), 2},
    {"hybrid_parts_for_three", Hybrid, Settings(2'048), 3, false},
    {"convolutions", Convolutions, Settings(8'192), 2},
    {"sinks", Sinks, Settings(16'384), 2},
    {"sinks_parts_for_two", Sinks, Settings(8'192), 2, false},
    {"encoder", Encoder, Settings(512), 2},
    {"ranker", Ranker, Settings(1'000), 4},
};

INSTANTIATE_TEST_SUITE_P(Shapes, MemoryFitPartsTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST_F(MemoryFitEngineTest, ADraftModelTakesWhatItWouldTakeAlone) {
  const models::LocalModel draft = Create(LongHeads());
  const std::string draft_path = (folder_ / "draft.gguf").string();
  fs::rename(draft.path, draft_path);
  const models::LocalModel model = Create(Grouped());
  ChildSettings settings = Settings(4'096);
  settings.speculation = "draft-simple";
  settings.draft_path = draft_path;
  const std::unique_ptr<Server> server = StartServer(model, settings, 2, true);
  ASSERT_NE(server, nullptr);
  ASSERT_TRUE(server->serves());
  std::map<std::string, double> real = BufferSizes(server->log());
  models::FitInput input = FitInputOf(model, {nullptr, &draft.metadata}, settings, 2, {});
  const Result<models::FitEstimate> estimate = models::EstimateMemory(input);
  ASSERT_TRUE(estimate.ok()) << Describe(estimate.error());
  const models::FitParts& parts = estimate->host;
  ASSERT_GT(real["model"], 30);  // both
  ExpectNear(parts.weights + parts.cache + parts.compute + parts.output + parts.draft,
             real["model"] + real["KV"] + real["compute"] + real["output"], "sum");
}

class MemoryFitProcessTest : public MemoryFitEngineTest {
 protected:
  static constexpr int kBatch = 256;
  static constexpr int kPromptTokens = kBatch + 16;
  // Of the process when each buffer has been used: a prompt that fills a batch was read.
  double ResidentMib(const models::LocalModel& model, const ChildSettings& settings) {
    std::string prompt = "5";
    for (int i = 1; i < kPromptTokens; ++i) prompt += ",5";
    return ResidentAfter(model, settings, "/completion",
                         R"({"prompt":[)" + prompt + R"(],"n_predict":1})");
  }
  double ResidentAfter(const models::LocalModel& model, const ChildSettings& settings,
                       const std::string& path, const std::string& body) {
    const std::unique_ptr<Server> server = StartServer(model, settings, 1, true);
    if (server == nullptr || !server->serves()) return 0;
    const std::string answer = server->Post(path, kKey, body);
    EXPECT_NE(answer.find("200 OK"), std::string::npos) << answer << server->log();
    return server->ResidentMib();
  }
};

// F16: llama.cpp keeps weights that it does not repack in the pages of the file.
TinyModel Large() {
  return Llama({.layers = 6,
                .width = 768,
                .feed_forward = 2'048,
                .heads = 12,
                .kv_heads = 4,
                .vocabulary = 16'000,
                .context = 16'384,
                .type = 1});
}
TinyModel Small() {
  return Llama({.layers = 1,
                .width = 64,
                .feed_forward = 64,
                .heads = 1,
                .kv_heads = 1,
                .vocabulary = 512,
                .context = 1'024,
                .type = 1});
}

TEST_F(MemoryFitProcessTest, TheWholeProcessTakesWhatIsEstimated) {
  const models::LocalModel small = Create(Small());
  const ChildSettings settings = WithBatch(16'384, kBatch);
  const double baseline = ResidentMib(small, settings);
  const auto base_bytes = static_cast<double>(Estimate(small, settings, 1, true).Total());
  const models::LocalModel large = Create(Large());
  const double resident = ResidentMib(large, settings);
  const auto bytes = static_cast<double>(Estimate(large, settings, 1, true).Total());
  ASSERT_GT(baseline, 5);
  ASSERT_GT(resident, 200);
  RecordProperty("estimated_mib", std::to_string(bytes / kMiB));
  RecordProperty("resident_mib", std::to_string(resident));
  RecordProperty("baseline_mib", std::to_string(baseline));
  RecordProperty("estimated_baseline_mib", std::to_string(base_bytes / kMiB));
  EXPECT_NEAR(bytes / kMiB, resident, resident * kTolerance);
  EXPECT_NEAR((bytes - base_bytes) / kMiB, resident - baseline, (resident - baseline) * kTolerance);
}

// One dot, which llama-server blows up to the size that the projector reads.
constexpr const char* kAskAboutADot =
    R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":)"
    R"("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk)"
    R"(YPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="}}]}],"max_tokens":1})";

// Llama-server prints nothing of the graph of an image, so what the process takes is compared.
TEST_F(MemoryFitProcessTest, AProjectorTakesItsWeightsAndOneImage) {
  const models::LocalModel model = Create(Grouped());
  ChildSettings settings = WithBatch(4'096, kBatch);
  const double without = ResidentMib(model, settings);
  settings.projector_path = (folder_ / "mmproj.gguf").string();
  for (const TinyVision& sizes :
       {TinyVision{.width = 768, .feed_forward = 3'072, .heads = 12},
        TinyVision{.width = 768, .feed_forward = 768, .heads = 12},
        TinyVision{.width = 768, .feed_forward = 3'072, .heads = 4, .image = 672}}) {
    ASSERT_TRUE(LlavaProjector(sizes).Write(settings.projector_path));
    const Result<models::GgufMetadata> projector = models::ReadGgufFile(settings.projector_path);
    ASSERT_TRUE(projector.ok()) << Describe(projector.error());
    const models::FitInput input = FitInputOf(model, {&*projector, nullptr}, settings, 1, {});
    const Result<models::FitEstimate> estimate = models::EstimateMemory(input);
    ASSERT_TRUE(estimate.ok()) << Describe(estimate.error());
    const double real =
        ResidentAfter(model, settings, "/v1/chat/completions", kAskAboutADot) - without;
    ASSERT_GT(real, 30);
    const double estimated = static_cast<double>(estimate->host.projector) / kMiB;
    EXPECT_NEAR(estimated, real, real * kTolerance) << sizes.feed_forward << " " << sizes.image;
  }
}

// llama.cpp's own estimate, in whole MiB: "Host MODEL CONTEXT COMPUTE". Its compute part counts
// logits for each token of a batch, which llama-server never asks for, so it is not compared.
TEST_F(MemoryFitProcessTest, LlamaFitParamsSaysTheSame) {
  const fs::path tool = fs::path(binary_.path).parent_path() / "llama-fit-params";
  if (!fs::exists(tool)) GTEST_SKIP() << "there is no llama-fit-params beside llama-server";
  using Make = TinyModel (*)();
  for (const auto& [name, make] : {std::pair<const char*, Make>{"wide", Wide},
                                   {"windows", Windows},
                                   {"long heads", LongHeads}}) {
    const models::LocalModel model = Create(make());
    process::SpawnOptions options;
    options.argv = {tool.string(), "-m", model.path, "-c", "8192", "-fitp", "on"};
    const Result<process::RunResult> run =
        process::RunProgram(options, {60'000'000'000, 1024 * 1024});
    ASSERT_TRUE(run.ok() && run->status.ok()) << name;
    const std::size_t at = run->output.rfind("Host ");
    ASSERT_NE(at, std::string::npos) << run->output;
    std::array<double, 2> mib{};
    ASSERT_EQ(std::sscanf(run->output.c_str() + at, "Host %lf %lf", &mib[0], &mib[1]), 2);
    const models::FitParts parts = Estimate(model, Settings(8'192), 1, true);
    const auto near = [name = name](std::uint64_t bytes, double whole) {
      EXPECT_NEAR(static_cast<double>(bytes) / kMiB, whole, 1 + whole * kTolerance) << name;
    };
    near(parts.weights, mib[0]);
    near(parts.cache, mib[1]);
  }
}

}  // namespace
}  // namespace tidegate::engine
