#include "protocols/aws_sigv4/canonical.h"

#include <gtest/gtest.h>

namespace tidegate::protocols::aws_sigv4 {
namespace {

TEST(AwsSigv4Canonical, APathIsEncodedOnceMoreThanOnTheWire) {
  EXPECT_EQ(CanonicalPath("/model/anthropic.claude-3-sonnet-20240229-v1%3A0/converse"),
            "/model/anthropic.claude-3-sonnet-20240229-v1%253A0/converse");
  EXPECT_EQ(CanonicalPath("/model/anthropic.claude-3-sonnet-20240229-v1:0/converse"),
            "/model/anthropic.claude-3-sonnet-20240229-v1%3A0/converse");
  EXPECT_EQ(CanonicalPath("/model/a%2Fb/converse"), "/model/a%252Fb/converse");
  EXPECT_EQ(CanonicalPath("/-._~09azAZ"), "/-._~09azAZ");
  EXPECT_EQ(CanonicalPath("/a b+c=d&e*f!'()\x7F\xE1\x88\xB4"),
            "/a%20b%2Bc%3Dd%26e%2Af%21%27%28%29%7F%E1%88%B4");
}

TEST(AwsSigv4Canonical, EmptyAndDotSegmentsOfAPathAreResolved) {
  EXPECT_EQ(CanonicalPath(""), "/");
  EXPECT_EQ(CanonicalPath("/"), "/");
  EXPECT_EQ(CanonicalPath("//"), "/");
  EXPECT_EQ(CanonicalPath("//a//b"), "/a/b");
  EXPECT_EQ(CanonicalPath("/a/"), "/a/");
  EXPECT_EQ(CanonicalPath("/./a/./"), "/a/");
  EXPECT_EQ(CanonicalPath("/a/b/.."), "/a");
  EXPECT_EQ(CanonicalPath("/a/../../../b"), "/b");
  EXPECT_EQ(CanonicalPath("/a/.."), "/");
  EXPECT_EQ(CanonicalPath("/..."), "/...");
  EXPECT_EQ(CanonicalPath("/%2E%2E/a"), "/%252E%252E/a") << "what is encoded is no dot segment";
}

TEST(AwsSigv4Canonical, OnlyAPathWithoutAnythingToResolveIsNormal) {
  for (const std::string_view path : {"/", "/a", "/a/", "/a/b%2F..", "/model/x:0/converse"}) {
    EXPECT_TRUE(IsNormalPath(path)) << path;
  }
  for (const std::string_view path : {"", "a", "//", "/a//b", "/.", "/a/..", "/../a", "/a/./b"}) {
    EXPECT_FALSE(IsNormalPath(path)) << path;
  }
}

TEST(AwsSigv4Canonical, ParametersAreSortedByTheirEncodedNameAndThenByValue) {
  EXPECT_EQ(CanonicalQuery(""), "");
  EXPECT_EQ(CanonicalQuery("b=2&a=1"), "a=1&b=2");
  EXPECT_EQ(CanonicalQuery("a=2&a=1&a="), "a=&a=1&a=2");
  EXPECT_EQ(CanonicalQuery("b&a"), "a=&b=");
  EXPECT_EQ(CanonicalQuery("&&a=1&"), "a=1");
  EXPECT_EQ(CanonicalQuery("a=b=c"), "a=b%3Dc");
  EXPECT_EQ(CanonicalQuery("B=1&a=2&A=3"), "A=3&B=1&a=2");
  EXPECT_EQ(CanonicalQuery("a.b=1&a-b=2&a=3"), "a=3&a-b=2&a.b=1");
  EXPECT_EQ(CanonicalQuery("ab=1&a=2"), "a=2&ab=1") << "a name is not compared beyond its end";
}

TEST(AwsSigv4Canonical, ParametersAreEncodedInOneWayHoweverTheyCame) {
  EXPECT_EQ(CanonicalQuery("a=%e1%88%b4%41"), "a=%E1%88%B4A");
  EXPECT_EQ(CanonicalQuery("a=x%20y+z"), "a=x%20y%2Bz");
  EXPECT_EQ(CanonicalQuery("a%26b=c%2Fd/e"), "a%26b=c%2Fd%2Fe");
  EXPECT_EQ(CanonicalQuery("a=%&b=%4&c=%zz"), "a=%25&b=%254&c=%25zz");
}

TEST(AwsSigv4Canonical, HeadersAreTrimmedAndCollapsedAndJoined) {
  const HeaderField headers[] = {
      {"My-Header2", "  \"a   b \t c\"\t"}, {"Host", "example.com"}, {"MY-HEADER1", "value2"},
      {"my-header1", " value1 "},           {"not-signed", "x"},     {"empty", "  "}};
  const std::string_view names[] = {"empty", "host", "my-header1", "my-header2"};
  EXPECT_EQ(CanonicalRequest({"GET", "/", "", headers, {}}, names, "HASH"),
            "GET\n"
            "/\n"
            "\n"
            "empty:\n"
            "host:example.com\n"
            "my-header1:value2,value1\n"
            "my-header2:\"a b c\"\n"
            "\n"
            "empty;host;my-header1;my-header2\n"
            "HASH");
}

TEST(AwsSigv4Canonical, TheTextToSignIsThatOfTheDocumentation) {
  // "GET ListUsers" of IAM, as AWS's documentation of Signature Version 4 goes through it.
  const HeaderField headers[] = {
      {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
      {"Host", "iam.amazonaws.com"},
      {"X-Amz-Date", "20150830T123600Z"}};
  const std::string_view names[] = {"content-type", "host", "x-amz-date"};
  const std::string canonical =
      CanonicalRequest({"GET", "/", "Version=2010-05-08&Action=ListUsers", headers, {}}, names,
                       ToHex(ComputeSha256("")));
  EXPECT_EQ(ToHex(ComputeSha256(canonical)),
            "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59");
  EXPECT_EQ(StringToSign("20150830T123600Z", ScopeOf("20150830", "us-east-1", "iam"), canonical),
            "AWS4-HMAC-SHA256\n"
            "20150830T123600Z\n"
            "20150830/us-east-1/iam/aws4_request\n"
            "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59");
}

}  // namespace
}  // namespace tidegate::protocols::aws_sigv4
