#include "engine/locator.h"

#include <cstdlib>
#include <unistd.h>
#include <utility>

#include <sys/stat.h>

#include "engine/child_environment.h"
#include "process/run.h"

namespace tidegate::engine {
namespace {

constexpr std::string_view kProgram = "llama-server";

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

// Takes the spellings at the start of one line of the help: "-c,    --ctx-size N   size of ...".
void TakeSpellings(std::string_view line, OptionNames& names) {
  while (line.size() > 1 && line[0] == '-') {
    std::size_t end = 1;
    while (end < line.size() && IsNameByte(line[end])) ++end;
    const std::string_view name = line.substr(0, end);
    if (name.find_first_not_of('-') != name.npos)
      names.emplace(name);  // headings are drawn of dashes
    if (end == line.size() || line[end] != ',') return;
    line.remove_prefix(end + 1);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  }
}

std::string_view NextLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return line;
}

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Error EngineError(std::string message, std::string reason) {
  Error error = Unavailable(ErrorSource::kEngine, std::move(message));
  error.reason = std::move(reason);
  return error;
}

Result<std::string> Ask(const std::string& path, std::string_view option,
                        const std::vector<std::string>& environment) {
  process::SpawnOptions options;
  options.environment = environment;
  options.argv = {path, std::string(option)};
  const process::RunLimits limits{kQuestionTimeoutNanos, kHelpBytesMax};
  Result<process::RunResult> run = process::RunProgram(options, limits);
  if (!run.ok()) {
    return EngineError(path + " does not run: " + run.error().message, "engine_broken");
  }
  if (!run->status.ok()) {
    return EngineError(path + " " + std::string(option) + " " + run->status.Describe() +
                           "; install it again, name another one in the configuration, or name in "
                           "engine.environment what it needs, as LD_LIBRARY_PATH",
                       "engine_broken");
  }
  return std::move(run->output);
}

}  // namespace

OptionNames ParseHelp(std::string_view help) {
  OptionNames names;
  while (!help.empty()) {
    const std::string_view line = NextLine(help);
    // Options that are gone stay listed for a while, to tell people what replaces them.
    if (line.find("the argument has been removed") == line.npos) TakeSpellings(line, names);
  }
  return names;
}

std::string ParseVersion(std::string_view output) {
  constexpr std::string_view kPrefix = "version: ";
  while (!output.empty()) {
    const std::string_view line = NextLine(output);
    if (line.starts_with(kPrefix)) return std::string(line.substr(kPrefix.size()));
  }
  return "";
}

std::string DefaultEnginePrefix() {
  std::string data = Variable("XDG_DATA_HOME");
  if (data.empty()) {
    const std::string home = Variable("HOME");
    if (home.empty()) return "";
    data = home + "/.local/share";
  }
  return data + "/tidegate/engine";
}

LocatorOptions LocatorOptions::FromEnvironment(std::string configured_path,
                                               const std::vector<std::string>& variables) {
  return {std::move(configured_path), Variable("PATH"), DefaultEnginePrefix(),
          ChildEnvironment(variables)};
}

std::optional<Locator::Identity> Locator::Identify(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  if (access(path.c_str(), X_OK) != 0) return std::nullopt;
  return Identity{path, info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, info.st_size};
}

Result<Locator::Identity> Locator::Find() const {
  if (!options_.configured_path.empty()) {
    if (auto found = Identify(options_.configured_path)) return *found;
    return EngineError(
        "the configured " + options_.configured_path + " is no program that can be run",
        "engine_not_installed");
  }
  std::string_view rest = options_.search_path;
  while (!rest.empty()) {
    const std::size_t end = rest.find(':');
    const std::string folder(rest.substr(0, end));
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    if (!folder.starts_with('/')) continue;  // what runs must not depend on where we were started
    if (auto found = Identify(folder + "/" + std::string(kProgram))) return *found;
  }
  if (!options_.private_prefix.empty()) {
    if (auto found = Identify(options_.private_prefix + "/bin/" + std::string(kProgram))) {
      return *found;
    }
  }
  return EngineError(
      "llama-server is not installed, so no model can run on this device; run `tidegate engine "
      "install`, or install llama.cpp so that llama-server is on PATH",
      "engine_not_installed");
}

std::string Locator::Stamp() const {
  const Result<Identity> found = Find();
  if (!found.ok()) return "";
  return found->path + " " + std::to_string(found->size_bytes) + " " +
         std::to_string(found->modified_nanos);
}

Result<EngineBinary> Locator::Locate() {
  TIDEGATE_ASSIGN(const Identity identity, Find());
  const std::lock_guard lock(mutex_);
  if (known_ == identity) return binary_;
  TIDEGATE_ASSIGN(const std::string version, Ask(identity.path, "--version", options_.environment));
  TIDEGATE_ASSIGN(const std::string help, Ask(identity.path, "--help", options_.environment));
  binary_ = {identity.path, ParseVersion(version), ParseHelp(help), help.find(".sock") != help.npos,
             options_.environment};
  known_ = identity;
  return binary_;
}

}  // namespace tidegate::engine
