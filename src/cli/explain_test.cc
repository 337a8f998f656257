#include "cli/explain.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

std::string ReadFile(const std::string& name) {
  std::ifstream file(std::string(TIDEGATE_SOURCE_DIR) + "/src/cli/testdata/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

DecisionView Sample() {
  Result<DecisionView> view = ReadDecisionText(ReadFile("decision.json"));
  EXPECT_TRUE(view.ok()) << (view.ok() ? "" : Describe(view.error()));
  return view.ok() ? std::move(*view) : DecisionView{};
}

TEST(Explain, ADecisionReadsAsAPersonWouldTellIt) {
  EXPECT_EQ(ExplainDecision(Sample(), Layout{80}), ReadFile("explain_80.txt"));
}

TEST(Explain, TheHeadlineSaysWhyWhatLeftAndWhatItCost) {
  EXPECT_EQ(Headline(Sample()),
            "It ran on this device (local/small), because its privacy label is 'local', and "
            "local/small is what may run it here. Nothing left this machine. It cost $0.00.");
}

TEST(Explain, AFailedFirstAttemptIsTheReasonForTheSecond) {
  DecisionView decision = Sample();
  AttemptView second = decision.attempts.front();
  decision.attempts.front().outcome = "failed";
  decision.attempts.front().error = "unavailable: connection refused";
  second.model = "openai/large";
  second.place = "cloud";
  second.egress = "masked";
  second.outcome = "cut";
  decision.attempts.push_back(second);
  decision.egress = "masked";
  decision.cost = Money{2'340'000};
  EXPECT_EQ(Headline(decision),
            "It ran in the cloud (openai/large), because local/small was tried first and did not "
            "answer (unavailable: connection refused). Its answer was cut off. The prompt left "
            "this machine with private values masked. It cost $0.00234.");
  const std::string text = ExplainDecision(decision, Layout{100});
  EXPECT_NE(text.find("masked, 4.3 kB"), std::string::npos) << text;
  EXPECT_NE(text.find("  local/small: unavailable: connection refused\n"), std::string::npos);
}

TEST(Explain, WhatWasLeftOutToFitIsTold) {
  DecisionView decision = Sample();
  AttemptView second = decision.attempts.front();
  decision.attempts.front().outcome = "failed";
  decision.attempts.front().error = "too_large: the request is too long";
  second.dropped_messages = 4;
  decision.attempts.push_back(second);
  EXPECT_EQ(Headline(decision), Headline(Sample())) << "the same model, asked once more";
  const std::string text = ExplainDecision(decision, Layout{100});
  EXPECT_NE(text.find("  left out to fit the window: the 4 oldest messages\n"), text.npos) << text;
  decision.attempts.back().dropped_messages = 0;
  decision.attempts.back().cut_texts = 2;
  EXPECT_NE(ExplainDecision(decision, Layout{100}).find("cut to fit the window: 2 texts\n"),
            std::string::npos);
}

TEST(Explain, WhatIsOnlyAssumedToHaveBeenChargedSaysSo) {
  DecisionView decision = Sample();
  decision.attempts.front().outcome = "failed";
  decision.attempts.front().error = "unavailable: reset";
  decision.attempts.front().assumed = true;
  const std::string text = ExplainDecision(decision, Layout{0});
  EXPECT_NE(text.find("nobody knows whether it was charged, so all that was held counts as spent"),
            std::string::npos)
      << text;
}

TEST(Explain, ADryRunTellsThePlanAndItsBound) {
  DecisionView decision = Sample();
  decision.dry_run = true;
  decision.attempts.clear();
  decision.privacy = "open";
  decision.candidates[1].rejected = false;
  EXPECT_EQ(Headline(decision),
            "It would run on this device (local/small), because it scored best of the 2 models "
            "that may run it. Expected cost $0.00, at most $0.00. Nothing was sent.");
  decision.candidates.clear();
  decision.error = "no model is allowed";
  EXPECT_EQ(Headline(decision),
            "Nothing may run this request: no model is allowed. Nothing was sent.");
}

TEST(Explain, ARefusalSaysThatNothingLeft) {
  DecisionView decision = Sample();
  decision.attempts.clear();
  decision.model.clear();
  decision.status = 503;
  decision.error = "no_candidate: nothing may run it";
  EXPECT_EQ(Headline(decision),
            "It was refused (no_candidate: nothing may run it). Nothing left this machine. It "
            "cost $0.00.");
}

TEST(Explain, WhatNoTargetAnsweredAndWasNoFailureTheGateAnsweredItself) {
  DecisionView decision = Sample();
  decision.attempts.clear();
  decision.model.clear();
  decision.status = 200;
  EXPECT_EQ(Headline(decision),
            "The gate answered it itself. Nothing left this machine. It cost $0.00.");
}

TEST(Explain, AnExplicitModelIsItsOwnReason) {
  DecisionView decision = Sample();
  decision.asked_model = "local/small";
  EXPECT_NE(Headline(decision).find("because you asked for local/small."), std::string::npos);
}

TEST(Explain, TextOfAnUpstreamCannotReachTheTerminalAsAControlSequence) {
  DecisionView decision = Sample();
  decision.attempts.front().outcome = "failed";
  decision.attempts.front().error = "\x1b[2Jgone";
  decision.candidates[1].detail = "x\x1b]0;title\x07";
  decision.principal = "\x1b[31m";
  EXPECT_EQ(ExplainDecision(decision, Layout{80}).find('\x1b'), std::string::npos);
}

TEST(Explain, AnAnswerThatIsNoDecisionIsAProtocolError) {
  for (const char* bad :
       {"", "[]", "{}", R"({"id":7})", R"({"id":"x","candidates":[{"score":"a"}]})"}) {
    const Result<DecisionView> view = ReadDecisionText(bad);
    ASSERT_FALSE(view.ok()) << bad;
    EXPECT_EQ(view.error().code, ErrorCode::kProtocol) << bad;
  }
}

}  // namespace
}  // namespace tidegate::cli
