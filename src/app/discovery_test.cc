#include "app/discovery.h"

#include <vector>

#include <gtest/gtest.h>

namespace tidegate::app {
namespace {

bool IsOwn(const std::string& url, const std::vector<std::string>& listen) {
  std::vector<net::ListenAddress> own;
  for (const std::string& text : listen) own.push_back(*net::ParseListenAddress(text));
  return IsOneOf(*providers::ParseUrl(url, "url"), own);
}

TEST(Discovery, KnowsItselfHoweverItIsAddressed) {
  for (const char* url :
       {"http://127.0.0.1:11435", "http://localhost:11435/v1", "http://127.0.0.2:11435",
        "http://[::1]:11435", "https://0.0.0.0:11435"}) {
    EXPECT_TRUE(IsOwn(url, {"127.0.0.1:11435"})) << url;
    EXPECT_TRUE(IsOwn(url, {"0.0.0.0:11435"})) << url;
    EXPECT_FALSE(IsOwn(url, {"127.0.0.1:11434"})) << url;
    EXPECT_FALSE(IsOwn(url, {"192.168.1.5:11435"})) << url;
  }
  EXPECT_TRUE(IsOwn("http://192.168.1.5:11435", {"127.0.0.1:1", "192.168.1.5:11435"}));
  EXPECT_FALSE(IsOwn("http://192.168.1.6:11435", {"192.168.1.5:11435"}));
  EXPECT_TRUE(IsOwn("unix:/run/t.sock", {"unix:/run/t.sock"}));
  EXPECT_FALSE(IsOwn("unix:/run/u.sock", {"unix:/run/t.sock"}));
}

}  // namespace
}  // namespace tidegate::app
