#include "protocols/sse/event.h"

#include <string>

#include <gtest/gtest.h>

namespace tidegate::protocols::sse {
namespace {

TEST(Event, DataIsWhatFollowsTheColonLessOneSpace) {
  std::string joined;
  EXPECT_EQ(ParseEvent("data: a\n\n", joined).data, "a");
  EXPECT_EQ(ParseEvent("data:a\n\n", joined).data, "a");
  EXPECT_EQ(ParseEvent("data:  a \r\n\r\n", joined).data, " a ");
  EXPECT_EQ(ParseEvent("data: a:b\r\r", joined).data, "a:b");
  EXPECT_EQ(ParseEvent("data: a", joined).data, "a");
}

TEST(Event, OneLineOfDataIsViewedAndNotCopied) {
  std::string joined;
  const std::string frame = "id: 7\ndata: abc\n\n";
  EXPECT_EQ(ParseEvent(frame, joined).data.data(), frame.data() + 12);
  EXPECT_TRUE(joined.empty());
}

TEST(Event, SeveralLinesOfDataAreJoinedWithLineFeeds) {
  std::string joined = "left from before";
  EXPECT_EQ(ParseEvent("data: a\r\ndata\r\ndata: b\r\n\r\n", joined).data, "a\n\nb");
  EXPECT_EQ(ParseEvent("data: a\rdata: b\r\r", joined).data, "a\nb");
}

TEST(Event, CommentsPingsAndBlankLinesHaveNoData) {
  std::string joined;
  EXPECT_FALSE(ParseEvent(": keep-alive\n\n", joined).has_data);
  EXPECT_FALSE(ParseEvent("event: ping\n\n", joined).has_data);
  EXPECT_FALSE(ParseEvent("\n", joined).has_data);
  EXPECT_FALSE(ParseEvent("datax: a\n\n", joined).has_data);
  EXPECT_TRUE(ParseEvent("data\n\n", joined).has_data) << "empty data is data";
}

TEST(Event, TheNameIsReadAndOtherFieldsAreSkipped) {
  std::string joined;
  const Event event = ParseEvent("id: 1\nretry: 3\nevent: error\ndata: {}\n\n", joined);
  EXPECT_EQ(event.name, "error");
  EXPECT_EQ(event.data, "{}");
}

TEST(Event, AByteOrderMarkAndTheLineFeedOfATornCrlfAreSkipped) {
  std::string joined;
  EXPECT_EQ(ParseEvent("\xEF\xBB\xBF"
                       "data: a\n\n",
                       joined)
                .data,
            "a");
  EXPECT_EQ(ParseEvent("\ndata: b\r\n\r\n", joined).data, "b");
}

}  // namespace
}  // namespace tidegate::protocols::sse
