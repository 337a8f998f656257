#include "engine/model_parameters.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "json/reader.h"

namespace tidegate::engine {
namespace {

constexpr std::size_t kValueBytesMax = 64 * 1024;
constexpr std::size_t kStopsMax = 64;
constexpr std::int64_t kTokensMax = std::int64_t{1} << 30;

// Options of older releases, and of how memory is laid out, which this engine decides otherwise.
constexpr std::array<std::string_view, 17> kIgnored = {"num_keep",
                                                       "main_gpu",
                                                       "low_vram",
                                                       "f16_kv",
                                                       "logits_all",
                                                       "vocab_only",
                                                       "use_mlock",
                                                       "numa",
                                                       "num_gqa",
                                                       "mirostat",
                                                       "mirostat_eta",
                                                       "mirostat_tau",
                                                       "tfs_z",
                                                       "penalize_newline",
                                                       "rope_frequency_base",
                                                       "rope_frequency_scale",
                                                       "embedding_only"};

struct NumberOption {
  std::string_view name;
  std::optional<double> core::ModelDefaults::*member;
  double low, high;
};
constexpr std::array<NumberOption, 7> kNumbers = {{
    {"temperature", &core::ModelDefaults::temperature, 0, 100},
    {"top_p", &core::ModelDefaults::top_p, 0, 1},
    {"min_p", &core::ModelDefaults::min_p, 0, 1},
    {"typical_p", &core::ModelDefaults::typical_p, 0, 1},
    {"repeat_penalty", &core::ModelDefaults::repeat_penalty, 0, 100},
    {"presence_penalty", &core::ModelDefaults::presence_penalty, -2, 2},
    {"frequency_penalty", &core::ModelDefaults::frequency_penalty, -2, 2},
}};

struct CountOption {
  std::string_view name;
  std::optional<std::int64_t> ModelParameters::*member;
  std::int64_t low, high;
};
constexpr std::array<CountOption, 5> kProcess = {{
    {"num_ctx", &ModelParameters::context_tokens, 1, kTokensMax},
    {"num_thread", &ModelParameters::threads, 0, 4'096},
    {"num_gpu", &ModelParameters::gpu_layers, -1, 100'000},
    {"num_batch", &ModelParameters::batch_tokens, 1, kTokensMax},
    {"draft_num_predict", &ModelParameters::draft_tokens, 0, 1'024},
}};

Error Bad(const std::string& name, std::string why) {
  return InvalidArgument("parameters." + name, std::move(why));
}

Result<std::vector<std::string>> ReadStops(const json::Value& value) {
  std::vector<std::string> stops;
  if (value.is_string()) {
    TIDEGATE_ASSIGN(const std::string_view text, value.String());
    stops.emplace_back(text);
    return stops;
  }
  TIDEGATE_ASSIGN(const json::Array array, value.Array());
  for (const json::Value element : array) {
    if (stops.size() == kStopsMax) return InvalidArgument("", "has more than 64 entries");
    TIDEGATE_ASSIGN(const std::string_view text, element.String());
    stops.emplace_back(text);
  }
  return stops;
}

// False: the name is of another kind.
Result<bool> ReadNumber(const std::string& name, const json::Value& value,
                        core::ModelDefaults& into) {
  for (const NumberOption& option : kNumbers) {
    if (option.name != name) continue;
    TIDEGATE_ASSIGN(const double number, value.Number());
    if (!(number >= option.low && number <= option.high)) {
      return value.Invalid("is out of range");
    }
    into.*option.member = number;
    return true;
  }
  return false;
}

Result<bool> ReadProcess(const std::string& name, const json::Value& value, ModelParameters& into) {
  for (const CountOption& option : kProcess) {
    if (option.name != name) continue;
    TIDEGATE_ASSIGN(into.*option.member, value.IntegerIn(option.low, option.high));
    return true;
  }
  return false;
}

// What is counted in an answer. Where Ollama has a number that means "none", so has this.
Result<bool> ReadCount(const std::string& name, const json::Value& value,
                       core::ModelDefaults& into) {
  if (name == "num_predict") {  // -1: without end; -2: until the window is full
    TIDEGATE_ASSIGN(const std::int64_t tokens, value.IntegerIn(-2, kTokensMax));
    if (tokens > 0) into.max_output_tokens = tokens;
  } else if (name == "seed") {
    constexpr std::int64_t kLow = std::numeric_limits<std::int64_t>::min();
    constexpr std::int64_t kHigh = std::numeric_limits<std::int64_t>::max();
    TIDEGATE_ASSIGN(const std::int64_t seed, value.IntegerIn(kLow, kHigh));
    if (seed >= 0) into.seed = seed;
  } else if (name == "top_k") {
    TIDEGATE_ASSIGN(into.top_k, value.IntegerIn(0, kTokensMax));
  } else if (name == "repeat_last_n") {
    TIDEGATE_ASSIGN(into.repeat_last_n, value.IntegerIn(-1, kTokensMax));
  } else {
    return false;
  }
  return true;
}

Result<void> ReadOne(const std::string& name, const json::Value& value, ModelParameters& into) {
  if (std::find(kIgnored.begin(), kIgnored.end(), name) != kIgnored.end()) {
    into.ignored.push_back(name);
    return {};
  }
  if (name == "stop") {
    TIDEGATE_ASSIGN(into.defaults.stop, ReadStops(value));
    return {};
  }
  if (name == "use_mmap") {
    TIDEGATE_ASSIGN(into.memory_map, value.Bool());
    return {};
  }
  TIDEGATE_ASSIGN(const bool number, ReadNumber(name, value, into.defaults));
  if (number) return {};
  TIDEGATE_ASSIGN(const bool process, ReadProcess(name, value, into));
  if (process) return {};
  TIDEGATE_ASSIGN(const bool count, ReadCount(name, value, into.defaults));
  if (count) return {};
  if (name == "keep_alive") {
    return InvalidArgument("",
                           "is no parameter of a model: a request says it, or, for each model, "
                           "the configuration ([providers.local] models, keep_alive_s)");
  }
  return InvalidArgument("", "is no parameter of a model");
}

}  // namespace

Result<ModelParameters> ReadModelParameters(const core::ModelCard::Facts& facts) {
  ModelParameters parameters;
  json::Reader reader;
  for (const auto& [name, text] : facts) {
    const Result<json::Value> value = reader.ParseCopy(text, kValueBytesMax);
    if (!value.ok()) return Bad(name, value.error().message);
    const Result<void> read = ReadOne(name, *value, parameters);
    if (!read.ok()) return Bad(name, read.error().message);
  }
  return parameters;
}

}  // namespace tidegate::engine
