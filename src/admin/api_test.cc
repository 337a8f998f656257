#include "admin/api.h"

#include <future>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "net/client.h"

namespace tidegate::admin {
namespace {

constexpr const char* kMine = "01JD8Z7M3QK5R9T0V2W4X6Y8ZA";
constexpr const char* kTheirs = "01JD8Z7M3QK5R9T0V2W4X6Y8ZB";

core::DecisionRecord Record(const char* id, const std::string& principal) {
  core::DecisionRecord record;
  record.id = *RequestId::Parse(id);
  record.principal = principal;
  return record;
}

// A gate that has only the admin API, over HTTP on loopback. The caller is "me"; the field x-admin
// says that it may do everything, as if the gateway had authenticated it.
class ApiTest : public ::testing::Test {
 protected:
  ApiTest()
      : api_(MakeSources()),
        server_(
            shards_, Options(), [this](net::Exchange& e) { return Handle(e); }, Refuse),
        client_(shards_[0], {}) {
    EXPECT_TRUE(server_.Listen().ok());
  }
  ~ApiTest() override {
    server_.Drain();
    shards_.Stop();
  }

  struct Answer {
    int status = 0;
    std::string body;
    std::string type = {};
  };
  Answer Ask(const std::string& path, bool admin = true, const std::string& method = "GET",
             const std::string& more = "") {
    net::Origin origin;
    origin.host = "127.0.0.1";
    origin.port = server_.bound().front().port;
    const std::string fields = (admin ? "x-admin: 1\r\n" : "") + more;
    std::future<std::shared_ptr<Result<net::SimpleResponse>>> future = net::SpawnFuture(
        shards_[0].io(),
        Share(net::Fetch(client_, origin, method, path, fields, "", 10 * net::kSecond)));
    const std::shared_ptr<Result<net::SimpleResponse>> response = future.get();
    if (!response->ok()) return Answer{0, response->error().message};
    return Answer{(*response)->status, (*response)->body, (*response)->content_type};
  }

  FakeClock clock_;
  ledger::SpendQuery spend_query_;
  std::string latest_principal_;
  std::size_t latest_limit_ = 0;
  std::thread::id read_thread_;

 private:
  static net::ServerOptions Options() {
    net::ServerOptions options;
    options.listen = {*net::ParseListenAddress("127.0.0.1:0")};
    options.drain_nanos = 0;
    return options;
  }
  static net::RefusalBody Refuse(std::string_view, const Error& error) {
    return net::RefusalBody{error.message, "text/plain"};
  }
  net::Task<void> Handle(net::Exchange& exchange) {
    const bool admin = exchange.head().Find("x-admin").has_value();
    const bool handled = co_await api_.Handle(exchange, admin ? admin_ : user_);
    if (!handled) (void)co_await exchange.Respond(418, "", "not ours");
  }

  Sources MakeSources() {
    Sources sources{clock_};
    sources.models = [] {
      ModelRow row;
      row.deployment.ref = {"openai", "x"};
      row.deployment.context_tokens = 1'000;
      row.deployment.capabilities = core::CapabilitySet().With(core::Capability::kTools);
      row.deployment.prices = core::Prices{};
      row.deployment.prices->input = Price{1'250'000'000};
      ModelRow unpriced;
      unpriced.deployment.ref = {"local", "y"};
      unpriced.live.available = false;
      unpriced.live.unavailable_why = "no engine";
      return std::vector<ModelRow>{row, unpriced};
    };
    sources.engine_models = [] {
      engine::ModelStatus status;
      status.model = "y";
      status.last_start_nanos = 1'500'000'000;
      status.speculation = "draft-simple";
      status.drafted_tokens = 12;
      status.draft_accepted_tokens = 10;
      return std::vector<engine::ModelStatus>{status};
    };
    sources.gate = [this] {
      GateFacts facts;
      facts.version = "1.2.3";
      facts.started_wall_nanos = clock_.WallNanos() - 90'000'000'000;
      facts.listen = {"127.0.0.1:11435"};
      return facts;
    };
    sources.books = [] { return BookFacts{}; };
    sources.locate_engine = []() -> Result<engine::EngineBinary> {
      return Unavailable(ErrorSource::kEngine, "no llama-server was found");
    };
    sources.find_decision = [this](const RequestId& id) -> Result<core::DecisionRecord> {
      read_thread_ = std::this_thread::get_id();
      if (id == *RequestId::Parse(kMine)) return Record(kMine, "me");
      if (id == *RequestId::Parse(kTheirs)) return Record(kTheirs, "someone");
      return NotFound("nothing there");
    };
    sources.latest_decisions =
        [this](std::size_t limit,
               const std::string& principal) -> Result<std::vector<core::DecisionRecord>> {
      latest_limit_ = limit;
      latest_principal_ = principal;
      return std::vector<core::DecisionRecord>{Record(kMine, "me")};
    };
    sources.spend =
        [this](const ledger::SpendQuery& query) -> Result<std::vector<ledger::SpendRow>> {
      spend_query_ = query;
      ledger::SpendRow row;
      row.day = query.last_day;
      row.model = "openai/x";
      row.dispatches = 2;
      row.cost = Money{3'000'000};
      row.assumed = Money{1'000'000};
      return std::vector<ledger::SpendRow>{row, row};
    };
    sources.request_metrics = [](obs::MetricsText& out) {
      out.Counter("tidegate_requests", "requests");
      out.Sample({{"status", "2xx"}}, std::int64_t{7});
    };
    sources.policy_fields = {{"privacy", "string", "strictest", "open, local", "how private"}};
    return sources;
  }

  // A future needs a value with an empty state, which a Result has not.
  static net::Task<std::shared_ptr<Result<net::SimpleResponse>>> Share(
      net::Task<Result<net::SimpleResponse>> task) {
    co_return std::make_shared<Result<net::SimpleResponse>>(co_await std::move(task));
  }

  static policy::Principal Me(policy::ScopeSet scopes) {
    policy::Principal me;
    me.name = "me";
    me.scopes = scopes;
    return me;
  }

  const policy::Principal admin_ = Me(policy::ScopeSet().With(policy::Scope::kAdmin));
  const policy::Principal user_ = Me(policy::ScopeSet::Default());
  net::ShardSet shards_{1};
  Api api_;
  net::HttpServer server_;
  net::HttpClient client_;
};

TEST_F(ApiTest, ADecisionIsFoundByItsIdOnAThreadOfItsOwn) {
  const Answer answer = Ask(std::string("/tidegate/decisions/") + kMine);
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body.starts_with(std::string("{\"id\":\"") + kMine)) << answer.body;
  EXPECT_NE(read_thread_, std::thread::id());
  EXPECT_NE(read_thread_, std::this_thread::get_id());
}

TEST_F(ApiTest, AnothersDecisionLooksLikeOneThatDoesNotExist) {
  const Answer theirs = Ask(std::string("/tidegate/decisions/") + kTheirs, false);
  EXPECT_EQ(theirs.status, 404);
  EXPECT_EQ(theirs.body, Ask("/tidegate/decisions/01JD8Z7M3QK5R9T0V2W4X6Y8ZC", false).body);
  EXPECT_EQ(Ask(std::string("/tidegate/decisions/") + kMine, false).status, 200);
  EXPECT_EQ(Ask(std::string("/tidegate/decisions/") + kTheirs, true).status, 200);
  EXPECT_EQ(Ask("/tidegate/decisions/short").status, 400);
}

TEST_F(ApiTest, ACallerWithoutRightsListsItsOwnRecordsOnly) {
  EXPECT_EQ(Ask("/tidegate/decisions?limit=5", false).status, 200);
  EXPECT_EQ(latest_principal_, "me");
  EXPECT_EQ(latest_limit_, 5U);
  EXPECT_EQ(Ask("/tidegate/decisions?principal=someone", false).status, 403);
  EXPECT_EQ(Ask("/tidegate/decisions?principal=someone", true).status, 200);
  EXPECT_EQ(latest_principal_, "someone");
  EXPECT_EQ(latest_limit_, kDecisionsDefault);
  EXPECT_EQ(Ask("/tidegate/decisions", true).status, 200);
  EXPECT_EQ(latest_principal_, "");
  EXPECT_EQ(Ask("/tidegate/spend?principal=someone", false).status, 403);
  EXPECT_EQ(Ask("/tidegate/spend", false).status, 200);
  EXPECT_EQ(spend_query_.principal, "me");
}

TEST_F(ApiTest, SpendIsAskedForDaysAndGroupsAndSummed) {
  const Answer answer = Ask("/tidegate/spend?from=2026-11-01&to=2026-11-22&by=day,model");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(spend_query_.first_day, 20'758);
  EXPECT_EQ(spend_query_.last_day, 20'779);
  EXPECT_TRUE(spend_query_.by_day && spend_query_.by_model);
  EXPECT_FALSE(spend_query_.by_principal || spend_query_.by_place);
  EXPECT_TRUE(answer.body.starts_with(
      R"({"from":"2026-11-01","to":"2026-11-22","principal":"","by":["day","model"],"rows":[)"
      R"({"day":"2026-11-22","model":"openai/x","dispatches":2,)"))
      << answer.body;
  EXPECT_NE(answer.body.find(R"("total":{"dispatches":4,"input_tokens":0,"output_tokens":0,)"
                             R"("cost_usd":"0.006","cost_nanodollars":6000000,)"
                             R"("assumed_usd":"0.002")"),
            std::string::npos)
      << answer.body;
}

TEST_F(ApiTest, SpendWithoutDaysIsThatOfTheLastThirty) {
  EXPECT_EQ(Ask("/tidegate/spend").status, 200);
  EXPECT_EQ(spend_query_.last_day, UtcDay(clock_.WallNanos()));
  EXPECT_EQ(spend_query_.last_day - spend_query_.first_day + 1, kSpendDaysDefault);
}

TEST_F(ApiTest, AWrongQuestionIsAnsweredWithTheFieldAtFault) {
  const Answer answer = Ask("/tidegate/spend?by=weather");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body,
            R"({"error":{"code":"invalid_argument","message":"must be of day, principal, model, )"
            R"(place, with commas","field":"query.by"}})");
  for (const char* bad :
       {"/tidegate/spend?from=2026-02-30", "/tidegate/spend?from=2026-11-22&to=2026-11-01",
        "/tidegate/spend?from=1970-01-01", "/tidegate/decisions?limit=0",
        "/tidegate/decisions?limit=1001", "/tidegate/models?limit=1", "/tidegate/decisions?x=%4",
        "/tidegate/decisions?limit=1&limit=2"}) {
    EXPECT_EQ(Ask(bad).status, 400) << bad;
  }
  EXPECT_EQ(Ask("/tidegate/nothing").status, 404);
  EXPECT_EQ(Ask("/tidegate").status, 404);
  EXPECT_EQ(Ask("/tidegate/models", true, "POST").status, 405);
}

TEST_F(ApiTest, OtherPathsAreLeftToOthers) {
  EXPECT_EQ(Ask("/v1/models").status, 418);
  EXPECT_EQ(Ask("/tidegated").status, 418);
  EXPECT_TRUE(Api::Owns("/tidegate/x"));
}

TEST_F(ApiTest, ModelsTellPlacePricesAndWhetherTheyCanRun) {
  const Answer answer = Ask("/tidegate/models", false);
  EXPECT_EQ(answer.status, 200);
  for (const char* expected :
       {R"("id":"openai/x")", R"("capabilities":["tools"])", R"("input_usd_per_mtok":"1.25")",
        R"("input_nanodollars_per_mtok":1250000000)", R"("id":"local/y")", R"("prices":null)",
        R"("available":false,"unavailable_why":"no engine")"}) {
    EXPECT_NE(answer.body.find(expected), std::string::npos) << expected << "\n" << answer.body;
  }
}

TEST_F(ApiTest, PsAndTheVocabularyAreForEveryone) {
  EXPECT_NE(Ask("/tidegate/ps", false).body.find(R"("model":"y","state":"absent")"),
            std::string::npos);
  EXPECT_EQ(Ask("/tidegate/policy/fields", false).body,
            R"({"fields":[{"name":"privacy","type":"string","merging":"strictest",)"
            R"("allowed":"open, local","meaning":"how private"}]})");
}

TEST_F(ApiTest, TheStatusIsForAdministrators) {
  EXPECT_EQ(Ask("/tidegate/status", false).status, 403);
  const Answer answer = Ask("/tidegate/status");
  EXPECT_EQ(answer.status, 200);
  for (const char* expected :
       {R"("version":"1.2.3")", R"("uptime_s":90)", R"("listen":["127.0.0.1:11435"])",
        R"("models":2)", R"("engine":{"found":false,"why":"no llama-server was found"})",
        R"("recovery":{"exact":false)", R"("ledger":{"in_flight":0)"}) {
    EXPECT_NE(answer.body.find(expected), std::string::npos) << expected << "\n" << answer.body;
  }
}

TEST_F(ApiTest, MetricsComeInTheFormatThatIsAskedForToWhoeverMaySeeThem) {
  EXPECT_EQ(Ask("/metrics", false).status, 403);
  const Answer plain = Ask("/metrics");
  EXPECT_EQ(plain.status, 200);
  EXPECT_EQ(plain.type, "text/plain; version=0.0.4; charset=utf-8");
  for (const char* expected :
       {"tidegate_build_info{version=\"1.2.3\"} 1\n", "tidegate_requests_total{status=\"2xx\"} 7\n",
        "tidegate_engine_state{model=\"y\",state=\"absent\"} 1\n",
        "tidegate_engine_state{model=\"y\",state=\"ready\"} 0\n",
        "# TYPE tidegate_ledger_reservations gauge\n"}) {
    EXPECT_NE(plain.body.find(expected), std::string::npos) << expected << "\n" << plain.body;
  }
  const Answer open = Ask("/metrics", true, "GET", "accept: application/openmetrics-text\r\n");
  EXPECT_EQ(open.type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_TRUE(open.body.ends_with("# EOF\n"));
  EXPECT_EQ(Ask("/metrics?x=1").status, 400);
  EXPECT_EQ(Ask("/metrics", true, "POST").status, 405);
}

}  // namespace
}  // namespace tidegate::admin
