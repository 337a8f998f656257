#include "app/config.h"

#include <fstream>
#include <map>
#include <unistd.h>

#include <gtest/gtest.h>

namespace tidegate::app {
namespace {

Environment Fake(std::map<std::string, std::string, std::less<>> values) {
  return [values = std::move(values)](std::string_view name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

Result<Config> Parse(std::string_view text) {
  return ParseConfig(text, "test.toml", Fake({{"KEY", "sk-secret"}, {"HOME", "/h"}}));
}

constexpr std::string_view kDigest =
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

TEST(ConfigTest, AnEmptyFileIsAConfiguration) {
  const auto config = Parse("");
  ASSERT_TRUE(config.ok()) << Describe(config.error());
  EXPECT_EQ(config->settings.listen, std::vector<std::string>{"127.0.0.1:11435"});
  EXPECT_TRUE(config->keys.empty());
}

TEST(ConfigTest, EveryPartOfTheDocumentedExampleIsRead) {
  const auto config = Parse(R"(
listen = ["127.0.0.1:11435"]
[engine]
keep_alive_s = -1
[providers.openai]
key = "env:KEY"
[providers.workshop]
protocol = "openai_chat"
url      = "http://workshop.lan:8000/v1"
place    = "edge"
models   = ["plain", { name = "m", prices = { input_usd = 2.5, output_usd = "10" } }]
[policies.default]
prefer = "cost"
[policies.work]
privacy      = "masked"
place        = ["device", "edge", "cloud"]
max_cost_usd = 0.02
providers.only = ["openai"]
[keys.laptop]
sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
policy = "work"
place  = ["device"]
admin  = true
budget = { day_usd = 2.00, on_over_budget = "refuse" }
)");
  ASSERT_TRUE(config.ok()) << Describe(config.error());
  EXPECT_EQ(config->settings.engine_keep_alive_s, -1);
  ASSERT_EQ(config->providers.size(), 2U);
  EXPECT_EQ(config->providers[0].key->Reveal(), "sk-secret");
  EXPECT_EQ(config->providers[1].models[1].prices->output, Price{10'000'000'000});
  EXPECT_EQ(config->providers[1].models[1].prices->cached_read, Price{2'500'000'000})
      << "what is not known to be cheaper is not cheaper";
  EXPECT_EQ(config->defaults.prefer, core::Prefer::kCost);
  const core::Constraints& work = config->policies.at("work");
  EXPECT_EQ(work.privacy, core::Privacy::kMasked);
  EXPECT_EQ(work.max_cost, Money{20'000'000});
  EXPECT_EQ(work.providers_only, std::vector<std::string>{"openai"});
  ASSERT_EQ(config->keys.size(), 1U);
  EXPECT_EQ(config->keys[0].budget_day, Money{2'000'000'000});
  EXPECT_EQ(config->keys[0].constraints.on_over_budget, core::OnOverBudget::kRefuse);
  EXPECT_EQ(config->keys[0].places, core::PlaceSet::Of(core::Place::kDevice));
  EXPECT_EQ(config->keys[0].scopes, policy::ScopeSet::All());
}

TEST(ConfigTest, AKeyHasTheScopesThatItStatesElseThoseOfWhoeverUsesModels) {
  const std::string key = "[keys.a]\nsha256 = \"" + std::string(kDigest) + "\"\n";
  const auto scopes = [&](const std::string& line) { return Parse(key + line)->keys[0].scopes; };
  using policy::Scope;
  EXPECT_EQ(scopes(""), policy::ScopeSet::Default());
  EXPECT_FALSE(scopes("").Has(Scope::kModelsWrite));
  EXPECT_EQ(scopes("admin = true\n"), policy::ScopeSet::All());
  EXPECT_EQ(scopes("admin = false\n"), policy::ScopeSet::Default());
  EXPECT_EQ(scopes("scopes = []\n"), policy::ScopeSet());
  EXPECT_EQ(scopes("scopes = [\"models:write\", \"metrics\"]\n"),
            policy::ScopeSet().With(Scope::kModelsWrite).With(Scope::kMetrics));
  for (const Scope scope : {Scope::kInference, Scope::kModelsRead, Scope::kModelsWrite,
                            Scope::kRecords, Scope::kMetrics, Scope::kAdmin}) {
    const std::string word(policy::ToString(scope));
    EXPECT_TRUE(scopes("scopes = [\"" + word + "\"]\n").Has(scope)) << word;
    EXPECT_TRUE(scopes("scopes = [\"admin\"]\n").Has(scope)) << word;
  }
}

TEST(ConfigTest, CredentialsOfAwsAreReadForCallersAndForProviders) {
  const auto config = Parse(R"(
[keys.robot]
aws_access_key_id     = "AKIA-robot_1"
aws_secret_access_key = "env:KEY"
[keys.both]
sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
aws_access_key_id     = "AKIA2"
aws_secret_access_key = "env:KEY"
[providers.bedrock]
aws_region            = "eu-west-1"
aws_access_key_id     = "AKIA3"
aws_secret_access_key = "env:KEY"
aws_session_token     = "env:KEY"
)");
  ASSERT_TRUE(config.ok()) << Describe(config.error());
  ASSERT_EQ(config->keys.size(), 2U);
  const policy::Principal& both = config->keys[0];
  EXPECT_EQ(both.name, "both");
  EXPECT_TRUE(both.key_sha256.has_value());
  const policy::Principal& robot = config->keys[1];
  EXPECT_FALSE(robot.key_sha256.has_value());
  EXPECT_EQ(robot.aws_access_key_id, "AKIA-robot_1");
  EXPECT_EQ(robot.aws_secret_access_key.Reveal(), "sk-secret");
  const providers::AwsConfig& aws = config->providers.at(0).aws;
  EXPECT_EQ(aws.region, "eu-west-1");
  EXPECT_EQ(aws.access_key_id, "AKIA3");
  EXPECT_EQ(aws.secret_access_key->Reveal(), "sk-secret");
  EXPECT_EQ(aws.session_token->Reveal(), "sk-secret");
}

TEST(ClientAddress, IsTheFirstAddressAsThisMachineReachesIt) {
  Settings settings;
  EXPECT_EQ(ClientAddress(settings), "127.0.0.1:11435");
  const auto at = [&settings](const std::string& listen) {
    settings.listen = {listen, "127.0.0.1:9"};
    return ClientAddress(settings);
  };
  EXPECT_EQ(at("127.0.0.1:8080"), "127.0.0.1:8080");
  EXPECT_EQ(at("0.0.0.0:8080"), "127.0.0.1:8080");
  EXPECT_EQ(at("[::]:8080"), "[::1]:8080");
  EXPECT_EQ(at("unix:/run/gate.sock"), "unix:/run/gate.sock");
  EXPECT_EQ(at("127.0.0.1:0"), "127.0.0.1:11435");
  EXPECT_EQ(at("nonsense"), "127.0.0.1:11435");
  settings.tls_certificate = "/etc/gate.pem";
  EXPECT_EQ(at("192.168.1.7:8443"), "https://192.168.1.7:8443");
  settings.listen = {};
  EXPECT_EQ(ClientAddress(settings), "127.0.0.1:11435");
}

TEST(ConfigTest, WhatIsWrongIsNamedWithItsPath) {
  const std::string key = "[keys.a]\nsha256 = \"" + std::string(kDigest) + "\"\n";
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"listn = [\"127.0.0.1:1\"]", "listn"},
      {"listen = \"127.0.0.1:1\"", "listen"},
      {"listen = [1]", "listen"},
      {"shards = 1000", "shards"},
      {"shards = \"two\"", "shards"},
      {"log.level = \"loud\"", "log.level"},
      {"engine = 1", "engine"},
      {"[engine]\nunknown = 1", "engine.unknown"},
      {"budget.day_usd = -1", "budget.day_usd"},
      {"budget.day_usd = \"much\"", "budget.day_usd"},
      {"tls.certificate = \"a.pem\"", "tls"},
      {"providers = 1", "providers"},
      {"[providers]\nopenai = 1", "providers.openai"},
      {"[providers.x]\nkey = \"sk-literal\"", "providers.x.key"},
      {"[providers.x]\nkey = \"env:MISSING\"", "providers.x.key"},
      {"[providers.x]\nkey = \"keyring:x\"", "providers.x.key"},
      {"[providers.x]\nkey = \"file:/nowhere/at/all\"", "providers.x.key"},
      {"[providers.x]\nplace = \"moon\"", "providers.x.place"},
      {"[providers.x]\nspeed = 1", "providers.x.speed"},
      {"[providers.x]\nmodels = [{ context_tokens = 1 }]", "providers.x.models[0].name"},
      {"[providers.x]\nmodels = [{ name = \"a\", capabilities = [\"flying\"] }]",
       "providers.x.models[0].capabilities"},
      {"[providers.x]\nmodels = [{ name = \"a\", quality = 2 }]", "providers.x.models[0].quality"},
      {"[providers.x]\nprices = { input = 1 }", "providers.x.prices.input"},
      {"[providers.local]\nurl = \"http://127.0.0.1\"", "providers.local.url"},
      {"[providers.local]\nmodels = [{ name = \"a\", pinned = 1 }]",
       "providers.local.models[0].pinned"},
      {"[providers.openai]\nkey = \"env:KEY\"\nmodels = [\"a\", { name = \"b\", pinned = true }]",
       "providers.openai.models[1].pinned"},
      {"[providers.local]\nmodels = [{ name = \"a\", keep_alive_s = -2 }]",
       "providers.local.models[0].keep_alive_s"},
      {"[providers.openai]\nkey = \"env:KEY\"\nmodels = [{ name = \"b\", keep_alive_s = 5 }]",
       "providers.openai.models[0].keep_alive_s"},
      {"[policies.p]\nprivacy = \"secret\"", "policies.p.privacy"},
      {"[policies.p]\nprivaci = \"local\"", "policies.p.privaci"},
      {"[policies.p]\ndeadline_ms = \"soon\"", "policies.p.deadline_ms"},
      {"[keys.a]\npolicy = \"p\"", "keys.a.sha256"},
      {"[keys.a]\nsha256 = \"short\"", "keys.a.sha256"},
      {"[keys.a]\naws_access_key_id = \"AKIA1\"", "keys.a.aws_secret_access_key"},
      {"[keys.a]\naws_access_key_id = \"a b\"", "keys.a.aws_access_key_id"},
      {"[keys.a]\naws_access_key_id = \"\"", "keys.a.aws_access_key_id"},
      {"[keys.a]\naws_secret_access_key = \"literal\"", "keys.a.aws_secret_access_key"},
      {key + "aws_secret_access_key = \"env:KEY\"", "keys.a.aws_access_key_id"},
      {"[providers.x]\naws_secret_access_key = \"literal\"", "providers.x.aws_secret_access_key"},
      {"[providers.x]\naws_profile = \"p\"", "providers.x.aws_profile"},
      {key + "policy = \"nobody\"", "keys.a.policy"},
      {key + "budget = 5", "keys.a.budget"},
      {key + "budget = { week_usd = 5 }", "keys.a.budget.week_usd"},
      {key + "admin = 1", "keys.a.admin"},
      {key + "admin = true\nscopes = [\"inference\"]", "keys.a.admin"},
      {key + "scopes = \"inference\"", "keys.a.scopes"},
      {key + "scopes = [\"root\"]", "keys.a.scopes"},
      {key + "scopes = [1]", "keys.a.scopes"},
      {key + "priority = \"urgent\"", "keys.a.priority"},
  };
  for (const auto& [text, field] : rows) {
    const auto config = Parse(text);
    ASSERT_FALSE(config.ok()) << text;
    EXPECT_EQ(config.error().field, field) << text << ": " << config.error().message;
    EXPECT_FALSE(config.error().message.empty());
    EXPECT_EQ(config.error().message.find("sk-"), std::string::npos)
        << "a secret must not be repeated";
  }
}

TEST(ConfigTest, BrokenTomlIsReportedWithItsLine) {
  const auto config = Parse("a = 1\nb = = 2\n");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().field, "test.toml:2");
}

TEST(ConfigTest, ASecretIsReadFromAFileWithoutItsLastNewline) {
  const std::string file = testing::TempDir() + "/secret-" + std::to_string(getpid());
  std::ofstream(file) << "sk-from-file\n";
  const auto config = Parse("[providers.x]\nkey = \"file:" + file + "\"");
  ASSERT_TRUE(config.ok()) << Describe(config.error());
  EXPECT_EQ(config->providers[0].key->Reveal(), "sk-from-file");
  std::remove(file.c_str());
}

TEST(ConfigTest, AMissingFileMattersOnlyWhenItWasNamed) {
  const Environment nowhere = Fake({{"HOME", "/nowhere/at/all"}});
  const auto standard = LoadConfig("", nowhere);
  ASSERT_TRUE(standard.ok());
  EXPECT_FALSE(standard->file_found);
  EXPECT_EQ(standard->path, "/nowhere/at/all/.config/tidegate/config.toml");
  EXPECT_EQ(LoadConfig("/nowhere/config.toml", nowhere).error().code, ErrorCode::kNotFound);
}

TEST(ConfigTest, FoldersFollowTheEnvironment) {
  const Settings settings;
  EXPECT_EQ(*StateFolder(settings, Fake({{"XDG_STATE_HOME", "/s"}})), "/s/tidegate");
  EXPECT_EQ(*StateFolder(settings, Fake({{"HOME", "/h"}})), "/h/.local/state/tidegate");
  EXPECT_FALSE(StateFolder(settings, Fake({})).ok());
  EXPECT_EQ(*RuntimeFolder(settings, Fake({{"XDG_RUNTIME_DIR", "/run/user/1"}})),
            "/run/user/1/tidegate");
  EXPECT_EQ(*RuntimeFolder(settings, Fake({{"HOME", "/h"}})), "/h/.local/state/tidegate/run");
}

TEST(ExposureTest, BeyondThisMachineKeysAndTlsAreDemanded) {
  const std::string key = "[keys.a]\nsha256 = \"" + std::string(kDigest) + "\"\n";
  const std::string tls = "tls.certificate = \"c.pem\"\ntls.key = \"k.pem\"\n";
  const std::string open = "listen = [\"0.0.0.0:1\"]\n";
  EXPECT_TRUE(
      CheckExposure(*Parse("listen = [\"127.0.0.1:1\", \"[::1]:1\", \"unix:/x.sock\"]")).ok());
  EXPECT_FALSE(CheckExposure(*Parse(open)).ok());
  EXPECT_FALSE(CheckExposure(*Parse(open + key)).ok());
  EXPECT_FALSE(CheckExposure(*Parse(open + tls)).ok());
  EXPECT_FALSE(CheckExposure(*Parse("listen = [\"127.0.0.1:1\", \"[::]:1\"]")).ok())
      << "one open address is enough";
  EXPECT_TRUE(CheckExposure(*Parse(open + tls + key)).ok());
  EXPECT_TRUE(CheckExposure(*Parse(open + "allow_insecure = true")).ok());
}

TEST(SettingsTest, TheDocumentedTableIsTheOneInTheProgram) {
  std::ifstream file(std::string(TIDEGATE_SOURCE_DIR) + "/docs/configuration.md");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_NE(text.find(OptionsMarkdown()), std::string::npos)
      << "docs/configuration.md must hold this table:\n"
      << OptionsMarkdown();
}

}  // namespace
}  // namespace tidegate::app
