#include "net/host_check.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::net {
namespace {

using namespace std::string_literals;

// "ok", "bad" (malformed) or "refused" for a request with these fields.
std::string Verdict(const HostCheck& check, const std::string& fields, bool over_unix = false,
                    const std::string& version = "1.1") {
  const std::string text = "POST /x HTTP/" + version + "\r\n" + fields + "\r\n";
  HeadReader reader(HeadKind::kRequest);
  const Result<bool> read = reader.Read(text);
  EXPECT_TRUE(read.ok() && *read) << fields;
  const Result<void> verdict = check.Check(reader.head(), over_unix);
  if (verdict.ok()) return "ok";
  return verdict.error().code == ErrorCode::kPermissionDenied ? "refused" : "bad";
}

std::string HostVerdict(const HostCheck& check, const std::string& host) {
  return Verdict(check, "Host: " + host + "\r\n");
}

TEST(HostCheck, TheNamesOfThisMachinePassWithAnyPort) {
  const HostCheck check({}, {});
  for (const char* host : {"localhost", "localhost:11435", "LocalHost:1", "127.0.0.1",
                           "127.0.0.1:65535", "[::1]", "[::1]:8080", "localhost:0"}) {
    EXPECT_EQ(HostVerdict(check, host), "ok") << host;
  }
}

TEST(HostCheck, NamesThatOnlyLookLikeThisMachineAreRefused) {
  const HostCheck check({}, {});
  for (const char* host : {"evil.com",
                           "evil.com:11435",
                           "127.0.0.1.evil.com",
                           "localhost.evil.com",
                           "localhost.",
                           "localhost.:80",
                           "localhostx",
                           "xlocalhost",
                           "127.0.0.1.",
                           "127.0.0.2",
                           "127.1",
                           "0.0.0.0",
                           "0",
                           "2130706433",
                           "0x7f.0.0.1",
                           "[::ffff:127.0.0.1]",
                           "[::ffff:7f00:1]",
                           "[::]",
                           "::1",
                           "::1:80",
                           "[::1",
                           "::1]",
                           "[::1]evil",
                           "[::1]:",
                           "[::1]:x",
                           "[::1]:65536",
                           "[0:0::1]",
                           "localhost:",
                           "localhost:x",
                           "localhost:80x",
                           "localhost:-1",
                           "localhost:+80",
                           "localhost:65536",
                           "localhost:99999",
                           "localhost:100000",
                           "localhost:80:80",
                           "localhost:80, evil.com",
                           "localhost, evil.com",
                           "localhost evil.com",
                           "user@localhost",
                           "localhost@evil.com",
                           "localhost/",
                           "http://localhost",
                           "local%68ost",
                           "localhost#",
                           "*",
                           "host.docker.internal",
                           "192.168.0.1",
                           "machine.local",
                           "\xc4\xb1ocalhost",
                           ""}) {
    EXPECT_EQ(HostVerdict(check, host), "refused") << host;
  }
}

TEST(HostCheck, AConfiguredNamePassesExactly) {
  const HostCheck check({"gate.lan", ""}, {});
  EXPECT_EQ(HostVerdict(check, "gate.lan"), "ok");
  EXPECT_EQ(HostVerdict(check, "Gate.LAN:443"), "ok");
  EXPECT_EQ(HostVerdict(check, "localhost"), "ok");
  EXPECT_EQ(HostVerdict(check, "x.gate.lan"), "refused");
  EXPECT_EQ(HostVerdict(check, "gate.lan.evil.com"), "refused");
  EXPECT_EQ(HostVerdict(check, "gatexlan"), "refused");
  EXPECT_EQ(HostVerdict(check, ""), "refused");
}

TEST(HostCheck, ARequestHasExactlyOneHost) {
  const HostCheck check({}, {});
  EXPECT_EQ(Verdict(check, ""), "bad");
  EXPECT_EQ(Verdict(check, "Host: localhost\r\nHost: localhost\r\n"), "bad");
  EXPECT_EQ(Verdict(check, "Host: localhost\r\nhOST: evil.com\r\n"), "bad");
  EXPECT_EQ(Verdict(check, "X-Forwarded-Host: localhost\r\n"), "bad");
  EXPECT_EQ(Verdict(check, "Host: evil.com\r\nX-Forwarded-Host: localhost\r\n"), "refused");
}

TEST(HostCheck, AnOldClientMayHaveNoHostButNotAForeignOneNorAnOrigin) {
  const HostCheck check({}, {});
  EXPECT_EQ(Verdict(check, "", false, "1.0"), "ok");
  EXPECT_EQ(Verdict(check, "Host: localhost\r\n", false, "1.0"), "ok");
  EXPECT_EQ(Verdict(check, "Host: evil.com\r\n", false, "1.0"), "refused");
  EXPECT_EQ(Verdict(check, "Host: localhost\r\nHost: localhost\r\n", false, "1.0"), "bad");
  EXPECT_EQ(Verdict(check, "Origin: http://evil.com\r\n", false, "1.0"), "refused");
}

TEST(HostCheck, WebPagesAreRefusedUnlessTheirOriginIsAllowedExactly) {
  const auto origin = [](const HostCheck& check, const std::string& value) {
    return Verdict(check, "Host: localhost\r\nOrigin: " + value + "\r\n");
  };
  const HostCheck none({}, {});
  for (const char* value : {"http://evil.com", "https://evil.com", "null", "", "http://localhost",
                            "http://127.0.0.1:11435", "file://", "chrome-extension://abc"}) {
    EXPECT_EQ(origin(none, value), "refused") << value;
  }
  const HostCheck some({}, {"https://app.example", ""});
  EXPECT_EQ(origin(some, "https://app.example"), "ok");
  for (const char* value :
       {"https://app.example:443", "https://app.example/", "https://APP.example",
        "http://app.example", "https://app.example.evil.com", "https://x.app.example",
        "https://app.example https://evil.com", "null", ""}) {
    EXPECT_EQ(origin(some, value), "refused") << value;
  }
  EXPECT_EQ(Verdict(some,
                    "Host: localhost\r\nOrigin: https://app.example\r\n"
                    "Origin: https://app.example\r\n"),
            "refused");
  EXPECT_EQ(Verdict(some, "Host: evil.com\r\nOrigin: https://app.example\r\n"), "refused");
}

TEST(HostCheck, OverAUnixSocketAnySingleHostPassesButWebPagesStillDoNot) {
  const HostCheck check({}, {});
  EXPECT_EQ(Verdict(check, "Host: whatever\r\n", true), "ok");
  EXPECT_EQ(Verdict(check, "Host:\r\n", true), "ok");
  EXPECT_EQ(Verdict(check, "", true), "bad");
  EXPECT_EQ(Verdict(check, "Host: a\r\nHost: a\r\n", true), "bad");
  EXPECT_EQ(Verdict(check, "Host: a\r\nOrigin: http://evil.com\r\n", true), "refused");
}

}  // namespace
}  // namespace tidegate::net
