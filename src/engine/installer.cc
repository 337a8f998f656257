#include "engine/installer.h"

#include <array>
#include <cstdlib>
#include <unistd.h>
#include <utility>
#include <vector>

#include "process/run.h"

namespace tidegate::engine {

extern const std::string_view kInstallScript;  // install/install_engine.sh, embedded by the build

namespace {

constexpr std::size_t kOutputBytesMax = 64 * 1024;
constexpr std::string_view kErrorPrefix = "error: ";

// What the script's programs may need to find themselves and the network; no secret of ours has
// these names.
constexpr std::array kVariables = {"PATH",     "HOME",       "TMPDIR",
                                   "LANG",     "http_proxy", "https_proxy",
                                   "no_proxy", "APT_CONFIG", "XDG_DATA_HOME"};

std::vector<std::string> InstallEnvironment() {
  std::vector<std::string> environment;
  for (const char* name : kVariables) {
    const char* value = std::getenv(name);
    if (value != nullptr) environment.push_back(std::string(name) + "=" + value);
  }
  return environment;
}

}  // namespace

Result<std::string> InstallEngine(const InstallOptions& options, const InstallProgress& progress) {
  process::SpawnOptions spawn;
  spawn.argv = {"/bin/sh",           "-c",       std::string(kInstallScript),
                "install_engine.sh", "--prefix", options.prefix};
  if (options.upgrade) spawn.argv.push_back("--upgrade");
  spawn.environment = InstallEnvironment();
  spawn.death_signal = SIGTERM;  // it removes its temporary files

  std::string last_line;  // its standard output: the path of what was installed
  std::string complaint;
  const auto on_line = [&](std::string_view line) {
    if (line.starts_with(kErrorPrefix)) {
      if (!complaint.empty()) complaint += ' ';
      complaint += line.substr(kErrorPrefix.size());
    }
    last_line = line;
    if (progress) progress(line);
  };
  TIDEGATE_ASSIGN(const process::RunResult run,
                  process::RunProgram(spawn, {kInstallTimeoutNanos, kOutputBytesMax}, on_line));
  if (run.status.ok()) return last_line;
  if (complaint.empty()) complaint = "the installer " + run.status.Describe() + ": " + last_line;
  return Unavailable(ErrorSource::kEngine, std::move(complaint));
}

}  // namespace tidegate::engine
