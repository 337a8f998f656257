#include "engine/command_line.h"

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <sched.h>
#include <set>
#include <utility>

namespace tidegate::engine {
namespace {

constexpr int kCpusMax = 4'096;

// Collects arguments, and which options this version lacks.
class Arguments {
 public:
  explicit Arguments(const EngineBinary& binary) : binary_(binary), argv_{binary.path} {}

  // An option that nothing works without; the first error counts.
  void Require(const std::string& option, const std::string& value) {
    if (!Add({option}, value) && missing_.empty()) missing_ = option;
  }
  // An option under the first of its spellings that exists; false = none does.
  bool Add(std::initializer_list<std::string> spellings, const std::string& value) {
    for (const std::string& option : spellings) {
      if (!binary_.options.contains(option)) continue;
      argv_.push_back(option);
      argv_.push_back(value);
      return true;
    }
    return false;
  }
  // A switch that nothing works without.
  void RequireSwitch(const std::string& option) {
    if (binary_.options.contains(option)) {
      argv_.push_back(option);
    } else if (missing_.empty()) {
      missing_ = option;
    }
  }
  void AddSwitch(std::initializer_list<std::string> spellings) {
    for (const std::string& option : spellings) {
      if (!binary_.options.contains(option)) continue;
      argv_.push_back(option);
      return;
    }
  }

  Result<std::vector<std::string>> Finish() && {
    if (missing_.empty() && !binary_.unix_sockets) missing_ = "--host PATH.sock";
    if (missing_.empty()) return std::move(argv_);
    Error error = Unavailable(ErrorSource::kEngine, binary_.path + " (version " + binary_.version +
                                                        ") has no " + missing_ +
                                                        "; a newer llama-server is needed");
    error.reason = "engine_too_old";
    error.retry = Retry::kNever;
    return error;
  }

 private:
  const EngineBinary& binary_;
  std::vector<std::string> argv_;
  std::string missing_;
};

// Which logical CPUs share one core with CPU `index`, as the kernel words it; empty when it does
// not say.
std::string Siblings(int index) {
  std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(index) +
                     "/topology/thread_siblings_list");
  std::string text;
  std::getline(file, text);
  return text;
}

}  // namespace

int EngineThreads() {
  cpu_set_t* allowed = CPU_ALLOC(kCpusMax);
  const std::size_t bytes = CPU_ALLOC_SIZE(kCpusMax);
  int logical = 0;
  std::set<std::string> cores;
  if (allowed != nullptr && sched_getaffinity(0, bytes, allowed) == 0) {
    for (int cpu = 0; cpu < kCpusMax; ++cpu) {
      if (!CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, allowed)) continue;
      ++logical;
      const std::string siblings = Siblings(cpu);
      cores.insert(siblings.empty() ? std::to_string(cpu) : siblings);
    }
  }
  CPU_FREE(allowed);
  return std::max(1, std::min(static_cast<int>(cores.size()), logical - 1));
}

std::int64_t ContextTokens(const models::LocalModel& model, const ChildSettings& settings) {
  const std::uint64_t trained = model.metadata.context_tokens;
  const auto wanted = static_cast<std::uint64_t>(settings.context_tokens_max);
  return static_cast<std::int64_t>(trained == 0 ? wanted : std::min(trained, wanted));
}

Result<std::vector<std::string>> MakeCommandLine(const EngineBinary& binary,
                                                 const models::LocalModel& model,
                                                 const ChildSettings& settings, int slots,
                                                 const ChildFiles& files) {
  const std::string threads =
      std::to_string(settings.threads > 0 ? settings.threads : EngineThreads());
  const std::string pool = std::to_string(ContextTokens(model, settings) * slots);
  Arguments arguments(binary);
  arguments.Require("--model", model.path);
  arguments.Require("--host", files.socket_path);
  arguments.Require("--api-key-file", files.api_key_path);
  arguments.Require("--ctx-size", pool);
  arguments.Require("--parallel", std::to_string(slots));
  // One pool for all slots: a long prompt may borrow what the others do not use. Without it each
  // has its own equal part.
  arguments.AddSwitch({"--kv-unified", "-kvu"});
  arguments.Add({"--fit-ctx"}, pool);  // or it may shrink the context on its own to save memory
  arguments.Add({"--alias"}, model.name);
  arguments.Add({"--threads"}, threads);
  arguments.Add({"--threads-batch"}, threads);
  arguments.Add({"--cache-ram"}, std::to_string(settings.prompt_cache_mib));
  // A text that is embedded or ranked is read in one piece, so that a piece must hold as much as
  // the context; by default it holds 512 tokens, and what is longer would be refused.
  if (model.metadata.pooling != models::GgufPooling::kNone) {
    const std::string context = std::to_string(ContextTokens(model, settings));
    arguments.Require("--ubatch-size", context);
    arguments.Require("--batch-size", context);
    const bool ranks = model.metadata.pooling == models::GgufPooling::kRank;
    arguments.RequireSwitch(ranks ? "--reranking" : "--embeddings");
  }
  // A child is started because a request waits for it: that request is the warm-up.
  arguments.AddSwitch({"--no-warmup"});
  // Built-in tools and MCP servers stay off by not being named, here or in its empty environment.
  arguments.AddSwitch({"--offline"});
  arguments.AddSwitch({"--no-ui", "--no-webui"});
  // Warnings and errors only: no level up to there prints any part of a prompt.
  arguments.Add({"--verbosity", "--log-verbosity"}, "2");
  arguments.AddSwitch({"--no-log-prefix"});
  arguments.AddSwitch({"--no-log-timestamps"});
  return std::move(arguments).Finish();
}

}  // namespace tidegate::engine
