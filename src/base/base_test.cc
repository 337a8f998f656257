// The small parts of base/: errors, results, digests, secrets, dates.
#include <memory>
#include <type_traits>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"
#include "base/secret.h"

namespace tidegate {
namespace {

Result<int> Half(int number) {
  if (number % 2 != 0) return InvalidArgument("number", "must be even");
  return number / 2;
}

Result<int> Quarter(int number) {
  TIDEGATE_ASSIGN(const int half, Half(number));
  return Half(half);
}

Result<void> Check(int number) {
  TIDEGATE_TRY(Half(number));
  return {};
}

TEST(ResultTest, AnErrorTravelsUpWithItsField) {
  EXPECT_EQ(*Quarter(8), 2);
  ASSERT_FALSE(Quarter(6).ok());
  EXPECT_EQ(Quarter(6).error().field, "number");
  EXPECT_TRUE(Check(2).ok());
  EXPECT_EQ(Check(3).error().code, ErrorCode::kInvalidArgument);
}

TEST(ResultTest, MoveOnlyValuesCanBeTakenOut) {
  Result<std::unique_ptr<int>> made(std::make_unique<int>(7));
  const std::unique_ptr<int> taken = *std::move(made);
  EXPECT_EQ(*taken, 7);
}

TEST(ResultDeathTest, ReadingTheValueOfAnErrorIsABugThatEndsTheProgram) {
  EXPECT_DEATH((void)Half(1).value(), "CHECK failed");
}

TEST(ErrorTest, EveryCodeHasAWordAndAStatus) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    EXPECT_FALSE(ToString(code).empty());
    EXPECT_GE(HttpStatus(code), 400);
  }
  EXPECT_EQ(HttpStatus(ErrorCode::kBudgetExceeded), 402);
  EXPECT_EQ(HttpStatus(ErrorCode::kNoCandidate), 503);
}

TEST(ErrorTest, ADescriptionNamesTheFieldAndTheCauses) {
  Error error = InvalidArgument("messages[0]", "wrong");
  error.cause = std::make_shared<Error>(Internal("deeper"));
  EXPECT_EQ(Describe(error), "invalid_argument: wrong (messages[0]) <- deeper");
}

TEST(DigestTest, Sha256MatchesTheStandardVector) {
  // FIPS 180-4, "abc".
  EXPECT_EQ(ToHex(ComputeSha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(ParseSha256(ToHex(ComputeSha256("abc"))), ComputeSha256("abc"));
  EXPECT_FALSE(ParseSha256("ba78").has_value());
  EXPECT_FALSE(ParseSha256(std::string(64, 'g')).has_value());
}

TEST(DigestTest, Sha256OfPiecesIsThatOfTheWhole) {
  const std::string_view pieces[] = {"a", "", "bc"};
  EXPECT_EQ(ComputeSha256(pieces), ComputeSha256("abc"));
  EXPECT_EQ(ComputeSha256(std::span<const std::string_view>()), ComputeSha256(""));
}

TEST(DigestTest, HmacSha256MatchesTheStandardVectors) {
  // RFC 4231, cases 2, 3 and 6: a key shorter than a block, bytes beyond ASCII, and a key longer
  // than a block.
  EXPECT_EQ(ToHex(ComputeHmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(ToHex(ComputeHmacSha256(std::string(20, '\xAA'), std::string(50, '\xDD'))),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(ToHex(ComputeHmacSha256(std::string(131, '\xAA'),
                                    "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  // Well known: an empty key and an empty message.
  EXPECT_EQ(ToHex(ComputeHmacSha256({}, {})),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(DigestTest, RandomTextsDiffer) {
  EXPECT_EQ(RandomHex(16).size(), 32U);
  EXPECT_NE(RandomHex(16), RandomHex(16));
}

template <typename T, typename = void>
struct Prints : std::false_type {};
template <typename T>
struct Prints<T, std::void_t<decltype(std::declval<std::ostream&>() << std::declval<T>())>>
    : std::true_type {};

TEST(SecretTest, ASecretCannotBePrintedAndIsEmptyAfterItWasMoved) {
  static_assert(!Prints<Secret>::value);
  Secret secret("sk-123");
  Secret moved = std::move(secret);
  EXPECT_EQ(moved.Reveal(), "sk-123");
  EXPECT_TRUE(secret.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_TRUE(ConstantTimeEqual("abc", "abc"));
  EXPECT_FALSE(ConstantTimeEqual("abc", "abd"));
  EXPECT_FALSE(ConstantTimeEqual("abc", "abcd"));
}

TEST(ClockTest, DaysAndTimesAreWrittenInUtc) {
  constexpr std::int64_t kMoment = 1'795'344'300'123'000'000;
  EXPECT_EQ(FormatUtc(kMoment), "2026-11-22T10:45:00.123Z");
  EXPECT_EQ(FormatUtcDay(UtcDay(kMoment)), "2026-11-22");
  EXPECT_EQ(FormatUtcDay(0), "1970-01-01");
}

}  // namespace
}  // namespace tidegate
