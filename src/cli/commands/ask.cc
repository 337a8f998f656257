#include <algorithm>

#include "base/money.h"
#include "cli/answer.h"
#include "cli/arguments.h"
#include "cli/commands/list.h"
#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "cli/explain.h"
#include "cli/gate.h"
#include "cli/progress.h"
#include "cli/units.h"

namespace tidegate::cli::commands {
namespace {

constexpr std::int64_t kDeadlineMsMax = 86'400'000;  // a day; the gate has the same limit

Result<ChatWishes> ReadWishes(const Arguments& arguments) {
  ChatWishes wishes;
  wishes.privacy = arguments.Text("--privacy");
  wishes.prefer = arguments.Text("--prefer");
  wishes.place = arguments.All("--place");
  wishes.dry_run = arguments.Has("--dry-run");
  if (arguments.Has("--max-cost")) {
    const std::optional<Money> cost = ParseUsd(arguments.Text("--max-cost"));
    if (!cost) return UsageError("--max-cost must be dollars, as 0.02");
    wishes.max_cost_usd = FormatUsd(*cost);
  }
  if (arguments.Has("--deadline")) {
    const std::string text = arguments.Text("--deadline");
    const bool digits = !text.empty() && text.size() <= 8 &&
                        text.find_first_not_of("0123456789") == std::string::npos;
    wishes.deadline_ms = digits ? std::stoll(text) : 0;
    if (wishes.deadline_ms < 1 || wishes.deadline_ms > kDeadlineMsMax) {
      return UsageError("--deadline must be milliseconds from 1 to 86400000");
    }
  }
  return wishes;
}

// The answer to a dry run is the decision itself. It comes through the same call as any answer.
Result<int> ShowPlan(Context& context, GateClient& client, const ChatRequest& request) {
  std::string text;
  StreamHandlers handlers;
  handlers.on_head = [](const AnswerHead&) {};
  handlers.on_bytes = [&text](std::string_view bytes) -> Result<void> {
    if (text.size() + bytes.size() > kAnswerBytesMax) {
      return Error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kNever,
                   "the plan is too large"};
    }
    text += bytes;
    return Result<void>();
  };
  Spinner spinner(context.console, "planning");
  const Result<void> done = client.Stream(kChatPath, ChatBody(request), handlers);
  spinner.Stop();
  if (!done.ok()) return done.error();
  TIDEGATE_ASSIGN(const DecisionView decision, ReadDecisionText(text));
  Console& console = context.console;
  const Layout layout{console.out_terminal ? console.columns : 0, 0, console.OutPaint()};
  console.out.Write(context.json ? text + "\n" : ExplainDecision(decision, layout));
  const bool possible = std::any_of(decision.candidates.begin(), decision.candidates.end(),
                                    [](const CandidateView& one) { return !one.rejected; });
  return possible ? kExitOk : kExitUnavailable;
}

// An Ollama would take a request with wishes, and keep none of them.
Result<void> RequireGate(GateClient& client) {
  const Result<std::string> fields = client.Get("/tidegate/policy/fields");
  if (fields.ok() || fields.error().code != ErrorCode::kNotFound) return Result<void>();
  return Error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kNever,
               "no Tidegate answers at " + client.at().origin.ToString() +
                   ": what the options ask for would not be kept, so nothing was sent"};
}

Result<int> RunAsk(Context& context) {
  const Arguments& arguments = context.arguments;
  ChatRequest request;
  TIDEGATE_ASSIGN(request.wishes, ReadWishes(arguments));
  TIDEGATE_ASSIGN(const std::string piped, ReadPipedInput(context.console));
  const std::string prompt = JoinPrompt(JoinWords(arguments.All("PROMPT")), piped);
  if (prompt.empty()) return UsageError("ask what? Give a prompt, or pipe one in");
  const std::string system = arguments.Text("--system");
  if (!system.empty()) request.messages.push_back({"system", system});
  request.messages.push_back({"user", prompt});
  request.model = arguments.Has("--model") ? arguments.Text("--model") : "auto";
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kStart));
  GateClient& client = gate->client();
  if (request.wishes.any()) TIDEGATE_TRY(RequireGate(client));
  if (request.wishes.dry_run) return ShowPlan(context, client, request);
  AnswerStyle style;
  style.verbose = arguments.Has("--verbose");
  return ShowAnswer(context, client, request, style);
}

}  // namespace

Command Ask() {
  Command command;
  command.name = "ask";
  command.group = Group::kTalk;
  command.summary = "one question, one answer; or, with --dry-run, only the plan";
  command.details =
      "Sends one prompt and prints the answer. Standard input, when it is not a terminal, is added "
      "to the prompt. The options tighten what the gate's configuration already says; nothing here "
      "can loosen it.";
  command.arguments = {{"PROMPT", "the question, in one or more words", {}, false, true}};
  command.options = {
      {"--model", "NAME", "auto, auto:fast, auto:cheap, auto:best, auto:private, or a model", {}},
      {"--dry-run", "", "show what would run where, why, and its price; send nothing", {}},
      {"--privacy",
       "LEVEL",
       "the least protection: open, masked, attested or local",
       {"open", "masked", "attested", "local"}},
      {"--place",
       "PLACE",
       "only there: device, edge, attested or cloud; repeatable",
       {"device", "edge", "attested", "cloud"},
       true},
      {"--max-cost", "USD", "refuse what could cost more, as 0.02", {}},
      {"--deadline", "MS", "milliseconds until the last word", {}},
      {"--prefer",
       "GOAL",
       "balanced, cost, latency, quality or energy",
       {"balanced", "cost", "latency", "quality", "energy"}},
      {"--system", "TEXT", "a system message", {}},
      {"--verbose", "", "timing, tokens, place and cost after the answer", {}},
  };
  command.examples = {
      {"tidegate ask 'Why is the sky blue?'", "on whatever fits best"},
      {"tidegate ask --privacy local < diary.txt 'Summarise this'", "never leaves this device"},
      {"tidegate ask --dry-run --max-cost 0.01 'Prove it'", "the plan and its price, nothing sent"},
  };
  command.run = RunAsk;
  return command;
}

}  // namespace tidegate::cli::commands
