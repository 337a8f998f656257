#include "engine/quantizer.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>
#include <unistd.h>
#include <vector>

#include "engine/child_sandbox.h"
#include "engine/devices.h"
#include "models/gguf_walk.h"
#include "process/run.h"

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kProgram = "llama-quantize";
constexpr std::string_view kBufferOption = "--max-buffer-size";
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
// Of the memory that is free, for rows that wait; the tensor's new form takes as much again.
constexpr std::uint64_t kBufferShare = 4;
constexpr std::uint64_t kBufferMiBMin = 32, kBufferMiBMax = 8'192;
constexpr std::size_t kSaidBytesMax = 300;

Error Failed(std::string reason, std::string message) {
  Error error = Unavailable(ErrorSource::kEngine, std::move(message));
  error.reason = std::move(reason);
  return error;
}

Result<std::string> FindProgram(const EngineBinary& binary) {
  std::error_code ec;
  const fs::path server(binary.path);
  for (const fs::path& folder : {server.parent_path(), fs::canonical(server, ec).parent_path()}) {
    const std::string path = (folder / kProgram).string();
    if (!folder.empty() && access(path.c_str(), X_OK) == 0) return path;
  }
  return Failed("engine_not_installed",
                "there is no llama-quantize beside " + binary.path +
                    "; run `tidegate engine install`, or install all tools of llama.cpp");
}

// Whether the help lists this type: a word of its own.
bool Knows(std::string_view help, const std::string& type) {
  return help.find(" " + type + " ") != help.npos;
}

// What it may take of the memory that is free. Errors: kUnavailable.
Result<std::uint64_t> FreeMemory() {
  TIDEGATE_ASSIGN(const HostMemory host, ReadHostMemory());
  if (host.available_bytes >= kQuantizeMemoryBytesMin) return host.available_bytes;
  return Failed("no_memory", "quantizing needs " + std::to_string(kQuantizeMemoryBytesMin / kMiB) +
                                 " MiB of memory, and " +
                                 std::to_string(host.available_bytes / kMiB) +
                                 " are free; stop a model first (tidegate ps, tidegate stop)");
}

// The last line that complains, or else the last one.
std::string Complaint(const std::string& output) {
  std::string last, complaint;
  for (std::size_t at = 0; at < output.size();) {
    const std::size_t end = std::min(output.find('\n', at), output.size());
    const std::string line = output.substr(at, std::min(end - at, kSaidBytesMax));
    at = end + 1;
    if (line.empty()) continue;
    last = line;
    if (line.find("error") != line.npos || line.find("failed") != line.npos) complaint = line;
  }
  return complaint.empty() ? last : complaint;
}

class LlamaQuantize {
 public:
  explicit LlamaQuantize(QuantizerOptions options)
      : options_(std::move(options)), locator_(options_.locator) {}

  Result<std::string> Run(const std::string& from, const std::string& to, const std::string& type,
                          const models::Portion& portion, const std::stop_token& stop) {
    TIDEGATE_ASSIGN(const EngineBinary binary, locator_.Locate());
    TIDEGATE_ASSIGN(const std::string program, FindProgram(binary));
    process::SpawnOptions question;
    question.argv = {program, "--help"};  // it says so and ends with an error
    question.environment = binary.environment;
    TIDEGATE_ASSIGN(const process::RunResult help,
                    process::RunProgram(question, {kQuestionTimeoutNanos, kHelpBytesMax}));
    if (!Knows(help.output, type)) {
      return Failed("quantize_unknown_level", program + " does not know " + type +
                                                  "; upgrade it with `tidegate engine install "
                                                  "--upgrade`, or choose another level");
    }
    TIDEGATE_ASSIGN(const std::uint64_t memory, FreeMemory());
    const bool bounded = help.output.find(kBufferOption) != help.output.npos;
    const process::SpawnOptions spawn = Command(program, from, to, type, memory, bounded);
    const process::LineSink on_line = [&](std::string_view line) {
      const auto at = ParseQuantizeLine(line);
      if (at) portion(at->first, at->second);
    };
    TIDEGATE_ASSIGN(const process::RunResult run,
                    process::RunProgram(spawn, {kQuantizeTimeoutNanos, kQuantizeOutputBytesKept},
                                        on_line, stop));
    if (run.status.ok()) return "llama.cpp " + binary.version;
    return Failed("quantize_failed",
                  "llama-quantize " + run.status.Describe() + ": " + Complaint(run.output));
  }

 private:
  process::SpawnOptions Command(const std::string& program, const std::string& from,
                                const std::string& to, const std::string& type,
                                std::uint64_t memory, bool bounded) const {
    process::SpawnOptions spawn;
    spawn.argv = {program};
    spawn.environment = options_.locator.environment;
    if (bounded) {
      const std::uint64_t buffer =
          std::clamp(memory / kBufferShare / kMiB, kBufferMiBMin, kBufferMiBMax);
      spawn.argv.insert(spawn.argv.end(), {std::string(kBufferOption), std::to_string(buffer)});
    }
    spawn.argv.insert(spawn.argv.end(), {from, to, type});
    if (options_.threads > 0) spawn.argv.push_back(std::to_string(options_.threads));
    spawn.limits.data_bytes_max = memory;
    std::error_code ec;
    const std::uintmax_t size = fs::file_size(from, ec);
    // The small tensors may grow, all of them together not by much.
    if (!ec) spawn.limits.file_bytes_max = size + size / 4 + 64 * kMiB;
    if (!options_.sandbox) return spawn;
    process::SandboxOptions sandbox = SandboxFor(program, options_.locator.environment);
    sandbox.readable.push_back(from);
    sandbox.writable.push_back(to);
    spawn.sandbox = std::move(sandbox);
    return spawn;
  }

  const QuantizerOptions options_;
  Locator locator_;
};

// The number at the front of `text`, behind blanks; takes it off.
std::optional<std::uint64_t> TakeNumber(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

}  // namespace

std::optional<std::pair<std::uint64_t, std::uint64_t>> ParseQuantizeLine(std::string_view line) {
  if (!line.starts_with('[')) return std::nullopt;
  line.remove_prefix(1);
  const std::optional<std::uint64_t> at = TakeNumber(line);
  if (!at || !line.starts_with('/')) return std::nullopt;
  line.remove_prefix(1);
  const std::optional<std::uint64_t> of = TakeNumber(line);
  if (!of || !line.starts_with(']') || *at > *of || *of > models::kGgufTensorsMax) {
    return std::nullopt;
  }
  return std::pair(*at, *of);
}

models::Quantizer MakeQuantizer(QuantizerOptions options) {
  return [quantize = std::make_shared<LlamaQuantize>(std::move(options))](
             const std::string& from, const std::string& to, const std::string& type,
             const models::Portion& portion,
             const std::stop_token& stop) { return quantize->Run(from, to, type, portion, stop); };
}

}  // namespace tidegate::engine
