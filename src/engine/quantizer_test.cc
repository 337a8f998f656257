#include "engine/quantizer.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/tiny_models.h"
#include "models/library.h"

// The real llama-quantize, as it comes with the engine. Where it is not installed these fail;
// TIDEGATE_NO_ENGINE=1 says that this is meant.
namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStarter = TIDEGATE_SOURCE_DIR "/models/tidegate-starter.gguf";

TEST(QuantizeLine, SaysWhichTensorOfHowMany) {
  using Pair = std::pair<std::uint64_t, std::uint64_t>;
  EXPECT_EQ(ParseQuantizeLine("[  12/ 291] blk.0.attn_k.weight - [ 160, 32 ]"), Pair(12, 291));
  EXPECT_EQ(ParseQuantizeLine("[1/1]"), Pair(1, 1));
  for (const char* line : {"", "[", "[1/", "[1/2", "[2/1]", "[x/2]", "[1-2]", " [1/2]", "[1/2)",
                           "[1/99999999999999999999999]", "llama_model_quantize: [1/2]"}) {
    EXPECT_FALSE(ParseQuantizeLine(line)) << line;
  }
}

class QuantizerTest : public testing::Test {
 protected:
  QuantizerTest() {
    std::string pattern = testing::TempDir() + "quantizer-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~QuantizerTest() override { fs::remove_all(folder_); }
  void SetUp() override {
    const char* without = std::getenv("TIDEGATE_NO_ENGINE");
    if (without != nullptr && std::string(without) == "1") GTEST_SKIP() << "TIDEGATE_NO_ENGINE=1";
  }

  models::Library& Library(QuantizerOptions options) {
    models::LibraryOptions library;
    library.where.store = folder_ + "/store";
    library.where.folders = {folder_ + "/models"};
    library.where.files = {kStarter};
    library.quantizer = MakeQuantizer(std::move(options));
    library_.emplace(std::move(library), SystemClock());
    return *library_;
  }
  models::Library& Library() { return Library({LocatorOptions::FromEnvironment(""), true, 1}); }
  Result<void> Quantize(models::Library& library, const std::string& from,
                        const std::string& level) {
    models::CreateSpec spec;
    spec.model = *models::ModelName::Parse("small", "");
    spec.from = from;
    spec.quantize = level;
    return library.Create(
        spec, [this](const models::Progress& step) { steps_.push_back(step); }, stop_.get_token());
  }
  // A model whose rows are as long as K quants want them.
  void WriteTiny(const std::string& name, std::uint32_t file_type) {
    fs::create_directories(folder_ + "/models");
    TinySizes sizes;
    sizes.layers = 1;
    sizes.type = file_type;  // F32 and F16 have the same number in both lists
    sizes.vocabulary = 512;
    TinyModel model("llama", sizes);
    const std::uint64_t width = sizes.width, heads = std::uint64_t{sizes.heads} * sizes.head_length;
    const std::uint64_t kv = std::uint64_t{sizes.kv_heads} * sizes.head_length;
    model.Number("general.file_type", file_type).Number("attention.head_count_kv", sizes.kv_heads);
    model.Real("attention.layer_norm_rms_epsilon", 1e-5F).SentencePieces();
    model.Matrix("token_embd.weight", {width, sizes.vocabulary});
    model.Vector("output_norm.weight", {width});
    model.Vector(model.Layer(0, "attn_norm"), {width}).Vector(model.Layer(0, "ffn_norm"), {width});
    model.Matrix(model.Layer(0, "attn_q"), {width, heads});
    model.Matrix(model.Layer(0, "attn_k"), {width, kv})
        .Matrix(model.Layer(0, "attn_v"), {width, kv});
    model.Matrix(model.Layer(0, "attn_output"), {heads, width});
    model.Matrix(model.Layer(0, "ffn_gate"), {width, sizes.feed_forward});
    model.Matrix(model.Layer(0, "ffn_up"), {width, sizes.feed_forward});
    model.Matrix(model.Layer(0, "ffn_down"), {1'408, width});
    ASSERT_TRUE(model.Write(folder_ + "/models/" + name + ".gguf"));
  }
  std::size_t Partials() const {
    std::size_t count = 0;
    if (!fs::exists(folder_ + "/store/blobs")) return count;
    for (const auto& entry : fs::directory_iterator(folder_ + "/store/blobs")) {
      if (entry.path().string().find("partial") != std::string::npos) ++count;
    }
    return count;
  }

  std::string folder_;
  std::optional<models::Library> library_;
  std::vector<models::Progress> steps_;
  std::stop_source stop_;
};

TEST_F(QuantizerTest, MakesASmallerModelAndSaysOfWhichAndByWhat) {
  models::Library& library = Library();
  const Result<void> made = Quantize(library, "tidegate-starter", "q8_0");
  ASSERT_TRUE(made.ok()) << Describe(made.error());
  const models::ModelName name = *models::ModelName::Parse("small", "");
  const auto scan = library.Now();
  const auto small = std::find_if(scan->models.begin(), scan->models.end(),
                                  [](const auto& model) { return model.name == "small:latest"; });
  ASSERT_NE(small, scan->models.end());
  EXPECT_EQ(small->metadata.quantisation, "Q8_0");
  EXPECT_LT(small->size_bytes, fs::file_size(kStarter) / 2);
  const auto provenance = library.store().ProvenanceOf(name);
  ASSERT_TRUE(provenance.ok() && *provenance);
  ASSERT_TRUE((*provenance)->quantised_from);
  std::ifstream file(kStarter, std::ios::binary);
  const std::string source{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(*(*provenance)->quantised_from, models::Digest(ComputeSha256(source)));
  EXPECT_FALSE(library.store().blobs().SizeOf(*(*provenance)->quantised_from))
      << "the large form stays where it was";
  EXPECT_TRUE((*provenance)->quantised_by.starts_with("llama.cpp "));
  std::uint64_t last = 0;
  std::size_t told = 0;
  for (const models::Progress& step : steps_) {
    if (step.status != "quantizing F32 model to Q8_0" || step.total == 0) continue;
    EXPECT_GE(step.completed, last);
    last = step.completed;
    ++told;
    EXPECT_EQ(step.total, fs::file_size(kStarter));
  }
  EXPECT_GT(told, 10U);
  EXPECT_EQ(last, fs::file_size(kStarter));
  EXPECT_EQ(Partials(), 0U);
}

TEST_F(QuantizerTest, EveryLevelThatIsListedIsOneOfTheEngines) {
  WriteTiny("tiny", 1);
  models::Library& library = Library();
  for (const models::QuantisationLevel& level : models::QuantisationLevels()) {
    if (level.name == "F16") continue;  // as it is
    const Result<void> made = Quantize(library, "tiny", std::string(level.name));
    ASSERT_TRUE(made.ok()) << level.name << ": " << Describe(made.error());
    const auto scan = library.Now();
    const auto small = std::find_if(scan->models.begin(), scan->models.end(),
                                    [](const auto& model) { return model.name == "small:latest"; });
    ASSERT_NE(small, scan->models.end()) << level.name;
    EXPECT_EQ(small->metadata.quantisation, level.name);
    // What was set aside on the disk beforehand was enough.
    EXPECT_LE(static_cast<double>(small->metadata.tensor_bytes),
              static_cast<double>(small->metadata.parameters) * level.bits / 8 * 1.35)
        << level.name;
  }
}

TEST_F(QuantizerTest, RefusesWhatIsQuantisedAlreadyAndLevelsThatThereAreNot) {
  models::Library& library = Library();
  ASSERT_TRUE(Quantize(library, "tidegate-starter", "Q8_0").ok());
  const Result<void> again = Quantize(library, "small", "q4_K_M");
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().field, "quantize");
  EXPECT_NE(again.error().message.find("Q8_0 already"), std::string::npos);
  const Result<void> unknown = Quantize(library, "tidegate-starter", "q5_M");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().field, "quantize");
  EXPECT_NE(unknown.error().message.find("Q4_K_S, Q4_K_M"), std::string::npos);
}

TEST_F(QuantizerTest, EndsWhenAskedAndLeavesNothing) {
  models::Library& library = Library();
  stop_.request_stop();
  const Result<void> made = Quantize(library, "tidegate-starter", "q8_0");
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(Partials(), 0U);
}

// Stands in for llama-quantize, beside the real llama-server.
class FakeQuantizerTest : public QuantizerTest {
 protected:
  QuantizerOptions With(const std::string& script) {
    Locator locator(LocatorOptions::FromEnvironment(""));
    const Result<EngineBinary> binary = locator.Locate();
    EXPECT_TRUE(binary.ok());
    const std::string bin = folder_ + "/bin";
    fs::create_directories(bin);
    // Only so that one is found that says its version.
    std::FILE* server = std::fopen((bin + "/llama-server").c_str(), "w");
    std::fputs(("#!/bin/sh\nexec " + binary->path + " \"$@\"\n").c_str(), server);
    std::fclose(server);
    std::FILE* quantize = std::fopen((bin + "/llama-quantize").c_str(), "w");
    const std::string help = "if [ \"$1\" = --help ]; then echo ' 7 or Q8_0 : x'; exit 1; fi\n";
    std::fputs(("#!/bin/sh\n" + help + script).c_str(), quantize);
    std::fclose(quantize);
    for (const char* name : {"/llama-server", "/llama-quantize"}) {
      fs::permissions(bin + name, fs::perms::owner_all);
    }
    return {LocatorOptions{bin + "/llama-server", "", ""}, false, 0};
  }
};

TEST_F(FakeQuantizerTest, TellsWhatItSaidWhenItFails) {
  models::Library& library =
      Library(With("echo 'main: failed to quantize: out of luck'; echo bye; exit 1\n"));
  const Result<void> made = Quantize(library, "tidegate-starter", "q8_0");
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().reason, "quantize_failed");
  EXPECT_NE(made.error().message.find("out of luck"), std::string::npos) << made.error().message;
  EXPECT_EQ(Partials(), 0U);
}

TEST_F(FakeQuantizerTest, DoesNotBelieveThatItDidItsWork) {
  models::Library& library = Library(With("cp \"$1\" \"$2\"\n"));
  const Result<void> made = Quantize(library, "tidegate-starter", "q8_0");
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.error().message.find("no such model of Q8_0"), std::string::npos)
      << made.error().message;
  EXPECT_EQ(Partials(), 0U);
}

TEST_F(FakeQuantizerTest, StopsInTheMiddle) {
  models::Library& library = Library(With("echo '[   1/   2] a'; sleep 1000\n"));
  models::CreateSpec spec;
  spec.model = *models::ModelName::Parse("small", "");
  spec.from = "tidegate-starter";
  spec.quantize = "q8_0";
  const Result<void> made = library.Create(
      spec,
      [this](const models::Progress& step) {
        if (step.completed > 0 && step.status.starts_with("quantizing")) stop_.request_stop();
      },
      stop_.get_token());
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(Partials(), 0U);
}

TEST_F(FakeQuantizerTest, ALevelThatThisVersionDoesNotKnowIsSaid) {
  models::Library& library = Library(With("exit 0\n"));
  EXPECT_EQ(Quantize(library, "tidegate-starter", "q4_0").error().reason, "quantize_unknown_level");
}

TEST_F(FakeQuantizerTest, AnEngineWithoutTheProgramIsSaid) {
  QuantizerOptions options = With("");
  fs::remove(folder_ + "/bin/llama-quantize");
  models::Library& library = Library(std::move(options));
  EXPECT_EQ(Quantize(library, "tidegate-starter", "q8_0").error().reason, "engine_not_installed");
}

}  // namespace
}  // namespace tidegate::engine
