// Which key may do what: every route of a whole gate, asked with keys of every scope.
#include <cstdlib>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "admin/api.h"
#include "admin/measure_api.h"
#include "admin/pin_api.h"
#include "app/application.h"
#include "base/digest.h"
#include "gateway/authorize.h"
#include "net/client.h"
#include "protocols/protocol.h"

namespace tidegate::app {
namespace {

using policy::Scope;

constexpr Scope kEveryScope[] = {Scope::kInference, Scope::kModelsRead, Scope::kModelsWrite,
                                 Scope::kRecords,   Scope::kMetrics,    Scope::kAdmin};

// A request, and what it wants.
struct Row {
  const char *method, *path, *body;
  Scope scope;
};

constexpr const char* kChat = R"({"model":"x","messages":[{"role":"user","content":"a"}]})";
constexpr const char* kParts = R"({"contents":[{"parts":[{"text":"a"}]}]})";
constexpr const char* kTurns = R"({"messages":[{"role":"user","content":[{"text":"a"}]}]})";
constexpr const char* kRank = R"({"model":"x","query":"a","documents":["b"]})";

// Every route that a protocol or the admin API has; the test below looks whether one is missing.
constexpr Row kRows[] = {
    {"POST", "/v1/chat/completions", kChat, Scope::kInference},
    {"POST", "/v1/chat/completions/input_tokens", kChat, Scope::kInference},
    {"POST", "/v1/completions", R"({"model":"x","prompt":"a"})", Scope::kInference},
    {"POST", "/v1/embeddings", R"({"model":"x","input":"a"})", Scope::kInference},
    {"POST", "/v1/rerank", kRank, Scope::kInference},
    {"POST", "/rerank", kRank, Scope::kInference},
    {"POST", "/v1/responses", R"({"model":"x","input":"a"})", Scope::kInference},
    {"POST", "/v1/responses/input_tokens", R"({"model":"x","input":"a"})", Scope::kInference},
    {"GET", "/v1/responses/resp_1", "", Scope::kInference},
    {"DELETE", "/v1/responses/resp_1", "", Scope::kInference},
    {"GET", "/v1/responses/resp_1/input_items", "", Scope::kInference},
    {"POST", "/v1/responses/resp_1/cancel", "", Scope::kInference},
    {"POST", "/v1/messages",
     R"({"model":"x","max_tokens":9,"messages":[{"role":"user","content":"a"}]})",
     Scope::kInference},
    {"POST", "/v1/messages/count_tokens", kChat, Scope::kInference},
    {"POST", "/v1beta/models/x:generateContent", kParts, Scope::kInference},
    {"POST", "/v1beta/models/x:countTokens", kParts, Scope::kInference},
    {"POST", "/v1beta/models/x:embedContent", R"({"content":{"parts":[{"text":"a"}]}})",
     Scope::kInference},
    {"POST", "/model/x/converse", kTurns, Scope::kInference},
    {"POST", "/model/x/count-tokens",
     R"({"input":{"converse":{"messages":[{"role":"user","content":[{"text":"a"}]}]}}})",
     Scope::kInference},
    {"POST", "/v2/chat", kChat, Scope::kInference},
    {"POST", "/v2/embed",
     R"({"model":"x","texts":["a"],"input_type":"search_query","embedding_types":["float"]})",
     Scope::kInference},
    {"POST", "/v2/rerank", kRank, Scope::kInference},
    {"POST", "/api/chat", kChat, Scope::kInference},
    {"POST", "/api/generate", R"({"model":"x","prompt":"a"})", Scope::kInference},
    {"POST", "/api/embed", R"({"model":"x","input":"a"})", Scope::kInference},
    {"POST", "/api/embeddings", R"({"model":"x","prompt":"a"})", Scope::kInference},
    {"GET", "/v1/models", "", Scope::kModelsRead},
    {"GET", "/v1/models/x", "", Scope::kModelsRead},
    {"GET", "/v1beta/models", "", Scope::kModelsRead},
    {"GET", "/v1beta/models/x", "", Scope::kModelsRead},
    {"GET", "/foundation-models", "", Scope::kModelsRead},
    {"GET", "/api/tags", "", Scope::kModelsRead},
    {"GET", "/api/ps", "", Scope::kModelsRead},
    {"POST", "/api/show", R"({"model":"x"})", Scope::kModelsRead},
    {"POST", "/api/pull", "{}", Scope::kModelsWrite},
    {"POST", "/api/push", "{}", Scope::kModelsWrite},
    {"POST", "/api/create", "{}", Scope::kModelsWrite},
    {"POST", "/api/copy", "{}", Scope::kModelsWrite},
    {"DELETE", "/api/delete", "{}", Scope::kModelsWrite},
    {"POST", "/api/blobs/sha256:00", "{}", Scope::kModelsWrite},
    {"GET", "/tidegate/decisions", "", Scope::kRecords},
    {"GET", "/tidegate/decisions/01JD8Z7M3QK5R9T0V2W4X6Y8ZA", "", Scope::kRecords},
    {"GET", "/tidegate/spend", "", Scope::kRecords},
    {"GET", "/tidegate/models", "", Scope::kModelsRead},
    {"POST", "/tidegate/models/bench", "{}", Scope::kModelsWrite},
    {"POST", "/tidegate/models/tune", "{}", Scope::kModelsWrite},
    {"POST", "/tidegate/models/pin", "{}", Scope::kModelsWrite},
    {"POST", "/tidegate/models/unpin", "{}", Scope::kModelsWrite},
    {"GET", "/tidegate/ps", "", Scope::kModelsRead},
    {"GET", "/tidegate/policy/fields", "", Scope::kModelsRead},
    {"GET", "/tidegate/status", "", Scope::kAdmin},
    {"GET", "/metrics", "", Scope::kMetrics},
};

// The first protocol that knows the request says what it is.
std::optional<protocols::Route> Match(const Row& row) {
  static const protocols::NoFields kNoFields;
  for (const protocols::Protocol* protocol : protocols::All()) {
    const auto route = protocol->Match({row.method, row.path, {}, &kNoFields});
    if (route) return route;
  }
  return std::nullopt;
}

TEST(ScopeTable, HasEveryKindOfRouteWithTheScopeThatItWants) {
  std::set<protocols::Operation> operations;
  std::set<std::string_view> paths;
  for (const Row& row : kRows) {
    const auto route = Match(row);
    if (!route) {
      paths.insert(row.path);
      continue;
    }
    operations.insert(route->operation);
    EXPECT_EQ(gateway::ScopeOf(route->operation), row.scope) << row.method << ' ' << row.path;
  }
  for (int i = 0; i <= static_cast<int>(protocols::Operation::kCancelStored); ++i) {
    const auto operation = static_cast<protocols::Operation>(i);
    if (operation == protocols::Operation::kFixed) continue;  // wants no key
    EXPECT_TRUE(operations.contains(operation)) << "no row has operation " << i;
  }
  std::vector<admin::Route> routes(admin::Routes().begin(), admin::Routes().end());
  for (const admin::Route& route : admin::MeasureApi::Routes()) routes.push_back(route);
  for (const admin::Route& route : admin::PinApi::Routes()) routes.push_back(route);
  for (const admin::Route& route : routes) {
    const bool found = std::any_of(paths.begin(), paths.end(), [&](std::string_view path) {
      return route.path.ends_with('/') ? path.starts_with(route.path) : path == route.path;
    });
    EXPECT_TRUE(found) << "no row has " << route.path;
  }
}

// A gate without models. The text of each key is its name.
class ScopesTest : public testing::Test {
 protected:
  ScopesTest() {
    std::string pattern = testing::TempDir() + "scopes-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    std::string text = "listen = [\"127.0.0.1:0\"]\nstate_folder = \"" + folder_ +
                       "/state\"\nruntime_folder = \"" + folder_ + "/run\"\nshards = 1\n" +
                       "drain_s = 0\n[models]\nforeign = false\nstore = \"" + folder_ +
                       "/store\"\nfolders = []\n";
    for (const Scope scope : kEveryScope) {
      const std::string word(policy::ToString(scope));
      text += Key("only " + word, "scopes = [\"" + word + "\"]");
      std::string others;
      for (const Scope other : kEveryScope) {
        if (other == scope || other == Scope::kAdmin) continue;
        others += "\"" + std::string(policy::ToString(other)) + "\",";
      }
      text += Key("without " + word, "scopes = [" + others + "]");
    }
    text += Key("plain", "") + Key("all", "admin = true");
    const std::map<std::string, std::string, std::less<>> variables = {{"HOME", folder_}};
    const Environment environment =
        [variables](std::string_view name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
    Result<Config> config = ParseConfig(text, "test.toml", environment);
    EXPECT_TRUE(config.ok()) << (config.ok() ? "" : Describe(config.error()));
    auto application = Application::Start({*std::move(config), environment});
    EXPECT_TRUE(application.ok()) << (application.ok() ? "" : Describe(application.error()));
    application_ = *std::move(application);
  }
  ~ScopesTest() override {
    client_.reset();
    shards_.Stop();
    application_.reset();
    std::filesystem::remove_all(folder_);
  }

  static std::string Key(const std::string& name, const std::string& rights) {
    return "[keys.\"" + name + "\"]\nsha256 = \"" + ToHex(ComputeSha256(name)) + "\"\n" + rights +
           "\n";
  }

  net::SimpleResponse Ask(const Row& row, const std::string& key) {
    net::Origin origin;
    origin.host = "127.0.0.1";
    origin.port = application_->bound().front().port;
    const std::string fields = (key.empty() ? "" : "authorization: Bearer " + key + "\r\n") +
                               (*row.body == 0 ? "" : "content-type: application/json\r\n");
    auto future =
        net::SpawnFuture(shards_[0].io(), Share(net::Fetch(*client_, origin, row.method, row.path,
                                                           fields, row.body, 30 * net::kSecond)));
    const auto response = future.get();
    EXPECT_TRUE(response->ok()) << row.path << (response->ok() ? "" : Describe(response->error()));
    return response->ok() ? **response : net::SimpleResponse{};
  }

  std::string folder_;
  std::unique_ptr<Application> application_;

 private:
  static net::Task<std::shared_ptr<Result<net::SimpleResponse>>> Share(
      net::Task<Result<net::SimpleResponse>> task) {
    co_return std::make_shared<Result<net::SimpleResponse>>(co_await std::move(task));
  }

  net::ShardSet shards_{1};
  std::unique_ptr<net::HttpClient> client_ =
      std::make_unique<net::HttpClient>(shards_[0], net::ClientOptions{});
};

TEST_F(ScopesTest, EachRouteWantsItsScopeAndNoOther) {
  for (const Row& row : kRows) {
    const std::string word(policy::ToString(row.scope));
    const std::string what = std::string(row.method) + " " + row.path;
    for (const char* stranger : {"", "unknown"}) {
      const net::SimpleResponse refused = Ask(row, stranger);
      // AWS's clients are told so with 403.
      EXPECT_TRUE(refused.status == 401 || refused.status == 403) << what;
      EXPECT_EQ(refused.body.find("scope"), std::string::npos) << what << refused.body;
    }
    for (const std::string& key : {"only " + word, std::string("only admin"), std::string("all")}) {
      const int status = Ask(row, key).status;
      EXPECT_NE(status, 403) << what << " with " << key;
      EXPECT_NE(status, 401) << what << " with " << key;
    }
    const std::string key = "without " + word;
    const net::SimpleResponse refused = Ask(row, key);
    EXPECT_EQ(refused.status, 403) << what;
    for (const std::string& part : {"'" + key + "'", "'" + word + "'"}) {
      EXPECT_NE(refused.body.find(part), std::string::npos) << what << ": " << refused.body;
    }
  }
}

TEST_F(ScopesTest, AKeyThatStatesNoneUsesModelsAndSeesWhatItDid) {
  const policy::ScopeSet held = policy::ScopeSet::Default();
  for (const Row& row : kRows) {
    EXPECT_EQ(Ask(row, "plain").status == 403, !held.Has(row.scope)) << row.method << row.path;
  }
}

TEST_F(ScopesTest, WhoManagesModelsMayLoadThemAndLetThemGoButAskThemNothing) {
  const Row load = {"POST", "/api/generate", R"({"model":"x"})", Scope::kModelsWrite};
  const Row unload = {"POST", "/api/chat", R"({"model":"x","keep_alive":0})", Scope::kModelsWrite};
  for (const Row& row : {load, unload}) {
    EXPECT_EQ(Ask(row, "only models:write").status, 404) << "there is no such model";
    EXPECT_EQ(Ask(row, "only inference").status, 404);
    EXPECT_EQ(Ask(row, "only models:read").status, 403);
  }
  const Row others = {"GET", "/tidegate/spend?principal=plain", "", Scope::kAdmin};
  EXPECT_EQ(Ask(others, "only records").status, 403);
  EXPECT_EQ(Ask(others, "only admin").status, 200);
}

TEST_F(ScopesTest, ARefusalHasTheShapeOfItsProtocol) {
  const auto refusal = [this](const char* path, const char* body) {
    return Ask({"POST", path, body, Scope::kInference}, "only metrics").body;
  };
  EXPECT_TRUE(refusal("/v1/chat/completions", kChat).starts_with(R"({"error":{"message":")"));
  EXPECT_TRUE(refusal("/v1/messages", kChat).starts_with(R"({"type":"error","error":{)"));
  EXPECT_TRUE(refusal("/api/chat", kChat).starts_with(R"({"error":")"));
  EXPECT_TRUE(
      refusal("/v1beta/models/x:generateContent", kParts).starts_with(R"({"error":{"code":403)"));
  EXPECT_TRUE(refusal("/model/x/converse", kTurns)
                  .starts_with(R"({"__type":"AccessDeniedException","message":")"));
}

}  // namespace
}  // namespace tidegate::app
