#include "app/pins.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::app {
namespace {

TEST(PinnedNames, AreReadAsTheyWereWritten) {
  const PinnedNames names = {"a", "llama3.2:latest", "with blanks"};
  const Result<PinnedNames> read = ReadPins(WritePins(names));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, names);
  EXPECT_TRUE(ReadPins(WritePins({}))->empty());
  EXPECT_TRUE(ReadPins(WritePins({"two\nlines"}))->empty());
}

TEST(PinnedNames, OfADamagedTextAreNone) {
  for (const char* text : {"", "\n", "tidegate pins 2\na\n", "tidegate pins 1", "a\n",
                           "tidegate pins 1\na", "tidegate pins 1\n\n"}) {
    EXPECT_FALSE(ReadPins(text).ok()) << text;
  }
  std::string many = "tidegate pins 1\n";
  for (std::size_t i = 0; i <= kPinsMax; ++i) many += "m" + std::to_string(i) + "\n";
  EXPECT_FALSE(ReadPins(many).ok());
}

// Models a, b and c, called "local/a" or "a"; `told_` is what the engine was told.
class PinsTest : public ::testing::Test {
 protected:
  PinsTest() {
    std::string pattern = ::testing::TempDir() + "pins-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/model-pins";
  }
  ~PinsTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Pins> Open(PinnedNames configured = {}) {
    auto pins = std::make_unique<Pins>(path_, std::move(configured));
    PinTarget target;
    target.find = [](const std::string& name) -> Result<std::string> {
      std::string model = name.starts_with("local/") ? name.substr(6) : name;
      if (model.size() != 1 || model[0] > 'c') return NotFound("no " + name);
      return model;
    };
    target.pin = [this](const std::string& model, bool pinned) -> Result<void> {
      told_.push_back((pinned ? "+" : "-") + model);
      if (refuses_) return Unavailable(ErrorSource::kEngine, "full");
      return {};
    };
    pins->SetTarget(std::move(target));
    return pins;
  }

  std::string folder_, path_;
  std::vector<std::string> told_;
  bool refuses_ = false;
};

TEST_F(PinsTest, AreKeptOverARestart) {
  auto pins = Open();
  const Result<admin::PinState> pinned = pins->Change("local/a", true);
  ASSERT_TRUE(pinned.ok());
  EXPECT_EQ(pinned->model, "a");
  EXPECT_TRUE(pinned->pinned);
  ASSERT_TRUE(pins->Change("b", true).ok());
  EXPECT_EQ(Open()->All(), (PinnedNames{"a", "b"}));
  ASSERT_TRUE(pins->Change("a", false).ok());
  EXPECT_EQ(Open()->All(), PinnedNames{"b"});
  EXPECT_EQ(told_, (std::vector<std::string>{"+a", "+b", "-a"}));
}

TEST_F(PinsTest, OfTheConfigurationAreNotTakenBackByACaller) {
  auto pins = Open({"a"});
  EXPECT_TRUE(pins->Change("a", true).ok()) << "it is so already";
  const Result<admin::PinState> refused = pins->Change("a", false);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_NE(refused.error().message.find("configuration"), std::string::npos);
  EXPECT_TRUE(told_.empty());
  EXPECT_EQ(pins->All(), PinnedNames{"a"});
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(PinsTest, ThatTheEngineRefusesAreNotKept) {
  refuses_ = true;
  EXPECT_FALSE(Open()->Change("a", true).ok());
  EXPECT_FALSE(Open()->Change("nobody", true).ok());
  EXPECT_TRUE(Open()->All().empty());
}

TEST_F(PinsTest, ThatCannotBeKeptAreTakenBack) {
  path_ = folder_ + "/no/such/folder";
  auto pins = Open();
  const Result<admin::PinState> refused = pins->Change("a", true);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(told_, (std::vector<std::string>{"+a", "-a"}));
  EXPECT_TRUE(pins->All().empty());
}

TEST_F(PinsTest, OfDeletedModelsGoAndOfAbsentOnesCanBeTakenBack) {
  std::ofstream(path_) << "tidegate pins 1\na\nz\n";
  auto pins = Open();
  EXPECT_EQ(pins->All(), (PinnedNames{"a", "z"}));
  EXPECT_TRUE(pins->Change("z", false).ok());
  pins->Forget("a");
  pins->Forget("b");
  EXPECT_TRUE(Open()->All().empty());
}

TEST_F(PinsTest, OfAFileThatIsDamagedAreNone) {
  std::ofstream(path_) << "garbage";
  EXPECT_TRUE(Open()->All().empty());
}

}  // namespace
}  // namespace tidegate::app
