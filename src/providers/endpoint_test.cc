#include "providers/endpoint.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::providers {
namespace {

TEST(ParseUrl, TakesAddressesApartAndPutsThemTogetherAgain) {
  const Endpoint https = *ParseUrl("https://API.Example.com/v1/", "p");
  EXPECT_EQ(https.scheme, Scheme::kHttps);
  EXPECT_EQ(https.host, "api.example.com");
  EXPECT_EQ(https.port, 443);
  EXPECT_EQ(https.base_path, "/v1");
  EXPECT_EQ(https.ToString(), "https://api.example.com/v1");
  const Endpoint http = *ParseUrl("http://192.168.1.5:8000", "p");
  EXPECT_EQ(http.port, 8000);
  EXPECT_EQ(http.base_path, "");
  EXPECT_EQ(http.ToString(), "http://192.168.1.5:8000");
  const Endpoint ipv6 = *ParseUrl("http://[::1]:8080/openai/v1", "p");
  EXPECT_EQ(ipv6.host, "::1");
  EXPECT_EQ(ipv6.ToString(), "http://[::1]:8080/openai/v1");
  const Endpoint socket = *ParseUrl("unix:/run/llm.sock:/v1", "p");
  EXPECT_EQ(socket.scheme, Scheme::kUnix);
  EXPECT_EQ(socket.unix_path, "/run/llm.sock");
  EXPECT_EQ(socket.base_path, "/v1");
  EXPECT_EQ(socket.ToString(), "unix:/run/llm.sock:/v1");
  EXPECT_EQ(ParseUrl("unix:/run/llm.sock", "p")->base_path, "");
}

class BadUrl : public testing::TestWithParam<std::string> {};
TEST_P(BadUrl, IsRefusedAtItsPathInTheConfiguration) {
  const Result<Endpoint> endpoint = ParseUrl(GetParam(), "providers.x.url");
  ASSERT_FALSE(endpoint.ok());
  EXPECT_EQ(endpoint.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(endpoint.error().field, "providers.x.url");
}
INSTANTIATE_TEST_SUITE_P(
    Shapes, BadUrl,
    testing::Values("", "example.com/v1", "ftp://a/", "https://", "https:///v1", "https://user@a/",
                    "https://user:secret@a/", "https://a/#f", "https://a/?q=1", "https://a:0/",
                    "https://a:65536/", "https://a:/", "https://a:8x/", "https://a b/",
                    "https://a/\n", "https://a\\b/", "https://[::1/", "https://[::1]x/",
                    "https://[zz::1]/", "https://.a/", "https://a..b/", "https://a//b",
                    "https://a/../b", "http://m\xC3\xBCsli/", "unix:", "unix:relative", "unix:/",
                    "unix:/a:v1", "HTTPS://a/", "unix:/" + std::string(108, 'x'),
                    "https://" + std::string(254, 'a'),
                    "https://a/" + std::string(kUrlBytesMax, 'a')));

TEST(ParseUrl, NeverRepeatsAPasswordInItsError) {
  EXPECT_EQ(Describe(ParseUrl("https://me:hunter2@a/", "p").error()).find("hunter2"),
            std::string::npos);
}

TEST(ReachOf, TellsThisMachinePrivateNetworksAndTheRestApart) {
  const auto reach = [](const std::string& host) {
    return ReachOf(*ParseUrl("http://" + host + ":80", "p"));
  };
  for (const std::string host : {"localhost", "127.0.0.1", "127.8.9.1", "[::1]"}) {
    EXPECT_EQ(reach(host), Reach::kLoopback) << host;
  }
  for (const std::string host :
       {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.1.1", "[fe80::1]",
        "[fd00::1]", "workshop.lan", "nas.local", "x.internal", "a.home.arpa"}) {
    EXPECT_EQ(reach(host), Reach::kPrivate) << host;
  }
  for (const std::string host :
       {"8.8.8.8", "172.32.0.1", "192.169.0.1", "api.openai.com", "localhost.evil.com",
        "127.0.0.1.evil.com", "[2001:db8::1]", "[fc::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1",
        "2130706433", "127.0.0.256", "lan"}) {
    EXPECT_EQ(reach(host), Reach::kPublic) << host;
  }
  EXPECT_EQ(ReachOf(*ParseUrl("unix:/a", "p")), Reach::kLoopback);
}

}  // namespace
}  // namespace tidegate::providers
