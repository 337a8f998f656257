#include "cli/commands/list.h"

namespace tidegate::cli::commands {
namespace {

Result<int> RunServe(Context& context) {
  ServeOptions options;
  options.config_path = context.arguments.Text("--config");
  options.listen = context.arguments.All("--listen");
  return context.services.serve(options);
}

}  // namespace

Command Serve() {
  Command command;
  command.name = "serve";
  command.aliases = {"start"};
  command.group = Group::kGate;
  command.summary = "run the gate in the foreground";
  command.details =
      "Runs the gate until it is told to stop. SIGTERM and Ctrl-C let requests in progress finish "
      "first. Without a configuration it listens on 127.0.0.1:11435, serves the models it finds on "
      "this device, and the providers whose keys are in the environment.";
  command.options = {
      {"--config", "FILE", "the configuration (default: ~/.config/tidegate/config.toml)", {}},
      {"--listen", "ADDRESS", "listen here instead: host:port or unix:/path; repeatable", {}, true},
  };
  command.examples = {
      {"tidegate serve", "on this machine only"},
      {"tidegate serve --listen unix:/run/user/1000/tidegate.sock", "on a UNIX socket"},
  };
  command.run = RunServe;
  return command;
}

}  // namespace tidegate::cli::commands
