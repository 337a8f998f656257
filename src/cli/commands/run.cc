#include "cli/answer.h"
#include "cli/arguments.h"
#include "cli/commands/list.h"
#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "cli/gate.h"
#include "cli/history.h"
#include "cli/line_reader.h"
#include "cli/repl_input.h"

namespace tidegate::cli::commands {
namespace {

constexpr std::string_view kPrompt = ">>> ";
constexpr std::string_view kMorePrompt = "... ";

// A conversation at the terminal.
class Chat {
 public:
  Chat(Context& context, GateClient& client, std::string model)
      : context_(context), client_(client), model_(std::move(model)) {}

  Result<int> Run();

 private:
  bool Obey(const ReplStep& step);  // false = leave
  void Send(const std::string& text);
  void Remember(const std::string& text);
  void Note(std::string_view text) {
    context_.console.err.Write(context_.console.ErrPaint()(Ink::kDim, text) + "\n");
  }

  Context& context_;
  GateClient& client_;
  std::string model_;
  std::string system_;
  std::vector<ChatMessage> messages_;  // without the system message
  History history_;
  bool history_warned_ = false;
};

void Chat::Remember(const std::string& text) {
  const Result<void> kept = history_.Add(text);
  if (kept.ok() || history_warned_) return;
  history_warned_ = true;  // once: it is a nuisance, not a reason to stop
  Note("not kept for next time: " + Printable(kept.error().message));
}

void Chat::Send(const std::string& text) {
  std::vector<ChatMessage> messages;
  if (!system_.empty()) messages.push_back({"system", system_});
  messages_.push_back({"user", text});
  messages.insert(messages.end(), messages_.begin(), messages_.end());
  const Answer answer = ReceiveAnswer(context_, client_, ChatBody(model_, messages, {}));
  if (answer.text.empty()) {
    messages_.pop_back();  // a question without an answer would confuse the next
  } else {
    messages_.push_back({"assistant", answer.text});
  }
  if (answer.error && !answer.interrupted) {
    context_.console.err.Write(context_.console.ErrPaint()(Ink::kBad, "tidegate: ") +
                               Printable(answer.error->message) + "\n");
  }
  if (context_.arguments.Has("--verbose") && !answer.head.decision.empty()) {
    context_.console.err.Write(VerboseText(context_, client_, answer));
  }
  context_.console.out.Write("\n");
}

bool Chat::Obey(const ReplStep& step) {
  switch (step.kind) {
    case ReplKind::kNothing:
    case ReplKind::kMore:
      break;
    case ReplKind::kMessage:
      Remember(step.text);
      Send(step.text);
      break;
    case ReplKind::kBye:
      return false;
    case ReplKind::kClear:
      messages_.clear();
      Note("the conversation is forgotten");
      break;
    case ReplKind::kSetSystem:
      system_ = step.text;
      Note(system_.empty() ? "no system message" : "system message set");
      break;
    case ReplKind::kHelp:
      context_.console.err.Write(ReplHelp());
      break;
    case ReplKind::kUnknown:
      Note("no command " + Printable(step.text) + "; /help lists them");
      break;
  }
  return true;
}

Result<int> Chat::Run() {
  const std::string& folder = context_.console.environment.state_folder;
  if (!folder.empty()) {
    const Result<void> loaded = history_.Load(folder + "/history");
    if (!loaded.ok()) Note(Printable(loaded.error().message));
  }
  LineReader reader(context_.console, history_);
  ReplInput input;
  Note("Chatting with " + Printable(model_) + ". /help helps, /bye leaves.");
  bool warned = false;  // the last key was a Ctrl-C on an empty line
  while (true) {
    const LineReader::Line line = reader.Read(input.open() ? kMorePrompt : kPrompt);
    if (line.outcome == EditOutcome::kEnd) return kExitOk;
    if (line.outcome == EditOutcome::kInterrupt) {
      if (warned) return kExitOk;
      warned = true;
      input.Reset();
      Note("Ctrl-C again or /bye leaves");
      continue;
    }
    warned = false;
    if (!Obey(input.Feed(line.text))) return kExitOk;
  }
}

Result<int> RunRun(Context& context) {
  const Console& console = context.console;
  TIDEGATE_ASSIGN(const std::string piped, ReadPipedInput(console));
  const std::string prompt = JoinPrompt(context.arguments.All("PROMPT"), piped);
  const std::string model = context.arguments.Text("MODEL");
  const bool chat = prompt.empty() && console.in_terminal && console.out_terminal;
  if (prompt.empty() && (!chat || context.json)) {
    return UsageError("a chat needs a terminal; give a prompt, or pipe one in");
  }
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kStart));
  if (chat) return Chat(context, gate->client(), model).Run();
  return ShowAnswer(context, gate->client(), ChatBody(model, {{"user", prompt}}, {}));
}

}  // namespace

Command Run() {
  Command command;
  command.name = "run";
  command.group = Group::kTalk;
  command.summary = "chat with a model, or send it one prompt";
  command.details =
      "Without a prompt, a chat at the terminal. With one, or with text piped in, the answer only. "
      "Where no gate is running, one is started for as long as this command lasts.";
  command.arguments = {
      {"MODEL", "'auto', a model of 'tidegate models', or a policy's name", {}, true, false},
      {"PROMPT", "what to send, in one or more words", {}, false, true}};
  command.options = {{"--verbose", "", "timing, tokens, place and cost after each answer", {}}};
  command.examples = {
      {"tidegate run auto", "chat; each message runs where it fits best"},
      {"tidegate run auto:private 'Translate to French: …'", "one answer, from this device only"},
      {"git diff | tidegate run auto 'Review this change'", "the pipe is added to the prompt"},
  };
  command.run = RunRun;
  return command;
}

}  // namespace tidegate::cli::commands
