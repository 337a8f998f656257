#include "providers/host_variable.h"

#include <gtest/gtest.h>

namespace tidegate::providers {
namespace {

TEST(UrlOfHost, ReadsWhatOllamasOwnClientsRead) {
  constexpr std::string_view kUsual = "http://127.0.0.1:11434";
  EXPECT_EQ(UrlOfHost("", kUsual), kUsual);
  EXPECT_EQ(UrlOfHost(" \"box\" ", kUsual), "http://box:11434");
  EXPECT_EQ(UrlOfHost("box:8080", kUsual), "http://box:8080");
  EXPECT_EQ(UrlOfHost(":8080", kUsual), "http://127.0.0.1:8080");
  EXPECT_EQ(UrlOfHost("http://box", kUsual), "http://box");
  EXPECT_EQ(UrlOfHost("https://box/ollama/", kUsual), "https://box/ollama");
  EXPECT_EQ(UrlOfHost("0.0.0.0", kUsual), "http://127.0.0.1:11434");
  EXPECT_EQ(UrlOfHost("0.0.0.0:99", kUsual), "http://127.0.0.1:99");
  EXPECT_EQ(UrlOfHost("::", kUsual), "http://[::1]:11434");
  EXPECT_EQ(UrlOfHost("[::1]:99", kUsual), "http://[::1]:99");
  EXPECT_EQ(UrlOfHost("fd00::1", kUsual), "http://[fd00::1]:11434");
}

}  // namespace
}  // namespace tidegate::providers
