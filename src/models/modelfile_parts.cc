// Of modelfile.h: what the commands of a Modelfile mean together.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "json/writer.h"
#include "models/modelfile.h"

namespace tidegate::models {
namespace {

using Kind = ModelfileCommand::Kind;

enum class OptionType : std::uint8_t { kInteger, kNumber, kBoolean, kTexts, kObsolete };

struct OptionRow {
  std::string_view name;
  OptionType type;
};
constexpr std::array kOptions = {
    OptionRow{"num_keep", OptionType::kInteger},
    OptionRow{"seed", OptionType::kInteger},
    OptionRow{"num_predict", OptionType::kInteger},
    OptionRow{"top_k", OptionType::kInteger},
    OptionRow{"top_p", OptionType::kNumber},
    OptionRow{"min_p", OptionType::kNumber},
    OptionRow{"typical_p", OptionType::kNumber},
    OptionRow{"repeat_last_n", OptionType::kInteger},
    OptionRow{"temperature", OptionType::kNumber},
    OptionRow{"repeat_penalty", OptionType::kNumber},
    OptionRow{"presence_penalty", OptionType::kNumber},
    OptionRow{"frequency_penalty", OptionType::kNumber},
    OptionRow{"stop", OptionType::kTexts},
    OptionRow{"num_ctx", OptionType::kInteger},
    OptionRow{"num_batch", OptionType::kInteger},
    OptionRow{"num_gpu", OptionType::kInteger},
    OptionRow{"main_gpu", OptionType::kInteger},
    OptionRow{"use_mmap", OptionType::kBoolean},
    OptionRow{"num_thread", OptionType::kInteger},
    OptionRow{"draft_num_predict", OptionType::kInteger},
    OptionRow{"penalize_newline", OptionType::kObsolete},
    OptionRow{"low_vram", OptionType::kObsolete},
    OptionRow{"f16_kv", OptionType::kObsolete},
    OptionRow{"logits_all", OptionType::kObsolete},
    OptionRow{"vocab_only", OptionType::kObsolete},
    OptionRow{"use_mlock", OptionType::kObsolete},
    OptionRow{"mirostat", OptionType::kObsolete},
    OptionRow{"mirostat_tau", OptionType::kObsolete},
    OptionRow{"mirostat_eta", OptionType::kObsolete},
};

std::string Place(const ModelfileCommand& command) {
  return "(line " + std::to_string(command.line) + "): ";
}

Error Invalid(const ModelfileCommand& command, const std::string& what) {
  return InvalidArgument("modelfile", Place(command) + what);
}

template <typename T>
std::optional<T> ParseWhole(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Error WrongType(const ModelfileCommand& command, std::string_view type) {
  return Invalid(command, "parameter '" + command.key + "' must be " + std::string(type));
}

// The value as JSON.
Result<std::string> Typed(const ModelfileCommand& command, OptionType type) {
  std::string json;
  if (type == OptionType::kInteger) {
    const std::optional<std::int64_t> number = ParseWhole<std::int64_t>(command.value);
    if (!number) return WrongType(command, "a whole number");
    json::Writer(json).Integer(*number);
  } else if (type == OptionType::kNumber) {
    const std::optional<double> number = ParseWhole<double>(command.value);
    if (!number || !std::isfinite(*number)) return WrongType(command, "a number");
    json::Writer(json).Double(*number);
  } else {
    const std::string& value = command.value;
    const bool yes = value == "true" || value == "1";
    if (!yes && value != "false" && value != "0") return WrongType(command, "true or false");
    json::Writer(json).Bool(yes);
  }
  return json;
}

// "1.2.3", with or without a "v" in front and what follows a '-' or '+'.
bool IsVersion(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  text = text.substr(0, text.find_first_of("-+"));
  int numbers = 0;
  for (;;) {
    const std::size_t dot = text.find('.');
    const std::string_view number = text.substr(0, dot);
    const bool digits =
        std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (number.empty() || !digits || ++numbers > 3) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

class Collector {
 public:
  Result<void> Add(const ModelfileCommand& command) {
    switch (command.kind) {
      case Kind::kFrom:
        parts_.from.push_back(command.value);
        break;
      case Kind::kAdapter:
        parts_.adapters.push_back(command.value);
        break;
      case Kind::kDraft:
        parts_.drafts.push_back(command.value);
        break;
      case Kind::kLicense:
        parts_.licences.push_back(command.value);
        break;
      case Kind::kSystem:
        parts_.system = command.value;
        break;
      case Kind::kTemplate:
        parts_.go_template = command.value;
        break;
      case Kind::kRenderer:
        parts_.renderer = command.value;
        break;
      case Kind::kParser:
        parts_.parser = command.value;
        break;
      case Kind::kMessage:
        parts_.messages.push_back({command.key, command.value});
        break;
      case Kind::kRequires:
        return AddVersion(command);
      case Kind::kParameter:
        return AddParameter(command);
    }
    return {};
  }

  ModelfileParts Finish() && {
    if (!stops_.empty()) {
      std::string json;
      json::Writer out(json);
      out.BeginArray();
      for (const std::string& stop : stops_) out.String(stop);
      out.EndArray();
      Set("stop", std::move(json));
    }
    return std::move(parts_);
  }

 private:
  Result<void> AddVersion(const ModelfileCommand& command) {
    Result<std::string> version = ParseRequiredVersion(command.value, "");
    if (!version.ok()) return Invalid(command, "requires " + version.error().message);
    parts_.required_version = *std::move(version);
    return {};
  }

  Result<void> AddParameter(const ModelfileCommand& command) {
    const auto row = std::find_if(kOptions.begin(), kOptions.end(), [&](const OptionRow& known) {
      return known.name == command.key;
    });
    if (row == kOptions.end()) return Invalid(command, "unknown parameter '" + command.key + "'");
    if (row->type == OptionType::kObsolete) {
      parts_.warnings.push_back(Place(command) + "parameter " + command.key +
                                " is obsolete and has no effect");
    } else if (row->type == OptionType::kTexts) {
      stops_.push_back(command.value);
    } else {
      TIDEGATE_ASSIGN(std::string json, Typed(command, row->type));
      Set(command.key, std::move(json));
    }
    return {};
  }

  void Set(const std::string& key, std::string json) {
    const auto at = std::find_if(parts_.parameters.begin(), parts_.parameters.end(),
                                 [&](const auto& option) { return option.first == key; });
    if (at != parts_.parameters.end()) {
      at->second = std::move(json);
    } else {
      parts_.parameters.emplace_back(key, std::move(json));
    }
  }

  ModelfileParts parts_;
  std::vector<std::string> stops_;
};

}  // namespace

Result<std::string> ParseRequiredVersion(std::string_view text, std::string field) {
  if (!IsVersion(text)) return InvalidArgument(std::move(field), "must be a version, as 0.14.0");
  return std::string(text.substr(text.starts_with('v') ? 1 : 0));
}

Result<ModelfileParts> TakeApart(const Modelfile& modelfile) {
  Collector collector;
  for (const ModelfileCommand& command : modelfile.commands) TIDEGATE_TRY(collector.Add(command));
  return std::move(collector).Finish();
}

}  // namespace tidegate::models
