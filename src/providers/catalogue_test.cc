#include "providers/catalogue.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "providers/catalogue_index.h"
#include "providers/entry.h"

namespace tidegate::providers {
namespace {

Environment With(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(std::string(name));
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

Result<Catalogue> Load(const std::vector<ProviderConfig>& configs,
                       std::map<std::string, std::string> variables = {}) {
  return Catalogue::Load(configs, With(std::move(variables)));
}

ProviderConfig Config(std::string id, std::optional<std::string> url = std::nullopt) {
  ProviderConfig config;
  config.id = std::move(id);
  config.url = std::move(url);
  return config;
}

const core::Deployment* FindModel(const Catalogue& catalogue, std::string_view ref) {
  for (const core::Deployment& deployment : catalogue.deployments()) {
    if (deployment.ref.ToString() == ref) return &deployment;
  }
  return nullptr;
}

TEST(CatalogueFiles, AreAllValidAndSortedAndNameTheirProvider) {
  std::vector<std::string_view> ids = CatalogueIds();
  EXPECT_GE(ids.size(), 15U);
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  for (const CatalogueFile& file : CatalogueFiles()) {
    const Result<Entry> entry = ParseEntry(file.id, *file.provider);
    ASSERT_TRUE(entry.ok()) << Describe(entry.error());
    EXPECT_FALSE(entry->provider.display_name.empty()) << file.id;
    std::string url = entry->url;
    if (const std::size_t at = url.find("{region}"); at != std::string::npos) {
      EXPECT_FALSE(entry->aws_service.empty()) << file.id;
      url.replace(at, 8, "eu-central-1");
    }
    if (!url.empty()) {
      EXPECT_TRUE(ParseUrl(url, "url").ok()) << file.id;
    }
    if (file.models == nullptr) {
      // Where there is no address either, who configures it names the models too. Replicate has
      // thousands, each with inputs of its own.
      const bool named = url.empty() || entry->provider.protocol == core::Protocol::kReplicate;
      EXPECT_TRUE(entry->provider.lists_models || named)
          << file.id << " neither has models nor lists them";
      continue;
    }
    const Result<std::vector<core::Deployment>> models = ParseModels(entry->provider, *file.models);
    ASSERT_TRUE(models.ok()) << Describe(models.error());
    EXPECT_FALSE(models->empty()) << file.id;
    std::set<std::string> names;
    for (const core::Deployment& model : *models) {
      EXPECT_TRUE(names.insert(model.ref.model).second) << model.ref.ToString();
      EXPECT_FALSE(model.family.empty()) << model.ref.ToString();
      EXPECT_GT(model.context_tokens, 0) << model.ref.ToString();
      EXPECT_LE(model.output_tokens_max, model.context_tokens) << model.ref.ToString();
      EXPECT_GE(model.quality, 0.3) << model.ref.ToString();
      EXPECT_LE(model.quality, 0.95) << model.ref.ToString();
    }
  }
}

// What a provider refuses is left out of requests, so it must be a hint, or the provider must lack
// the capability that such requests need.
TEST(CatalogueFiles, RefuseOnlyHintsAndWhatTheyLack) {
  using core::Capability;
  const std::map<std::string_view, std::optional<Capability>> kMeanings = {
      {"user", std::nullopt},
      {"store", std::nullopt},
      {"metadata", std::nullopt},
      {"service_tier", std::nullopt},
      {"safety_identifier", std::nullopt},
      {"prompt_cache_key", std::nullopt},
      {"prompt_cache_retention", std::nullopt},
      {"prompt_cache_options", std::nullopt},
      {"stream_options", std::nullopt},
      {"logprobs", Capability::kLogprobs},
      {"top_logprobs", Capability::kLogprobs},
      {"logit_bias", Capability::kLogitBias},
      {"frequency_penalty", Capability::kPenalties},
      {"presence_penalty", Capability::kPenalties},
  };
  for (const CatalogueFile& file : CatalogueFiles()) {
    const Result<Entry> entry = ParseEntry(file.id, *file.provider);
    std::vector<core::CapabilitySet> sets = {entry->provider.capabilities};
    if (file.models != nullptr) {
      const auto models = ParseModels(entry->provider, *file.models);
      for (const core::Deployment& model : *models) sets.push_back(model.capabilities);
    }
    for (const std::string& refused : entry->provider.dialect.refuses) {
      const auto meaning = kMeanings.find(refused);
      ASSERT_NE(meaning, kMeanings.end()) << file.id << " refuses " << refused;
      if (!meaning->second) continue;
      for (const core::CapabilitySet set : sets) {
        EXPECT_FALSE(set.Has(*meaning->second)) << file.id << " refuses " << refused;
      }
    }
  }
}

TEST(Catalogue, KnowsBothServicesOfGoogles) {
  const Result<Catalogue> by_key = Load({}, {{"GOOGLE_API_KEY", "AIza"}});
  ASSERT_TRUE(by_key.ok());
  ASSERT_EQ(by_key->providers().size(), 1U);
  const Provider& gemini = by_key->providers()[0];
  EXPECT_EQ(gemini.id, "gemini");
  EXPECT_EQ(gemini.protocol, core::Protocol::kGemini);
  EXPECT_EQ(gemini.auth_header, "x-goog-api-key");
  EXPECT_EQ(gemini.auth_value.Reveal(), "AIza");
  EXPECT_TRUE(gemini.dialect.call_ids);
  EXPECT_NE(FindModel(*by_key, "gemini/gemini-2.5-flash"), nullptr);

  ProviderConfig config;
  config.id = "vertex";
  ASSERT_FALSE(Load({config}).ok()) << "its address holds the project";
  config.url =
      "https://aiplatform.googleapis.com/v1beta1/projects/p/locations/global/publishers/google";
  config.key = Secret("ya29.token");
  const Result<Catalogue> configured = Load({config});
  ASSERT_TRUE(configured.ok());
  const Provider& vertex = configured->providers()[0];
  EXPECT_EQ(vertex.auth_value.Reveal(), "Bearer ya29.token");
  EXPECT_FALSE(vertex.dialect.call_ids);
  EXPECT_EQ(FindModel(*configured, "vertex/claude-opus-4@20250514"), nullptr);
}

TEST(Catalogue, HasNobodyWithoutKeysAndConfiguration) {
  const Result<Catalogue> catalogue = Load({});
  ASSERT_TRUE(catalogue.ok());
  EXPECT_TRUE(catalogue->providers().empty());
  EXPECT_TRUE(catalogue->deployments().empty());
}

TEST(Catalogue, TakesAKeyInTheEnvironmentAsConfigurationEnough) {
  const Result<Catalogue> catalogue = Load({}, {{"OPENAI_API_KEY", "sk-1"}, {"GROQ_API_KEY", ""}});
  ASSERT_TRUE(catalogue.ok());
  ASSERT_EQ(catalogue->providers().size(), 1U);
  const Provider& openai = catalogue->providers()[0];
  EXPECT_EQ(openai.id, "openai");
  EXPECT_EQ(openai.auth_header, "authorization");
  EXPECT_EQ(openai.auth_value.Reveal(), "Bearer sk-1");
  EXPECT_EQ(openai.endpoint.ToString(), "https://api.openai.com/v1");
  EXPECT_EQ(openai.place, core::Place::kCloud);
  EXPECT_TRUE(openai.dialect.max_completion_tokens);
  const core::Deployment* model = FindModel(*catalogue, "openai/gpt-4o");
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->prices->input.nanodollars_per_mtok, 2'500'000'000);
  EXPECT_EQ(model->prices->output.nanodollars_per_mtok, 10'000'000'000);
  EXPECT_EQ(model->prices->cached_write.nanodollars_per_mtok, 2'500'000'000);
  EXPECT_EQ(model->context_tokens, 128'000);
  EXPECT_EQ(model->output_tokens_max, 16'384);
  EXPECT_TRUE(model->capabilities.Has(core::Capability::kVision));
  EXPECT_TRUE(model->capabilities.Has(core::Capability::kLogprobs));
  EXPECT_FALSE(model->zero_data_retention);
}

TEST(Catalogue, KnowsThatModelsWithFixedSamplingRefuseItsParameters) {
  const Result<Catalogue> catalogue = Load({}, {{"OPENAI_API_KEY", "sk-1"}});
  const core::Deployment* model = FindModel(*catalogue, "openai/gpt-5");
  ASSERT_NE(model, nullptr);
  EXPECT_TRUE(model->capabilities.Has(core::Capability::kReasoning));
  EXPECT_FALSE(model->capabilities.Has(core::Capability::kTemperature));
  EXPECT_FALSE(model->capabilities.Has(core::Capability::kLogprobs));
  EXPECT_TRUE(model->capabilities.Has(core::Capability::kSeed));
}

TEST(Catalogue, GivesTheSameWeightsOneFamilyAtEveryProvider) {
  const Result<Catalogue> catalogue =
      Load({}, {{"GROQ_API_KEY", "a"}, {"CEREBRAS_API_KEY", "b"}, {"OPENROUTER_API_KEY", "c"}});
  ASSERT_TRUE(catalogue.ok());
  const core::Deployment* a = FindModel(*catalogue, "groq/openai/gpt-oss-120b");
  const core::Deployment* b = FindModel(*catalogue, "cerebras/gpt-oss-120b");
  const core::Deployment* c = FindModel(*catalogue, "openrouter/openai/gpt-oss-120b");
  ASSERT_TRUE(a != nullptr && b != nullptr && c != nullptr);
  EXPECT_EQ(a->family, b->family);
  EXPECT_EQ(a->family, c->family);
}

TEST(Catalogue, LeavesOutWhatIsSwitchedOff) {
  ProviderConfig off = Config("openai");
  off.enabled = false;
  EXPECT_TRUE(Load({off}, {{"OPENAI_API_KEY", "sk-1"}})->providers().empty());
}

TEST(Catalogue, NeverSendsAKeyFromTheEnvironmentToAConfiguredAddress) {
  const Result<Catalogue> catalogue =
      Load({Config("openai", "https://proxy.example/v1")}, {{"OPENAI_API_KEY", "sk-1"}});
  ASSERT_TRUE(catalogue.ok());
  EXPECT_TRUE(catalogue->Find("openai")->auth_value.empty());
  EXPECT_EQ(catalogue->Find("openai")->auth_header, "");
}

TEST(CatalogueAws, TakesItsKeyOrItsCredentialsInTheEnvironmentWithARegion) {
  const Result<Catalogue> key =
      Load({}, {{"AWS_BEARER_TOKEN_BEDROCK", "bk"}, {"AWS_REGION", "eu-central-1"}});
  ASSERT_TRUE(key.ok()) << Describe(key.error());
  const Provider* bedrock = key->Find("bedrock");
  ASSERT_NE(bedrock, nullptr);
  EXPECT_EQ(bedrock->protocol, core::Protocol::kBedrockConverse);
  EXPECT_EQ(bedrock->endpoint.ToString(), "https://bedrock-runtime.eu-central-1.amazonaws.com");
  EXPECT_EQ(bedrock->auth_value.Reveal(), "Bearer bk");
  EXPECT_EQ(bedrock->signer, nullptr);
  const core::Deployment* model =
      FindModel(*key, "bedrock/eu.anthropic.claude-sonnet-4-5-20250929-v1:0");
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->family, "claude-sonnet-4-5-20250929");
  EXPECT_GT(model->prices->output.nanodollars_per_mtok, 0);

  const Result<Catalogue> pair = Load({}, {{"AWS_ACCESS_KEY_ID", "AKIA1"},
                                           {"AWS_SECRET_ACCESS_KEY", "secret"},
                                           {"AWS_SESSION_TOKEN", "token"},
                                           {"AWS_DEFAULT_REGION", "us-east-1"}});
  ASSERT_TRUE(pair.ok()) << Describe(pair.error());
  bedrock = pair->Find("bedrock");
  ASSERT_NE(bedrock, nullptr);
  ASSERT_NE(bedrock->signer, nullptr);
  EXPECT_EQ(bedrock->auth_header, "");
  EXPECT_TRUE(bedrock->auth_value.empty());
  EXPECT_EQ(bedrock->signer->access_key_id(), "AKIA1");
  EXPECT_EQ(bedrock->signer->region(), "us-east-1");
  EXPECT_EQ(bedrock->signer->service(), "bedrock");
}

TEST(CatalogueAws, CredentialsForSomethingElseDoNotMakeAProvider) {
  const auto ids = [](std::map<std::string, std::string> variables) {
    const Result<Catalogue> catalogue = Load({}, std::move(variables));
    return catalogue.ok() ? catalogue->providers().size() : 99;
  };
  EXPECT_EQ(ids({{"AWS_ACCESS_KEY_ID", "a"}, {"AWS_SECRET_ACCESS_KEY", "b"}}), 0U) << "no region";
  EXPECT_EQ(ids({{"AWS_ACCESS_KEY_ID", "a"}, {"AWS_REGION", "eu-west-1"}}), 0U) << "no secret";
  const Result<Catalogue> nowhere = Load({}, {{"AWS_BEARER_TOKEN_BEDROCK", "bk"}});
  ASSERT_FALSE(nowhere.ok());
  EXPECT_EQ(nowhere.error().field, "providers.bedrock.aws_region");
}

TEST(CatalogueAws, ConfiguredCredentialsComeFirstAndAreComplete) {
  ProviderConfig config = Config("bedrock");
  config.aws.region = "eu-west-1";
  config.aws.access_key_id = "AKIA2";
  config.aws.secret_access_key = Secret("s");
  const Result<Catalogue> catalogue = Load({config}, {{"AWS_BEARER_TOKEN_BEDROCK", "bk"},
                                                      {"AWS_SESSION_TOKEN", "of the other key"},
                                                      {"AWS_REGION", "us-east-1"}});
  ASSERT_TRUE(catalogue.ok()) << Describe(catalogue.error());
  EXPECT_EQ(catalogue->Find("bedrock")->signer->access_key_id(), "AKIA2");
  EXPECT_EQ(catalogue->Find("bedrock")->signer->region(), "eu-west-1");

  const auto field = [&](auto change) {
    ProviderConfig changed = config;
    change(changed);
    const Result<Catalogue> loaded = Load({changed});
    return loaded.ok() ? "none" : loaded.error().field;
  };
  EXPECT_EQ(field([](ProviderConfig& c) { c.aws.secret_access_key.reset(); }),
            "providers.bedrock.aws_secret_access_key");
  EXPECT_EQ(field([](ProviderConfig& c) { c.aws.access_key_id.reset(); }),
            "providers.bedrock.aws_access_key_id");
  EXPECT_EQ(field([](ProviderConfig& c) { c.aws.region = "evil.example/"; }),
            "providers.bedrock.aws_region");
  EXPECT_EQ(field([](ProviderConfig& c) { c.key = Secret("k"); }), "providers.bedrock.key");
  EXPECT_EQ(field([](ProviderConfig& c) {
              c.id = "openai";
              c.key = Secret("k");
            }),
            "providers.openai.aws_access_key_id");
  EXPECT_EQ(field([](ProviderConfig& c) { c.url = "http://proxy.example"; }),
            "providers.bedrock.url");
}

TEST(CatalogueAws, NeverSignsForAConfiguredAddressWithTheEnvironmentsCredentials) {
  const Result<Catalogue> catalogue =
      Load({Config("bedrock", "https://proxy.example")}, {{"AWS_ACCESS_KEY_ID", "AKIA1"},
                                                          {"AWS_SECRET_ACCESS_KEY", "secret"},
                                                          {"AWS_BEARER_TOKEN_BEDROCK", "bk"},
                                                          {"AWS_REGION", "us-east-1"}});
  ASSERT_TRUE(catalogue.ok()) << Describe(catalogue.error());
  EXPECT_EQ(catalogue->Find("bedrock")->signer, nullptr);
  EXPECT_TRUE(catalogue->Find("bedrock")->auth_value.empty());
}

TEST(Catalogue, PlacesAConfiguredAddressByItsReachAndNeverOnTheDeviceByItself) {
  const Result<Catalogue> catalogue =
      Load({Config("a", "http://127.0.0.1:8000/v1"), Config("b", "http://workshop.lan/v1"),
            Config("c", "https://a.io/v1"), Config("vllm")});
  ASSERT_TRUE(catalogue.ok()) << Describe(catalogue.error());
  EXPECT_EQ(catalogue->Find("a")->place, core::Place::kEdge);
  EXPECT_EQ(catalogue->Find("b")->place, core::Place::kEdge);
  EXPECT_EQ(catalogue->Find("c")->place, core::Place::kCloud);
  EXPECT_EQ(catalogue->Find("vllm")->place, core::Place::kEdge);
  EXPECT_TRUE(catalogue->Find("vllm")->lists_models);
  EXPECT_EQ(catalogue->Find("nobody"), nullptr);
}

TEST(Catalogue, LetsOnlyALoopbackAddressClaimTheDevice) {
  for (const std::string url :
       {"http://192.168.1.2/v1", "https://api.openai.com/v1", "http://localhost.evil.com/v1"}) {
    ProviderConfig config = Config("x", url);
    config.place = core::Place::kDevice;
    const Result<Catalogue> catalogue = Load({config});
    ASSERT_FALSE(catalogue.ok()) << url;
    EXPECT_EQ(catalogue.error().field, "providers.x.place");
  }
  ProviderConfig config = Config("x", "http://127.0.0.1:8080/v1");
  config.place = core::Place::kDevice;
  ModelConfig model;
  model.name = "m";
  config.models.push_back(model);
  const Result<Catalogue> catalogue = Load({config});
  ASSERT_TRUE(catalogue.ok());
  EXPECT_EQ(catalogue->Find("x")->place, core::Place::kDevice);
  EXPECT_TRUE(catalogue->Find("x")->lists_models);
  EXPECT_TRUE(catalogue->deployments().empty())
      << "nothing is offered before the server's list was seen";
}

TEST(Catalogue, TakesAnExplicitPlaceForOtherAddressesButNoUnverifiableOne) {
  ProviderConfig edge = Config("x", "https://gpu.example.com/v1");
  edge.place = core::Place::kEdge;
  EXPECT_EQ(Load({edge})->Find("x")->place, core::Place::kEdge);
  edge.place = core::Place::kAttested;
  EXPECT_EQ(Load({edge}).error().field, "providers.x.place");
}

TEST(Catalogue, NamesThePathAndTheRemedyOfEveryMistake) {
  const auto field = [](const std::vector<ProviderConfig>& configs,
                        std::map<std::string, std::string> variables = {}) {
    const Result<Catalogue> catalogue = Load(configs, std::move(variables));
    return catalogue.ok() ? "was accepted" : catalogue.error().field;
  };
  EXPECT_EQ(field({Config("nowhere")}), "providers.nowhere.url");
  EXPECT_EQ(field({Config("Bad Name", "https://a/")}), "providers.Bad Name");
  EXPECT_EQ(field({Config("local", "https://a/")}), "providers.local");
  EXPECT_EQ(field({Config("a", "https://a/"), Config("a", "https://b/")}), "providers.a");
  EXPECT_EQ(field({Config("a", "nonsense")}), "providers.a.url");
  EXPECT_EQ(field({Config("openai")}), "providers.openai.key");
  EXPECT_EQ(field({}, {{"OPENAI_API_KEY", "sk\n"}}), "providers.openai.key");
  ProviderConfig kind = Config("a", "https://a/");
  kind.kind = "ftp";
  EXPECT_EQ(field({kind}), "providers.a.kind");
  ProviderConfig protocol = Config("a", "https://a/");
  protocol.protocol = "smtp";
  EXPECT_EQ(field({protocol}), "providers.a.protocol");
  protocol.protocol = "openai_completions";  // in which no chat can be said
  EXPECT_EQ(field({protocol}), "providers.a.protocol");
  ProviderConfig also = Config("a", "https://a/");
  also.also_speaks = {"openai_completions", "smtp"};
  EXPECT_EQ(field({also}), "providers.a.also_speaks");
  ProviderConfig clear = Config("a", "http://a.example.com/");
  clear.key = Secret("k");
  EXPECT_EQ(field({clear}), "providers.a.url");
  ProviderConfig model = Config("a", "https://a/");
  model.models.resize(2);
  model.models[0].name = "m";
  model.models[1].name = "m";
  EXPECT_EQ(field({model}), "providers.a.models.m");
  model.models.resize(1);
  model.models[0].quality = 2;
  EXPECT_EQ(field({model}), "providers.a.models.m.quality");
}

TEST(Catalogue, WhatAServerAlsoSpeaksMayBeStated) {
  ProviderConfig texts = Config("texts", "https://a/");
  texts.also_speaks = {"openai_completions"};
  ProviderConfig chats = Config("chats", "https://b/");
  chats.kind = "vllm";
  ProviderConfig nothing = chats;
  nothing.id = "nothing";
  nothing.also_speaks.emplace();
  const Result<Catalogue> catalogue = Load({texts, chats, nothing});
  ASSERT_TRUE(catalogue.ok()) << Describe(catalogue.error());
  const std::vector<core::Protocol> completions{core::Protocol::kOpenAiCompletions};
  EXPECT_EQ(catalogue->Find("texts")->also_speaks, completions);
  EXPECT_EQ(catalogue->Find("chats")->also_speaks, completions);
  EXPECT_TRUE(catalogue->Find("nothing")->also_speaks.empty());
}

TEST(Catalogue, NeverRepeatsAKeyInItsErrors) {
  ProviderConfig config = Config("a", "https://a/");
  config.key = Secret("sk-secret with spaces");
  EXPECT_EQ(Describe(Load({config}).error()).find("sk-secret"), std::string::npos);
}

TEST(Catalogue, TakesPricesFromTheModelThenTheProviderThenTheCatalogueAndNothingAtHome) {
  ProviderConfig cloud = Config("c", "https://a.io/v1");
  cloud.models.resize(2);
  cloud.models[0].name = "priced";
  cloud.models[0].prices = core::Prices{
      .input = {7}, .output = {8}, .cached_read = {}, .cached_write = {}, .per_request = {}};
  cloud.models[0].context_tokens = 4096;
  cloud.models[1].name = "plain";
  ProviderConfig edge = Config("e", "http://box.lan/v1");
  edge.models.resize(1);
  edge.models[0].name = "m";
  const Result<Catalogue> without = Load({cloud, edge});
  ASSERT_TRUE(without.ok());
  EXPECT_EQ(FindModel(*without, "c/priced")->prices->input.nanodollars_per_mtok, 7);
  EXPECT_EQ(FindModel(*without, "c/priced")->context_tokens, 4096);
  EXPECT_FALSE(FindModel(*without, "c/plain")->prices.has_value());
  EXPECT_EQ(FindModel(*without, "e/m")->prices->output.nanodollars_per_mtok, 0);
  cloud.prices = core::Prices{
      .input = {3}, .output = {4}, .cached_read = {}, .cached_write = {}, .per_request = {}};
  const Result<Catalogue> with = Load({cloud});
  EXPECT_EQ(FindModel(*with, "c/plain")->prices->input.nanodollars_per_mtok, 3);
  EXPECT_EQ(FindModel(*with, "c/priced")->prices->input.nanodollars_per_mtok, 7);
}

TEST(ParseEntry, ReadsDialectsAndTheNamesOfRateLimits) {
  const Result<Entry> entry = ParseEntry(
      "x",
      R"({"id":"x","auth":{"scheme":"none"},"quirks":{"seed":"random_seed","refuses":["user"],)"
      R"("message_names":false,"reasoning_back":true,"call_id_bytes":9,"chat_path":"/c"},)"
      R"("rate_limit_headers":{"requests_limit":"a","tokens_reset":"b"}})");
  ASSERT_TRUE(entry.ok()) << Describe(entry.error());
  const protocols::Dialect& dialect = entry->provider.dialect;
  EXPECT_EQ(dialect.seed, "random_seed");
  EXPECT_TRUE(dialect.Refuses("user"));
  EXPECT_FALSE(dialect.message_names);
  EXPECT_TRUE(dialect.reasoning_back);
  EXPECT_EQ(dialect.call_id_bytes, 9);
  EXPECT_EQ(dialect.chat_path, "/c");
  EXPECT_EQ(entry->provider.rate_limits[core::RateLimitFact::kRequestsLimit], "a");
  EXPECT_EQ(entry->provider.rate_limits[core::RateLimitFact::kTokensReset], "b");
  EXPECT_FALSE(ParseEntry("x", R"({"id":"x","rate_limit_headers":{"left":"a"}})").ok());
  EXPECT_FALSE(ParseEntry("x", R"({"id":"x","quirks":{"call_id_bytes":0}})").ok());
}

TEST(ParseEntry, RefusesAMemberItDoesNotKnow) {
  EXPECT_FALSE(
      ParseEntry("x", R"({"id":"x","name":"X","auth":{"scheme":"bearer"},"prise":1})").ok());
  EXPECT_FALSE(ParseEntry("x", R"({"id":"y"})").ok());
  EXPECT_FALSE(ParseEntry("x", R"({"id":"x","auth":{"scheme":"header"}})").ok());
  EXPECT_FALSE(ParseEntry("x", R"({"id":"x","auth":{"scheme":"basic"}})").ok());
  const Result<Entry> entry =
      ParseEntry("x", R"({"id":"x","auth":{"scheme":"header","header":"api-key","env":["X"]}})");
  ASSERT_TRUE(entry.ok());
  EXPECT_FALSE(entry->bearer);
  EXPECT_EQ(entry->provider.auth_header, "api-key");
}

}  // namespace
}  // namespace tidegate::providers
