#include "protocols/aws_sigv4/signer.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocols/aws_sigv4/limits.h"

namespace tidegate::protocols::aws_sigv4 {
namespace {

// The invented keys and the time of AWS's own examples.
constexpr std::int64_t kTime = 1'440'938'160'000'000'000;  // 20150830T123600Z

Credentials ExampleCredentials() {
  return {"AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), Secret()};
}

Signer ExampleSigner(std::string service) {
  return *Signer::Make(ExampleCredentials(), "us-east-1", std::move(service));
}

std::string Signed(const Request& request, const Signer& signer, const SignOptions& options = {}) {
  SigningKeys keys;
  return std::string(signer.Sign(request, kTime, keys, options).Reveal());
}

TEST(AwsSigv4Signer, TheListUsersExampleHasItsPublishedSignature) {
  const HeaderField headers[] = {
      {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
      {"Host", "iam.amazonaws.com"}};
  EXPECT_EQ(Signed({"GET", "/", "Action=ListUsers&Version=2010-05-08", headers, {}},
                   ExampleSigner("iam")),
            "x-amz-date: 20150830T123600Z\r\n"
            "authorization: AWS4-HMAC-SHA256 "
            "Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date, "
            "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7\r\n");
}

TEST(AwsSigv4Signer, TheVanillaExampleHasItsPublishedSignature) {
  const HeaderField headers[] = {{"Host", "example.amazonaws.com"}};
  EXPECT_EQ(Signed({"GET", "/", "", headers, {}}, ExampleSigner("service")),
            "x-amz-date: 20150830T123600Z\r\n"
            "authorization: AWS4-HMAC-SHA256 "
            "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31\r\n");
}

TEST(AwsSigv4Signer, ABodyInPiecesIsSignedAsOneAndItsHashStatedWhenAsked) {
  const HeaderField headers[] = {{"host", "h"}};
  const std::string_view whole[] = {"abc"};
  const std::string_view pieces[] = {"a", "", "bc"};
  const Signer signer = ExampleSigner("bedrock");
  const SignOptions options{.content_hash_field = true};
  const std::string lines = Signed({"POST", "/", "", headers, whole}, signer, options);
  EXPECT_EQ(Signed({"POST", "/", "", headers, pieces}, signer, options), lines);
  EXPECT_NE(lines.find("x-amz-content-sha256: "
                       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\r\n"),
            std::string::npos);
  EXPECT_NE(lines.find("SignedHeaders=host;x-amz-content-sha256;x-amz-date,"), std::string::npos);
}

TEST(AwsSigv4Signer, ASessionTokenIsSentAndSigned) {
  Credentials credentials = ExampleCredentials();
  credentials.session_token = Secret("a/token+==");
  const Signer signer = *Signer::Make(std::move(credentials), "us-east-1", "bedrock");
  const HeaderField headers[] = {{"host", "h"}};
  const std::string lines = Signed({"POST", "/", "", headers, {}}, signer);
  EXPECT_NE(lines.find("x-amz-security-token: a/token+==\r\n"), std::string::npos);
  EXPECT_NE(lines.find("SignedHeaders=host;x-amz-date;x-amz-security-token,"), std::string::npos);
}

TEST(AwsSigv4Signer, WhatCannotStandInAHeaderLineIsRefusedWithItsName) {
  struct Case {
    std::string field, id, secret, token, region, service;
  };
  const std::string long_token(kSessionTokenBytesMax + 1, 'x');
  const std::vector<Case> cases = {
      {"access_key_id", "", "s", "", "r", "s"},
      {"access_key_id", "AK/ID", "s", "", "r", "s"},
      {"access_key_id", "AKID\r\nx: y", "s", "", "r", "s"},
      {"access_key_id", std::string(kAccessKeyIdBytesMax + 1, 'A'), "s", "", "r", "s"},
      {"secret_access_key", "AKID", "", "", "r", "s"},
      {"secret_access_key", "AKID", "secret\n", "", "r", "s"},
      {"session_token", "AKID", "s", "to ken", "r", "s"},
      {"session_token", "AKID", "s", long_token, "r", "s"},
      {"region", "AKID", "s", "", "", "s"},
      {"region", "AKID", "s", "", "us east", "s"},
      {"service", "AKID", "s", "", "r", ""},
      {"service", "AKID", "s", "", "r", "bed/rock"}};
  for (const Case& each : cases) {
    const Result<Signer> signer =
        Signer::Make({each.id, Secret(each.secret), Secret(each.token)}, each.region, each.service);
    ASSERT_FALSE(signer.ok()) << each.field;
    EXPECT_EQ(signer.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(signer.error().field, each.field);
  }
}

}  // namespace
}  // namespace tidegate::protocols::aws_sigv4
