#include "admin/query.h"

#include <gtest/gtest.h>

namespace tidegate::admin {
namespace {

Query MustParse(std::string_view text) {
  Result<Query> query = Query::Parse(text);
  EXPECT_TRUE(query.ok());
  return query.ok() ? std::move(*query) : Query();
}

TEST(Query, ValuesAreDecodedAndTakenOnce) {
  Query query = MustParse("a=1&b=x%2Fy+z&&c");
  EXPECT_EQ(query.Take("b"), "x/y z");
  EXPECT_EQ(query.Take("b"), std::nullopt);
  EXPECT_EQ(query.Take("c"), "");
  EXPECT_FALSE(query.RequireAllTaken("b and c").ok());
  EXPECT_EQ(query.RequireAllTaken("b and c").error().field, "query.a");
  EXPECT_EQ(query.Take("a"), "1");
  EXPECT_TRUE(query.RequireAllTaken("a").ok());
}

TEST(Query, BrokenRepeatedAndEndlessQueriesAreRefused) {
  EXPECT_FALSE(Query::Parse("a=%4").ok());
  EXPECT_FALSE(Query::Parse("a=%zz").ok());
  EXPECT_FALSE(Query::Parse("a=1&a=2").ok());
  std::string many;
  for (std::size_t i = 0; i <= kQueryParametersMax; ++i) many += "p" + std::to_string(i) + "=&";
  EXPECT_FALSE(Query::Parse(many).ok());
}

TEST(Query, NumbersMustBeWholeAndInRange) {
  EXPECT_EQ(*MustParse("n=7").TakeInteger("n", 1, 10, 5), 7);
  EXPECT_EQ(*MustParse("").TakeInteger("n", 1, 10, 5), 5);
  for (const char* bad : {"n=0", "n=11", "n=", "n=1.5", "n=9x", "n=99999999999999999999"}) {
    EXPECT_FALSE(MustParse(bad).TakeInteger("n", 1, 10, 5).ok()) << bad;
  }
}

TEST(Query, DaysAreThoseOfTheCalendar) {
  EXPECT_EQ(ParseDay("1970-01-01"), 0);
  EXPECT_EQ(ParseDay("2026-11-22"), 20'779);
  EXPECT_EQ(ParseDay("2024-02-29"), 19'782);
  for (const char* bad :
       {"2023-02-29", "2026-13-01", "2026-1-1", "2026/11/22", "2026-11-22 ", "", "+026-11-22"}) {
    EXPECT_EQ(ParseDay(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace tidegate::admin
