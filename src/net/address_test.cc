#include "net/address.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::net {
namespace {

using namespace std::string_literals;

std::string Listen(std::string_view text) {
  const Result<ListenAddress> parsed = ParseListenAddress(text);
  if (!parsed.ok()) return "refused";
  return parsed->ToString() + (parsed->loopback() ? " loopback" : "");
}

// Origin and path of `text`, or "refused".
std::string Parsed(std::string_view text) {
  const Result<Url> url = ParseUrl(text);
  return url.ok() ? url->origin.ToString() + " " + url->path : "refused";
}

TEST(ListenAddress, LiteralAddressesAndUnixPathsAreAccepted) {
  EXPECT_EQ(Listen("127.0.0.1:11435"), "127.0.0.1:11435 loopback");
  EXPECT_EQ(Listen("localhost:0"), "127.0.0.1:0 loopback");
  EXPECT_EQ(Listen("127.1.2.3:1"), "127.1.2.3:1 loopback");
  EXPECT_EQ(Listen("[::1]:80"), "[::1]:80 loopback");
  EXPECT_EQ(Listen("[::ffff:127.0.0.1]:80"), "[::ffff:127.0.0.1]:80 loopback");
  EXPECT_EQ(Listen("0.0.0.0:65535"), "0.0.0.0:65535");
  EXPECT_EQ(Listen("[::]:80"), "[::]:80");
  EXPECT_EQ(Listen("192.168.1.2:80"), "192.168.1.2:80");
  EXPECT_EQ(Listen("unix:/run/t.sock"), "unix:/run/t.sock loopback");
  EXPECT_EQ(Listen("unix:/a b"), "unix:/a b loopback");
  EXPECT_EQ(Listen("unix:/" + std::string(106, 'x')),
            "unix:/" + std::string(106, 'x') + " loopback");
}

TEST(ListenAddress, AnythingElseIsRefused) {
  const std::vector<std::string> rows = {"",
                                         ":",
                                         ":80",
                                         "80",
                                         "127.0.0.1",
                                         "127.0.0.1:",
                                         "127.0.0.1:65536",
                                         "127.0.0.1:-1",
                                         "127.0.0.1:+1",
                                         "127.0.0.1: 1",
                                         "127.0.0.1:1 ",
                                         " 127.0.0.1:1",
                                         "127.0.0.1:1x",
                                         "127.1:80",
                                         "0x7f.1:80",
                                         "2130706433:80",
                                         "127.0.0.1.:80",
                                         "::1:80",
                                         "[::1]",
                                         "[::1",
                                         "[::1]80",
                                         "[]:80",
                                         "[127.0.0.1]:80",
                                         "[localhost]:80",
                                         "[::1]:99999",
                                         "example.com:80",
                                         "localhost.:80",
                                         "LOCALHOST:80",
                                         "http://127.0.0.1:80",
                                         "127.0.0.1:80/",
                                         "127.0.0.1:80:80",
                                         "*:80",
                                         "unix:",
                                         "unix:relative",
                                         "unix://",
                                         "unix:/" + std::string(107, 'x'),
                                         "unix:/a\0b"s,
                                         "unix:/a\nb",
                                         "127.0.0.1\0:80"s};
  for (const std::string& row : rows) {
    if (row == "unix://") {
      EXPECT_EQ(Listen(row), "unix:// loopback");  // a path, though an odd one: bind will tell
      continue;
    }
    EXPECT_EQ(Listen(row), "refused") << row;
  }
}

TEST(Address, PublicIsWhatAnybodyCanHave) {
  for (const char* literal : {"1.1.1.1",         "9.255.255.255",   "11.0.0.0",
                              "100.63.255.255",  "100.128.0.0",     "126.255.255.255",
                              "128.0.0.0",       "168.63.129.15",   "168.63.129.17",
                              "169.253.255.255", "169.255.0.0",     "172.15.255.255",
                              "172.32.0.0",      "192.0.1.0",       "192.167.255.255",
                              "192.169.0.0",     "198.17.0.0",      "198.20.0.0",
                              "223.255.255.255", "2606:4700::1111", "2001:4860:4860::8888",
                              "2001:200::1",     "::ffff:1.1.1.1",  "64:ff9b::1.1.1.1",
                              "2002:101:101::1"}) {
    EXPECT_TRUE(IsPublicAddress(literal)) << literal;
  }
  for (const char* literal : {"0.0.0.0",
                              "0.1.2.3",
                              "10.0.0.0",
                              "10.255.255.255",
                              "100.64.0.0",
                              "100.100.100.200",
                              "100.127.255.255",
                              "127.0.0.1",
                              "127.255.255.255",
                              "168.63.129.16",
                              "169.254.169.254",
                              "172.16.0.0",
                              "172.31.255.255",
                              "192.0.0.192",
                              "192.0.2.1",
                              "192.88.99.1",
                              "192.168.0.0",
                              "192.168.255.255",
                              "198.18.0.0",
                              "198.19.255.255",
                              "198.51.100.1",
                              "203.0.113.1",
                              "224.0.0.1",
                              "240.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "fe80::1",
                              "fe80::1%lo",
                              "fc00::1",
                              "fd00:ec2::254",
                              "ff02::1",
                              "fec0::1",
                              "2001::1",
                              "2001:1ff:ffff::1",
                              "2001:db8::1",
                              "3fff::1",
                              "100::1",
                              "4000::1",
                              "::127.0.0.1",
                              "::ffff:127.0.0.1",
                              "::ffff:169.254.169.254",
                              "64:ff9b::10.0.0.1",
                              "64:ff9b:1::1.1.1.1",
                              "2002:7f00:1::1",
                              "2002:a9fe:a9fe::1",
                              "",
                              "localhost",
                              "example.com",
                              "2130706433",
                              "1.1.1.1 ",
                              "[::1]"}) {
    EXPECT_FALSE(IsPublicAddress(literal)) << literal;
  }
}

TEST(Url, OriginAndPathAreTakenApart) {
  EXPECT_EQ(Parsed("http://localhost"), "http://localhost:80 ");
  EXPECT_EQ(Parsed("https://api.example.com"), "https://api.example.com:443 ");
  EXPECT_EQ(Parsed("https://api.example.com/v1"), "https://api.example.com:443 /v1");
  EXPECT_EQ(Parsed("https://api.example.com:8443/v1///"), "https://api.example.com:8443 /v1");
  EXPECT_EQ(Parsed("https://API.Example.COM/V1"), "https://api.example.com:443 /V1");
  EXPECT_EQ(Parsed("http://127.0.0.1:80/"), "http://127.0.0.1:80 ");
  EXPECT_EQ(Parsed("http://[::1]"), "http://[::1]:80 ");
  EXPECT_EQ(Parsed("http://[::1]:8000/v1"), "http://[::1]:8000 /v1");
  EXPECT_EQ(Parsed("http://a_b-c.d."), "http://a_b-c.d.:80 ");
  EXPECT_EQ(Parsed("http://4090box:8000"), "http://4090box:8000 ");
  EXPECT_EQ(Parsed("http://host/a%20b;c=d@e:f"), "http://host:80 /a%20b;c=d@e:f");
  EXPECT_EQ(Parsed("unix:/run/llama.sock"), "unix:/run/llama.sock ");
  EXPECT_EQ(Parsed("unix:/run/llama.sock:/v1/"), "unix:/run/llama.sock /v1");
}

// clang-format off
std::vector<std::string> HostileSchemesAndUsers() {
  return {
      "", "http", "http:", "http:/", "http://", "https://", "http:///", "http:///path", "//host/",
      "host", "host:80", "HTTP://host", "ftp://host", "ws://host", "file:///etc/passwd",
      "javascript:alert(1)", "http:\\\\host", "http://host\\@evil", "http://user@host",
      "http://user:key@host/", "http://@host", "http://host:80@evil.com", "http://evil.com#@host",
      "http://host?q", "http://host/?q", "http://host/#f", "http://host#f"};
}

std::vector<std::string> HostilePorts() {
  return {
      "http://host:", "http://host:/", "http://host:0", "http://host:65536", "http://host:-1",
      "http://host:+80", "http://host:80x", "http://host: 80", "http://a:b:c", "http://::1",
      "http://::1/", "http://[::1", "http://[::1]x", "http://[::1]:x", "http://[]", "http://[:]",
      "http://[127.0.0.1]", "http://[localhost]", "http://[evil:com]", "http://[::1]@evil"};
}

std::vector<std::string> HostileHostsAndPaths() {
  return {
      "http://ho st", " http://host", "http://host ", "http://host\n", "http://host\r\nX: y",
      "http://host/\r\nX: y", "http://host/a\tb", "http://host\0"s, "http://h\xc3\xb6st",
      "http://host/\xc3\xb6", "http://host/\x7f", "http://a..b", "http://.a", "http://.",
      "http://h%6fst", "http://host,evil", "http://host;evil", "http://ho|st", "http://<host>",
      "http://127.1", "http://0x7f.0.0.1", "http://0x7f000001", "http://2130706433",
      "http://127.0.0.1.", "http://1.2.3.4.5", "http://256.0.0.1", "http://0177.0.0.1",
      "http://evil.0x7f", "http://" + std::string(254, 'a'), "unix:", "unix:relative",
      "unix:/sock:v1", "unix:/sock:/v1?q", "unix:/" + std::string(107, 'x'), "UNIX:/a"};
}
// clang-format on

TEST(Url, HostileFormsAreRefused) {
  for (const auto& rows : {HostileSchemesAndUsers(), HostilePorts(), HostileHostsAndPaths()}) {
    for (const std::string& row : rows) EXPECT_EQ(Parsed(row), "refused") << row;
  }
}

TEST(Url, TheRefusalOfACredentialSaysWhereItBelongsAndDoesNotRepeatIt) {
  const Result<Url> url = ParseUrl("https://me:sk-secret@host/");
  ASSERT_FALSE(url.ok());
  EXPECT_NE(url.error().message.find("env:NAME"), std::string::npos);
  EXPECT_EQ(url.error().message.find("sk-secret"), std::string::npos);
}

TEST(Origin, TheHostFieldNamesThePortOnlyWhereItIsNotTheStandardOne) {
  const auto field = [](std::string_view url) { return ParseUrl(url)->origin.HostField(); };
  EXPECT_EQ(field("http://a"), "a");
  EXPECT_EQ(field("http://a:80"), "a");
  EXPECT_EQ(field("http://a:443"), "a:443");
  EXPECT_EQ(field("https://a:443"), "a");
  EXPECT_EQ(field("https://a:80"), "a:80");
  EXPECT_EQ(field("http://[::1]:8080"), "[::1]:8080");
  EXPECT_EQ(field("unix:/a"), "localhost");
}

TEST(Loopback, OnlyTheLoopbackNetworksAreLoopback) {
  for (const char* yes :
       {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "0:0:0:0:0:0:0:1"}) {
    EXPECT_TRUE(IsLoopbackAddress(yes)) << yes;
  }
  for (const char* no : {"", "localhost", "128.0.0.1", "0.0.0.0", "::", "10.0.0.1", "192.168.0.1",
                         "169.254.0.1", "::2", "fe80::1", "::ffff:10.0.0.1", "::127.0.0.1",
                         "127.0.0.1.evil.com", "127.1", "127.0.0.1 ", "[::1]"}) {
    EXPECT_FALSE(IsLoopbackAddress(no)) << no;
  }
  EXPECT_FALSE(IsLoopbackAddress("127.0.0.1\0.evil.com"s));
}

}  // namespace
}  // namespace tidegate::net
