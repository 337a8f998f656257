#include "models/download_target.h"

#include <gtest/gtest.h>

namespace tidegate::models {
namespace {

// Origin and path of `text`, or "refused".
std::string Parsed(std::string_view text) {
  const Result<DownloadTarget> target = ParseTarget(text, "model");
  if (!target.ok()) {
    EXPECT_EQ(target.error().field, "model");
  }
  return target.ok() ? target->origin.ToString() + " " + target->path : "refused";
}

std::string Followed(std::string_view location) {
  const DownloadTarget from = *ParseTarget("https://host:8443/a/b?c", "");
  const Result<DownloadTarget> target = FollowLocation(from, location);
  if (!target.ok()) {
    EXPECT_EQ(target.error().code, ErrorCode::kProtocol);
  }
  return target.ok() ? target->origin.ToString() + " " + target->path : "refused";
}

TEST(DownloadTarget, IsAnOriginAndWhatStandsInTheRequestLine) {
  EXPECT_EQ(Parsed("https://host/a/b.gguf"), "https://host:443 /a/b.gguf");
  EXPECT_EQ(Parsed("HTTPS://Host"), "https://host:443 /");
  EXPECT_EQ(Parsed("http://host:5000/?q=/x"), "http://host:5000 /?q=/x");
  EXPECT_EQ(Parsed("https://host?q=1#f"), "https://host:443 /?q=1");
  EXPECT_EQ(Parsed("https://host/a/?sig=x%20y#f?g"), "https://host:443 /a/?sig=x%20y");
  EXPECT_EQ(ParseTarget("https://host/a?signature", "")->ToString(), "https://host:443/a");
}

TEST(DownloadTarget, AnythingElseIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("host/a"), std::string("ftp://host/a"),
        std::string("file:///etc/passwd"), std::string("unix:/run/x.sock:/a"),
        std::string("https://"), std::string("https:///a"), std::string("https://user@host/a"),
        std::string("https://host/a b"), std::string("https://host/\r\nx: y"),
        std::string("https://host\\@evil/"), std::string("https://127.1/"),
        std::string("https://host/") + std::string(kTargetBytesMax, 'a')}) {
    EXPECT_EQ(Parsed(text), "refused") << text;
  }
}

TEST(DownloadTarget, ALocationIsFollowedFromWhereItStood) {
  EXPECT_EQ(Followed("https://cdn/x?s=1"), "https://cdn:443 /x?s=1");
  EXPECT_EQ(Followed("http://cdn/x"), "http://cdn:80 /x");
  EXPECT_EQ(Followed("//cdn/x"), "https://cdn:443 /x");
  EXPECT_EQ(Followed("/x?s=1#f"), "https://host:8443 /x?s=1");
  for (const char* location : {"", "x", "?q", "unix:/run/x.sock", "file:///etc/passwd",
                               "javascript:alert(1)", "///", "/a b", "/a\\b", "https://a@b/"}) {
    EXPECT_EQ(Followed(location), "refused") << location;
  }
}

}  // namespace
}  // namespace tidegate::models
