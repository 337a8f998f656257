#include <array>
#include <iterator>

#include "emulator/model.h"

namespace tidegate::emulator {
namespace {

struct Row {
  std::string_view preset, name;
  std::int64_t ttft_ms, tokens_per_s;
  std::int64_t input_nanodollars_per_mtok, output_nanodollars_per_mtok;
  std::int64_t context_tokens_max;
};

constexpr std::int64_t kCent = 10'000'000;  // in nano-dollars

constexpr std::array kRows = {
    Row{"field", "local-4090-70b-q4", 150, 45, 0, 0, 8'192},
    Row{"field", "gpt-4o", 320, 180, 500 * kCent, 1500 * kCent, 128'000},
    Row{"field", "groq-mixtral", 75, 500, 27 * kCent, 27 * kCent, 32'768},
    Row{"field", "local-world-model", 2'000, 5, 0, 0, 8'192},
    Row{"field", "instant", 0, 0, 0, 0, 128'000},
    Row{"demo", "demo-small", 40, 120, 10 * kCent, 40 * kCent, 32'768},
    Row{"demo", "demo-strong", 250, 60, 300 * kCent, 1200 * kCent, 200'000},
};

Model MakeModel(const Row& row) {
  Model model;
  model.name = row.name;
  model.ttft_ms = row.ttft_ms;
  model.tokens_per_s = row.tokens_per_s;
  model.input_price = Price{row.input_nanodollars_per_mtok};
  model.cached_input_price = Price{row.input_nanodollars_per_mtok / 2};
  model.output_price = Price{row.output_nanodollars_per_mtok};
  model.context_tokens_max = row.context_tokens_max;
  if (row.name == "instant") model.load_mock.emplace();
  return model;
}

}  // namespace

std::optional<std::vector<Model>> PresetModels(std::string_view preset) {
  std::vector<Model> models;
  for (const Row& row : kRows) {
    if (preset == "all" || preset == row.preset) models.push_back(MakeModel(row));
  }
  if (models.empty()) return std::nullopt;
  return models;
}

}  // namespace tidegate::emulator
