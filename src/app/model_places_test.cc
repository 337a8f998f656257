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

}  // namespace
}  // namespace tidegate::app
