#include "ledger/in_flight_table.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/digest.h"

namespace tidegate::ledger {
namespace {

class InFlightTableTest : public testing::Test {
 protected:
  InFlightTableTest() : path_(testing::TempDir() + "tidegate-table-" + RandomHex(8)) {}
  ~InFlightTableTest() override {
    std::filesystem::remove(path_);
    std::filesystem::remove(path_ + ".new");
  }

  InFlightTable MustCreate(std::size_t slots = 8) {
    Result<InFlightTable> table = InFlightTable::Create(path_, identity_, slots);
    EXPECT_TRUE(table.ok()) << Describe(table.error());
    return std::move(table).value();
  }
  static SlotBody Body(std::uint64_t n) {
    SlotBody body;
    body.id_low = n;
    body.worst_case = static_cast<std::int64_t>(n) * 100;
    body.account = 7;
    body.day = 20'000;
    body.SetModel("openai/gpt-" + std::to_string(n));
    return body;
  }

  const std::string path_;
  TableIdentity identity_{11, 3, "boot"};
};

TEST_F(InFlightTableTest, EveryStateIsReadBackAndFreeSlotsAreNot) {
  InFlightTable table = MustCreate();
  const std::uint32_t reserved = table.Take(Body(1));
  const std::uint32_t dispatched = table.Take(Body(2));
  const std::uint32_t settling = table.Take(Body(3));
  const std::uint32_t freed = table.Take(Body(4));
  table.MarkDispatched(dispatched);
  table.MarkDispatched(settling);
  SlotSettlement settlement;
  settlement.number = 5;
  settlement.cost = 42;
  table.MarkSettling(settling, settlement);
  table.Free(freed);
  EXPECT_EQ(table.in_use(), 3U);
  const auto slots = ReadTable(path_, identity_);
  ASSERT_TRUE(slots.ok()) << Describe(slots.error());
  ASSERT_EQ(slots->size(), 3U);
  EXPECT_EQ((*slots)[reserved].state, SlotState::kReserved);
  EXPECT_EQ((*slots)[dispatched].state, SlotState::kDispatched);
  EXPECT_EQ((*slots)[dispatched].body.worst_case, 200);
  EXPECT_EQ((*slots)[dispatched].body.Model(), "openai/gpt-2");
  EXPECT_EQ((*slots)[settling].state, SlotState::kSettling);
  EXPECT_EQ((*slots)[settling].settlement.cost, 42);
  EXPECT_EQ((*slots)[settling].settlement.number, 5U);
}

TEST_F(InFlightTableTest, AllSlotsCanBeTakenAndNoMoreAndTheLastFreedIsTakenFirst) {
  InFlightTable table = MustCreate(3);
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(table.Take(Body(i)), i);
  EXPECT_EQ(table.Take(Body(9)), kNoSlot);
  table.Free(0);
  table.Free(2);
  EXPECT_EQ(table.Take(Body(9)), 2U);
  EXPECT_EQ(table.Take(Body(9)), 0U);
  EXPECT_EQ(table.Take(Body(9)), kNoSlot);
}

TEST_F(InFlightTableTest, AnotherBootLedgerOrEpochIsRefusedWithTheReason) {
  const InFlightTable table = MustCreate();
  for (const TableIdentity& other : {TableIdentity{12, 3, "boot"}, TableIdentity{11, 4, "boot"},
                                     TableIdentity{11, 3, "other"}}) {
    const auto slots = ReadTable(path_, other);
    ASSERT_FALSE(slots.ok());
    EXPECT_FALSE(slots.error().message.empty());
  }
  EXPECT_TRUE(ReadTable(path_, identity_).ok());
}

TEST_F(InFlightTableTest, AnyFlippedBitOfASlotInUseIsEitherSeenOrWithoutMeaning) {
  InFlightTable table = MustCreate(1);
  const std::uint32_t slot = table.Take(Body(1));
  SlotSettlement settlement;
  settlement.cost = 9;
  table.MarkSettling(slot, settlement);
  std::ifstream file(path_, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(file)), {});
  const std::size_t begin = good.size() - sizeof(Slot);
  for (std::size_t at = begin; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << bit);
      std::filesystem::remove(path_);
      std::ofstream(path_, std::ios::binary) << bytes;
      const auto slots = ReadTable(path_, identity_);
      if (!slots.ok() || slots->empty()) continue;
      const SlotImage& image = slots->front();
      EXPECT_EQ(image.body.worst_case, 100) << at;
      EXPECT_EQ(image.body.account, 7U) << at;
      EXPECT_EQ(image.body.day, 20'000) << at;
      EXPECT_EQ(image.body.Model(), "openai/gpt-1") << at;
      EXPECT_TRUE(image.state != SlotState::kSettling || image.settlement.cost == 9) << at;
    }
  }
}

TEST_F(InFlightTableTest, ALongModelNameIsCut) {
  SlotBody body;
  body.SetModel(std::string(500, 'm'));
  EXPECT_EQ(body.Model(), std::string(kSlotModelBytes, 'm'));
}

TEST_F(InFlightTableTest, AStoreOfAKilledProcessIsThere) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Result<InFlightTable> table = InFlightTable::Create(path_, identity_, 8);
    if (!table.ok()) ::_exit(1);
    table->MarkDispatched(table->Take(Body(1)));
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto slots = ReadTable(path_, identity_);
  ASSERT_TRUE(slots.ok());
  ASSERT_EQ(slots->size(), 1U);
  EXPECT_EQ(slots->front().state, SlotState::kDispatched);
}

TEST_F(InFlightTableTest, WithoutSpaceForTheWholeTableThereIsNoneAndNoSignal) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{64 << 10, 64 << 10};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(2);
    const Result<InFlightTable> table = InFlightTable::Create(path_, identity_, 16'384);
    ::_exit(!table.ok() && table.error().code == ErrorCode::kUnavailable &&
                    !std::filesystem::exists(path_)
                ? 0
                : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace tidegate::ledger
