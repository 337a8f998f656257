#include "models/library.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "models/gguf_builder.h"

namespace tidegate::models {
namespace {

namespace fs = std::filesystem;

// The machine's, an hour ahead: whatever this test writes is long past, as files mostly are, and
// nothing is looked at again only because it is new.
class LaterClock : public Clock {
 public:
  std::int64_t WallNanos() const override {
    return SystemClock().WallNanos() + 3'600 * kNanosPerSecond;
  }
  std::int64_t MonotonicNanos() const override { return monotonic_; }
  void Advance(std::int64_t nanos) { monotonic_ += nanos; }

 private:
  std::int64_t monotonic_ = kNanosPerSecond;
};

class LibraryTest : public testing::Test {
 protected:
  LibraryTest() {
    std::string pattern = testing::TempDir() + "library-XXXXXX";
    root_ = mkdtemp(pattern.data());
    where_.store = root_ + "/store";
    where_.folders = {root_ + "/models"};
    fs::create_directories(where_.folders[0]);
  }
  ~LibraryTest() override { fs::remove_all(root_); }

  std::string Write(const std::string& name, std::string_view bytes) const {
    const fs::path path = root_ + "/" + name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }
  std::string Write(const std::string& name) const { return Write(name, SmallModel().bytes()); }
  void Open() {
    library_.emplace(LibraryOptions{where_}, clock_);
    library_->OnChange([this](std::shared_ptr<const ModelScan>) { ++told_; });
  }
  // What there is after whoever watches has looked once.
  std::vector<std::string> Names() {
    library_->RefreshIfChanged();
    std::vector<std::string> names;
    for (const LocalModel& model : library_->Now()->models) names.push_back(model.name);
    return names;
  }

  using Expected = std::vector<std::string>;
  LaterClock clock_;
  std::string root_;
  ModelFolders where_;
  std::optional<Library> library_;
  int told_ = 0;
};

TEST_F(LibraryTest, LooksAgainOnlyWhenSomethingHasChanged) {
  Write("models/a.gguf");
  Open();
  EXPECT_EQ(Names(), Expected{"a"});
  EXPECT_EQ(told_, 0);
  Write("models/b.gguf");
  EXPECT_EQ(Names(), (Expected{"a", "b"}));
  EXPECT_EQ(told_, 1);
  EXPECT_EQ(Names(), (Expected{"a", "b"}));
  fs::remove(root_ + "/models/a.gguf");
  EXPECT_EQ(Names(), Expected{"b"});
  EXPECT_EQ(told_, 2);
  clock_.Advance(kLookAgainNanos);
  EXPECT_EQ(Names(), Expected{"b"});
  EXPECT_EQ(told_, 2);
}

TEST_F(LibraryTest, NoticesAFileThatGrowsWhileItIsCopied) {
  Open();
  const std::string whole = SmallModel().bytes();
  const std::string path = Write("models/slow.gguf", whole.substr(0, 100));
  EXPECT_EQ(Names(), Expected{});
  EXPECT_EQ(library_->Now()->problems.size(), 1U);
  std::ofstream(path, std::ios::binary | std::ios::app) << whole.substr(100);
  EXPECT_EQ(Names(), Expected{"slow"});
  EXPECT_TRUE(library_->Now()->problems.empty());
}

TEST_F(LibraryTest, NoticesBytesThatCameWithOldTimes) {
  const std::string path = Write("models/copy.gguf", std::string(SmallModel().bytes().size(), 'x'));
  const fs::file_time_type time = fs::last_write_time(path);
  Open();
  EXPECT_EQ(Names(), Expected{});
  std::ofstream(path, std::ios::binary) << SmallModel().bytes();
  fs::last_write_time(path, time);  // as `cp -p` and `rsync -t` do
  EXPECT_EQ(Names(), Expected{"copy"});
}

TEST_F(LibraryTest, NoticesAFileInAFolderThatWasThere) {
  Write("models/known/7b.gguf");
  Open();
  Write("models/known/8b.gguf");
  EXPECT_EQ(Names(), (Expected{"known:7b", "known:8b"}));
}

TEST_F(LibraryTest, NoticesThePartsOfASplitModel) {
  const auto part = [](std::uint16_t number) {
    GgufBuilder builder(1, 3);
    builder.KeyText("general.architecture", "llama");
    builder.Key("split.no", kGgufU16)
        .Raw(number)
        .Key("split.count", kGgufU16)
        .Raw<std::uint16_t>(2);
    return builder.Tensor("w", {16}, 0, 0).Data(64).bytes();
  };
  where_.files = {root_ + "/elsewhere/alone-00001-of-00002.gguf"};
  Write("models/big-00001-of-00002.gguf", part(0));
  Write("elsewhere/alone-00001-of-00002.gguf", part(0));
  const std::string second = Write("models/big-00002-of-00002.gguf", part(1).substr(0, 90));
  Open();
  EXPECT_EQ(Names(), Expected{});
  std::ofstream(second, std::ios::binary) << part(1);
  EXPECT_EQ(Names(), Expected{"big"});
  Write("elsewhere/alone-00002-of-00002.gguf", part(1));
  EXPECT_EQ(Names(), (Expected{"alone", "big"}));
}

TEST_F(LibraryTest, NoticesAFolderAndAStoreThatWereMissing) {
  where_.folders = {root_ + "/later"};
  Open();
  Write("later/a.gguf");
  EXPECT_EQ(Names(), Expected{"a"});
}

TEST_F(LibraryTest, NoticesWhatAnotherProcessDoesToTheStore) {
  Open();
  ModelStore store(where_.store);  // as another process has it
  const auto blob = [&](std::string_view type, const std::string& bytes) {
    return Layer{std::string(type), *store.blobs().Put(bytes), bytes.size()};
  };
  const Manifest manifest{blob(kConfigType, R"({"model_format":"gguf"})"),
                          {blob(kModelLayer, SmallModel().bytes())}};
  ASSERT_TRUE(store.Put(*ModelName::Parse("ann/x", ""), WriteManifest(manifest), {}).ok());
  EXPECT_EQ(Names(), Expected{"ann/x:latest"});
  ASSERT_TRUE(store.Remove(*ModelName::Parse("ann/x", "")).ok());
  EXPECT_EQ(Names(), Expected{});
}

TEST_F(LibraryTest, NoticesAPullByOllama) {
  where_.foreign = {{ModelOrigin::kOllama, root_ + "/ollama"}};
  fs::create_directories(root_ + "/ollama/manifests");
  Open();
  EXPECT_EQ(Names(), Expected{});
  Blobs blobs(root_ + "/ollama/blobs");
  const auto blob = [&](std::string_view type, const std::string& bytes) {
    return Layer{std::string(type), *blobs.Put(bytes), bytes.size()};
  };
  Manifest manifest{blob(kConfigType, R"({"model_format":"gguf"})"),
                    {blob(kModelLayer, SmallModel().bytes())}};
  Write("ollama/manifests/registry.ollama.ai/library/llama3/latest", WriteManifest(manifest));
  EXPECT_EQ(Names(), Expected{"llama3:latest"});
  // Another tag of a model that is known: only the innermost folder changes.
  Write("ollama/manifests/registry.ollama.ai/library/llama3/8b", WriteManifest(manifest));
  EXPECT_EQ(Names(), (Expected{"llama3:8b", "llama3:latest"}));
  // One whose weights come after its manifest.
  const std::string weights = blobs.PathOf(manifest.layers[0].digest);
  fs::rename(weights, root_ + "/aside");
  EXPECT_EQ(Names(), Expected{});
  fs::rename(root_ + "/aside", weights);
  EXPECT_EQ(Names(), (Expected{"llama3:8b", "llama3:latest"}));
}

TEST_F(LibraryTest, NoticesFilesOfHuggingFaceThatComeAfterTheirFolders) {
  where_.foreign = {{ModelOrigin::kHuggingFace, root_ + "/hub"}};
  fs::create_directories(root_ + "/hub");
  Open();
  const std::string repository = "hub/models--ann--notes";
  Write(repository + "/refs/main", "aaaa");
  EXPECT_EQ(Names(), Expected{});
  fs::create_directories(root_ + "/" + repository + "/snapshots");
  EXPECT_EQ(Names(), Expected{});
  fs::create_directories(root_ + "/" + repository + "/snapshots/aaaa");
  EXPECT_EQ(Names(), Expected{});
  const std::string blob = Write(repository + "/blobs/0123");
  fs::create_symlink(blob, root_ + "/" + repository + "/snapshots/aaaa/notes.gguf");
  EXPECT_EQ(Names(), Expected{"hf.co/ann/notes:Q4_K_M"});
  // The branch moves on.
  Write(repository + "/snapshots/bbbb/other.gguf");
  Write(repository + "/refs/main", "bbbb");
  ASSERT_EQ(Names(), Expected{"hf.co/ann/notes:Q4_K_M"});
  EXPECT_TRUE(library_->Now()->models[0].path.ends_with("/bbbb/other.gguf"));
}

TEST_F(LibraryTest, NoticesARepositoryUnderAPublisherThatIsKnown) {
  where_.foreign = {{ModelOrigin::kLmStudio, root_ + "/studio"}};
  Write("studio/ann/first/a.gguf");
  Open();
  EXPECT_EQ(Names(), Expected{"ann/first:Q4_K_M"});
  Write("studio/ann/second/b.gguf");
  EXPECT_EQ(Names(), (Expected{"ann/first:Q4_K_M", "ann/second:Q4_K_M"}));
  Write("studio/ann/second/c.gguf");
  EXPECT_EQ(Names(), (Expected{"ann/first:Q4_K_M", "ann/second:b", "ann/second:c"}));
}

TEST_F(LibraryTest, NoticesAProgramThatIsInstalledMeanwhile) {
  const std::string home = root_ + "/home";
  library_.emplace(LibraryOptions{where_,
                                  [&] {
                                    return FindForeignStores(
                                        [&](std::string_view name) {
                                          return name == "HOME" ? std::optional(home)
                                                                : std::nullopt;
                                        },
                                        "");
                                  }},
                   clock_);
  EXPECT_EQ(Names(), Expected{});
  Write("home/.lmstudio/models/ann/first/a.gguf");
  EXPECT_EQ(Names(), Expected{"ann/first:Q4_K_M"});
  fs::remove_all(home);
  EXPECT_EQ(Names(), Expected{});
}

// What a stamp cannot tell: two changes within one tick of the disk's clock.
TEST_F(LibraryTest, LooksAgainWhereWhatItSawWasChangingJustThen) {
  library_.emplace(LibraryOptions{where_}, SystemClock());
  library_->OnChange([this](std::shared_ptr<const ModelScan>) { ++told_; });
  library_->RefreshIfChanged();
  EXPECT_EQ(told_, 1) << "its folder was made a moment ago";
}

// Time alone brings it there: nothing that is watched changes.
TEST_F(LibraryTest, LooksAgainAtWhatItCouldNotUse) {
  Write("elsewhere/x.gguf");
  fs::create_directory_symlink(root_ + "/link", root_ + "/models/m");
  fs::create_symlink(root_ + "/elsewhere", root_ + "/link");
  fs::create_directory_symlink("loop", root_ + "/models/loop.gguf");
  Write("models/bad.gguf", "GGUF");
  Open();
  EXPECT_EQ(Names(), Expected{"m:x"});
  EXPECT_FALSE(library_->Now()->problems.empty());
  const std::shared_ptr<const ModelScan> before = library_->Now();
  EXPECT_EQ(Names(), Expected{"m:x"});
  EXPECT_EQ(library_->Now(), before);
  clock_.Advance(kLookAgainNanos);
  EXPECT_EQ(Names(), Expected{"m:x"});
  EXPECT_NE(library_->Now(), before);
  EXPECT_EQ(told_, 0);
}

TEST(LookedAtTest, IsBoundedAndSaysSo) {
  LookedAt looked_at;
  for (std::size_t i = 0; i < kLookedAtMax; ++i) looked_at.Add("/nowhere");
  EXPECT_FALSE(looked_at.cut());
  LookedAt more;
  more.Add("/nowhere either");
  looked_at.Add(more);
  EXPECT_TRUE(looked_at.cut());
  EXPECT_EQ(looked_at.paths().size(), kLookedAtMax);
}

TEST(LookedAtTest, ATimeInTheFutureIsNotTheNewest) {
  LookedAt looked_at;
  looked_at.Add(testing::TempDir());
  EXPECT_EQ(StampOf(looked_at, 0).newest_ns, 0);
  EXPECT_GT(StampOf(looked_at, SystemClock().WallNanos() + kNanosPerSecond).newest_ns, 0);
}

}  // namespace
}  // namespace tidegate::models
