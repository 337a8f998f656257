// `bench` and `tune` as whole commands against a small gate of our own.
#include <string>

#include <gtest/gtest.h>

#include "cli/exit_code.h"
#include "cli/fake_gate.h"

namespace tidegate::cli {
namespace {

constexpr const char* kAskBench = "POST /tidegate/models/bench";
constexpr const char* kAskTune = "POST /tidegate/models/tune";
constexpr const char* kNdjson = "application/x-ndjson";

const std::string kPoint =
    R"({"prompt_tokens":1024,"concurrency":2,"requests":6,"ttft_ms_p50":1240.0,)"
    R"("ttft_ms_p95":1300,"prompt_tokens_per_s":812.5,"tokens_per_s":20.25,)"
    R"("tokens_per_s_total":40.1,"disturbed":false})";

std::string BenchResult(const std::string& points, const std::string& left_out = "") {
  return R"({"model":"small","duration_ms":9,"complete":true,"left_out":[)" + left_out +
         R"(],"profile":{"settings":"threads=2 slots=4","points":[)" + points + "]}}";
}

Canned Answer(const std::string& result) {
  return {200,
          "{\"status\":\"loading small\"}\n{\"status\":\"1024 tokens, 2 at once (1 of 1)\"}\n"
          "{\"status\":\"success\",\"result\":" +
              result + "}\n",
          kNdjson};
}

class MeasureTest : public CliTest {};

TEST_F(MeasureTest, BenchShowsItsStepsAndThenATable) {
  gate_.Answer(kAskBench, Answer(BenchResult(kPoint)));
  const Outcome outcome = RunAtGate({"bench", "small"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(outcome.err, "loading small\n1024 tokens, 2 at once (1 of 1)\n");
  EXPECT_EQ(outcome.out,
            "PROMPT  AT ONCE  TTFT p50  TTFT p95  READS tok/s  WRITES tok/s  IN TOTAL\n"
            " 1,024        2    1.24 s    1.30 s          812          20.2      40.1\n"
            "\n"
            "threads=2 slots=4\n");
  EXPECT_EQ(gate_.asked().front().body, R"({"model":"small"})");
}

TEST_F(MeasureTest, BenchSendsWhatWasAskedFor) {
  gate_.Answer(kAskBench, Answer(BenchResult(kPoint)));
  RunAtGate({"bench", "small", "--contexts", "128,4096", "--concurrency=1,2", "--tokens", "32",
             "--seconds-max", "90", "--quick"});
  EXPECT_EQ(gate_.asked().front().body,
            R"({"model":"small","contexts":[128,4096],"concurrency":[1,2],"tokens":32,)"
            R"("seconds_max":90,"quick":true})");
}

TEST_F(MeasureTest, WithJsonTheResultIsAllThatIsPrinted) {
  gate_.Answer(kAskBench, Answer(BenchResult(kPoint)));
  const Outcome outcome = RunAtGate({"bench", "small", "--json"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_EQ(outcome.out, BenchResult(kPoint) + "\n");
}

TEST_F(MeasureTest, BenchSaysWhatItsFiguresAreNot) {
  std::string disturbed = kPoint;
  disturbed.replace(disturbed.find("false"), 5, "true");
  gate_.Answer(kAskBench,
               Answer(BenchResult(disturbed, R"({"prompt_tokens":4096,"concurrency":4})")));
  const Outcome outcome = RunAtGate({"bench", "small"});
  EXPECT_NE(outcome.out.find("40.1 *\n"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("* others used the model meanwhile"), std::string::npos);
  EXPECT_NE(outcome.out.find("1 not measured: the time was up"), std::string::npos);
}

TEST_F(MeasureTest, NumbersThatAreNoneAreMistakesOfTheCommandLine) {
  for (const char* counts : {"", "128,", "1k", "-1", "0", "1 2", "99999999999999999999"}) {
    const Outcome outcome = RunAtGate({"bench", "small", std::string("--contexts=") + counts});
    EXPECT_EQ(outcome.code, kExitUsage) << counts;
  }
  EXPECT_EQ(RunAtGate({"bench"}).code, kExitUsage);
  EXPECT_EQ(RunAtGate({"tune", "small", "--for", "beauty"}).code, kExitUsage);
  EXPECT_EQ(RunAtGate({"tune", "small", "--reset", "--quick"}).code, kExitUsage);
  EXPECT_TRUE(gate_.asked().empty());
}

TEST_F(MeasureTest, RefusalsAndFailuresHaveTheirCodes) {
  gate_.Answer(kAskBench,
               Canned{409, R"({"error":{"code":"conflict","message":"one at a time"}})"});
  Outcome outcome = RunAtGate({"bench", "small"});
  EXPECT_EQ(outcome.code, kExitTempFail);
  EXPECT_EQ(outcome.err, "tidegate: one at a time\n");
  gate_.Answer(kAskBench,
               Canned{200,
                      "{\"status\":\"loading small\"}\n"
                      "{\"error\":{\"code\":\"deadline_exceeded\",\"message\":\"too slow\"}}\n",
                      kNdjson});
  outcome = RunAtGate({"bench", "small"});
  EXPECT_EQ(outcome.code, kExitTempFail);
  EXPECT_EQ(outcome.err, "loading small\ntidegate: too slow\n");
  gate_.Answer(kAskBench, Canned{200, "{\"status\":\"loading small\"}\n", kNdjson});
  outcome = RunAtGate({"bench", "small"});
  EXPECT_EQ(outcome.code, kExitProtocol);
  EXPECT_NE(outcome.err.find("nothing of it was kept"), std::string::npos);
  gate_.Answer(kAskBench, Answer("{}"));
  EXPECT_EQ(RunAtGate({"bench", "small"}).code, kExitProtocol);
}

TEST_F(MeasureTest, BenchStartsAGateWhereNoneRuns) {
  gate_.Answer(kAskBench, Answer(BenchResult(kPoint)));
  EXPECT_EQ(Run({"bench", "small"}).code, kExitOk);
  EXPECT_EQ(started_, 1);
  EXPECT_EQ(stopped_, 1);
}

std::string TuneResult(bool changed, bool complete) {
  return std::string(R"({"model":"small","for":"latency","complete":)") +
         (complete ? "true" : "false") + R"(,"changed":)" + (changed ? "true" : "false") +
         R"(,"before":{},"after":)" +
         (changed ? R"({"threads":3,"flash_attention":"off"})" : "{}") +
         R"(,"gain":0.125,"noise":0.021,"trials":[{"settings":{},"gain":0,"problem":"",)"
         R"("points":[)" +
         kPoint + R"(]},{"settings":{"threads":3},"gain":0.125,"problem":"","points":[)" + kPoint +
         R"(]},{"settings":{"ubatch":4096},"gain":0,"problem":"it does not start","points":[]}]})";
}

TEST_F(MeasureTest, TuneShowsEachTrialAndWhatCameOfIt) {
  gate_.Answer(kAskTune, Answer(TuneResult(true, true)));
  const Outcome outcome =
      RunAtGate({"tune", "small", "--for", "latency", "--allow-kv-quantisation"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_EQ(gate_.asked().front().body,
            R"({"model":"small","for":"latency","allow_kv_quantisation":true})");
  EXPECT_EQ(outcome.out,
            "SETTINGS                         GAIN    TTFT  WRITES tok/s  IN TOTAL\n"
            "the usual settings             +0.0 %  1.24 s          20.2      40.1\n"
            "threads=3                     +12.5 %  1.24 s          20.2      40.1\n"
            "ubatch=4096         it does not start       -             -         -\n"
            "\n"
            "kept: threads=3 flash_attention=off (+12.5 % against the usual settings, measuring "
            "wavers by 2.1 %)\n");
}

TEST_F(MeasureTest, TuneSaysWhenNothingIsBetterAndWhenTheTimeWasUp) {
  gate_.Answer(kAskTune, Answer(TuneResult(false, false)));
  const Outcome outcome = RunAtGate({"tune", "small"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_NE(outcome.out.find("nothing that was tried beats the usual settings"), std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("the time was up before all was tried"), std::string::npos);
}

TEST_F(MeasureTest, TuneForgetsWhatWasKept) {
  gate_.Answer(kAskTune, Answer(R"({"model":"small","reset":true})"));
  EXPECT_EQ(RunAtGate({"tune", "small", "--reset"}).out, "small has the usual settings again\n");
  EXPECT_EQ(gate_.asked().front().body, R"({"model":"small","reset":true})");
  gate_.Answer(kAskTune, Answer(R"({"model":"small","reset":false})"));
  EXPECT_EQ(RunAtGate({"tune", "small", "--reset"}).out, "small had the usual settings\n");
}

}  // namespace
}  // namespace tidegate::cli
