#include "cli/answer.h"
#include "cli/arguments.h"
#include "cli/chat_options.h"
#include "cli/chat_session.h"
#include "cli/commands/list.h"
#include "cli/display_text.h"
#include "cli/gate.h"
#include "cli/prompt_files.h"
#include "cli/transfer.h"

namespace tidegate::cli::commands {
namespace {

Result<ChatSetup> ReadSetup(const Arguments& arguments) {
  ChatSetup setup;
  setup.request.model = arguments.Text("MODEL");
  if (arguments.Has("--keepalive")) {
    TIDEGATE_ASSIGN(setup.request.keep_alive_json, KeepAliveJson(arguments.Text("--keepalive")));
  }
  if (arguments.Has("--think")) {
    TIDEGATE_ASSIGN(setup.request.think_json, ThinkJson(arguments.Text("--think")));
  }
  if (arguments.Has("--format")) {
    TIDEGATE_ASSIGN(setup.request.format_json, FormatJson(arguments.Text("--format")));
  }
  setup.style.verbose = arguments.Has("--verbose");
  setup.style.wrap = !arguments.Has("--nowordwrap");
  setup.style.show_thinking = !arguments.Has("--hidethinking");
  setup.insecure = arguments.Has("--insecure");
  return setup;
}

Result<int> RunRun(Context& context) {
  Console& console = context.console;
  TIDEGATE_ASSIGN(ChatSetup setup, ReadSetup(context.arguments));
  TIDEGATE_ASSIGN(const std::string piped, ReadPipedInput(console));
  const std::string typed = JoinWords(context.arguments.All("PROMPT"));
  const bool prompt = !typed.empty() || !piped.empty();
  const bool chat = !prompt && console.in_terminal && console.out_terminal;
  if (!prompt && (!chat || context.json)) {
    return UsageError("a chat needs a terminal; give a prompt, or pipe one in");
  }
  // Only what was typed: a pipe may name pictures that nobody meant to send.
  TIDEGATE_ASSIGN(AttachedFiles files, AttachFiles(typed, console.environment.home));
  for (const std::string& note : files.notes) console.err.Write(Printable(note) + "\n");
  TIDEGATE_ASSIGN(const std::unique_ptr<Gate> gate, Gate::Find(context, WhenAbsent::kStart));
  GateClient& client = gate->client();
  if (chat) return RunChatSession(context, client, std::move(setup));
  setup.request.messages = {{"user", JoinPrompt(files.text, piped), std::move(files.base64)}};
  return ShowAnswer(context, client, setup.request, setup.style, [&](const Error& why) {
    return PullMissing(console, client, setup.request.model, setup.insecure, why);
  });
}

}  // namespace

Command Run() {
  Command command;
  command.name = "run";
  command.group = Group::kTalk;
  command.summary = "chat with a model, or send it one prompt";
  command.details =
      "Without a prompt, a chat at the terminal. With one, or with text piped in, the answer only. "
      "Pictures and sounds that the prompt names by their paths are sent with it. A model that is "
      "not here yet is pulled. Where no gate is running, one is started for as long as this "
      "command lasts.";
  command.arguments = {
      {"MODEL", "'auto', a model of 'tidegate models', or a policy's name", {}, true, false},
      {"PROMPT", "what to send, in one or more words", {}, false, true}};
  command.options = {
      {"--verbose", "", "statistics after each answer, where it ran and what it cost"},
      {"--think",
       "LEVEL",
       "the model thinks first: true, false, low, medium, high or max",
       {},
       false,
       "",
       "true"},
      {"--hidethinking", "", "do not show what it thinks"},
      {"--format", "FORMAT", "the answer is json, or JSON by the schema in this file"},
      {"--keepalive", "TIME", "how long the model stays loaded: 10m, 1h30m, 0, or -1 for ever"},
      {"--nowordwrap", "", "let the terminal break long lines"},
      {"--insecure", "", "pull from a registry without TLS"},
  };
  command.examples = {
      {"tidegate run auto", "chat; each message runs where it fits best"},
      {"tidegate run auto:private 'Translate to French: …'", "one answer, from this device only"},
      {"git diff | tidegate run auto 'Review this change'", "the pipe is added to the prompt"},
      {"tidegate run gemma3 'What is in ./cat.png?'", "with a picture"},
  };
  command.run = RunRun;
  return command;
}

}  // namespace tidegate::cli::commands
