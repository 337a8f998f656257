#include "providers/listed_models.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "providers/catalogue.h"

namespace tidegate::providers {
namespace {

ProviderConfig Config(std::string id, std::optional<std::string> url = std::nullopt) {
  ProviderConfig config;
  config.id = std::move(id);
  config.url = std::move(url);
  return config;
}

Catalogue Load(const ProviderConfig& config, const std::string& ollama_host = "") {
  const auto environment = [&](std::string_view name) -> std::optional<std::string> {
    if (name == "OLLAMA_HOST" && !ollama_host.empty()) return ollama_host;
    return std::nullopt;
  };
  const std::vector<ProviderConfig> configs = {config};
  return *Catalogue::Load(configs, environment);
}

Provider DeviceProvider() {
  ProviderConfig config = Config("box", "http://127.0.0.1:8000/v1");
  config.place = core::Place::kDevice;
  return *Load(config).Find("box");
}

// A server of Ollama's at `place`.
ProviderConfig OllamaConfig(core::Place place) {
  ProviderConfig config = Config("ollama");
  config.place = place;
  return config;
}
Provider OllamaProvider(core::Place place) { return *Load(OllamaConfig(place)).Find("ollama"); }

const core::Deployment& Named(const std::vector<core::Deployment>& models, std::string_view name) {
  return *std::find_if(models.begin(), models.end(),
                       [&](const core::Deployment& model) { return model.ref.model == name; });
}

TEST(DeploymentsFromList, ReadsNamesAndWindows) {
  const Result<std::vector<core::Deployment>> models =
      DeploymentsFromList(DeviceProvider(), Config("box"),
                          R"({"object":"list","data":[{"id":"a","max_model_len":4096},)"
                          R"({"id":"b","context_length":8192}]})");
  ASSERT_TRUE(models.ok());
  ASSERT_EQ(models->size(), 2U);
  EXPECT_EQ((*models)[0].ref.ToString(), "box/a");
  EXPECT_EQ((*models)[0].context_tokens, 4096);
  EXPECT_EQ((*models)[0].place, core::Place::kDevice);
  EXPECT_EQ((*models)[0].prices->input.nanodollars_per_mtok, 0);
  EXPECT_EQ((*models)[1].context_tokens, 8192);
}

TEST(DeploymentsFromList, TakesAModelWithARemoteMarkerForACloudOne) {
  const Result<std::vector<core::Deployment>> models = DeploymentsFromList(
      DeviceProvider(), Config("box"),
      R"({"data":[{"id":"a","remote_host":"https://x"},{"id":"big-cloud"},{"id":"m:cloud"},)"
      R"({"id":"b","remote_host":""},{"id":"c","remote_model":"y"}]})");
  ASSERT_TRUE(models.ok());
  ASSERT_EQ(models->size(), 5U);
  const std::vector<core::Place> places = {core::Place::kCloud, core::Place::kCloud,
                                           core::Place::kCloud, core::Place::kDevice,
                                           core::Place::kCloud};
  for (std::size_t i = 0; i < places.size(); ++i) {
    EXPECT_EQ((*models)[i].place, places[i]) << (*models)[i].ref.model;
    EXPECT_EQ((*models)[i].prices.has_value(), places[i] == core::Place::kDevice);
  }
}

TEST(DeploymentsFromList, RefusesWhatIsNoList) {
  for (const std::string body : {"", "[]", "{}", R"({"data":{}})", R"({"data":[1]})",
                                 R"({"data":[{"name":"x"}]})", "<html>no</html>"}) {
    const Result<std::vector<core::Deployment>> models =
        DeploymentsFromList(DeviceProvider(), Config("box"), body);
    ASSERT_FALSE(models.ok()) << body;
    EXPECT_EQ(models.error().code, ErrorCode::kProtocol);
    EXPECT_EQ(models.error().source, ErrorSource::kUpstream);
  }
}

constexpr std::string_view kTags =
    R"({"models":[{"name":"small:latest","model":"small:latest",)"
    R"("modified_at":"2026-01-02T03:04:05Z","size":7,"digest":"ab",)"
    R"("details":{"family":"llama","context_length":8192},)"
    R"("capabilities":["completion","tools","vision","thinking"]},)"
    R"({"name":"mine:latest","model":"mine:latest","remote_model":"gpt-oss:120b",)"
    R"("remote_host":"https://ollama.com:443","capabilities":["completion","tools","insert"]},)"
    R"({"name":"gpt-oss:120b-cloud","model":"gpt-oss:120b-cloud"},)"
    R"({"name":"kimi:cloud","model":"kimi:cloud"},)"
    R"({"name":"embed:latest","model":"embed:latest","capabilities":["embedding"]},)"
    R"({"name":"old:7b"}]})";

TEST(DeploymentsFromOllama, TellWhatEachModelCanDoAndLeaveOutWhatDoesNotChat) {
  const auto models = DeploymentsFromList(OllamaProvider(core::Place::kDevice),
                                          OllamaConfig(core::Place::kDevice), kTags);
  ASSERT_TRUE(models.ok()) << models.error().message;
  ASSERT_EQ(models->size(), 5U);
  const core::Deployment& small = Named(*models, "small:latest");
  EXPECT_EQ(small.ref.ToString(), "ollama/small:latest");
  EXPECT_EQ(small.protocol, core::Protocol::kOllama);
  EXPECT_EQ(small.context_tokens, 8192);
  for (const core::Capability ability : {core::Capability::kTools, core::Capability::kVision,
                                         core::Capability::kReasoning, core::Capability::kSeed}) {
    EXPECT_TRUE(small.capabilities.Has(ability)) << core::ToString(ability);
  }
  EXPECT_FALSE(Named(*models, "old:7b").capabilities.Has(core::Capability::kTools))
      << "what the server does not say is not known";
  EXPECT_FALSE(small.capabilities.Has(core::Capability::kInsert));
  EXPECT_TRUE(Named(*models, "mine:latest").capabilities.Has(core::Capability::kInsert));
  EXPECT_TRUE(Named(*models, "old:7b").capabilities.Has(core::Capability::kInsert))
      << "such a server says itself what it cannot do";
}

TEST(DeploymentsFromOllama, AModelThatIsPassedOnIsCloudWhateverTheServersPlace) {
  for (const core::Place place : {core::Place::kDevice, core::Place::kEdge}) {
    ProviderConfig config = OllamaConfig(place);
    config.region = "de";
    config.zero_data_retention = true;
    const auto models = DeploymentsFromList(*Load(config).Find("ollama"), config, kTags);
    ASSERT_TRUE(models.ok());
    for (const char* name : {"mine:latest", "gpt-oss:120b-cloud", "kimi:cloud"}) {
      const core::Deployment& model = Named(*models, name);
      EXPECT_EQ(model.place, core::Place::kCloud) << name;
      EXPECT_FALSE(model.prices.has_value()) << name;
      EXPECT_EQ(model.region, "") << name;
      EXPECT_FALSE(model.zero_data_retention) << name;
      EXPECT_EQ(model.passed_on_to, "https://ollama.com:443") << name;
    }
    EXPECT_EQ(Named(*models, "mine:latest").passed_on_as, "gpt-oss:120b");
    for (const char* name : {"small:latest", "old:7b"}) {
      EXPECT_EQ(Named(*models, name).place, place) << name;
      EXPECT_EQ(Named(*models, name).region, "de") << name;
      EXPECT_TRUE(Named(*models, name).prices.has_value()) << name;
      EXPECT_EQ(Named(*models, name).passed_on_to, "") << name;
    }
  }
}

TEST(DeploymentsFromOllama, AMarkerOfAnyKindCounts) {
  for (const char* marker : {R"("remote_host":"x")", R"("remote_model":"x")", R"("remote_host":1)",
                             R"("remote_host":{})", R"("remote_host":"","remote_model":"x")"}) {
    const std::string body = R"({"models":[{"model":"m",)" + std::string(marker) + "}]}";
    const auto models = DeploymentsFromList(OllamaProvider(core::Place::kDevice),
                                            OllamaConfig(core::Place::kDevice), body);
    ASSERT_TRUE(models.ok());
    EXPECT_EQ(models->at(0).place, core::Place::kCloud) << marker;
  }
  const auto models =
      DeploymentsFromList(OllamaProvider(core::Place::kDevice), OllamaConfig(core::Place::kDevice),
                          R"({"models":[{"model":"m","remote_host":"","remote_model":null}]})");
  EXPECT_EQ(models->at(0).place, core::Place::kDevice);
}

TEST(DeploymentsFromOllama, NothingIsOfferedBeforeTheListHasBeenSeen) {
  ProviderConfig config = OllamaConfig(core::Place::kEdge);
  config.models.resize(1);
  config.models[0].name = "mine:latest";  // which the list would show to be passed on
  EXPECT_TRUE(Load(config).deployments().empty());
  const auto models = DeploymentsFromList(*Load(config).Find("ollama"), config, kTags);
  EXPECT_EQ(Named(*models, "mine:latest").place, core::Place::kCloud);
}

TEST(DeploymentsFromOllama, AnotherNameForTheServerBringsThatNamesPlace) {
  ProviderConfig config = OllamaConfig(core::Place::kDevice);
  config.models.resize(3);
  const char* const others[] = {"mine:latest", "old:7b", "hidden"};
  const char* const names[] = {"small:latest", "kimi:cloud", "old:7b"};
  for (std::size_t i = 0; i < 3; ++i) {
    config.models[i].name = names[i];
    config.models[i].upstream_model = others[i];
  }
  const auto models = DeploymentsFromList(*Load(config).Find("ollama"), config, kTags);
  ASSERT_TRUE(models.ok());
  EXPECT_EQ(Named(*models, "small:latest").place, core::Place::kCloud) << "asks for a remote one";
  EXPECT_FALSE(Named(*models, "small:latest").prices.has_value());
  EXPECT_EQ(Named(*models, "kimi:cloud").place, core::Place::kCloud) << "is never loosened";
  EXPECT_EQ(Named(*models, "old:7b").place, core::Place::kCloud) << "nobody knows that one";
}

TEST(DeploymentsFromOllama, AConfiguredNameThatIsPassedOnIsCloudOnAnyServer) {
  ProviderConfig config = Config("box", "http://127.0.0.1:11434/v1");  // by its other protocol
  config.models.resize(2);
  config.models[0].name = "gpt-oss:120b-cloud";
  config.models[1].name = "plain";
  config.models[1].upstream_model = "kimi:cloud";
  const Catalogue catalogue = Load(config);
  ASSERT_EQ(catalogue.deployments().size(), 2U);
  for (const core::Deployment& model : catalogue.deployments()) {
    EXPECT_EQ(model.place, core::Place::kCloud) << model.ref.model;
    EXPECT_FALSE(model.prices.has_value()) << model.ref.model;
  }
}

TEST(DeploymentsFromOllama, RefuseWhatIsNoList) {
  for (const char* body : {"", "[]", "{}", R"({"data":[]})", R"({"models":{}})",
                           R"({"models":[1]})", R"({"models":[{"size":1}]})"}) {
    const auto models = DeploymentsFromList(OllamaProvider(core::Place::kDevice),
                                            OllamaConfig(core::Place::kDevice), body);
    ASSERT_FALSE(models.ok()) << body;
    EXPECT_EQ(models.error().code, ErrorCode::kProtocol);
  }
}

TEST(Ollama, IsWhereItsVariableSaysAndAppearsWithIt) {
  const Catalogue from_variable = Load(Config("other", "http://h/v1"), "box.lan:9");
  ASSERT_NE(from_variable.Find("ollama"), nullptr);
  EXPECT_EQ(from_variable.Find("ollama")->endpoint.ToString(), "http://box.lan:9");
  EXPECT_EQ(from_variable.Find("ollama")->place, core::Place::kEdge);
  EXPECT_EQ(Load(Config("other", "http://h/v1")).Find("ollama"), nullptr);
  EXPECT_EQ(Load(Config("ollama")).Find("ollama")->endpoint.ToString(), "http://127.0.0.1:11434");
  EXPECT_EQ(Load(Config("ollama", "http://a.lan:1"), "b.lan:2").Find("ollama")->endpoint.host,
            "a.lan")
      << "what is configured wins";
}

}  // namespace
}  // namespace tidegate::providers
