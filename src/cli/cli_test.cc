// Whole commands against a small gate of our own on a loopback port.
#include "cli/cli.h"

#include <csignal>
#include <filesystem>
#include <stdlib.h>

#include <gtest/gtest.h>

#include "cli/exit_code.h"
#include "cli/fake_gate.h"

namespace tidegate::cli {
namespace {

TEST_F(CliTest, AskPrintsTheAnswerAndNothingElse) {
  gate_.Answer("GET /tidegate/policy/fields", Canned{200, "{}"});
  gate_.Answer(kAskChat, ChatAnswer("Because of \\u001b[31mRayleigh."));
  environment_.api_key = Secret("tg-key");
  const Outcome outcome = RunAtGate({"ask", "--max-cost", ".5", "Why", "blue?"}, "context\n");
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  // A pipe gets the bytes as they are; only a terminal is protected from them.
  EXPECT_EQ(outcome.out, "Because of \x1b[31mRayleigh.\n");
  EXPECT_EQ(outcome.err, "");
  ASSERT_EQ(gate_.asked(kAskChat).size(), 1U);
  const Asked asked = gate_.asked(kAskChat).front();
  EXPECT_EQ(asked.authorization, "Bearer tg-key");
  EXPECT_NE(asked.body.find(R"("content":"Why blue?\n\ncontext")"), std::string::npos)
      << asked.body;
  EXPECT_NE(asked.body.find(R"("max_cost_usd":0.50)"), std::string::npos) << asked.body;
  EXPECT_NE(asked.body.find(R"("model":"auto")"), std::string::npos) << asked.body;
}

TEST_F(CliTest, AskVerboseTellsTimingPlaceAndCostOnStandardError) {
  gate_.Answer(kAskChat, ChatAnswer("hi"));
  gate_.Answer(kAskDecision, Canned{200, TestData("decision.json")});
  const Outcome outcome = RunAtGate({"ask", "--verbose", "hello"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_EQ(outcome.out, "hi\n");
  for (const char* expected :
       {"total duration:       2.5s\n", "load duration:        1.5s\n",
        "prompt eval count:    7 token(s)\n", "prompt eval duration: 100ms\n",
        "prompt eval rate:     70.00 tokens/s\n", "eval count:           3 token(s)\n",
        "eval duration:        900ms\n", "eval rate:            3.33 tokens/s\n",
        "drafts:               30/37 (81 %)\n",
        "ran:                  local/small on this device, $0.00, nothing left this machine",
        "decision:             01JD8Z7M3QK5R9T0V2W4X6Y8ZA"}) {
    EXPECT_NE(outcome.err.find(expected), std::string::npos) << expected << "\n" << outcome.err;
  }
}

TEST_F(CliTest, AskJsonIsOneObjectWithTheAnswerAndItsFacts) {
  gate_.Answer(kAskChat, ChatAnswer("hi"));
  gate_.Answer(kAskDecision, Canned{200, TestData("decision.json")});
  const Outcome outcome = RunAtGate({"ask", "--json", "hello"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_TRUE(outcome.out.starts_with(
      R"({"text":"hi","complete":true,"decision":"01JD8Z7M3QK5R9T0V2W4X6Y8ZA",)"
      R"("model":"local/small","place":"device","egress":"none","cost_usd":"0.00",)"
      R"("cost_nanodollars":0,"input_tokens":7,"output_tokens":3,)"))
      << outcome.out;
}

TEST_F(CliTest, ADryRunShowsThePlanAndFailsWhenNothingMayRun) {
  std::string plan = TestData("decision.json");
  plan.replace(plan.find("\"dry_run\":false"), 15, "\"dry_run\":true");
  gate_.Answer("GET /tidegate/policy/fields", Canned{200, "{}"});
  gate_.Answer(kAskChat, Canned{200, plan});
  Outcome outcome = RunAtGate({"ask", "--dry-run", "hello"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_TRUE(outcome.out.starts_with("It would run on this device (local/small)"));
  EXPECT_NE(outcome.out.find("Rejected\n"), std::string::npos);
  EXPECT_NE(gate_.asked(kAskChat).front().body.find("\"dry_run\":true"), std::string::npos);
  plan.replace(plan.find("\"rejected\":false"), 16, "\"rejected\":true");
  gate_.Answer(kAskChat, Canned{200, plan});
  outcome = RunAtGate({"ask", "--dry-run", "hello"});
  EXPECT_EQ(outcome.code, kExitUnavailable);
}

TEST_F(CliTest, ACutAnswerIsNeverTakenForAWholeOne) {
  Canned canned = ChatAnswer("half");
  canned.cut = true;
  gate_.Answer(kAskChat, canned);
  Outcome outcome = RunAtGate({"ask", "hello"});
  EXPECT_EQ(outcome.out, "half\n");
  EXPECT_EQ(outcome.code, kExitProtocol) << outcome.err;
  canned.cut = false;
  canned.body.erase(canned.body.find('\n') + 1);
  gate_.Answer(kAskChat, canned);
  outcome = RunAtGate({"ask", "hello"});
  EXPECT_EQ(outcome.code, kExitProtocol);
  EXPECT_NE(outcome.err.find("before it was complete"), std::string::npos) << outcome.err;
}

TEST_F(CliTest, ARefusalOfTheGateIsShownInItsOwnWordsWithItsExitCode) {
  gate_.Answer(kAskChat, Canned{402, R"({"error":{"message":"the budget is used up","type":"x",)"
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
  Canned canned = ChatAnswer("endless");
  canned.body.erase(canned.body.find('\n') + 1);
  canned.hang = true;
  gate_.Answer(kAskChat, canned);
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
  gate_.Answer(kAskChat, ChatAnswer("hi"));
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
             R"({"models":[{"id":"local/small","place":"device","context_tokens":8192,)"
             R"("context_tokens_max":32768,)"
             R"("capabilities":["tools","seed"],"prices":{"input_nanodollars_per_mtok":0,)"
             R"("output_nanodollars_per_mtok":0},"live":{"available":true,"loaded":false,)"
             R"("load_ms":1500}},{"id":"local/busy","place":"device","context_tokens":4096,)"
             R"("capabilities":[],"prices":{"input_nanodollars_per_mtok":0,)"
             R"("output_nanodollars_per_mtok":0},"live":{"available":true,"loaded":true,)"
             R"("queue_depth":3,"expected_wait_ms":2500}},{"id":"openai/large",)"
             R"("place":"cloud","context_tokens":400000,)"
             R"("capabilities":["vision","tools"],"prices":{"input_nanodollars_per_mtok":)"
             R"(1250000000,"output_nanodollars_per_mtok":10000000000},"live":{"available":false,)"
             R"("unavailable_why":"no key"}}]})"});
  const Outcome outcome = RunAtGate({"models"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(outcome.out,
            "MODEL         PLACE   CONTEXT  IN $/M  OUT $/M  CAN           STATE\n"
            "local/small   device   8,192+    free     free  tools         loads in 1.50 s\n"
            "local/busy    device    4,096    free     free  -             3 waiting, 2.50 s\n"
            "openai/large  cloud   400,000   $1.25   $10.00  vision tools  no key\n");
}

TEST_F(CliTest, ModelsHasAColumnForWhatWasMeasured) {
  gate_.Answer("GET /tidegate/models",
               Canned{200, R"({"models":[{"id":"local/small","place":"device","profile":)"
                           R"({"tokens_per_s":20.26},"live":{"available":true,"loaded":true}},)"
                           R"({"id":"local/other","place":"device","profile":null,)"
                           R"("live":{"available":true,"loaded":true}}]})"});
  EXPECT_EQ(RunAtGate({"models"}).out,
            "MODEL        PLACE   CONTEXT  IN $/M  OUT $/M  CAN  STATE    MEASURED\n"
            "local/small  device        ?       ?        ?  -    ready  20.3 tok/s\n"
            "local/other  device        ?       ?        ?  -    ready           -\n");
}

TEST_F(CliTest, PsShowsTheEnginesViewOnRequest) {
  gate_.Answer(
      "GET /tidegate/ps",
      Canned{200, R"({"models":[{"model":"small","state":"ready","users":1,"slots":4,)"
                  R"("queue_depth":2,"expected_wait_ms":900,"pid":321,"rss_bytes":637000000,)"
                  R"("last_start_ms":1500,)"
                  R"("context_tokens":8192,"last_error":"","speculation":"draft-simple",)"
                  R"("drafted_tokens":37,"draft_accepted_tokens":30},{"model":"odd",)"
                  R"("state":"ready","users":0,"slots":1,"pinned":true,)"
                  R"("speculation_note":"its draft is not used"},{"model":"big","state":"absent",)"
                  R"("users":0,"slots":2,"unfit":"a context of 8192 needs more",)"
                  R"("last_error":"old"},{"model":"slow","state":"ready",)"
                  R"("degraded":"uses 0 of 1 planned devices"}]})"});
  EXPECT_EQ(
      RunAtGate({"ps", "--wide"}).out,
      "MODEL  STATE          BUSY  WAITING    WAIT  WINDOW  MEMORY  PID  STARTED IN        "
      "DRAFTS  NOTES\n"
      "small  ready           1/4        2  900 ms   8,192  637 MB  321      1.50 s  30/37 (81 %)\n"
      "odd    ready, pinned   0/1        0       -       0       -    -           -             -  "
      "its draft is not used\n"
      "slow   ready           0/0        0       -       0       -    -           -             -  "
      "uses 0 of 1 planned devices\n");
  const std::string all = RunAtGate({"ps", "--all"}).out;
  EXPECT_NE(all.find("big    absent"), std::string::npos);
  EXPECT_NE(all.find("a context of 8192 needs more"), std::string::npos);
  EXPECT_EQ(all.find("old"), std::string::npos);
}

TEST_F(CliTest, PsSaysHowLongTheFirstHasWaitedAndForWhom) {
  gate_.Answer("GET /tidegate/ps",
               Canned{200, R"({"models":[{"model":"next","state":"waiting","users":0,"slots":4,)"
                           R"("queue_depth":3,"oldest_wait_ms":42000,"last_error":"old",)"
                           R"("waits_for":"\"big\" holds 6.0 GiB for 900 s, answering 1"}]})"});
  const std::string out = RunAtGate({"ps", "--wide"}).out;
  EXPECT_NE(out.find("3 for 42.00 s "), std::string::npos) << out;
  EXPECT_NE(out.find("waits for memory: \"big\" holds 6.0 GiB for 900 s, answering 1"),
            std::string::npos)
      << out;
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
               Canned{200, "{\"decisions\":[" + TestData("decision.json") + "]}"});
  gate_.Answer(kAskDecision, Canned{200, TestData("decision.json")});
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
  EXPECT_EQ(Run({"start", "--listen", "a:1", "--listen", "b:2"}).code, 78);
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
  EXPECT_EQ(Run({"--version"}).out, "tidegate 1.2.3\n");
  EXPECT_EQ(Run({"-v"}).out, "tidegate 1.2.3\n");
  EXPECT_EQ(Run({"version", "--json"}).out, "{\"version\":\"1.2.3\"}\n");
}

TEST_F(CliTest, AKeyWithALineBreakIsRefusedBeforeItIsSent) {
  environment_.api_key = Secret("key\r\nx-evil: 1");
  const Outcome outcome = RunAtGate({"models"});
  EXPECT_EQ(outcome.code, kExitNoPermission);
  EXPECT_EQ(outcome.err.find("evil"), std::string::npos);
  EXPECT_TRUE(gate_.asked().empty());
}

TEST_F(ChatTest, EachMessageCarriesTheConversationBeforeIt) {
  gate_.Answer(kAskChat, ChatAnswer("nice \\u001b[2J"));
  const Outcome outcome =
      Type("/set system be brief\rfirst\r\"\"\"two\rlines\"\"\"\r/clear\rthird\r/bye\r");
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(outcome.out.find("nice \x1b"), std::string::npos);
  EXPECT_NE(outcome.out.find("nice [2J\n"), std::string::npos);
  const std::vector<Asked> asked = gate_.asked(kAskChat);
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
  gate_.Answer(kAskChat, Canned{503, R"({"error":{"message":"the engine is loading"}})"});
  const Outcome outcome = Type("one\rtwo\r\x04");
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_NE(outcome.err.find("tidegate: the engine is loading\n"), std::string::npos);
  ASSERT_EQ(gate_.asked(kAskChat).size(), 2U);
  EXPECT_EQ(gate_.asked(kAskChat)[1].body.find("\"one\""), std::string::npos);
}

TEST_F(ChatTest, TwoCtrlCOnAnEmptyLineLeave) {
  const Outcome outcome = Type("\x03\x03never sent\r");
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_NE(outcome.err.find("Ctrl-C again"), std::string::npos);
  EXPECT_TRUE(gate_.asked(kAskChat).empty());
}

TEST_F(ChatTest, MessagesAreRecalledInTheNextChat) {
  std::string folder = ::testing::TempDir() + "tidegate_cli_XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  state_folder_ = folder + "/state";
  gate_.Answer(kAskChat, ChatAnswer("ok"));
  EXPECT_EQ(Type("remember me\r/bye\r").code, kExitOk);
  EXPECT_EQ(Type("\x1b[A\r/bye\r").code, kExitOk);
  ASSERT_EQ(gate_.asked(kAskChat).size(), 2U);
  EXPECT_NE(gate_.asked(kAskChat)[1].body.find("remember me"), std::string::npos);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tidegate::cli
