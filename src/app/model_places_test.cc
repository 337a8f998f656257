#include "app/model_places.h"

#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace tidegate::app {
namespace {

const Environment kEnvironment = [](std::string_view name) {
  return name == "TOKEN" ? std::optional<std::string>("secret") : std::nullopt;
};

TEST(PushSettings, NothingIsPushedAnywhereUnlessItIsSaid) {
  const auto options = PushSettings(Settings(), kEnvironment);
  ASSERT_TRUE(options.ok());
  EXPECT_TRUE(options->registries.empty());
  EXPECT_EQ(options->bytes_per_second, 0U);
}

TEST(PushSettings, EachRegistryIsSpokenToAsItIsForPulls) {
  Settings settings;
  settings.push_registries = {"registry.example:5000", "box.lan:5000", "hf.co"};
  settings.insecure_registries = {"box.lan:5000"};
  settings.registry_tokens = {"registry.example:5000=env:TOKEN"};
  settings.upload_mib_per_s = 2;
  const auto options = PushSettings(settings, kEnvironment);
  ASSERT_TRUE(options.ok()) << Describe(options.error());
  ASSERT_EQ(options->registries.size(), 3U);
  EXPECT_EQ(options->registries[0].origin.ToString(), "https://registry.example:5000");
  EXPECT_EQ(options->registries[0].token.Reveal(), "secret");
  EXPECT_EQ(options->registries[1].origin.ToString(), "http://box.lan:5000");
  EXPECT_TRUE(options->registries[1].token.empty());
  EXPECT_EQ(options->registries[2].origin.host, "huggingface.co");
  EXPECT_EQ(options->bytes_per_second, 2U << 20U);
}

TEST(PushSettings, AMistakeIsNamedByItsSetting) {
  const auto field = [](const Settings& settings) {
    const auto options = PushSettings(settings, kEnvironment);
    return options.ok() ? "(none)" : options.error().field;
  };
  Settings settings;
  settings.push_registries = {"registry.example/path"};
  EXPECT_EQ(field(settings), "models.push_registries");
  settings.push_registries = {"registry.example"};
  for (const char* token :
       {"registry.example", "=env:TOKEN", "registry.example=secret", "registry.example=env:NONE"}) {
    settings.registry_tokens = {token};
    EXPECT_EQ(field(settings), "models.registry_tokens") << token;
  }
}

TEST(PullSettings, WhoIsSpokenToWithoutTlsNeedNotBeNamedTwice) {
  Settings settings;
  settings.registries = {"hf.co"};
  settings.insecure_registries = {"box.lan:5000"};
  settings.registry_tokens = {"hf.co=env:TOKEN"};
  const auto options = PullSettings(settings, kEnvironment);
  ASSERT_TRUE(options.ok()) << Describe(options.error());
  ASSERT_EQ(options->registries.size(), 2U);
  EXPECT_EQ(options->registries[0].origin.ToString(), "http://box.lan:5000");
  EXPECT_EQ(options->registries[1].token.Reveal(), "secret");
}

TEST(PullSettings, ARegistryHasOneTokenUnderAllItsNames) {
  for (const char* token : {"hf.co=env:TOKEN", "huggingface.co=env:TOKEN", "HF.co=env:TOKEN"}) {
    Settings settings;
    settings.registry_tokens = {token};
    const auto options = PullSettings(settings, kEnvironment);
    ASSERT_TRUE(options.ok()) << Describe(options.error());
    for (const models::RegistryConfig& registry : options->registries) {
      EXPECT_EQ(registry.token.empty(), registry.host == "registry.ollama.ai") << registry.host;
    }
  }
}

TEST(PullSettings, WhatIsSaidOfAnUnknownRegistryIsRefusedWithTheList) {
  Settings settings;
  settings.push_registries = {"push.lan:5000"};
  settings.registry_tokens = {"push.lan:5000=env:TOKEN"};
  EXPECT_TRUE(PullSettings(settings, kEnvironment).ok()) << "it is there to push to";
  settings.registry_tokens = {"hugingface.co=env:TOKEN"};
  const auto tokens = PullSettings(settings, kEnvironment);
  ASSERT_FALSE(tokens.ok());
  EXPECT_EQ(tokens.error().field, "models.registry_tokens");
  EXPECT_NE(tokens.error().message.find("registry.ollama.ai, hf.co, huggingface.co, push.lan:5000"),
            std::string::npos)
      << tokens.error().message;
  settings.registry_tokens = {"hf.co=env:TOKEN", "huggingface.co=env:TOKEN"};
  EXPECT_FALSE(PullSettings(settings, kEnvironment).ok()) << "two of one";
  settings.registry_tokens.clear();
  settings.registry_storage = {"nobody.lan=http://10.0.0.2:9000"};
  const auto storage = PullSettings(settings, kEnvironment);
  ASSERT_FALSE(storage.ok());
  EXPECT_EQ(storage.error().field, "models.registry_storage");
}

TEST(PullSettings, ARegistryMayKeepItsBlobsAtAPrivateAddress) {
  Settings settings;
  settings.insecure_registries = {"box.lan:5000"};
  settings.registry_storage = {"box.lan:5000=http://10.0.0.2:9000",
                               "box.lan:5000=https://minio.lan"};
  const auto options = PullSettings(settings, kEnvironment);
  ASSERT_TRUE(options.ok()) << Describe(options.error());
  ASSERT_EQ(options->registries[0].storage.size(), 2U);
  EXPECT_EQ(options->registries[0].storage[0].ToString(), "http://10.0.0.2:9000");
  EXPECT_EQ(options->registries[0].storage[1].ToString(), "https://minio.lan:443");
  EXPECT_TRUE(options->registries[1].storage.empty());
  for (const char* wrong : {"box.lan:5000", "box.lan:5000=", "box.lan:5000=10.0.0.2",
                            "box.lan:5000=http://10.0.0.2/path"}) {
    settings.registry_storage = {wrong};
    EXPECT_FALSE(PullSettings(settings, kEnvironment).ok()) << wrong;
  }
}

}  // namespace
}  // namespace tidegate::app
