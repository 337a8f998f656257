// tidegate-emulator: a model provider that emulates latency, price and faults, and says so in every
// answer.
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "emulator/emulator.h"

namespace {

using tidegate::Result;
using tidegate::emulator::Emulator;
using tidegate::emulator::EmulatorOptions;
using tidegate::emulator::Model;

struct CommandLine {
  std::string listen = "127.0.0.1:11500";
  std::string config, preset;
  std::vector<std::string> hosts;
  std::size_t shards = 1;
  bool print_port = false, direct = false, journal_bodies = false;
};

void AddServe(CLI::App& app, CommandLine& line) {
  constexpr std::size_t kShardsMax = 64;
  CLI::App* serve = app.add_subcommand("serve", "serve until SIGINT or SIGTERM");
  serve->add_option("--listen", line.listen, "address and port; port 0 = any free one")
      ->capture_default_str();
  serve->add_option("--config", line.config, "models, as TOML; see emulator/README.md");
  serve->add_option("--preset", line.preset, "field, demo or all; all when there is no --config");
  serve->add_option("--host", line.hosts, "a host name that clients may use beside localhost");
  serve->add_option("--shards", line.shards, "threads")
      ->check(CLI::Range(std::size_t{1}, kShardsMax))
      ->capture_default_str();
  serve->add_flag("--print-port", line.print_port,
                  "print the port alone on one line, when it listens");
  serve->add_flag("--direct", line.direct, "no wire in front of the server: faster, fewer faults");
  serve->add_flag("--journal-bodies", line.journal_bodies, "keep request bodies in the journal");
  app.require_subcommand(1);
}

Result<std::vector<Model>> LoadModels(const CommandLine& line) {
  std::vector<Model> models;
  if (!line.preset.empty() || line.config.empty()) {
    auto preset = tidegate::emulator::PresetModels(line.preset.empty() ? "all" : line.preset);
    if (!preset) return tidegate::InvalidArgument("--preset", "expected field, demo or all");
    models = *std::move(preset);
  }
  if (!line.config.empty()) {
    std::ifstream file(line.config);
    const std::string text((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    if (!file) return tidegate::InvalidArgument("--config", "cannot read " + line.config);
    TIDEGATE_ASSIGN(auto more, tidegate::emulator::ParseModels(text, line.config));
    std::move(more.begin(), more.end(), std::back_inserter(models));
  }
  return models;
}

Result<void> Serve(const CommandLine& line) {
  sigset_t signals;  // blocked before any thread starts, so that sigwait alone gets them
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  EmulatorOptions options;
  TIDEGATE_ASSIGN(options.listen, tidegate::net::ParseListenAddress(line.listen));
  if (!options.listen.unix_path.empty() && !line.direct) {
    return tidegate::InvalidArgument("--listen", "a UNIX socket needs --direct");
  }
  TIDEGATE_ASSIGN(options.models, LoadModels(line));
  options.shards = line.shards;
  options.direct = line.direct;
  options.journal_bodies = line.journal_bodies;
  options.hosts = line.hosts;
  TIDEGATE_ASSIGN(const auto emulator,
                  Emulator::Start(std::move(options), tidegate::SystemClock()));
  if (line.print_port) {
    fmt::print("{}\n", emulator->bound().port);
  } else {
    fmt::print("tidegate-emulator listens on {}\n", emulator->bound().ToString());
  }
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  return Result<void>();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A model provider that emulates latency, price and faults.", "tidegate-emulator");
  CommandLine line;
  AddServe(app, line);
  CLI11_PARSE(app, argc, argv);
  const Result<void> served = Serve(line);
  if (served.ok()) return 0;
  fmt::print(stderr, "tidegate-emulator: {}\n", tidegate::Describe(served.error()));
  return 1;
}
