#include "engine/slot_store.h"

#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/seal.h"
#include "base/testing/read_bytes.h"

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMiB = 1024 * 1024;

bool Always() { return true; }

class SlotStoreTest : public testing::Test {
 protected:
  SlotStoreTest() {
    std::string pattern = testing::TempDir() + "tidegate-slot-store-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    options_.folder = (folder_ / "slots").string();
    options_.key = Secret(std::string(32, 'k'));
    options_.bytes_max = 16 * kMiB;
    options_.disk_reserve_bytes = 0;  // whatever machine this is
    Open();
  }
  ~SlotStoreTest() override { fs::remove_all(folder_); }

  void Open() {
    auto store = SlotStore::Open(options_, clock_);
    ASSERT_TRUE(store.ok()) << Describe(store.error());
    store_ = std::move(*store);
    model_ = store_->Bind("model");
  }
  UniqueFd Scratch(const std::string& text = "") {
    const std::string path = (folder_ / "scratch").string();
    std::ofstream(path, std::ios::binary) << text;
    return UniqueFd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  }
  bool Keep(const std::string& text, const Sha256& binding) {
    clock_.Advance(kNanosPerSecond);  // names are random: the time alone orders them
    return store_->Write(binding, {static_cast<std::int64_t>(text.size())}, Scratch(text)).ok();
  }
  bool Keep(const std::string& text) { return Keep(text, model_); }
  // What is kept, the newest first; nothing for one that cannot be read.
  std::vector<std::optional<std::string>> Kept(const Sha256& binding) {
    std::vector<std::optional<std::string>> texts;
    for (const KeptSlot& slot : store_->Find(binding)) {
      const UniqueFd into = Scratch();
      const Result<void> read = store_->Read(binding, slot, into, Always);
      texts.push_back(read.ok() ? std::optional(ReadBytes(folder_ / "scratch")) : std::nullopt);
    }
    return texts;
  }
  std::vector<std::optional<std::string>> Kept() { return Kept(model_); }
  std::vector<fs::path> Files() {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(options_.folder)) files.push_back(entry.path());
    return files;
  }
  void Change(const fs::path& path, std::size_t at) {
    std::string bytes = ReadBytes(path);
    bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
    std::ofstream(path, std::ios::binary) << bytes;
  }

  fs::path folder_;
  FakeClock clock_;
  SlotStoreOptions options_;
  std::unique_ptr<SlotStore> store_;
  Sha256 model_{};
};

using Texts = std::vector<std::optional<std::string>>;

TEST_F(SlotStoreTest, WhatIsKeptComesBackNewestFirstAlsoAfterARestart) {
  const std::string large(2 * kSlotPieceBytes + 5, 'x');
  const std::string whole(kSlotPieceBytes, 'y');
  ASSERT_TRUE(Keep(large));
  ASSERT_TRUE(Keep(whole));
  ASSERT_TRUE(Keep(""));
  Open();
  EXPECT_EQ(Kept(), (Texts{"", whole, large}));
  const std::vector<KeptSlot> slots = store_->Find(model_);
  ASSERT_EQ(slots.size(), 3U);
  EXPECT_EQ(slots[1].tokens, static_cast<std::int64_t>(whole.size()));
  EXPECT_EQ(slots[1].bytes, whole.size());
  EXPECT_EQ(slots[1].created_s, clock_.WallNanos() / kNanosPerSecond - 1);
}

TEST_F(SlotStoreTest, TheDiskShowsNeitherWordsNorModelsToAnybody) {
  ASSERT_TRUE(Keep("a secret conversation"));
  struct stat info {};
  ASSERT_EQ(stat(options_.folder.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
  ASSERT_EQ(Files().size(), 1U);
  const fs::path file = Files()[0];
  ASSERT_EQ(stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_EQ(ReadBytes(file).find("secret"), std::string::npos);
  EXPECT_EQ(ReadBytes(file).find("model"), std::string::npos);
  EXPECT_EQ(file.filename().string().find("model"), std::string::npos);
  // Without the key nobody can tell whether something is kept for a model.
  options_.key = Secret(std::string(32, 'l'));
  fs::create_directories(folder_ / "other");
  options_.folder = (folder_ / "other").string();
  const Sha256 before = model_;
  Open();
  EXPECT_NE(model_, before);
}

TEST_F(SlotStoreTest, ADescriptionGetsItsOwnOnly) {
  const Sha256 other = store_->Bind("other");
  ASSERT_TRUE(Keep("mine"));
  ASSERT_TRUE(Keep("theirs", other));
  EXPECT_EQ(Kept(), Texts{"mine"});
  EXPECT_EQ(Kept(other), Texts{"theirs"});
  // Under the name of another it is not believed.
  const KeptSlot theirs = store_->Find(other)[0];
  const std::string name = store_->Find(model_)[0].name.substr(0, 32) + theirs.name.substr(32);
  fs::rename(fs::path(options_.folder) / theirs.name, fs::path(options_.folder) / name);
  EXPECT_EQ(store_->Read(model_, {name, 0, 0, 0}, Scratch(), Always).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(Kept(), Texts{"mine"});
  EXPECT_EQ(Files().size(), 1U);
}

TEST_F(SlotStoreTest, AnyFlippedBitMakesItBeRemoved) {
  const std::string text(300, 't');
  const std::size_t size = kSlotHeaderBytes + text.size() + kSealTagBytes;
  for (std::size_t at = 0; at < size; at += 7) {
    ASSERT_TRUE(Keep(text));
    Change(Files().at(0), at);
    for (const std::optional<std::string>& kept : Kept()) EXPECT_EQ(kept, std::nullopt) << at;
    EXPECT_EQ(Kept(), Texts{}) << at;
    EXPECT_TRUE(Files().empty()) << at;
  }
}

TEST_F(SlotStoreTest, WhatIsCutOrLongerIsRemoved) {
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{kSlotHeaderBytes - 1},
                                   std::uint64_t{kSlotHeaderBytes}, 2 * kMiB, 4 * kMiB}) {
    ASSERT_TRUE(Keep(std::string(3 * kMiB, 't')));
    fs::resize_file(Files().at(0), size);
    EXPECT_EQ(Kept(), Texts{}) << size;
    EXPECT_TRUE(Files().empty()) << size;
  }
}

TEST_F(SlotStoreTest, AFileThatEndsWhileItIsReadIsNoticed) {
  ASSERT_TRUE(Keep(std::string(3 * kMiB, 't')));
  const KeptSlot slot = store_->Find(model_).at(0);
  fs::resize_file(Files().at(0), 2 * kMiB);
  EXPECT_EQ(store_->Read(model_, slot, Scratch(), Always).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_TRUE(Files().empty());
  EXPECT_EQ(store_->Read(model_, slot, Scratch(), Always).error().code, ErrorCode::kNotFound);
}

TEST_F(SlotStoreTest, WhatAnotherKeyWroteIsRemoved) {
  ASSERT_TRUE(Keep("text"));
  options_.key = Secret(std::string(32, 'l'));
  Open();
  EXPECT_EQ(Kept(), Texts{});
  EXPECT_TRUE(Files().empty());
}

TEST_F(SlotStoreTest, WhatACrashLeftGoesAndWhatIsNotOursStays) {
  std::ofstream(fs::path(options_.folder) / ".part-0123") << "half";
  std::ofstream(fs::path(options_.folder) / "notes.txt") << "mine";
  Open();
  ASSERT_EQ(Files().size(), 1U);
  EXPECT_EQ(Files()[0].filename(), "notes.txt");
}

TEST_F(SlotStoreTest, TheOldestMakeRoom) {
  options_.bytes_max = 3 * kMiB;
  Open();
  for (const char letter : {'a', 'b', 'c'}) ASSERT_TRUE(Keep(std::string(1'000'000, letter)));
  EXPECT_EQ(Kept().size(), 3U);
  ASSERT_TRUE(Keep(std::string(1'500'000, 'd'), store_->Bind("other")));
  ASSERT_EQ(Kept().size(), 1U);
  EXPECT_EQ(Kept()[0]->at(0), 'c');
  const auto large = store_->Write(model_, {1}, Scratch(std::string(3 * kMiB, 'e')));
  EXPECT_EQ(large.error().code, ErrorCode::kTooLarge);
  EXPECT_NE(large.error().message.find("engine.conversation_mib"), std::string::npos);
  EXPECT_EQ(Kept().size(), 1U);  // nothing went for it
  options_.bytes_max = 0;
  Open();
  EXPECT_TRUE(Files().empty());
}

TEST_F(SlotStoreTest, AConversationIsKnownByAMarkThatOnlyThisKeyMakes) {
  const Sha256 digest = ComputeSha256("so far");
  const Sha256 mark = store_->Mark(digest);
  EXPECT_NE(mark, digest);
  ASSERT_TRUE(store_->Write(model_, {9, mark}, Scratch("text")).ok());
  ASSERT_TRUE(Keep("of nobody knows whom"));
  Open();
  EXPECT_EQ(store_->Find(model_).at(1).conversation, mark);
  EXPECT_EQ(store_->Find(model_).at(0).conversation, Sha256{});
  EXPECT_EQ(store_->Mark(digest), mark);
  options_.key = Secret(std::string(32, 'l'));
  Open();
  EXPECT_NE(store_->Mark(digest), mark);
}

TEST_F(SlotStoreTest, WhatItReplacesGoesOnceItIsWritten) {
  ASSERT_TRUE(Keep("before"));
  ASSERT_TRUE(Keep("another"));
  const std::string before = store_->Find(model_).at(1).name;
  ASSERT_TRUE(store_->Write(model_, {9}, Scratch("after"), before).ok());
  EXPECT_EQ(Kept().size(), 2U);
  EXPECT_FALSE(fs::exists(fs::path(options_.folder) / before));
}

// Files end at `bytes` while it lives, as on a disk that is full.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(signal(SIGXFSZ, SIG_IGN)) {
    EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &before_), 0);
    const rlimit small{bytes, before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST_F(SlotStoreTest, WhatCannotBeWrittenTakesNothingWithIt) {
  options_.bytes_max = 3 * kMiB;
  Open();
  const std::string old(2 * kMiB, 'a');
  ASSERT_TRUE(Keep(old));
  const std::string before = store_->Find(model_).at(0).name;
  const UniqueFd from = Scratch(std::string(2 * kMiB, 'b'));
  {
    const FullDisk full(kMiB);
    EXPECT_FALSE(store_->Write(model_, {9}, from, before).ok());
  }
  EXPECT_EQ(Kept(), Texts{old});
  EXPECT_EQ(Files().size(), 1U);
}

TEST_F(SlotStoreTest, TheLastOfTheDiskIsLeftToOthers) {
  ASSERT_TRUE(Keep("before"));
  options_.disk_reserve_bytes = std::uint64_t{1} << 62U;
  Open();
  const auto written = store_->Write(model_, {9}, Scratch("after"));
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(written.error().message.find("MiB left"), std::string::npos);
  EXPECT_EQ(Kept(), Texts{"before"});
}

TEST_F(SlotStoreTest, NothingStaysBeyondItsAge) {
  options_.age_s_max = 100;
  Open();
  ASSERT_TRUE(Keep("old"));
  clock_.Advance(60 * kNanosPerSecond);
  ASSERT_TRUE(Keep("new"));
  EXPECT_EQ(Kept().size(), 2U);
  clock_.Advance(50 * kNanosPerSecond);
  Open();
  EXPECT_EQ(Kept(), Texts{"new"});
}

TEST_F(SlotStoreTest, ReadingEndsWhenItTakesTooLong) {
  ASSERT_TRUE(Keep(std::string(3 * kMiB, 't')));
  int asked = 0;
  const Result<void> read =
      store_->Read(model_, store_->Find(model_).at(0), Scratch(), [&asked] { return ++asked < 2; });
  EXPECT_EQ(read.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(fs::file_size(folder_ / "scratch"), kMiB);
  EXPECT_EQ(Files().size(), 1U);  // nothing is wrong with it
}

TEST_F(SlotStoreTest, ALinkIsNotFollowed) {
  ASSERT_TRUE(Keep("text"));
  const fs::path file = Files().at(0);
  fs::rename(file, folder_ / "elsewhere");
  fs::create_symlink(folder_ / "elsewhere", file);
  EXPECT_EQ(Kept(), Texts{});
  EXPECT_TRUE(fs::exists(folder_ / "elsewhere"));
}

}  // namespace
}  // namespace tidegate::engine
