#include "protocols/aws_sigv4/verifier.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocols/aws_sigv4/limits.h"
#include "protocols/aws_sigv4/signer.h"

namespace tidegate::protocols::aws_sigv4 {
namespace {

constexpr std::int64_t kTime = 1'440'938'160'000'000'000;  // 20150830T123600Z
constexpr std::int64_t kSecond = 1'000'000'000;

// A request that owns its parts, as a caller of ours would send it.
struct Sent {
  std::string method = "POST";
  std::string path = "/model/anthropic.claude-3-sonnet-20240229-v1%3A0/converse";
  std::string query;
  std::vector<std::pair<std::string, std::string>> headers = {{"Host", "gate.example:11435"},
                                                              {"Content-Type", "application/json"}};
  std::string body = R"({"messages":[]})";

  std::string& Header(std::string_view name) {
    for (auto& [each, value] : headers) {
      if (each == name) return value;
    }
    return headers.emplace_back(name, "").second;
  }
  void Remove(std::string_view name) {
    std::erase_if(headers, [&](const auto& header) { return header.first == name; });
  }
};

// Calls `use` with views of `sent`.
template <typename Use>
auto With(const Sent& sent, const Use& use) {
  std::vector<HeaderField> headers;
  for (const auto& [name, value] : sent.headers) headers.push_back({name, value});
  const std::string_view body[] = {sent.body};
  return use(Request{sent.method, sent.path, sent.query, headers, body});
}

// The request with the lines that sign it.
Sent Signed(Sent sent, const SignOptions& options = {}, std::int64_t time = kTime,
            std::string service = "bedrock") {
  const Signer signer =
      *Signer::Make({"AKIDEXAMPLE", Secret("secret"), Secret()}, "us-east-1", std::move(service));
  SigningKeys keys;
  std::string lines(With(sent, [&](const Request& request) {
                      return signer.Sign(request, time, keys, options);
                    }).Reveal());
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t colon = lines.find(": ", at);
    const std::size_t end = lines.find("\r\n", at);
    sent.headers.emplace_back(lines.substr(at, colon - at),
                              lines.substr(colon + 2, end - colon - 2));
    at = end + 2;
  }
  return sent;
}

class AwsSigv4Verify : public ::testing::Test {
 protected:
  Result<Signature> Check(const Sent& sent, std::int64_t now = kTime) {
    return With(sent, [&](const Request& request) {
      Result<Signature> result = Verify(
          request,
          [&](std::string_view id) -> const Secret* {
            const auto found = secrets_.find(id);
            return found == secrets_.end() ? nullptr : &found->second;
          },
          options_, now, keys_);
      if (result.ok()) who_ = result->access_key_id;
      return result;
    });
  }

  // Refused, and with nothing that tells one refusal from another.
  void ExpectRefused(const Sent& sent, std::int64_t now = kTime) {
    const Result<Signature> result = Check(sent, now);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::kUnauthenticated);
    EXPECT_EQ(result.error().source, ErrorSource::kCaller);
    if (message_.empty()) message_ = Describe(result.error());
    EXPECT_EQ(Describe(result.error()), message_);
  }

  // `change` makes the signed request a bad one.
  void ExpectRefusedAfter(const std::function<void(Sent&)>& change) {
    Sent sent = Signed({});
    ASSERT_TRUE(Check(sent).ok());
    change(sent);
    ExpectRefused(sent);
  }

  std::map<std::string, Secret, std::less<>> secrets_{{"AKIDEXAMPLE", Secret("secret")},
                                                      {"AKIDEMPTY", Secret()}};
  VerifyOptions options_{.service = "bedrock"};
  SigningKeys keys_;
  std::string who_, message_;
};

TEST_F(AwsSigv4Verify, WhatWasSignedWithTheSecretIsItsOwners) {
  EXPECT_TRUE(Check(Signed({})).ok());
  EXPECT_EQ(who_, "AKIDEXAMPLE");
  EXPECT_TRUE(Check(Signed({}, {.content_hash_field = true})).ok());
  Sent sent;
  sent.query = "b=2&a=1";
  sent.Header("x-amz-user-agent") = " aws-sdk  js ";
  EXPECT_TRUE(Check(Signed(sent)).ok());
}

TEST_F(AwsSigv4Verify, AnotherSecretOrAnUnknownIdIsRefused) {
  const Sent sent = Signed({});
  secrets_.at("AKIDEXAMPLE") = Secret("Secret");
  ExpectRefused(sent);
  secrets_.at("AKIDEXAMPLE") = Secret();
  ExpectRefused(sent);
  secrets_.erase("AKIDEXAMPLE");
  ExpectRefused(sent);
}

TEST_F(AwsSigv4Verify, AnyChangeToWhatIsSignedIsRefused) {
  ExpectRefusedAfter([](Sent& sent) { sent.method = "GET"; });
  ExpectRefusedAfter([](Sent& sent) { sent.path += "-stream"; });
  ExpectRefusedAfter([](Sent& sent) { sent.path = "/model/other/converse"; });
  ExpectRefusedAfter([](Sent& sent) { sent.query = "a=1"; });
  ExpectRefusedAfter([](Sent& sent) { sent.body += " "; });
  ExpectRefusedAfter([](Sent& sent) { sent.body.clear(); });
  ExpectRefusedAfter([](Sent& sent) { sent.Header("Host") = "other.example"; });
  ExpectRefusedAfter([](Sent& sent) { sent.Header("Content-Type") = "text/plain"; });
  ExpectRefusedAfter([](Sent& sent) { sent.Header("x-amz-date") = "20150830T123601Z"; });
  Sent stated = Signed({}, {.content_hash_field = true});
  stated.body += " ";
  ExpectRefused(stated);
}

TEST_F(AwsSigv4Verify, EveryOtherByteInTheAuthorizationHeaderIsRefused) {
  const Sent sent = Signed({});
  const std::string good = Sent(sent).Header("authorization");
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char change : {'\x01', '\x20', '\x40'}) {
      Sent bad = sent;
      bad.Header("authorization")[i] = static_cast<char>(good[i] ^ change);
      ExpectRefused(bad);
    }
    Sent cut = sent;
    cut.Header("authorization").resize(i);
    ExpectRefused(cut);
    Sent shorter = sent;
    shorter.Header("authorization").erase(i, 1);
    if (good[i] != ' ') ExpectRefused(shorter);
  }
}

TEST_F(AwsSigv4Verify, TheClockMayBeFiveMinutesOffAndNoMore) {
  const Sent sent = Signed({});
  EXPECT_TRUE(Check(sent, kTime + 300 * kSecond).ok());
  EXPECT_TRUE(Check(sent, kTime - 300 * kSecond).ok());
  ExpectRefused(sent, kTime + 300 * kSecond + 1);
  ExpectRefused(sent, kTime - 300 * kSecond - 1);
  ExpectRefused(sent, 0);
}

TEST_F(AwsSigv4Verify, TheDayOfTheCredentialIsThatOfTheDate) {
  constexpr std::int64_t kMidnight = 1'440'892'800 * kSecond;  // 20150830T000000Z
  const Sent late = Signed({}, {}, kMidnight - kSecond);
  EXPECT_TRUE(Check(late, kMidnight + kSecond).ok()) << "a request may arrive the day after";
  ExpectRefusedAfter([](Sent& sent) {
    std::string& field = sent.Header("authorization");
    field.replace(field.find("20150830"), 8, "20150831");
  });
}

TEST_F(AwsSigv4Verify, ASignatureForAnotherServiceOrRegionIsRefused) {
  ExpectRefused(Signed({}, {}, kTime, "s3"));
  options_.region = "us-east-1";
  EXPECT_TRUE(Check(Signed({})).ok());
  options_.region = "eu-west-1";
  ExpectRefused(Signed({}));
}

TEST_F(AwsSigv4Verify, AHeaderThatMustBeSignedAndIsNotIsRefused) {
  ExpectRefusedAfter([](Sent& sent) { sent.headers.emplace_back("X-Amz-Target", "added"); });
  ExpectRefusedAfter([](Sent& sent) { sent.headers.emplace_back("x-amz-security-token", "t"); });
  // Signed in truth, but without its host.
  Sent sent = Signed({});
  std::string& field = sent.Header("authorization");
  const std::string canonical = With(sent, [&](const Request& request) {
    const std::string_view names[] = {"content-type", "x-amz-date"};
    return CanonicalRequest(request, names, ToHex(ComputeSha256(request.body)));
  });
  SigningKeys keys;
  const std::string signature = keys.Sign(
      Secret("secret"), "20150830", "us-east-1", "bedrock",
      StringToSign("20150830T123600Z", ScopeOf("20150830", "us-east-1", "bedrock"), canonical));
  field =
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request, "
      "SignedHeaders=content-type;x-amz-date, Signature=" +
      signature;
  ExpectRefused(sent);
}

TEST_F(AwsSigv4Verify, TheHostOfHttp2MayBeSignedUnderEitherName) {
  const auto sign_as = [](std::string_view names) {
    Sent sent = Signed({});
    sent.Remove("Host");
    sent.headers.emplace_back(":authority", "gate.example");
    const std::string canonical = With(sent, [&](const Request& request) {
      return "POST\n" + CanonicalPath(request.path) + "\n\n" +
             (names.starts_with(':') ? ":authority:gate.example\nx-amz-date:20150830T123600Z\n\n"
                                     : "host:gate.example\nx-amz-date:20150830T123600Z\n\n") +
             std::string(names) + "\n" + ToHex(ComputeSha256(request.body));
    });
    SigningKeys keys;
    sent.Header("authorization") =
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request, "
        "SignedHeaders=" +
        std::string(names) + ", Signature=" +
        keys.Sign(Secret("secret"), "20150830", "us-east-1", "bedrock",
                  StringToSign("20150830T123600Z", ScopeOf("20150830", "us-east-1", "bedrock"),
                               canonical));
    return sent;
  };
  Sent sent = sign_as(":authority;x-amz-date");
  EXPECT_TRUE(Check(sent).ok());
  sent.Remove(":authority");
  sent.Header("host") = "gate.example";
  EXPECT_TRUE(Check(sent).ok()) << "a server may call it host";
  sent.headers.emplace_back(":authority", "gate.example");
  ExpectRefused(sent);
  sent = sign_as("host;x-amz-date");
  EXPECT_TRUE(Check(sent).ok());
  sent.Header(":authority") = "other.example";
  ExpectRefused(sent);
  ExpectRefused(sign_as(":authority;host;x-amz-date"));
}

TEST_F(AwsSigv4Verify, AHeaderThatIsNotSignedMayBeAddedOnTheWay) {
  Sent sent = Signed({});
  sent.headers.emplace_back("x-forwarded-for", "192.0.2.1");
  sent.headers.emplace_back("user-agent", "curl");
  EXPECT_TRUE(Check(sent).ok());
}

TEST_F(AwsSigv4Verify, ASignedHeaderThatIsMissingIsRefused) {
  ExpectRefusedAfter([](Sent& sent) { sent.Remove("Content-Type"); });
  ExpectRefusedAfter([](Sent& sent) { sent.Remove("Host"); });
  ExpectRefusedAfter([](Sent& sent) { sent.Remove("x-amz-date"); });
  ExpectRefusedAfter([](Sent& sent) { sent.Remove("authorization"); });
}

TEST_F(AwsSigv4Verify, AHeaderOfTheSignatureThatStandsTwiceIsRefused) {
  for (const std::string_view name : {"Host", "x-amz-date", "authorization"}) {
    ExpectRefusedAfter([&](Sent& sent) {
      const std::string value = sent.Header(name);
      sent.headers.emplace_back(name, value);
    });
  }
  Sent sent = Signed({}, {.content_hash_field = true});
  sent.headers.emplace_back("X-Amz-Content-Sha256", sent.Header("x-amz-content-sha256"));
  ExpectRefused(sent);
}

TEST_F(AwsSigv4Verify, AnUnsignedBodyIsTakenOnlyWhereThatIsAllowed) {
  Sent sent = Signed({}, {.content_hash_field = true});
  sent.Header("x-amz-content-sha256") = "UNSIGNED-PAYLOAD";
  const std::string canonical = With(sent, [&](const Request& request) {
    const std::string_view names[] = {"host", "x-amz-content-sha256", "x-amz-date"};
    return CanonicalRequest(request, names, kUnsignedPayload);
  });
  SigningKeys keys;
  sent.Header("authorization") =
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request,"
      "SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=" +
      keys.Sign(
          Secret("secret"), "20150830", "us-east-1", "bedrock",
          StringToSign("20150830T123600Z", ScopeOf("20150830", "us-east-1", "bedrock"), canonical));
  ExpectRefused(sent);
  options_.allow_unsigned_payload = true;
  const Result<Signature> result = Check(sent);
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->payload_signed);
  EXPECT_TRUE(Check(Signed({}))->payload_signed);
  sent.Header("x-amz-content-sha256") = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
  ExpectRefused(sent);
}

TEST_F(AwsSigv4Verify, APathThatIsNotInNormalFormIsRefusedAlthoughItsSignatureHolds) {
  for (const std::string path : {"/model//a/converse", "/x/../model/a/converse", "/./a"}) {
    Sent sent;
    sent.path = path;
    ExpectRefused(Signed(sent));
  }
}

TEST_F(AwsSigv4Verify, ALineEndInAValueOrTheMethodIsRefused) {
  Sent sent;
  sent.Header("x-custom") = "a\nhost:other";
  ExpectRefused(Signed(sent));
  Sent method;
  method.method = "POST\n/";
  ExpectRefused(Signed(method));
}

TEST_F(AwsSigv4Verify, MoreHeadersThanTheLimitAreRefused) {
  Sent sent = Signed({});
  while (sent.headers.size() < kHeadersMax) sent.headers.emplace_back("x", "y");
  EXPECT_TRUE(Check(sent).ok());
  sent.headers.emplace_back("x", "y");
  ExpectRefused(sent);
}

TEST_F(AwsSigv4Verify, GuessesAtUnknownIdsCostNoMoreKeysThanAreKept) {
  const Sent sent = Signed({});
  for (int i = 0; i < 3; ++i) {
    Sent unknown = sent;
    std::string& field = unknown.Header("authorization");
    field.replace(field.find("AKIDEXAMPLE"), 11, "UNKNOWN" + std::to_string(i));
    ExpectRefused(unknown);
  }
  EXPECT_EQ(keys_.size(), 1U) << "all of them are checked against nobody's secret";
}

TEST(AwsSigv4IsSigned, OnlyThisAlgorithmIsOurs) {
  const auto is_signed = [](std::string_view value) {
    const HeaderField headers[] = {{"Authorization", value}};
    return IsSigned({"POST", "/", "", headers, {}});
  };
  EXPECT_TRUE(is_signed("AWS4-HMAC-SHA256 Credential="));
  EXPECT_FALSE(is_signed("AWS4-ECDSA-P256-SHA256 Credential="));
  EXPECT_FALSE(is_signed("Bearer sk-123"));
  EXPECT_FALSE(IsSigned({"POST", "/", "", {}, {}}));
}

}  // namespace
}  // namespace tidegate::protocols::aws_sigv4
