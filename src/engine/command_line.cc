#include "engine/command_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <initializer_list>
#include <sched.h>
#include <set>
#include <utility>

namespace tidegate::engine {
namespace {

constexpr int kCpusMax = 4'096;
// Llama-server's --batch-size; it computes no larger pieces.
constexpr int kBatchDefault = 2'048;

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
  const auto wanted = static_cast<std::uint64_t>(
      settings.context_tokens_max > 0 ? settings.context_tokens_max : kContextTokensDefault);
  return static_cast<std::int64_t>(trained == 0 ? wanted : std::min(trained, wanted));
}

bool ReadsInOnePiece(const models::LocalModel& model) {
  return model.metadata.pooling != models::GgufPooling::kNone;
}

int BatchTokens(const models::LocalModel& model, const ChildSettings& settings) {
  if (ReadsInOnePiece(model)) {
    return static_cast<int>(ContextTokens(model, settings));
  }
  return settings.ubatch.value_or(models::kFitUbatchDefault);
}

namespace {

// One option takes all adapters: commas separate them, and a colon their scale.
constexpr std::string_view kAdapterSeparators = ",:";

Result<void> CheckSettings(const ChildSettings& settings) {
  const bool quantised = models::IsQuantised(settings.value_type);
  if (quantised && settings.flash_attention == FlashAttention::kOff) {
    return InvalidArgument("cache_type_v", "values of type " +
                                               std::string(ToString(settings.value_type)) +
                                               " need flash attention; turn it on or take f16");
  }
  for (const Adapter& adapter : settings.adapters) {
    if (adapter.path.find_first_of(kAdapterSeparators) != adapter.path.npos) {
      return InvalidArgument("adapters", adapter.path +
                                             " has a comma or a colon in its path, which "
                                             "llama-server takes for a separator; rename it");
    }
  }
  if (!settings.draft_path.empty() && settings.speculation.empty()) {
    return InvalidArgument("speculation",
                           "a draft model is given without the way to use it; \"draft-simple\" is "
                           "the usual one");
  }
  return {};
}

std::string Joined(const std::vector<Adapter>& adapters) {
  std::string text;
  for (const Adapter& adapter : adapters) {
    if (!text.empty()) text += ',';
    std::array<char, 32> scale;
    const auto end = std::to_chars(scale.data(), scale.data() + scale.size(), adapter.scale).ptr;
    text += adapter.path + ":" + std::string(scale.data(), end);
  }
  return text;
}

void AddMemoryOptions(const ChildSettings& settings, Arguments& arguments) {
  // Its default for both is f16.
  if (settings.key_type != models::KvType::kF16) {
    arguments.Require("--cache-type-k", std::string(ToString(settings.key_type)));
  }
  if (settings.value_type != models::KvType::kF16) {
    arguments.Require("--cache-type-v", std::string(ToString(settings.value_type)));
  }
  // Not left to its choice where the cache depends on it.
  const bool needed = models::IsQuantised(settings.value_type);
  if (settings.flash_attention == FlashAttention::kOn || needed) {
    arguments.Require("--flash-attn", "on");
  } else if (settings.flash_attention == FlashAttention::kOff) {
    arguments.Require("--flash-attn", "off");
  }
  if (!settings.devices.empty()) arguments.Require("--device", settings.devices);
  if (settings.device_layers) {
    arguments.Require("--gpu-layers", std::to_string(*settings.device_layers));
  }
}

void AddFiles(const ChildSettings& settings, Arguments& arguments) {
  if (!settings.projector_path.empty()) arguments.Require("--mmproj", settings.projector_path);
  if (!settings.speculation.empty()) arguments.Require("--spec-type", settings.speculation);
  if (!settings.draft_path.empty()) arguments.Require("--spec-draft-model", settings.draft_path);
  if (settings.draft_tokens) {
    arguments.Require("--spec-draft-n-max", std::to_string(*settings.draft_tokens));
  }
  if (!settings.slot_save_folder.empty()) {
    arguments.Require("--slot-save-path", settings.slot_save_folder);
    // Or whatever slot is not in use would be moved to where it cannot be saved from.
    arguments.AddSwitch({"--no-cache-idle-slots"});
  }
  if (!settings.adapters.empty()) {
    arguments.Require("--lora-scaled", Joined(settings.adapters));
  }
}

}  // namespace

Result<std::vector<std::string>> MakeCommandLine(const EngineBinary& binary,
                                                 const models::LocalModel& model,
                                                 const ChildSettings& settings, int slots,
                                                 const ChildFiles& files) {
  TIDEGATE_TRY(CheckSettings(settings));
  const std::string threads =
      std::to_string(settings.threads > 0 ? settings.threads : EngineThreads());
  const std::string pool = std::to_string(ContextTokens(model, settings) * slots);
  Arguments arguments(binary);
  arguments.Require("--model", model.path);
  arguments.Require("--host", files.socket_path);
  arguments.Require("--api-key-file", files.api_key_path);
  arguments.Require("--ctx-size", pool);
  arguments.Require("--parallel", std::to_string(slots));
  // One pool for all slots: what several prompts have in common is kept once. What is read in one
  // piece has its own part for each slot: in a shared one llama-server ranks a text by its
  // neighbours in the batch, too (0.7.0 does), and nobody there has a beginning to share.
  const bool in_one_piece = ReadsInOnePiece(model);
  if (in_one_piece) {
    arguments.AddSwitch({"--no-kv-unified", "-no-kvu"});
  } else {
    arguments.AddSwitch({"--kv-unified", "-kvu"});
  }
  arguments.Add({"--fit-ctx"}, pool);  // or it may shrink the context on its own to save memory
  arguments.Add({"--alias"}, model.name);
  arguments.Add({"--threads"}, threads);
  arguments.Add({"--threads-batch"}, threads);
  arguments.Add({"--cache-ram"}, std::to_string(settings.prompt_cache_mib));
  AddMemoryOptions(settings, arguments);
  AddFiles(settings, arguments);
  if (!model.jinja_template.empty()) {
    arguments.Require("--chat-template", model.jinja_template);
    arguments.AddSwitch({"--jinja"});  // older ones take no others without it
  }
  // A text that is embedded or ranked is read in one piece, so that a piece must hold as much as
  // the context; by default it holds 512 tokens, and what is longer would be refused.
  if (in_one_piece || settings.ubatch) {
    arguments.Require("--ubatch-size", std::to_string(BatchTokens(model, settings)));
  }
  if (in_one_piece || BatchTokens(model, settings) > kBatchDefault) {
    arguments.Require("--batch-size", std::to_string(BatchTokens(model, settings)));
  }
  if (in_one_piece) {
    const bool ranks = model.metadata.pooling == models::GgufPooling::kRank;
    arguments.RequireSwitch(ranks ? "--reranking" : "--embeddings");
  }
  // A child is started because a request waits for it: that request is the warm-up.
  arguments.AddSwitch({"--no-warmup"});
  // Built-in tools and MCP servers stay off by not being named, here or in its empty environment.
  arguments.AddSwitch({"--offline"});
  arguments.AddSwitch({"--no-ui", "--no-webui"});
  // Warnings and errors only, or up to what says where the weights are: no level up to there prints
  // any part of a prompt; only "debug" does.
  arguments.Add({"--verbosity", "--log-verbosity"}, settings.tells_devices ? "4" : "2");
  arguments.AddSwitch({"--no-log-prefix"});
  arguments.AddSwitch({"--no-log-timestamps"});
  return std::move(arguments).Finish();
}

}  // namespace tidegate::engine
