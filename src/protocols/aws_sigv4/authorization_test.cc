#include "protocols/aws_sigv4/authorization.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "protocols/aws_sigv4/limits.h"

namespace tidegate::protocols::aws_sigv4 {
namespace {

constexpr std::string_view kCredential = "Credential=AKID/20150830/us-east-1/iam/aws4_request";
constexpr std::string_view kNames = "SignedHeaders=host;x-amz-date";
constexpr std::string_view kSignature =
    "Signature=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

std::string Field(std::initializer_list<std::string_view> parts, std::string_view between = ", ") {
  std::string text = "AWS4-HMAC-SHA256 ";
  std::string_view before;
  for (const std::string_view part : parts) {
    text += before;
    text += part;
    before = between;
  }
  return text;
}

TEST(AwsSigv4Authorization, ItsPartsAreReadInAnyOrderAndWithOrWithoutBlanks) {
  for (const std::string& text :
       {Field({kCredential, kNames, kSignature}), Field({kCredential, kNames, kSignature}, ","),
        Field({kSignature, kNames, kCredential}, " ,\t"),
        "  " + Field({kNames, kCredential, kSignature}) + " "}) {
    const auto read = ParseAuthorization(text);
    ASSERT_TRUE(read.has_value()) << text;
    EXPECT_EQ(read->access_key_id, "AKID");
    EXPECT_EQ(read->day, "20150830");
    EXPECT_EQ(read->region, "us-east-1");
    EXPECT_EQ(read->service, "iam");
    EXPECT_EQ(read->signed_names, (std::vector<std::string_view>{"host", "x-amz-date"}));
    EXPECT_EQ(read->signature, std::string(64, 'a'));
  }
}

TEST(AwsSigv4Authorization, WhatIsMalformedIsNotRead) {
  const std::string_view signature = kSignature;
  const std::vector<std::string> texts = {
      "",
      "AWS4-HMAC-SHA256",
      "AWS4-HMAC-SHA256 ",
      "AWS4-HMAC-SHA256" + std::string(kCredential),
      Field({kCredential, kNames}),
      Field({kCredential, signature}),
      Field({kNames, signature}),
      Field({kCredential, kNames, signature, kNames}),
      Field({kCredential, kNames, signature, "X=y"}),
      Field({kCredential, kNames, signature, ""}),
      Field({kCredential, kNames, signature.substr(0, signature.size() - 1)}),
      Field({kCredential, kNames, std::string(kSignature) + "a"}),
      Field({kCredential, kNames, "Signature=" + std::string(64, 'A')}),
      Field({kCredential, kNames, "Signature=" + std::string(64, 'g')}),
      Field({kCredential, "SignedHeaders=", signature}),
      Field({kCredential, "SignedHeaders=host;", signature}),
      Field({kCredential, "SignedHeaders=;host", signature}),
      Field({kCredential, "SignedHeaders=host;host", signature}),
      Field({kCredential, "SignedHeaders=x-amz-date;host", signature}),
      Field({kCredential, "SignedHeaders=Host;x-amz-date", signature}),
      Field({kCredential, "SignedHeaders=host;x amz", signature}),
      Field({"Credential=AKID/20150830/us-east-1/iam", kNames, signature}),
      Field({"Credential=AKID/20150830/us-east-1/iam/aws4_request/x", kNames, signature}),
      Field({"Credential=AKID/20150830/us-east-1/iam/aws4", kNames, signature}),
      Field({"Credential=AKID/2015083/us-east-1/iam/aws4_request", kNames, signature}),
      Field({"Credential=AKID/2015083x/us-east-1/iam/aws4_request", kNames, signature}),
      Field({"Credential=/20150830/us-east-1/iam/aws4_request", kNames, signature}),
      Field({"Credential=AKID/20150830//iam/aws4_request", kNames, signature}),
      Field({"Credential=AKID/20150830/us-east-1//aws4_request", kNames, signature}),
      Field({"Credential=AK ID/20150830/us-east-1/iam/aws4_request", kNames, signature})};
  for (const std::string& text : texts) {
    EXPECT_FALSE(ParseAuthorization(text).has_value()) << text;
  }
}

TEST(AwsSigv4Authorization, MoreSignedHeadersThanTheLimitAreNotRead) {
  std::string names = "SignedHeaders=a";
  for (std::size_t i = 1; i < kSignedHeadersMax; ++i) {
    names += ";h" + std::to_string(1000 + i);
  }
  EXPECT_TRUE(ParseAuthorization(Field({kCredential, names, kSignature})).has_value());
  EXPECT_FALSE(ParseAuthorization(Field({kCredential, names + ";z", kSignature})).has_value());
}

}  // namespace
}  // namespace tidegate::protocols::aws_sigv4
