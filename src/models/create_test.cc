#include "models/create.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "models/gguf_builder.h"
#include "models/manifest.h"
#include "models/model_store.h"
#include "models/stored_model.h"

namespace tidegate::models {
namespace {

namespace fs = std::filesystem;

class CreateTest : public testing::Test {
 protected:
  CreateTest() {
    std::string pattern = testing::TempDir() + "create-XXXXXX";
    root_ = mkdtemp(pattern.data());
    store_.emplace(root_ + "/models");
    spec_.model = Name("mine");
  }
  ~CreateTest() override { fs::remove_all(root_); }

  static ModelName Name(std::string_view text) { return *ModelName::Parse(text, "model"); }
  Digest Send(std::string_view bytes) {
    const Result<Digest> digest = store_->blobs().Put(bytes);
    EXPECT_TRUE(digest.ok());
    return *digest;
  }
  // As the model that its manifest is then read as.
  Result<LocalModel> Create(const std::optional<LocalModel>& base = std::nullopt,
                            const std::optional<LocalModel>& draft = std::nullopt) {
    steps_.clear();
    const Result<MadeModel> made = MakeManifest(
        store_->blobs(), Quantizer(), spec_, CreateSources{base, draft},
        [this](const Progress& step) { steps_.push_back(step.status); }, std::stop_token());
    if (!made.ok()) return made.error();
    const Result<void> put = store_->Put(spec_.model, made->manifest, {});
    EXPECT_TRUE(put.ok()) << put.error().message;
    return MakeLocalModel(store_->blobs(), *store_->Find(spec_.model), ModelOrigin::kStore);
  }
  std::string PathOf(const Digest& digest) { return store_->blobs().PathOf(digest); }

  std::string root_;
  std::optional<ModelStore> store_;
  CreateSpec spec_;
  std::vector<std::string> steps_;
};

TEST_F(CreateTest, ADraftComesWithTheModel) {
  const Digest weights = Send(SmallModel().bytes()), draft = Send(SmallModel("qwen2").bytes());
  spec_.files = {{"a.gguf", weights}};
  spec_.drafts = {{"small.gguf", draft}};
  const Result<LocalModel> model = Create();
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->path, PathOf(weights));
  EXPECT_EQ(model->draft_path, PathOf(draft));
}

TEST_F(CreateTest, ADraftReplacesThatOfTheModelItIsMadeFrom) {
  const Digest weights = Send(SmallModel().bytes()), first = Send(SmallModel("qwen2").bytes());
  spec_.files = {{"a.gguf", weights}};
  spec_.drafts = {{"small.gguf", first}};
  const Result<LocalModel> base = Create();
  ASSERT_TRUE(base.ok()) << base.error().message;
  const Digest second = Send(SmallModel("gemma").bytes());
  spec_ = {};
  spec_.model = Name("next");
  spec_.from = "mine";
  const Result<LocalModel> same = Create(*base);
  ASSERT_TRUE(same.ok()) << same.error().message;
  EXPECT_EQ(same->draft_path, PathOf(first));
  spec_.drafts = {{"other.gguf", second}};
  const Result<LocalModel> other = Create(*base);
  ASSERT_TRUE(other.ok()) << other.error().message;
  EXPECT_EQ(other->draft_path, PathOf(second));
  EXPECT_EQ(other->path, PathOf(weights));
}

TEST_F(CreateTest, ADraftMayBeAModelOfThisMachine) {
  const Digest weights = Send(SmallModel().bytes()), small = Send(SmallModel("qwen2").bytes());
  spec_.files = {{"small.gguf", small}};
  const Result<LocalModel> draft = Create();
  ASSERT_TRUE(draft.ok()) << draft.error().message;
  spec_.files = {{"a.gguf", weights}};
  spec_.draft_from = "small";
  const Result<LocalModel> model = Create(std::nullopt, *draft);
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->path, PathOf(weights));
  EXPECT_EQ(model->draft_path, PathOf(small));
  spec_.drafts = {{"small.gguf", small}};
  EXPECT_EQ(Create(std::nullopt, *draft).error().field, "draft_from") << "two of them";
}

TEST_F(CreateTest, WhatIsNoDraftIsRefusedWithItsName) {
  const Digest weights = Send(SmallModel().bytes());
  GgufBuilder adapter(0, 2);
  adapter.KeyText("general.architecture", "llama").KeyText("general.type", "adapter");
  spec_.files = {{"a.gguf", weights}};
  spec_.drafts = {{"lora.gguf", Send(adapter.bytes())}};
  EXPECT_EQ(Create().error().field, "draft_files.lora.gguf");
  spec_.drafts = {{"gone.gguf", Digest(ComputeSha256("never sent"))}};
  EXPECT_EQ(Create().error().field, "draft_files.gone.gguf");
  spec_.drafts = {{"one.gguf", weights}, {"two.gguf", weights}};
  EXPECT_EQ(Create().error().field, "draft_files");
}

TEST_F(CreateTest, AWindowBeyondWhatTheWeightsWereTrainedForIsRefused) {
  spec_.files = {{"a.gguf", Send(SmallModel().bytes())}};
  spec_.parameters = {{"num_ctx", "2048"}};
  const Result<LocalModel> base = Create();
  ASSERT_TRUE(base.ok()) << base.error().message;
  const auto refusal = [&](const std::optional<LocalModel>& from, const std::string& tokens) {
    spec_.parameters = {{"temperature", "0.5"}, {"num_ctx", tokens}};
    const Result<LocalModel> made = Create(from);
    EXPECT_EQ(made.ok() ? "" : made.error().field, "parameters.num_ctx") << tokens;
    return made.ok() ? "" : made.error().message;
  };
  EXPECT_EQ(refusal(std::nullopt, "2049"),
            "a window of 2049 tokens is more than the 2048 that the model was made for; ask for at "
            "most that, or leave it out");
  spec_.files = {};
  spec_.from = "mine";
  EXPECT_NE(refusal(*base, "99999999").find("99999999"), std::string::npos);
  spec_.parameters = {{"num_ctx", "512"}};
  EXPECT_TRUE(Create(*base).ok());
}

TEST_F(CreateTest, WhatIsOllamasOwnIsKeptAndSaidToBeOfNoEffect) {
  spec_.files = {{"a.gguf", Send(SmallModel().bytes())}};
  spec_.renderer = "qwen3-coder";
  spec_.parser = "qwen3-coder";
  spec_.required_version = "0.14.0";
  const Result<LocalModel> base = Create();
  ASSERT_TRUE(base.ok()) << base.error().message;
  EXPECT_EQ(base->renderer, "qwen3-coder");
  EXPECT_EQ(base->required_version, "0.14.0");
  EXPECT_NE(std::find(steps_.begin(), steps_.end(),
                      "keeping renderer qwen3-coder, which is Ollama's own: here the chat template "
                      "of the weights does its work"),
            steps_.end());
  spec_ = {};
  spec_.model = Name("next");
  spec_.from = "mine";
  spec_.parser = "other";
  const Result<LocalModel> next = Create(*base);
  ASSERT_TRUE(next.ok()) << next.error().message;
  EXPECT_EQ(next->renderer, "qwen3-coder");
  EXPECT_EQ(next->parser, "other");
  EXPECT_EQ(next->required_version, "0.14.0");
}

TEST_F(CreateTest, ATemplateThatIsSaidIsUsedAndOneThatCannotBeIsKept) {
  const auto says = [this](std::string_view text) {
    return std::any_of(steps_.begin(), steps_.end(),
                       [&](const std::string& step) { return step.find(text) != step.npos; });
  };
  GgufBuilder with_own(1, 3);
  with_own.KeyText("general.architecture", "llama")
      .KeyU32("llama.context_length", 2048)
      .KeyText("tokenizer.chat_template", "{{ messages }}")
      .Tensor("a.weight", {16, 4}, 0, 0)
      .Data(256);
  spec_.files = {{"a.gguf", Send(SmallModel().bytes())}};
  ASSERT_TRUE(Create().ok());
  EXPECT_FALSE(says("template"));
  spec_.chat_template = "{{ .Prompt }}";
  const Result<LocalModel> made = Create();
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ(made->go_template, "{{ .Prompt }}");
  EXPECT_NE(made->jinja_template, "");
  EXPECT_TRUE(made->metadata.has_chat_template);
  spec_.files = {{"a.gguf", Send(with_own.bytes())}};
  const Result<LocalModel> base = Create();
  ASSERT_TRUE(base.ok());
  EXPECT_NE(base->jinja_template, "") << "it wins over the one in the weights";
  EXPECT_FALSE(says("template"));
  CreateSpec next;
  next.model = Name("next");
  next.from = "mine";
  next.system = "Be brief.";
  std::swap(spec_, next);
  const Result<LocalModel> inherits = Create(*base);
  ASSERT_TRUE(inherits.ok());
  EXPECT_EQ(inherits->jinja_template, base->jinja_template);
  std::swap(spec_, next);

  spec_.chat_template = "{{ .Prompt }}{{ yesterdayDate }}";
  const Result<LocalModel> kept = Create();
  ASSERT_TRUE(kept.ok());
  EXPECT_EQ(kept->jinja_template, "");
  EXPECT_TRUE(
      says("keeping the template, which has no effect: it uses the function yesterdayDate "
           "with 0 arguments, which is not known here; the engine uses the one in the"))
      << steps_.back();
  spec_.chat_template = "{{ if .Prompt }}";
  const Result<LocalModel> broken = Create();
  ASSERT_FALSE(broken.ok());
  EXPECT_EQ(broken.error().field, "template");
  EXPECT_EQ(broken.error().message, "line 1: an {{ end }} is missing");
}

TEST_F(CreateTest, AModelNamesTheOneThatItWasMadeFrom) {
  spec_.files = {{"a.gguf", Send(SmallModel().bytes())}};
  const Result<LocalModel> base = Create();
  ASSERT_TRUE(base.ok()) << base.error().message;
  EXPECT_EQ(base->parent, "");
  spec_ = {};
  spec_.model = Name("next");
  spec_.from = "mine";
  const Result<LocalModel> next = Create(*base);
  ASSERT_TRUE(next.ok()) << next.error().message;
  EXPECT_EQ(next->parent, "mine:latest");
}

}  // namespace
}  // namespace tidegate::models
