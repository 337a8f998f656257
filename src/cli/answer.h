// One request of a person and its answer: shown while it arrives, then as facts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/chat.h"
#include "cli/command.h"
#include "cli/decision_view.h"
#include "cli/gate_client.h"

namespace tidegate::cli {

// How long a decision is waited for that is recorded just after its answer ended.
inline constexpr int kDecisionTries = 20;
inline constexpr std::int64_t kDecisionRetryMs = 25;

struct Answer {
  AnswerHead head;
  std::string text;
  std::string model;  // as the answer names it
  bool has_usage = false;
  std::int64_t input_tokens = 0, output_tokens = 0;
  std::int64_t ttft_us = 0, total_us = 0;  // on the client's clock; ttft 0 = nothing came
  bool interrupted = false;                // Ctrl-C; `text` is what had come by then
  std::optional<Error> error;              // why it ended early; also after an interruption
};

// Sends `body` and shows the answer on standard output as it arrives, unless --json is given: then
// nothing is shown. A cut answer is an error, never taken for a complete one.
Answer ReceiveAnswer(Context& context, GateClient& client, std::string body);

// The decision behind an answer, waiting until it is recorded. Errors: kNotFound when the answer
// named none; those of GateClient.
Result<DecisionView> FetchDecision(GateClient& client, const std::string& id);

// Timing, tokens, place and cost of an answer, for --verbose.
std::string VerboseText(Context& context, GateClient& client, const Answer& answer);
// The answer and its facts as one JSON object.
std::string AnswerJson(const Answer& answer, const Result<DecisionView>& decision);

// All of it for a single question: receives, shows, says more with --verbose or --json. The exit
// code, or why there is no (whole) answer.
Result<int> ShowAnswer(Context& context, GateClient& client, std::string body);

// Standard input to its end, when it is no terminal. Errors: kTooLarge, kInvalidArgument (no UTF-8
// text).
Result<std::string> ReadPipedInput(const Console& console);
// The words and what was piped in, as one prompt.
std::string JoinPrompt(const std::vector<std::string>& words, const std::string& piped);

}  // namespace tidegate::cli
