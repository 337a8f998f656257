#include "protocols/aws_sigv4/amz_date.h"

#include <gtest/gtest.h>

namespace tidegate::protocols::aws_sigv4 {
namespace {

TEST(AwsSigv4Date, ATimeIsWrittenToTheSecondAndReadBack) {
  EXPECT_EQ(FormatAmzDate(1'440'938'160'000'000'000), "20150830T123600Z");
  EXPECT_EQ(FormatAmzDate(1'440'938'160'999'999'999), "20150830T123600Z");
  EXPECT_EQ(ParseAmzDate("20150830T123600Z"), 1'440'938'160'000'000'000);
  EXPECT_EQ(ParseAmzDate("19700101T000000Z"), 0);
  EXPECT_EQ(ParseAmzDate("20240229T235959Z"), 1'709'251'199'000'000'000);
}

TEST(AwsSigv4Date, WhatIsNoSuchTextOrNoTimeIsRefused) {
  for (const std::string_view text :
       {"", "20150830", "20150830T123600", "20150830T123600z", "20150830 123600Z",
        "2015-08-30T12:36:00Z", "20150830T1236000Z", "+0150830T123600Z", "20151330T123600Z",
        "20150832T123600Z", "20150229T123600Z", "20150830T243600Z", "20150830T126000Z",
        "20150830T123660Z", "00000830T123600Z", "99990830T123600Z", "19691231T235959Z"}) {
    EXPECT_FALSE(ParseAmzDate(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace tidegate::protocols::aws_sigv4
