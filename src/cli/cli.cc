#include "cli/cli.h"

#include <algorithm>
#include <unistd.h>
#include <utility>

#include <sys/ioctl.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "cli/help.h"
#include "json/writer.h"

namespace tidegate::cli {
namespace {

std::size_t TerminalColumns(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kColumnsDefault;
  return std::max<std::size_t>(size.ws_col, kColumnsMin);
}

// What is asked for with --help, or by typing no command at all.
std::string HelpFor(const std::vector<Command>& commands, const Parsed& parsed,
                    const Console& console) {
  const Paint paint = console.OutPaint();
  if (parsed.command != nullptr) return CommandHelp(*parsed.command, console.columns, paint);
  if (!parsed.topic.empty()) return TopicHelp(commands, parsed.topic, paint);
  return OverviewHelp(commands, paint);
}

int PrintError(const Error& error, bool json, Console& console) {
  const int code = ExitCodeOf(error);
  if (json) {
    std::string out;
    json::Writer writer(out);
    writer.BeginObject().Key("error").BeginObject();
    writer.Key("code").String(ToString(error.code));
    writer.Key("message").String(error.message);
    if (!error.field.empty()) writer.Key("field").String(error.field);
    writer.Key("exit_code").Integer(code);
    writer.EndObject().EndObject();
    console.err.Write(out + "\n");
    return code;
  }
  std::string message = Printable(error.message);
  if (!error.field.empty()) message += " (" + Printable(error.field) + ")";
  console.err.Write(console.ErrPaint()(Ink::kBad, "tidegate: ") + message + "\n");
  return code;
}

ColorChoice ReadColor(const Arguments& arguments) {
  const std::string when = arguments.Text("--color");
  if (when == "always") return ColorChoice::kAlways;
  if (when == "never") return ColorChoice::kNever;
  return ColorChoice::kAuto;
}

}  // namespace

int Run(const std::vector<std::string>& typed, Console& console, const LocalServices& services) {
  const std::vector<Command> commands = AllCommands();
  const bool version = typed.size() == 1 && (typed[0] == "--version" || typed[0] == "-v");
  const std::vector<std::string> words = version ? std::vector<std::string>{"version"} : typed;
  Result<Parsed> parsed = Parse(commands, words);
  if (!parsed.ok()) {
    const bool json = std::find(words.begin(), words.end(), "--json") != words.end();
    return PrintError(parsed.error(), json, console);
  }
  console.color = ReadColor(parsed->arguments);
  const bool json = parsed->arguments.Has("--json");
  if (parsed->help || parsed->command == nullptr) {
    const std::string help = HelpFor(commands, *parsed, console);
    // Help that was asked for is a result; help instead of a missing command is an error.
    (parsed->help ? console.out : console.err).Write(help);
    return parsed->help ? kExitOk : kExitUsage;
  }
  Context context{console, services, parsed->arguments, json};
  const Result<int> done = parsed->command->run(context);
  const int code = done.ok() ? *done : PrintError(done.error(), json, console);
  if (console.out.failed()) {
    console.err.Write("tidegate: the output could not be written; is the disk full?\n");
    return kExitIo;
  }
  return code;
}

int Run(int argc, char** argv, const LocalServices& services) {
  FileSink out(STDOUT_FILENO);
  FileSink err(STDERR_FILENO);
  Console console{out, err};
  console.in_fd = STDIN_FILENO;
  console.in_terminal = ::isatty(STDIN_FILENO) == 1;
  console.out_terminal = ::isatty(STDOUT_FILENO) == 1;
  console.err_terminal = ::isatty(STDERR_FILENO) == 1;
  console.columns = TerminalColumns(console.out_terminal ? STDOUT_FILENO : STDERR_FILENO);
  console.environment = Environment::FromProcess();
  return Run(std::vector<std::string>(argv + std::min(argc, 1), argv + argc), console, services);
}

}  // namespace tidegate::cli
