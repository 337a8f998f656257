// One request of a person and its answer: shown while it arrives, then as facts.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/answer_screen.h"
#include "cli/chat.h"
#include "cli/command.h"
#include "cli/decision_view.h"
#include "cli/gate_client.h"

namespace tidegate::cli {

// How long a decision is waited for that is recorded just after its answer ended.
inline constexpr int kDecisionTries = 20;
inline constexpr std::int64_t kDecisionRetryMs = 25;

struct Answer {
  bool answered = false;  // the gate began to answer; otherwise `error` is all there is
  AnswerHead head;
  std::string text, thinking;
  std::string model;  // as the answer names it
  ChatMetrics metrics;
  std::int64_t ttft_us = 0, total_us = 0;  // on the client's clock; ttft 0 = nothing came
  bool interrupted = false;                // Ctrl-C; `text` is what had come by then
  std::optional<Error> error;              // why it ended early; also after an interruption
};

// Sends `request` and shows the answer as AnswerScreen does. A cut answer is an error, never taken
// for a complete one.
Answer ReceiveAnswer(Context& context, GateClient& client, const ChatRequest& request,
                     const AnswerStyle& style);

// The decision behind an answer, waiting until it is recorded. Errors: kNotFound when the answer
// named none, as that of an Ollama; those of GateClient.
Result<DecisionView> FetchDecision(GateClient& client, const std::string& id);

// Ollama's statistics of an answer; then, from a gate, where it ran and what it cost.
std::string VerboseText(Context& context, GateClient& client, const Answer& answer);
// The answer and its facts as one JSON object.
std::string AnswerJson(const Answer& answer, const Result<DecisionView>& decision);

// What is done when the gate says that it has no such model: gets it, or returns the error.
using MissingModelFunction = std::function<Result<void>(const Error& why)>;

// All of it for a single question: receives, shows, says more when the style or --json ask for it.
// The exit code, or why there is no (whole) answer.
Result<int> ShowAnswer(Context& context, GateClient& client, const ChatRequest& request,
                       const AnswerStyle& style, const MissingModelFunction& on_missing = nullptr);

// Standard input to its end, when it is no terminal. Errors: kTooLarge, kInvalidArgument (no UTF-8
// text).
Result<std::string> ReadPipedInput(const Console& console);
// The words of a prompt as one text; what was piped in follows.
std::string JoinWords(const std::vector<std::string>& words);
std::string JoinPrompt(const std::string& typed, const std::string& piped);

}  // namespace tidegate::cli
