#include "conversations/shelf.h"

#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "conversations/bound.h"
#include "store/faulty_disk.h"

namespace tidegate::conversations {
namespace {

constexpr std::int64_t kDay = 86'400'000'000'000;

class ShelfTest : public testing::Test {
 protected:
  ShelfTest()
      : directory_(testing::TempDir() + "tidegate-shelf-" + RandomHex(8)),
        disk_("shelf-" + RandomHex(8)) {
    std::filesystem::create_directory(directory_);
    options_.directory = directory_;
    options_.vfs = disk_.name();
  }
  ~ShelfTest() override {
    shelf_.reset();
    std::filesystem::remove_all(directory_);
  }

  Shelf& Open() {
    shelf_.reset();
    Result<std::unique_ptr<Shelf>> opened = Shelf::Open(options_, clock_);
    EXPECT_TRUE(opened.ok()) << Describe(opened.error());
    shelf_ = std::move(opened).value();
    return *shelf_;
  }

  static Turn Make(std::string id, std::string previous = "", std::string input = "[1]") {
    Turn turn;
    turn.id = std::move(id);
    turn.previous_id = std::move(previous);
    turn.input = std::move(input);
    turn.body = "{\"id\":\"" + turn.id + "\"}";
    return turn;
  }
  Result<void> Put(const std::string& principal, Turn turn) {
    std::promise<Result<void>> told;
    shelf_->Put(principal, std::move(turn), [&](Result<void> r) { told.set_value(std::move(r)); });
    return told.get_future().get();
  }
  Result<Turn> Get(const std::string& principal, const std::string& id) {
    std::promise<Result<Turn>> told;
    shelf_->Get(principal, id, [&](Result<Turn> r) { told.set_value(std::move(r)); });
    return told.get_future().get();
  }
  Result<std::vector<Turn>> Chain(const std::string& principal, const std::string& id,
                                  std::size_t bytes_max = 1U << 20U) {
    std::promise<Result<std::vector<Turn>>> told;
    shelf_->Chain(principal, id, bytes_max,
                  [&](Result<std::vector<Turn>> r) { told.set_value(std::move(r)); });
    return told.get_future().get();
  }
  Result<std::vector<Turn>> Holding(const std::string& principal, std::vector<std::string> items) {
    std::promise<Result<std::vector<Turn>>> told;
    shelf_->Holding(principal, std::move(items), 1U << 20U,
                    [&](Result<std::vector<Turn>> r) { told.set_value(std::move(r)); });
    return told.get_future().get();
  }
  Result<void> Delete(const std::string& principal, const std::string& id) {
    std::promise<Result<void>> told;
    shelf_->Delete(principal, id, [&](Result<void> r) { told.set_value(std::move(r)); });
    return told.get_future().get();
  }

  std::string directory_;
  store::FaultyDisk disk_;
  ShelfOptions options_;
  FakeClock clock_;
  std::unique_ptr<Shelf> shelf_;
};

TEST_F(ShelfTest, WhatWasPutIsThereAlsoAfterARestart) {
  Open();
  ASSERT_TRUE(Put("ann", Make("a")).ok());
  ASSERT_TRUE(Put("ann", Make("b", "a", "[2]")).ok());
  Open();
  const Result<Turn> b = Get("ann", "b");
  ASSERT_TRUE(b.ok());
  EXPECT_EQ(b->previous_id, "a");
  EXPECT_EQ(b->input, "[2]");
  EXPECT_EQ(b->body, "{\"id\":\"b\"}");
  EXPECT_EQ(shelf_->Stats().answers, 2);
  EXPECT_GT(shelf_->Stats().bytes, 0);
}

TEST_F(ShelfTest, NobodyElseCanReadContinueOrDeleteIt) {
  Open();
  ASSERT_TRUE(Put("ann", Make("a")).ok());
  EXPECT_EQ(Get("bob", "a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Chain("bob", "a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Delete("bob", "a").error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(Put("bob", Make("a", "", "[9]")).ok()) << "ids are a principal's own";
  EXPECT_EQ(Get("ann", "a")->input, "[1]");
  EXPECT_EQ(Get("bob", "a")->input, "[9]");
}

TEST_F(ShelfTest, AConversationIsReadFromItsBeginning) {
  Open();
  ASSERT_TRUE(Put("ann", Make("a")).ok());
  ASSERT_TRUE(Put("ann", Make("b", "a")).ok());
  ASSERT_TRUE(Put("ann", Make("other")).ok());
  ASSERT_TRUE(Put("ann", Make("c", "b")).ok());
  const Result<std::vector<Turn>> turns = Chain("ann", "c");
  ASSERT_TRUE(turns.ok());
  ASSERT_EQ(turns->size(), 3U);
  EXPECT_EQ((*turns)[0].id, "a");
  EXPECT_EQ((*turns)[1].id, "b");
  EXPECT_EQ((*turns)[2].id, "c");
  EXPECT_EQ(Chain("ann", "c", 30).error().code, ErrorCode::kTooLarge);
}

TEST_F(ShelfTest, AnItemIsFoundInTheNewestTurnThatHasItAndOnlyByItsPrincipal) {
  Open();
  Turn first = Make("a");
  first.items = {"msg_1", "msg_2"};
  Turn second = Make("b", "a");
  second.items = {"msg_2", "rs_3"};
  ASSERT_TRUE(Put("ann", first).ok());
  ASSERT_TRUE(Put("ann", second).ok());
  const Result<std::vector<Turn>> held = Holding("ann", {"rs_3", "msg_1", "msg_2"});
  ASSERT_TRUE(held.ok());
  ASSERT_EQ(held->size(), 2U) << "each turn once";
  EXPECT_EQ((*held)[0].id, "b");
  EXPECT_EQ((*held)[1].id, "a");
  EXPECT_EQ(Holding("bob", {"msg_1"}).error().field, "msg_1");
  EXPECT_EQ(Holding("ann", {"msg_1", "msg_9"}).error().field, "msg_9");
  ASSERT_TRUE(Delete("ann", "b").ok());
  EXPECT_EQ(Holding("ann", {"rs_3"}).error().code, ErrorCode::kNotFound) << "gone with its turn";
}

TEST_F(ShelfTest, WhatIsDeletedIsGoneAndIsNamedWhereItIsMissed) {
  Open();
  ASSERT_TRUE(Put("ann", Make("a")).ok());
  ASSERT_TRUE(Put("ann", Make("b", "a")).ok());
  ASSERT_TRUE(Delete("ann", "a").ok());
  EXPECT_EQ(Delete("ann", "a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Get("ann", "a").error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(Get("ann", "b").ok());
  const Result<std::vector<Turn>> turns = Chain("ann", "b");
  ASSERT_FALSE(turns.ok());
  EXPECT_EQ(turns.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(turns.error().field, "a");
  EXPECT_EQ(shelf_->Stats().answers, 1);
}

TEST_F(ShelfTest, AnIdThatIsKeptAlreadyIsNotReplaced) {
  Open();
  ASSERT_TRUE(Put("ann", Make("a")).ok());
  EXPECT_EQ(Put("ann", Make("a", "", "[2]")).error().code, ErrorCode::kConflict);
  EXPECT_EQ(Get("ann", "a")->input, "[1]");
  EXPECT_EQ(shelf_->Stats().failed, 1);
  EXPECT_EQ(shelf_->Stats().answers, 1);
}

TEST_F(ShelfTest, TheOldestOfAPrincipalMakesRoomAndNoOther) {
  options_.answers_max = 2;
  Open();
  ASSERT_TRUE(Put("bob", Make("x")).ok());
  for (const char* id : {"a", "b", "c"}) {
    clock_.Advance(kDay / 24);
    ASSERT_TRUE(Put("ann", Make(id)).ok());
  }
  EXPECT_FALSE(Get("ann", "a").ok());
  EXPECT_TRUE(Get("ann", "b").ok());
  EXPECT_TRUE(Get("ann", "c").ok());
  EXPECT_TRUE(Get("bob", "x").ok());
  EXPECT_EQ(shelf_->Stats().answers, 3);
}

TEST_F(ShelfTest, BytesAreBoundedToo) {
  options_.bytes_max = 4'000;
  Open();
  const std::string text(1'000, 'x');
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(Put("ann", Make(id, "", text)).ok());
  EXPECT_FALSE(Get("ann", "a").ok());
  EXPECT_TRUE(Get("ann", "c").ok());
  EXPECT_LE(shelf_->Stats().bytes, 4'000);
  EXPECT_EQ(Put("ann", Make("huge", "", std::string(5'000, 'x'))).error().code,
            ErrorCode::kTooLarge);
  EXPECT_TRUE(Get("ann", "c").ok()) << "what can never fit drives nothing out";
}

TEST_F(ShelfTest, AConversationThatGoesOnStaysYoungAsAWhole) {
  options_.days = 10;
  Open();
  ASSERT_TRUE(Put("ann", Make("a")).ok());
  ASSERT_TRUE(Put("ann", Make("forgotten")).ok());
  std::string previous = "a";
  for (int day = 1; day <= 4; ++day) {
    clock_.Advance(6 * kDay);
    const std::string id = "a" + std::to_string(day);
    ASSERT_TRUE(Put("ann", Make(id, previous)).ok());
    previous = id;
  }
  EXPECT_TRUE(Chain("ann", previous).ok()) << "the first of it is 24 days old";
  EXPECT_FALSE(Get("ann", "forgotten").ok());
}

TEST_F(ShelfTest, WhereItMayGoIsKeptWithIt) {
  Open();
  Turn turn = Make("a");
  turn.bound.privacy = core::Privacy::kLocal;
  turn.bound.place = core::PlaceSet::Of(core::Place::kDevice).With(core::Place::kEdge);
  turn.bound.retention = core::Retention::kZeroDataRetention;
  turn.bound.region = {{"eu", "de"}};
  turn.bound.providers_only.emplace();
  turn.bound.providers_ignore = {"openai"};
  ASSERT_TRUE(Put("ann", turn).ok());
  const core::Constraints bound = Get("ann", "a")->bound;
  EXPECT_EQ(bound.privacy, core::Privacy::kLocal);
  EXPECT_EQ(bound.place, turn.bound.place);
  EXPECT_EQ(bound.retention, core::Retention::kZeroDataRetention);
  EXPECT_EQ(bound.region, turn.bound.region);
  ASSERT_TRUE(bound.providers_only);
  EXPECT_TRUE(bound.providers_only->empty());
  EXPECT_EQ(bound.providers_ignore, turn.bound.providers_ignore);
  ASSERT_TRUE(Put("ann", Make("free")).ok());
  const core::Constraints free = Get("ann", "free")->bound;
  EXPECT_FALSE(free.privacy || free.place || free.retention || free.region || free.providers_only);
}

TEST(Bound, WhatNobodyCanHaveWrittenBindsToTheDevice) {
  BoundRow row;
  row.privacy = 77;
  row.places = 1 << 9;
  const core::Constraints bound = FromRow(row);
  EXPECT_EQ(bound.privacy, core::Privacy::kLocal);
  EXPECT_EQ(bound.place, core::PlaceSet::Of(core::Place::kDevice));
}

TEST_F(ShelfTest, NothingOfItCanBeReadInTheFiles) {
  Open();
  ASSERT_TRUE(Put("ann", Make("a", "", "a-secret-that-must-not-be-found")).ok());
  shelf_.reset();
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(bytes.find("a-secret-that-must-not"), std::string::npos) << entry.path();
    EXPECT_EQ(entry.status().permissions() & std::filesystem::perms::others_all,
              std::filesystem::perms::none);
  }
}

TEST_F(ShelfTest, ADiskThatIsFullIsSaidAndForgotten) {
  Open();
  ASSERT_TRUE(Put("ann", Make("a")).ok());
  disk_.SetScript([](store::DiskOperation) { return store::DiskFault::kFull; });
  const Result<void> failed = Put("ann", Make("b"));
  ASSERT_FALSE(failed.ok());
  disk_.SetScript({});
  ASSERT_TRUE(Put("ann", Make("c")).ok());
  EXPECT_FALSE(Get("ann", "b").ok());
  EXPECT_EQ(shelf_->Stats().answers, 2);
  EXPECT_EQ(shelf_->Stats().failed, 1);
}

}  // namespace
}  // namespace tidegate::conversations
