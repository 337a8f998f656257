// Whole commands against a small gate of our own on a loopback port.
#include "cli/cli.h"

#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "cli/exit_code.h"
#include "net/server.h"

namespace tidegate::cli {
namespace {

std::string ReadFile(const std::string& name) {
  std::ifstream file(std::string(TIDEGATE_SOURCE_DIR) + "/src/cli/testdata/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Canned {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  bool cut = false;   // the stream ends without its last chunk
  bool hang = false;  // the stream stays open until the client goes away
};

struct Asked {
  std::string line, authorization, body;
};

// Plays the gate: canned answers by "METHOD target"; remembers what was asked.
class FakeGate {
 public:
  FakeGate()
      : server_(
            shards_, Options(), [this](net::Exchange& e) { return Handle(e); }, Refuse) {
    const Result<void> listening = server_.Listen();
    EXPECT_TRUE(listening.ok());
  }
  ~FakeGate() { server_.Drain(); }

  void Answer(const std::string& line, Canned canned) {
    const std::lock_guard lock(mutex_);
    answers_[line] = std::move(canned);
  }
  std::vector<Asked> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  std::string address() const { return server_.bound().front().ToString(); }
  std::uint16_t port() const { return server_.bound().front().port; }

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
    const net::HttpHead& head = exchange.head();
    Asked asked{std::string(head.method()) + " " + std::string(head.target()),
                std::string(head.Find("authorization").value_or("")), ""};
    const Result<std::string_view> body = co_await exchange.ReadBody(1U << 20U);
    if (body.ok()) asked.body = *body;
    Canned canned = Remember(std::move(asked));
    const std::string fields = "content-type: " + canned.content_type +
                               "\r\ntidegate-decision: 01JD8Z7M3QK5R9T0V2W4X6Y8ZA\r\n"
                               "tidegate-model: local/small\r\n";
    if (!canned.cut && !canned.hang) {
      (void)co_await exchange.Respond(canned.status, fields, canned.body);
      co_return;
    }
    (void)co_await exchange.BeginStream(200, fields, false);
    const std::string_view pieces[] = {canned.body};
    (void)co_await exchange.WriteStream(pieces);
    if (canned.hang) {
      net::asio::steady_timer never(exchange.shard().io(),
                                    net::asio::steady_timer::time_point::max());
      const net::CancelToken::Scope scope(exchange.cancel(), [&never] { never.cancel(); });
      if (!exchange.cancel().cancelled()) (void)co_await never.async_wait(net::kAwait);
    }
    exchange.AbortStream();
  }

  Canned Remember(Asked asked) {
    const std::lock_guard lock(mutex_);
    asked_.push_back(asked);
    const auto found = answers_.find(asked.line);
    if (found != answers_.end()) return found->second;
    return Canned{404, R"({"error":{"code":"not_found","message":"no such route here"}})"};
  }

  std::mutex mutex_;
  std::map<std::string, Canned> answers_;
  std::vector<Asked> asked_;
  net::ShardSet shards_{1};
  net::HttpServer server_;
};

constexpr const char* kChat = "POST /v1/chat/completions";
constexpr const char* kDecision = "GET /tidegate/decisions/01JD8Z7M3QK5R9T0V2W4X6Y8ZA";

Canned Stream(const std::string& text) {
  return Canned{200,
                "data: {\"model\":\"small\",\"choices\":[{\"delta\":{\"content\":\"" + text +
                    "\"}}]}\n\n"
                    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,"
                    "\"completion_tokens\":3}}\n\ndata: [DONE]\n\n",
                "text/event-stream"};
}

struct Outcome {
  int code = -1;
  std::string out, err;
};

class CliTest : public ::testing::Test {
 protected:
  CliTest() {
    services_.version = "1.2.3";
    services_.default_listen = "127.0.0.1:1";  // nobody listens there
    services_.start_gate = [this]() -> Result<GateHandle> {
      ++started_;
      net::Origin origin;
      origin.host = "127.0.0.1";
      origin.port = gate_.port();
      return GateHandle{origin, [this] { ++stopped_; }};
    };
  }

  // Standard input is `input`; nothing is a terminal.
  Outcome Run(std::vector<std::string> words, const std::string& input = "") {
    int pipe_fds[2];
    EXPECT_EQ(::pipe2(pipe_fds, O_CLOEXEC), 0);
    EXPECT_EQ(::write(pipe_fds[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
    ::close(pipe_fds[1]);
    StringSink out;
    StringSink err;
    Console console{out, err};
    console.in_fd = pipe_fds[0];
    console.environment = environment_;
    Outcome outcome;
    outcome.code = cli::Run(words, console, services_);
    ::close(pipe_fds[0]);
    outcome.out = out.text();
    outcome.err = err.text();
    return outcome;
  }
  Outcome RunAtGate(std::vector<std::string> words, const std::string& input = "") {
    environment_.host = gate_.address();
    return Run(std::move(words), input);
  }

  FakeGate gate_;
  LocalServices services_;
  Environment environment_;
  int started_ = 0;
  int stopped_ = 0;
};

TEST_F(CliTest, AskPrintsTheAnswerAndNothingElse) {
  gate_.Answer(kChat, Stream("Because of \\u001b[31mRayleigh."));
  environment_.api_key = Secret("tg-key");
  const Outcome outcome = RunAtGate({"ask", "--max-cost", ".5", "Why", "blue?"}, "context\n");
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  // A pipe gets the bytes as they are; only a terminal is protected from them.
  EXPECT_EQ(outcome.out, "Because of \x1b[31mRayleigh.\n");
  EXPECT_EQ(outcome.err, "");
  ASSERT_EQ(gate_.asked().size(), 1U);
  const Asked asked = gate_.asked().front();
  EXPECT_EQ(asked.authorization, "Bearer tg-key");
  EXPECT_NE(asked.body.find(R"("content":"Why blue?\n\ncontext")"), std::string::npos)
      << asked.body;
  EXPECT_NE(asked.body.find(R"("max_cost_usd":0.50)"), std::string::npos) << asked.body;
  EXPECT_NE(asked.body.find(R"("model":"auto")"), std::string::npos) << asked.body;
}

TEST_F(CliTest, AskVerboseTellsTimingPlaceAndCostOnStandardError) {
  gate_.Answer(kChat, Stream("hi"));
  gate_.Answer(kDecision, Canned{200, ReadFile("decision.json")});
  gate_.Answer("GET /tidegate/ps",
               Canned{200, R"({"models":[{"model":"small","started_at":"2026-11-22T10:45:01.000Z",)"
                           R"("last_start_ms":1500}]})"});
  const Outcome outcome = RunAtGate({"ask", "--verbose", "hello"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_EQ(outcome.out, "hi\n");
  for (const char* expected :
       {"load        1.50 s", "prompt      7 tokens", "answer      3 tokens",
        "ran         local/small on this device, $0.00, nothing left this machine",
        "decision    01JD8Z7M3QK5R9T0V2W4X6Y8ZA"}) {
    EXPECT_NE(outcome.err.find(expected), std::string::npos) << expected << "\n" << outcome.err;
  }
}

TEST_F(CliTest, AskJsonIsOneObjectWithTheAnswerAndItsFacts) {
  gate_.Answer(kChat, Stream("hi"));
  gate_.Answer(kDecision, Canned{200, ReadFile("decision.json")});
  const Outcome outcome = RunAtGate({"ask", "--json", "hello"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_TRUE(outcome.out.starts_with(
      R"({"text":"hi","complete":true,"decision":"01JD8Z7M3QK5R9T0V2W4X6Y8ZA",)"
      R"("model":"local/small","place":"device","egress":"none","cost_usd":"0.00",)"
      R"("cost_nanodollars":0,"input_tokens":7,"output_tokens":3,)"))
      << outcome.out;
}

TEST_F(CliTest, ADryRunShowsThePlanAndFailsWhenNothingMayRun) {
  std::string plan = ReadFile("decision.json");
  plan.replace(plan.find("\"dry_run\":false"), 15, "\"dry_run\":true");
  gate_.Answer(kChat, Canned{200, plan});
  Outcome outcome = RunAtGate({"ask", "--dry-run", "hello"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_TRUE(outcome.out.starts_with("It would run on this device (local/small)"));
  EXPECT_NE(outcome.out.find("Rejected\n"), std::string::npos);
  EXPECT_NE(gate_.asked().front().body.find("\"dry_run\":true"), std::string::npos);
  plan.replace(plan.find("\"rejected\":false"), 16, "\"rejected\":true");
  gate_.Answer(kChat, Canned{200, plan});
  outcome = RunAtGate({"ask", "--dry-run", "hello"});
  EXPECT_EQ(outcome.code, kExitUnavailable);
}

TEST_F(CliTest, ACutAnswerIsNeverTakenForAWholeOne) {
  Canned canned = Stream("half");
  canned.cut = true;
  gate_.Answer(kChat, canned);
  Outcome outcome = RunAtGate({"ask", "hello"});
  EXPECT_EQ(outcome.out, "half\n");
  EXPECT_EQ(outcome.code, kExitProtocol) << outcome.err;
  canned.cut = false;
  canned.body.erase(canned.body.find("data: [DONE]"));
  gate_.Answer(kChat, canned);
  outcome = RunAtGate({"ask", "hello"});
  EXPECT_EQ(outcome.code, kExitProtocol);
  EXPECT_NE(outcome.err.find("before it was complete"), std::string::npos) << outcome.err;
}

TEST_F(CliTest, ARefusalOfTheGateIsShownInItsOwnWordsWithItsExitCode) {
  gate_.Answer(kChat, Canned{402, R"({"error":{"message":"the budget is used up","type":"x",)"
                                  R"("param":null,"code":"budget_exceeded"}})"});
  Outcome outcome = RunAtGate({"ask", "hello"});
  EXPECT_EQ(outcome.code, kExitNoPermission);
  EXPECT_EQ(outcome.err, "tidegate: the budget is used up\n");
  outcome = RunAtGate({"ask", "--json", "hello"});
  EXPECT_EQ(outcome.code, kExitNoPermission);
  EXPECT_EQ(outcome.err,
            "{\"error\":{\"code\":\"budget_exceeded\",\"message\":\"the budget is used up\","
            "\"exit_code\":77}}\n");
  EXPECT_EQ(outcome.out, "");
}

TEST_F(CliTest, CtrlCStopsTheAnswerAndTheGateNoticesIt) {
  Canned canned = Stream("endless");
  canned.body.erase(canned.body.find("data: [DONE]"));
  canned.hang = true;
  gate_.Answer(kChat, canned);
  // The interrupt comes from the sink, that is when the first text is on the screen.
  class InterruptingSink : public StringSink {
   public:
    void Write(std::string_view text) override {
      StringSink::Write(text);
      if (text == "endless") (void)std::raise(SIGINT);
    }
  };
  InterruptingSink out;
  StringSink err;
  Console console{out, err};
  console.in_fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  console.environment.host = gate_.address();
  EXPECT_EQ(cli::Run({"run", "auto", "hello"}, console, services_), kExitInterrupted);
  ::close(console.in_fd);
  EXPECT_EQ(out.text(), "endless\n");
}

TEST_F(CliTest, WithoutAGateRunStartsOneAndStopsIt) {
  gate_.Answer(kChat, Stream("hi"));
  const Outcome outcome = Run({"run", "local/small", "hello"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(outcome.out, "hi\n");
  EXPECT_EQ(started_, 1);
  EXPECT_EQ(stopped_, 1);
}

TEST_F(CliTest, AGateThatWasNamedIsNeverReplacedByAnother) {
  const Outcome outcome = Run({"ask", "--host", "127.0.0.1:1", "hello"});
  EXPECT_EQ(outcome.code, kExitUnavailable);
  EXPECT_EQ(outcome.err,
            "tidegate: no gate answers at http://127.0.0.1:1\nstart one with 'tidegate serve', or "
            "say where it is with --host or TIDEGATE_HOST\n");
  EXPECT_EQ(started_, 0);
  EXPECT_EQ(Run({"models"}).code, kExitUnavailable);
  EXPECT_EQ(started_, 0);
}

TEST_F(CliTest, ModelsIsATableOfPlacesPricesAndStates) {
  gate_.Answer(
      "GET /tidegate/models",
      Canned{200,
             R"({"models":[{"id":"local/small","place":"device","context_tokens":32768,)"
             R"("capabilities":["tools","seed"],"prices":{"input_nanodollars_per_mtok":0,)"
             R"("output_nanodollars_per_mtok":0},"live":{"available":true,"loaded":false,)"
             R"("load_ms":1500}},{"id":"openai/large","place":"cloud","context_tokens":400000,)"
             R"("capabilities":["vision","tools"],"prices":{"input_nanodollars_per_mtok":)"
             R"(1250000000,"output_nanodollars_per_mtok":10000000000},"live":{"available":false,)"
             R"("unavailable_why":"no key"}}]})"});
  const Outcome outcome = RunAtGate({"models"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(outcome.out,
            "MODEL         PLACE   CONTEXT  IN $/M  OUT $/M  CAN           STATE\n"
            "local/small   device   32,768    free     free  tools         loads in 1.50 s\n"
            "openai/large  cloud   400,000   $1.25   $10.00  vision tools  no key\n");
}

TEST_F(CliTest, PsShowsWhatRunsNowAndAllOnRequest) {
  gate_.Answer(
      "GET /tidegate/ps",
      Canned{200, R"({"models":[{"model":"small","state":"ready","users":1,"slots":4,)"
                  R"("queue_depth":0,"pid":321,"rss_bytes":637000000,"last_start_ms":1500,)"
                  R"("last_error":""},{"model":"big","state":"absent","users":0,"slots":2}]})"});
  EXPECT_EQ(RunAtGate({"ps"}).out,
            "MODEL  STATE  BUSY  WAITING  MEMORY  PID  STARTED IN  LAST ERROR\n"
            "small  ready   1/4        0  637 MB  321      1.50 s\n");
  EXPECT_NE(RunAtGate({"ps", "--all"}).out.find("big    absent"), std::string::npos);
}

TEST_F(CliTest, SpendGroupsAsAskedAndNamesWhatIsUncertain) {
  gate_.Answer(
      "GET /tidegate/spend?by=day,model&from=2026-11-01",
      Canned{200, R"({"from":"2026-11-01","to":"2026-11-22","by":["day","model"],"rows":[)"
                  R"({"day":"2026-11-21","model":"openai/large","dispatches":12,)"
                  R"("input_tokens":12000,"output_tokens":900,"cost_nanodollars":24000000}],)"
                  R"("total":{"dispatches":12,"input_tokens":12000,"output_tokens":900,)"
                  R"("cost_nanodollars":24000000,"assumed_nanodollars":4000000}})"});
  const Outcome outcome =
      RunAtGate({"spend", "--by", "day", "--by", "model", "--from", "2026-11-01"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(outcome.out,
            "Spent from 2026-11-01 to 2026-11-22 (days in UTC)\n"
            "  DAY         MODEL         DISPATCHES  TOKENS IN  TOKENS OUT    COST\n"
            "  2026-11-21  openai/large          12     12,000         900  $0.024\n"
            "  total                             12     12,000         900  $0.024\n"
            "of which $0.004 assumed in full after a crash, since nobody knows\n");
  EXPECT_EQ(RunAtGate({"spend", "--from", "x&limit=9"}).code, kExitUsage);
}

TEST_F(CliTest, ExplainTakesTheNewestOrTheOneThatIsNamed) {
  gate_.Answer("GET /tidegate/decisions?limit=1",
               Canned{200, "{\"decisions\":[" + ReadFile("decision.json") + "]}"});
  gate_.Answer(kDecision, Canned{200, ReadFile("decision.json")});
  const Outcome last = RunAtGate({"explain", "last"});
  EXPECT_EQ(last.code, kExitOk) << last.err;
  EXPECT_TRUE(last.out.starts_with("It ran on this device (local/small)"));
  EXPECT_EQ(RunAtGate({"explain", "01JD8Z7M3QK5R9T0V2W4X6Y8ZA"}).out, last.out);
  EXPECT_EQ(RunAtGate({"explain"}).out, last.out);
  EXPECT_EQ(RunAtGate({"explain", "../../v1/models"}).code, kExitUsage);
  EXPECT_EQ(RunAtGate({"explain", "01JD8Z7M3QK5R9T0V2W4X6Y8ZB"}).code, kExitNoInput);
  gate_.Answer("GET /tidegate/decisions?limit=1", Canned{200, R"({"decisions":[]})"});
  EXPECT_EQ(RunAtGate({"explain"}).code, kExitNoInput);
}

TEST_F(CliTest, AnAnswerOfSomethingThatIsNoGateIsAProtocolError) {
  gate_.Answer("GET /tidegate/models", Canned{200, "<html>hello</html>", "text/html"});
  EXPECT_EQ(RunAtGate({"models"}).code, kExitProtocol);
}

TEST_F(CliTest, DoctorNamesTheRemedyAndFailsWhenACheckFails) {
  services_.doctor_checks = [] {
    return std::vector<Check>{
        {"configuration", CheckState::kOk, "no file: all defaults", ""},
        {"engine", CheckState::kFail, "no llama-server was found", "tidegate engine install"}};
  };
  const Outcome outcome = Run({"doctor"});
  EXPECT_EQ(outcome.code, kExitFailure);
  EXPECT_EQ(
      outcome.out,
      "  ok   configuration\n       no file: all defaults\n"
      "  fail engine\n       no llama-server was found\n       fix: tidegate engine install\n");
  EXPECT_TRUE(Run({"doctor", "--json"}).out.starts_with(R"({"ok":false,"checks":[)"));
}

TEST_F(CliTest, ConfigCheckShowsProblemsAndWithExplainEverySetting) {
  services_.check_config = [](const std::string& path) {
    ConfigReport report{path, true, {}};
    report.settings = {{"listen", "127.0.0.1:11435", "default", "", ""},
                       {"policies.work.place", "moon", "file, line 7", "is no place",
                        "use device, edge, attested or cloud"}};
    return report;
  };
  const Outcome outcome = Run({"config", "check", "--config", "c.toml", "--explain"});
  EXPECT_EQ(outcome.code, kExitConfig);
  EXPECT_EQ(outcome.out,
            "policies.work.place: is no place [file, line 7]\n"
            "    fix: use device, edge, attested or cloud\n\n"
            "SETTING              VALUE            FROM\n"
            "listen               127.0.0.1:11435  default\n"
            "policies.work.place  moon             file, line 7\n\n"
            "1 problem  c.toml\n");
}

TEST_F(CliTest, EngineInstallLogsItsStepsWhereNobodyWatches) {
  services_.engine_install = [](const EngineInstallOptions& options,
                                const std::function<void(std::string_view)>& progress) {
    progress("step 1/6 looking");
    EXPECT_EQ(options.prefix, "/opt/x");
    return Result<std::string>("/opt/x/bin/llama-server");
  };
  const Outcome outcome = Run({"engine", "install", "--prefix", "/opt/x"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_EQ(outcome.out, "installed /opt/x/bin/llama-server\n");
  EXPECT_EQ(outcome.err, "step 1/6 looking\n");
}

TEST_F(CliTest, ServeGetsItsOptionsAndItsExitCodeCounts) {
  services_.serve = [](const ServeOptions& options) {
    EXPECT_EQ(options.listen, (std::vector<std::string>{"a:1", "b:2"}));
    return 78;
  };
  EXPECT_EQ(Run({"serve", "--listen", "a:1", "--listen", "b:2"}).code, 78);
}

TEST_F(CliTest, ColoursComeOnlyWhenAskedForOrAtATerminal) {
  services_.doctor_checks = [] { return std::vector<Check>{{"x", CheckState::kOk, "y", ""}}; };
  EXPECT_EQ(Run({"doctor"}).out.find('\x1b'), std::string::npos);
  EXPECT_NE(Run({"doctor", "--color=always"}).out.find('\x1b'), std::string::npos);
  StringSink out;
  StringSink err;
  Console console{out, err};
  console.out_terminal = true;
  EXPECT_TRUE(console.OutPaint().on());
  console.environment.no_color = true;
  EXPECT_FALSE(console.OutPaint().on());
}

TEST_F(CliTest, HelpIsAResultAndAMissingCommandAnError) {
  EXPECT_EQ(Run({"--help"}).code, kExitOk);
  EXPECT_TRUE(Run({"--help"}).out.starts_with("Tidegate: one endpoint"));
  const Outcome outcome = Run({});
  EXPECT_EQ(outcome.code, kExitUsage);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(Run({"version"}).out, "tidegate 1.2.3\n");
  EXPECT_EQ(Run({"version", "--json"}).out, "{\"version\":\"1.2.3\"}\n");
}

TEST_F(CliTest, AKeyWithALineBreakIsRefusedBeforeItIsSent) {
  environment_.api_key = Secret("key\r\nx-evil: 1");
  const Outcome outcome = RunAtGate({"models"});
  EXPECT_EQ(outcome.code, kExitNoPermission);
  EXPECT_EQ(outcome.err.find("evil"), std::string::npos);
  EXPECT_TRUE(gate_.asked().empty());
}

// A chat on a pseudo-terminal: what is typed stands in it before the program reads.
class ChatTest : public CliTest {
 protected:
  Outcome Type(const std::string& keys) {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    EXPECT_EQ(::grantpt(master), 0);
    EXPECT_EQ(::unlockpt(master), 0);
    const int slave = ::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);  // NOLINT
    termios raw{};
    EXPECT_EQ(::tcgetattr(slave, &raw), 0);
    ::cfmakeraw(&raw);
    EXPECT_EQ(::tcsetattr(slave, TCSANOW, &raw), 0);
    EXPECT_EQ(::write(master, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
    StringSink out;
    StringSink err;
    Console console{out, err};
    console.in_fd = slave;
    console.in_terminal = true;
    console.out_terminal = true;
    console.environment.dumb = true;  // no colours
    console.environment.host = gate_.address();
    console.environment.state_folder = state_folder_;
    const int code = cli::Run({"run", "auto"}, console, services_);
    ::close(slave);
    ::close(master);
    return Outcome{code, out.text(), err.text()};
  }
  std::string state_folder_;
};

TEST_F(ChatTest, EachMessageCarriesTheConversationBeforeIt) {
  gate_.Answer(kChat, Stream("nice \\u001b[2J"));
  const Outcome outcome =
      Type("/set system be brief\rfirst\r\"\"\"two\rlines\"\"\"\r/clear\rthird\r/bye\r");
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(outcome.out.find("nice \x1b"), std::string::npos);
  EXPECT_NE(outcome.out.find("nice [2J\n"), std::string::npos);
  const std::vector<Asked> asked = gate_.asked();
  ASSERT_EQ(asked.size(), 3U);
  EXPECT_NE(asked[0].body.find(R"("messages":[{"role":"system","content":"be brief"},)"
                               R"({"role":"user","content":"first"}])"),
            std::string::npos)
      << asked[0].body;
  EXPECT_NE(asked[1].body.find(R"({"role":"assistant","content":"nice \u001b[2J"},)"
                               R"({"role":"user","content":"two\nlines"}])"),
            std::string::npos)
      << asked[1].body;
  EXPECT_EQ(asked[2].body.find("first"), std::string::npos) << asked[2].body;
  EXPECT_NE(asked[2].body.find("be brief"), std::string::npos) << asked[2].body;
}

TEST_F(ChatTest, AFailedQuestionIsForgottenAndTheChatGoesOn) {
  gate_.Answer(kChat, Canned{503, R"({"error":{"message":"the engine is loading"}})"});
  const Outcome outcome = Type("one\rtwo\r\x04");
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_NE(outcome.err.find("tidegate: the engine is loading\n"), std::string::npos);
  ASSERT_EQ(gate_.asked().size(), 2U);
  EXPECT_EQ(gate_.asked()[1].body.find("\"one\""), std::string::npos);
}

TEST_F(ChatTest, TwoCtrlCOnAnEmptyLineLeave) {
  const Outcome outcome = Type("\x03\x03never sent\r");
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_NE(outcome.err.find("Ctrl-C again"), std::string::npos);
  EXPECT_TRUE(gate_.asked().empty());
}

TEST_F(ChatTest, MessagesAreRecalledInTheNextChat) {
  std::string folder = ::testing::TempDir() + "tidegate_cli_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  state_folder_ = folder + "/state";
  gate_.Answer(kChat, Stream("ok"));
  EXPECT_EQ(Type("remember me\r/bye\r").code, kExitOk);
  EXPECT_EQ(Type("\x1b[A\r/bye\r").code, kExitOk);
  ASSERT_EQ(gate_.asked().size(), 2U);
  EXPECT_NE(gate_.asked()[1].body.find("remember me"), std::string::npos);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tidegate::cli
