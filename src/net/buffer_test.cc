#include "net/buffer.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace tidegate::net {
namespace {

void Append(ReadBuffer& buffer, std::string_view text) {
  std::memcpy(buffer.Prepare(text.size()), text.data(), text.size());
  buffer.Commit(text.size());
}

TEST(ReadBuffer, ANewOneHoldsNothing) {
  const ReadBuffer buffer;
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.size(), 0U);
  EXPECT_EQ(buffer.capacity(), 0U);
  EXPECT_EQ(buffer.data(), "");
}

TEST(ReadBuffer, BytesComeOutInTheOrderTheyWentIn) {
  ReadBuffer buffer;
  Append(buffer, "hello ");
  Append(buffer, "world");
  EXPECT_EQ(buffer.data(), "hello world");
  buffer.Consume(6);
  EXPECT_EQ(buffer.data(), "world");
  buffer.Consume(5);
  EXPECT_TRUE(buffer.empty());
}

TEST(ReadBuffer, AnEmptiedBufferIsUsedFromItsFirstByteAgain) {
  ReadBuffer buffer;
  Append(buffer, std::string(kReadBufferBytes, 'a'));
  buffer.Consume(kReadBufferBytes);
  EXPECT_EQ(buffer.writable(), kReadBufferBytes);
  Append(buffer, "b");
  EXPECT_EQ(buffer.capacity(), kReadBufferBytes);
  EXPECT_EQ(buffer.data(), "b");
}

TEST(ReadBuffer, RoomInFrontIsReclaimedBeforeTheBufferGrows) {
  ReadBuffer buffer;
  Append(buffer, std::string(kReadBufferBytes - 1, 'a') + "b");
  buffer.Consume(kReadBufferBytes - 1);
  Append(buffer, std::string(kReadBufferBytes - 1, 'c'));
  EXPECT_EQ(buffer.capacity(), kReadBufferBytes);
  EXPECT_EQ(buffer.data(), "b" + std::string(kReadBufferBytes - 1, 'c'));
}

TEST(ReadBuffer, ItGrowsAndKeepsWhatItHolds) {
  ReadBuffer buffer;
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string piece = std::to_string(i) + ",";
    Append(buffer, piece);
    expected += piece;
    if (i % 3 == 0) {
      buffer.Consume(1);
      expected.erase(0, 1);
    }
    ASSERT_EQ(buffer.data(), expected);
  }
  EXPECT_GT(buffer.capacity(), kReadBufferBytes);
}

TEST(ReadBuffer, PaddingBehindTheLastByteIsReadableHoweverFullItIs) {
  ReadBuffer buffer;
  Append(buffer, std::string(kReadBufferBytes, 'a'));
  ASSERT_EQ(buffer.writable(), 0U);
  const std::string_view data = buffer.data();
  int zeros = 0;  // the sanitizers watch this
  for (std::size_t i = 0; i < kPaddingBytes; ++i)
    zeros += data.data()[data.size() + i] == 0 ? 1 : 0;
  EXPECT_EQ(zeros, static_cast<int>(kPaddingBytes));
}

TEST(ReadBuffer, BytesAreCutOutOfTheMiddle) {
  ReadBuffer buffer;
  Append(buffer, "xhead5\r\nbody");
  buffer.Consume(1);
  buffer.Erase(4, 3);
  EXPECT_EQ(buffer.data(), "headbody");
  buffer.Erase(4, 4);
  EXPECT_EQ(buffer.data(), "head");
  buffer.Erase(0, 0);
  EXPECT_EQ(buffer.data(), "head");
}

TEST(ReadBuffer, ReleasedMemoryComesBackOnDemand) {
  ReadBuffer buffer;
  Append(buffer, std::string(100'000, 'a'));
  buffer.Release();
  EXPECT_EQ(buffer.capacity(), 0U);
  EXPECT_TRUE(buffer.empty());
  Append(buffer, "again");
  EXPECT_EQ(buffer.data(), "again");
}

}  // namespace
}  // namespace tidegate::net
