#include <array>
#include <limits>
#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "emulator/config_quirks.h"
#include "emulator/model.h"

namespace tidegate::emulator {
namespace {

constexpr double kUsdPerMtokMax = 1e6;

struct Number {
  std::string_view key;
  std::int64_t Model::*member;
  std::int64_t high;
};
constexpr std::int64_t kAny = std::numeric_limits<std::int32_t>::max();
constexpr std::array kNumbers = {
    Number{"ttft_ms", &Model::ttft_ms, 3'600'000},
    Number{"tokens_per_s", &Model::tokens_per_s, 1'000'000},
    Number{"context_tokens_max", &Model::context_tokens_max, kAny},
    Number{"output_tokens_max", &Model::output_tokens_max, 1'000'000},
    Number{"requests_per_minute_max", &Model::requests_per_minute_max, kAny},
    Number{"tokens_per_minute_max", &Model::tokens_per_minute_max, kAny},
    Number{"concurrent_max", &Model::concurrent_max, kAny},
    Number{"cache_tokens_min", &Model::cache_tokens_min, kAny},
};

struct MockNumber {
  std::string_view key;
  std::int64_t LoadMockOptions::*member;
  std::int64_t low, high;
};
constexpr std::array kMockNumbers = {
    MockNumber{"answer_bytes", &LoadMockOptions::answer_bytes, 512, 16'777'216},
    MockNumber{"stream_events", &LoadMockOptions::stream_events, 1, 100'000},
    MockNumber{"frame_interval_ms", &LoadMockOptions::frame_interval_ms, 0, 60'000},
};

struct PriceKey {
  std::string_view key;
  Price Model::*member;
};
constexpr std::array kPrices = {
    PriceKey{"input_usd_per_mtok", &Model::input_price},
    PriceKey{"cached_input_usd_per_mtok", &Model::cached_input_price},
    PriceKey{"output_usd_per_mtok", &Model::output_price},
};

Error AtKey(const toml::key& key, const toml::node& node, std::string message) {
  const std::string_view name = key.str();
  return InvalidArgument(std::string(name),
                         fmt::format("line {}: {}", node.source().begin.line, message));
}

Result<std::int64_t> ReadInteger(const toml::key& key, const toml::node& node, std::int64_t low,
                                 std::int64_t high) {
  const auto number = node.value_exact<std::int64_t>();
  if (number && *number >= low && *number <= high) return *number;
  return AtKey(key, node, fmt::format("expected an integer from {} to {}", low, high));
}

Result<std::string> ReadString(const toml::key& key, const toml::node& node) {
  if (auto text = node.value_exact<std::string>()) return *std::move(text);
  return AtKey(key, node, "expected a string");
}

Result<Price> ReadPrice(const toml::key& key, const toml::node& node) {
  const auto usd = node.value<double>();  // integers too
  const auto money = usd && *usd <= kUsdPerMtokMax ? MoneyFromDouble(*usd) : std::nullopt;
  if (!money) return AtKey(key, node, "expected dollars for a million tokens");
  return Price{money->nanodollars};
}

// Names stand in answers and in JSON made by hand, so nothing in them may need an escape.
bool IsModelName(std::string_view text) {
  constexpr std::string_view kBytes =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/-";
  return !text.empty() && text.find_first_not_of(kBytes) == std::string_view::npos;
}

Result<void> ReadLoadMock(const toml::key& key, const toml::node& node, Model& model) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return AtKey(key, node, "expected a table");
  LoadMockOptions options;
  for (const auto& [name, value] : *table) {
    bool known = false;
    for (const MockNumber& number : kMockNumbers) {
      if (name.str() != number.key) continue;
      TIDEGATE_ASSIGN(options.*number.member, ReadInteger(name, value, number.low, number.high));
      known = true;
    }
    if (!known) return AtKey(name, value, "a load mock has no such key");
  }
  model.load_mock = options;
  return Result<void>();
}

Result<void> ReadKey(const toml::key& key, const toml::node& node, Model& model) {
  for (const Number& number : kNumbers) {
    if (key.str() != number.key) continue;
    TIDEGATE_ASSIGN(model.*number.member, ReadInteger(key, node, 0, number.high));
    return Result<void>();
  }
  for (const PriceKey& price : kPrices) {
    if (key.str() != price.key) continue;
    TIDEGATE_ASSIGN(model.*price.member, ReadPrice(key, node));
    return Result<void>();
  }
  if (key.str() == "cache_write_usd_per_mtok") {
    TIDEGATE_ASSIGN(model.cache_write_price, ReadPrice(key, node));
    return Result<void>();
  }
  if (key.str() == "load_mock") return ReadLoadMock(key, node, model);
  if (key.str() == "jitter") {
    const auto share = node.value<double>();
    if (!share || !(*share >= 0 && *share <= 1)) return AtKey(key, node, "expected 0 to 1");
    model.jitter = *share;
    return Result<void>();
  }
  if (key.str() == "name" || key.str() == "api_key" || key.str() == "faults") {
    TIDEGATE_ASSIGN(std::string text, ReadString(key, node));
    if (key.str() == "name") {
      if (!IsModelName(text)) return AtKey(key, node, "expected letters, digits and ._:/-");
      model.name = std::move(text);
    } else if (key.str() == "api_key") {
      model.api_key = Secret(std::move(text));
    } else {
      Result<Faults> faults = ParseFaults(text);
      if (!faults) return AtKey(key, node, Describe(faults.error()));
      model.faults = *faults;
    }
    return Result<void>();
  }
  if (key.str() == "base") return Result<void>();  // read first
  const Result<bool> quirk = ReadQuirk(key.str(), node, model);
  if (!quirk) return AtKey(key, node, quirk.error().message);
  if (*quirk) return Result<void>();
  return AtKey(key, node, "a model has no such key");
}

Result<Model> ReadModel(const toml::table& table) {
  Model model;
  for (const auto& [key, node] : table) {
    if (key.str() != "base") continue;
    TIDEGATE_ASSIGN(const std::string base, ReadString(key, node));
    bool found = false;
    std::vector<Model> presets = *PresetModels("all");
    for (Model& preset : presets) {
      if (preset.name != base) continue;
      model = std::move(preset);
      found = true;
      break;
    }
    if (!found) return AtKey(key, node, "no preset has a model of this name");
  }
  for (const auto& [key, node] : table) TIDEGATE_TRY(ReadKey(key, node, model));
  if (model.name.empty()) {
    return InvalidArgument("name",
                           fmt::format("line {}: a model needs a name", table.source().begin.line));
  }
  if (model.aws_access_key_id.empty() != model.aws_secret_access_key.empty()) {
    return InvalidArgument(
        "aws_access_key_id",
        fmt::format("line {}: aws_access_key_id and aws_secret_access_key belong "
                    "together",
                    table.source().begin.line));
  }
  return model;
}

}  // namespace

Result<std::vector<Model>> ParseModels(std::string_view toml, std::string_view source) {
  toml::table root;
  try {
    root = toml::parse(toml, source);
  } catch (const toml::parse_error& error) {
    std::ostringstream where;
    where << error.source().begin;
    return InvalidArgument(std::string(source),
                           fmt::format("{} ({})", error.description(), where.str()));
  }
  std::vector<Model> models;
  for (const auto& [key, node] : root) {
    if (key.str() != "model") return AtKey(key, node, "the only key here is [[model]]");
    const toml::array* tables = node.as_array();
    if (tables == nullptr) return AtKey(key, node, "expected an array of tables, [[model]]");
    for (const toml::node& element : *tables) {
      const toml::table* table = element.as_table();
      if (table == nullptr) return AtKey(key, element, "expected a table");
      TIDEGATE_ASSIGN(Model model, ReadModel(*table));
      models.push_back(std::move(model));
    }
  }
  return models;
}

}  // namespace tidegate::emulator
