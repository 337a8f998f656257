#include "models/stored_model.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "models/foreign_stores.h"
#include "models/gguf_builder.h"
#include "models/licence.h"
#include "models/local_models.h"
#include "models/model_store.h"

namespace tidegate::models {
namespace {

namespace fs = std::filesystem;

ModelName Name(std::string_view text) { return *ModelName::Parse(text, "model"); }

class StoredModelTest : public testing::Test {
 protected:
  StoredModelTest() {
    std::string pattern = testing::TempDir() + "stored-XXXXXX";
    root_ = mkdtemp(pattern.data());
    store_.emplace(root_ + "/models");
  }
  ~StoredModelTest() override { fs::remove_all(root_); }

  Layer Blob(std::string_view type, std::string_view bytes) {
    Result<PartialBlob> partial = store_->blobs().Create();
    EXPECT_TRUE(partial->Append(bytes).ok());
    const Result<Digest> digest = (*std::move(partial)).Commit(bytes.size(), std::nullopt);
    return Layer{std::string(type), *digest, bytes.size()};
  }
  Layer Weights() { return Blob(kModelLayer, SmallModel().bytes()); }
  void Put(std::string_view name, std::vector<Layer> layers, std::string_view config = "{}") {
    const Manifest manifest{Blob(kConfigType, config), std::move(layers)};
    const Result<void> put = store_->Put(Name(name), WriteManifest(manifest), {});
    EXPECT_TRUE(put.ok()) << put.error().message;
  }
  Result<LocalModel> Make(std::string_view name) {
    return MakeLocalModel(store_->blobs(), *store_->Find(Name(name)), ModelOrigin::kStore);
  }

  std::string root_;
  std::optional<ModelStore> store_;
};

TEST_F(StoredModelTest, KnowsItsLicenceByName) {
  const auto licence_of = [this](const std::string& name) {
    return ProvenanceOf(*Make(name))->licence;
  };
  const auto weights = [this](std::string_view licence) {
    GgufBuilder builder(0, 2);
    builder.KeyText("general.architecture", "llama").KeyText("general.license", licence);
    return Blob(kModelLayer, builder.bytes());
  };
  const Layer text = Blob(kLicenseLayer, "\n   Free as\x1b the sea  \r\n\nWhoever takes it ...");
  Put("said", {weights("apache-2.0"), text});
  EXPECT_EQ(licence_of("said"), "apache-2.0");
  Put("own", {weights("other"), text});
  EXPECT_EQ(licence_of("own"), "Free as the sea");
  Put("text", {Weights(), text});
  EXPECT_EQ(licence_of("text"), "Free as the sea");
  Put("none", {Weights()});
  EXPECT_EQ(licence_of("none"), "");
  Put("other", {weights("other")});
  EXPECT_EQ(licence_of("other"), "other");
  ASSERT_TRUE(store_->Copy(Name("said"), Name("copied")).ok());
  EXPECT_EQ(licence_of("copied"), "apache-2.0");
  EXPECT_EQ(FirstLineOf(std::string(1'000, 'x')).size(), kLicenceNameBytesMax);
  std::string wide(119, 'x');
  wide += "\u00e9 and more";
  EXPECT_EQ(FirstLineOf(wide), std::string(119, 'x')) << "no half of a character";
  EXPECT_EQ(FirstLineOf("\xff\xc2\x85ok"), "ok");
}

TEST_F(StoredModelTest, UsesItsTemplateWhereTheWeightsHaveNoneOrItIsItsMakers) {
  const Layer text =
      Blob(kTemplateLayer, "{{ range .Messages }}{{ .Content }}{{ end }}{{ .Tools }}");
  GgufBuilder builder(0, 2);
  builder.KeyText("general.architecture", "llama").KeyText("tokenizer.chat_template", "{{ own }}");
  const Layer with_own = Blob(kModelLayer, builder.bytes());
  Put("bare", {Weights(), text});
  const Result<LocalModel> bare = Make("bare");
  ASSERT_TRUE(bare.ok()) << bare.error().message;
  EXPECT_NE(bare->jinja_template, "");
  EXPECT_TRUE(bare->metadata.has_chat_template && bare->metadata.template_uses_tools);
  Put("pulled", {with_own, text});
  EXPECT_EQ(Make("pulled")->jinja_template, "");
  EXPECT_FALSE(Make("pulled")->metadata.template_uses_tools);
  Put("made", {with_own, text}, R"({"own_template":true})");
  EXPECT_EQ(Make("made")->jinja_template, bare->jinja_template);
  Put("plain", {Weights()});
  EXPECT_FALSE(Make("plain")->metadata.has_chat_template);
  Put("odd", {Weights(), Blob(kTemplateLayer, "{{ .Nope }}")});
  EXPECT_EQ(Make("odd")->jinja_template, "");
  EXPECT_EQ(Make("odd")->template_problem, "it uses .Nope, which is not known here");
}

TEST_F(StoredModelTest, HasWhatItsLayersSay) {
  const Layer weights = Weights();
  const Layer projector = Blob(kProjectorLayer, "projector");
  const Layer adapter_a = Blob(kAdapterLayer, "adapter a");
  const Layer adapter_b = Blob(kAdapterLayer, "adapter b");
  const Layer draft = Blob(kDraftLayer, "draft");
  Put("hf.co/ann/notes-GGUF:Q4_K_M",
      {weights, projector, adapter_a, adapter_b, draft, Blob(kTemplateLayer, "{{ .Prompt }}"),
       Blob(kSystemLayer, "Be brief."), Blob(kParamsLayer, R"({"stop":["a"],"temperature":0.5})"),
       Blob(kMessagesLayer, R"([{"role":"user","content":"Hi"}])"), Blob(kLicenseLayer, "MIT"),
       Blob(kLicenseLayer, "and more"), Blob("application/vnd.example.unknown", "?")},
      R"({"model_format":"gguf","generation_defaults":{"temperature":1,"top_k":64}})");
  const Result<LocalModel> model = Make("hf.co/ann/notes-GGUF:Q4_K_M");
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->name, "hf.co/ann/notes-GGUF:Q4_K_M");
  EXPECT_EQ(model->path, store_->blobs().PathOf(weights.digest));
  EXPECT_EQ(model->size_bytes, weights.size);
  EXPECT_EQ(model->metadata.architecture, "llama");
  EXPECT_EQ(model->origin, ModelOrigin::kStore);
  EXPECT_EQ(model->projector_path, store_->blobs().PathOf(projector.digest));
  EXPECT_EQ(model->adapter_paths, (std::vector{store_->blobs().PathOf(adapter_a.digest),
                                               store_->blobs().PathOf(adapter_b.digest)}));
  EXPECT_EQ(model->draft_path, store_->blobs().PathOf(draft.digest));
  EXPECT_EQ(model->go_template, "{{ .Prompt }}");
  EXPECT_EQ(model->system, "Be brief.");
  EXPECT_EQ(model->parameters,
            (ModelOptions{{"stop", R"(["a"])"}, {"temperature", "0.5"}, {"top_k", "64"}}));
  ASSERT_EQ(model->messages.size(), 1U);
  EXPECT_EQ(model->messages[0].content, "Hi");
  EXPECT_EQ(model->licences, (std::vector<std::string>{"MIT", "and more"}));
  EXPECT_EQ(model->manifest_digest, store_->Find(Name("hf.co/ann/notes-GGUF:Q4_K_M"))->digest);
  EXPECT_EQ(model->modified_s, store_->Find(Name("hf.co/ann/notes-GGUF:Q4_K_M"))->modified_s);
}

TEST_F(StoredModelTest, ADraftThatWasFoundElsewhereIsNoBlobToHold) {
  Put("tiny", {Weights()});
  LocalModel model = *Make("tiny");
  model.draft_path = root_ + "/draft.gguf";
  const Result<Pin> pin = HoldFiles(model);
  EXPECT_TRUE(pin.ok()) << Describe(pin.error());
}

TEST_F(StoredModelTest, IsRefusedWithTheReasonWhenItCannotRunHere) {
  const auto refusal = [&](std::string_view name) {
    const Result<LocalModel> model = Make(name);
    return model.ok() ? "none" : model.error().message;
  };
  Put("cloud", {}, R"({"remote_host":"https://ollama.com:443","remote_model":"x"})");
  EXPECT_NE(refusal("cloud").find("https://ollama.com:443 runs"), std::string::npos);
  Put("tensors", {Blob(kTensorLayer, "t")});
  EXPECT_NE(refusal("tensors").find("safetensors"), std::string::npos);
  Put("embedded", {Weights(), Blob(kEmbedLayer, "e")});
  EXPECT_NE(refusal("embedded").find("EMBED"), std::string::npos);
  Put("none", {Blob(kSystemLayer, "s")});
  EXPECT_NE(refusal("none").find("0 layers of weights"), std::string::npos);
  Put("two", {Weights(), Blob(kModelLayer, SmallModel("qwen3").bytes())});
  EXPECT_NE(refusal("two").find("2 layers of weights"), std::string::npos);
  Put("junk", {Blob(kModelLayer, "no GGUF at all")});
  EXPECT_EQ(Make("junk").error().code, ErrorCode::kInvalidArgument);
  Put("params", {Weights(), Blob(kParamsLayer, "[]")});
  EXPECT_EQ(Make("params").error().code, ErrorCode::kInvalidArgument);
}

TEST_F(StoredModelTest, IsRefusedWhenABlobIsNotWhatItWas) {
  const Layer system = Blob(kSystemLayer, "Be brief.");
  Put("m", {Weights(), system});
  std::ofstream(store_->blobs().PathOf(system.digest)) << "Be cruel.";
  EXPECT_EQ(Make("m").error().reason, "blob_damaged");
  std::ofstream(store_->blobs().PathOf(system.digest)) << "Be";
  EXPECT_EQ(Make("m").error().reason, "blob_damaged");
  EXPECT_TRUE(Make("m").error().message.ends_with(
      "; pull the model again after `tidegate verify --repair`"));
  EXPECT_TRUE(MakeLocalModel(store_->blobs(), *store_->Find(Name("m")), ModelOrigin::kOllama)
                  .error()
                  .message.ends_with("; get it again with the program that keeps it"));
  fs::remove(store_->blobs().PathOf(system.digest));
  EXPECT_EQ(Make("m").error().reason, "blob_missing");
}

// --- in a folder of another program, and all together ---

class ForeignStoresTest : public StoredModelTest {
 protected:
  std::string Write(const std::string& below, const std::string& bytes = SmallModel().bytes()) {
    const fs::path path = fs::path(root_) / below;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }
  std::vector<ForeignStore> Find(std::map<std::string, std::string, std::less<>> variables) {
    return FindForeignStores(
        [&](std::string_view name) -> std::optional<std::string> {
          const auto at = variables.find(name);
          if (at == variables.end()) return std::nullopt;
          return at->second;
        },
        root_ + "/service");
  }
  static std::vector<std::string> Names(const ModelScan& scan) {
    std::vector<std::string> names;
    for (const LocalModel& model : scan.models) names.push_back(model.name);
    return names;
  }
};

TEST_F(ForeignStoresTest, AreFoundWhereTheirProgramsKeepThem) {
  const std::string home = root_ + "/home";
  for (const char* folder :
       {".ollama/models", ".lmstudio/models", ".cache/lm-studio/models",
        ".local/share/nomic.ai/GPT4All", ".cache/huggingface/hub", ".cache/llama.cpp"})
    fs::create_directories(home + "/" + folder);
  fs::create_directories(root_ + "/service");
  EXPECT_EQ(
      Find({{"HOME", home}}),
      (std::vector<ForeignStore>{{ModelOrigin::kOllama, home + "/.ollama/models"},
                                 {ModelOrigin::kOllama, root_ + "/service"},
                                 {ModelOrigin::kLmStudio, home + "/.lmstudio/models"},
                                 {ModelOrigin::kLmStudio, home + "/.cache/lm-studio/models"},
                                 {ModelOrigin::kGpt4All, home + "/.local/share/nomic.ai/GPT4All"},
                                 {ModelOrigin::kHuggingFace, home + "/.cache/huggingface/hub"},
                                 {ModelOrigin::kLlamaCpp, home + "/.cache/llama.cpp"}}));
}

TEST_F(ForeignStoresTest, AreFoundWhereVariablesPutThem) {
  for (const char* folder : {"o", "data/nomic.ai/GPT4All", "hub", "hf/hub", "cache/llama.cpp",
                             "cache/huggingface/hub", "l"})
    fs::create_directories(root_ + "/" + folder);
  EXPECT_EQ(Find({{"OLLAMA_MODELS", root_ + "/o"}}),
            (std::vector<ForeignStore>{{ModelOrigin::kOllama, root_ + "/o"}}));
  const auto hub = [&](std::map<std::string, std::string, std::less<>> variables) {
    const std::vector<ForeignStore> found = Find(std::move(variables));
    return found.size() == 1 ? found[0].path : std::to_string(found.size());
  };
  EXPECT_EQ(hub({{"HF_HUB_CACHE", root_ + "/hub"}, {"HF_HOME", root_ + "/hf"}}), root_ + "/hub");
  EXPECT_EQ(hub({{"HF_HOME", root_ + "/hf"}}), root_ + "/hf/hub");
  EXPECT_EQ(hub({{"LLAMA_CACHE", root_ + "/l"}}), root_ + "/l");
  EXPECT_EQ(hub({{"XDG_DATA_HOME", root_ + "/data"}}), root_ + "/data/nomic.ai/GPT4All");
  EXPECT_EQ(
      Find({{"XDG_CACHE_HOME", root_ + "/cache"}}),
      (std::vector<ForeignStore>{{ModelOrigin::kHuggingFace, root_ + "/cache/huggingface/hub"},
                                 {ModelOrigin::kLlamaCpp, root_ + "/cache/llama.cpp"}}));
  // One folder by two ways is one.
  fs::create_directories(root_ + "/person/.ollama");
  fs::create_directory_symlink(root_ + "/o", root_ + "/person/.ollama/models");
  EXPECT_EQ(Find({{"HOME", root_ + "/person"}, {"OLLAMA_MODELS", root_ + "/o"}}).size(), 1U);
  EXPECT_TRUE(Find({}).empty());
}

TEST_F(ForeignStoresTest, OllamasAreReadAsTheyAre) {
  Put("llama3", {Weights()});
  Put("broken", {Blob(kModelLayer, "junk")});
  const ModelScan scan = ReadForeignStore({ModelOrigin::kOllama, root_ + "/models"});
  EXPECT_EQ(Names(scan), std::vector<std::string>{"llama3:latest"});
  EXPECT_EQ(scan.models[0].origin, ModelOrigin::kOllama);
  ASSERT_EQ(scan.problems.size(), 1U);
  EXPECT_TRUE(
      scan.problems[0].path.ends_with("manifests/registry.ollama.ai/library/broken/latest"));
  EXPECT_EQ(ReadForeignStore({ModelOrigin::kOllama, root_ + "/none"}).problems.size(), 1U);
}

std::string OfFileType(std::uint32_t type) {
  GgufBuilder builder(1, 2);
  builder.KeyText("general.architecture", "llama").KeyU32("general.file_type", type);
  return builder.Tensor("w", {16}, 0, 0).Data(64).bytes();
}

TEST_F(ForeignStoresTest, LmStudiosAreNamedAfterPublisherRepositoryAndQuantisation) {
  Write("lm/ann/notes-GGUF/notes-Q4_K_M.gguf", OfFileType(15));
  Write("lm/ann/notes-GGUF/notes-Q8_0.gguf", OfFileType(7));
  const std::string projector = Write("lm/ann/notes-GGUF/mmproj-notes-f16.gguf");
  Write("lm/ann/twice/a.gguf", OfFileType(7));
  Write("lm/ann/twice/b.gguf", OfFileType(7));
  Write("lm/ann/with space/c.gguf", OfFileType(7));
  Write("lm/loose.gguf");  // LM Studio does not see it either
  const ModelScan scan = ReadForeignStore({ModelOrigin::kLmStudio, root_ + "/lm"});
  EXPECT_EQ(Names(scan), (std::vector<std::string>{"ann/notes-GGUF:Q4_K_M", "ann/notes-GGUF:Q8_0",
                                                   "ann/twice:a", "ann/twice:b"}));
  EXPECT_EQ(scan.models[0].projector_path, projector);
  EXPECT_EQ(scan.models[2].projector_path, "");
  EXPECT_EQ(scan.models[0].origin, ModelOrigin::kLmStudio);
  EXPECT_EQ(scan.problems.size(), 1U);
}

TEST_F(ForeignStoresTest, FlatOnesAreNamedAfterTheirFiles) {
  Write("flat/ggml-org_gemma-GGUF_gemma-Q4_K_M.gguf");
  const std::string projector = Write("flat/ggml-org_gemma-GGUF_mmproj-model-f16.gguf");
  Write("flat/ggml-org_gemma-GGUF_gemma-Q4_K_M.gguf.json", "{}");
  Write("flat/other.gguf");
  const ModelScan scan = ReadForeignStore({ModelOrigin::kLlamaCpp, root_ + "/flat"});
  EXPECT_EQ(Names(scan), (std::vector<std::string>{"ggml-org_gemma-GGUF_gemma-Q4_K_M", "other"}));
  EXPECT_EQ(scan.models[0].projector_path, projector);
  EXPECT_EQ(scan.models[1].projector_path, "");
  EXPECT_EQ(ReadForeignStore({ModelOrigin::kGpt4All, root_ + "/flat"}).models.size(), 2U);
}

class HuggingFaceTest : public ForeignStoresTest {
 protected:
  // A file of a snapshot, as the library stores it: a link to a blob.
  void WriteLinked(const std::string& repository, const std::string& revision,
                   const std::string& name, const std::string& bytes) {
    const std::string blob = Write("hub/" + repository + "/blobs/" + name + "-blob", bytes);
    const fs::path link = root_ + "/hub/" + repository + "/snapshots/" + revision + "/" + name;
    fs::create_directories(link.parent_path());
    fs::create_symlink(fs::relative(blob, link.parent_path()), link);
  }
  ModelScan Read() { return ReadForeignStore({ModelOrigin::kHuggingFace, root_ + "/hub"}); }
};

TEST_F(HuggingFaceTest, IsReadAtTheRevisionOfItsMainBranch) {
  const std::string repository = "models--ann--notes-GGUF";
  WriteLinked(repository, "aaaa", "old.gguf", OfFileType(7));
  WriteLinked(repository, "bbbb", "notes-Q4_K_M.gguf", OfFileType(15));
  WriteLinked(repository, "cccc", "later.gguf", OfFileType(0));
  Write("hub/" + repository + "/refs/main", "bbbb");
  Write("hub/datasets--ann--x/snapshots/aaaa/x.gguf");
  Write("hub/models--alone/snapshots/aaaa/x.gguf", OfFileType(7));
  const ModelScan scan = Read();
  EXPECT_EQ(Names(scan),
            (std::vector<std::string>{"hf.co/alone:Q8_0", "hf.co/ann/notes-GGUF:Q4_K_M"}));
  EXPECT_TRUE(scan.problems.empty());
  EXPECT_EQ(scan.models[1].origin, ModelOrigin::kHuggingFace);
}

TEST_F(HuggingFaceTest, FindsLargeQuantisationsInFoldersOfTheirOwn) {
  const auto part = [](std::uint16_t number) {
    GgufBuilder builder(1, 4);
    builder.KeyText("general.architecture", "llama").KeyU32("general.file_type", 7);
    builder.Key("split.no", kGgufU16).Raw(number);
    builder.Key("split.count", kGgufU16).Raw(std::uint16_t{2});
    return builder.Tensor("w", {16}, 0, 0).Data(64).bytes();
  };
  const std::string folder = "hub/models--ann--big/snapshots/aaaa/";
  Write(folder + "Q8_0/big-Q8_0-00001-of-00002.gguf", part(0));
  Write(folder + "Q8_0/big-Q8_0-00002-of-00002.gguf", part(1));
  const ModelScan scan = Read();
  EXPECT_EQ(Names(scan), std::vector<std::string>{"hf.co/ann/big:Q8_0"});
  EXPECT_EQ(scan.models[0].metadata.parameters, 32U);
}

TEST_F(HuggingFaceTest, IsNotLeft) {
  const std::string outside = Write("outside/secret.gguf");
  Write("outside/folder/x.gguf");
  const std::string snapshot = root_ + "/hub/models--ann--x/snapshots/aaaa";
  fs::create_directories(snapshot);
  fs::create_symlink(outside, snapshot + "/x.gguf");
  fs::create_directory_symlink(root_ + "/outside/folder", snapshot + "/folder");
  fs::create_directory_symlink(root_ + "/outside", root_ + "/hub/models--y");
  // A reference that leads elsewhere is no revision.
  Write("hub/models--ann--z/refs/main", "../../../outside");
  const ModelScan scan = Read();
  EXPECT_TRUE(scan.models.empty()) << Names(scan)[0];
  EXPECT_EQ(scan.problems.size(), 2U);
}

TEST_F(ForeignStoresTest, ComeAfterOurOwnModels) {
  Put("shared", {Weights()});
  Put("hf.co/ann/notes:Q8_0", {Weights()});
  const std::string loose = Write("loose/shared.gguf");
  const std::string file = Write("loose/only.gguf");
  const std::string foreign = Write("flat/only.gguf");
  Write("flat/foreign.gguf");
  Write("hub/models--ann--notes/snapshots/aaaa/notes.gguf", OfFileType(7));
  ModelFolders where;
  where.folders = {root_ + "/loose"};
  where.store = root_ + "/models";
  where.foreign = {{ModelOrigin::kGpt4All, root_ + "/flat"},
                   {ModelOrigin::kHuggingFace, root_ + "/hub"},
                   {ModelOrigin::kOllama, root_ + "/models"}};  // our own, once more
  const ModelScan scan = FindLocalModels(where);
  EXPECT_TRUE(scan.problems.empty());
  EXPECT_EQ(Names(scan),
            (std::vector<std::string>{"foreign", "hf.co/ann/notes:Q8_0", "only", "shared:latest"}));
  EXPECT_EQ(scan.models[0].origin, ModelOrigin::kGpt4All);
  EXPECT_EQ(scan.models[1].origin, ModelOrigin::kStore);
  EXPECT_EQ(scan.models[2].origin, ModelOrigin::kFolder);
  EXPECT_EQ(scan.models[3].origin, ModelOrigin::kStore);
  ASSERT_EQ(scan.shadowed.size(), 3U);
  EXPECT_EQ(scan.shadowed[0].path, loose);
  EXPECT_EQ(scan.shadowed[1].path, foreign);
  EXPECT_EQ(scan.shadowed[1].by_path, file);
  EXPECT_EQ(scan.shadowed[2].name, "hf.co/ann/notes:Q8_0");
}

}  // namespace
}  // namespace tidegate::models
