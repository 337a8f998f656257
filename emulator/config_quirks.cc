#include "emulator/config_quirks.h"

#include <array>
#include <span>

#include <fmt/format.h>

#include "emulator/shape.h"

namespace tidegate::emulator {
namespace {

template <typename T>
struct Word {
  std::string_view name;
  T value;
};
constexpr std::array kKeyPlaces = {
    Word<KeyPlace>{"bearer", KeyPlace::kBearer},
    Word<KeyPlace>{"token", KeyPlace::kToken},
    Word<KeyPlace>{"x-api-key", KeyPlace::kXApiKey},
    Word<KeyPlace>{"api-key", KeyPlace::kApiKey},
    Word<KeyPlace>{"x-goog-api-key", KeyPlace::kXGoogApiKey},
    Word<KeyPlace>{"query", KeyPlace::kQuery},
};
constexpr std::array kRateFields = {
    Word<RateFields>{"none", RateFields::kNone},
    Word<RateFields>{"openai", RateFields::kOpenAi},
    Word<RateFields>{"anthropic", RateFields::kAnthropic},
    Word<RateFields>{"mistral", RateFields::kMistral},
    Word<RateFields>{"together", RateFields::kTogether},
    Word<RateFields>{"ietf", RateFields::kIetf},
    Word<RateFields>{"cerebras", RateFields::kCerebras},
    Word<RateFields>{"openrouter", RateFields::kOpenRouter},
};
constexpr std::array kErrorStyles = {
    Word<ErrorStyle>{"openai", ErrorStyle::kOpenAi},
    Word<ErrorStyle>{"mistral", ErrorStyle::kMistral},
    Word<ErrorStyle>{"together", ErrorStyle::kTogether},
    Word<ErrorStyle>{"huggingface", ErrorStyle::kHuggingFace},
    Word<ErrorStyle>{"cerebras", ErrorStyle::kCerebras},
    Word<ErrorStyle>{"azure", ErrorStyle::kAzure},
    Word<ErrorStyle>{"openrouter", ErrorStyle::kOpenRouter},
    Word<ErrorStyle>{"xai", ErrorStyle::kXai},
    Word<ErrorStyle>{"vllm", ErrorStyle::kVllm},
    Word<ErrorStyle>{"sglang", ErrorStyle::kSglang},
};

struct Flag {
  std::string_view key;
  bool Quirks::*member;
};
constexpr std::array kFlags = {
    Flag{"nim", &Quirks::nim},
    Flag{"thought_signatures_required", &Quirks::thought_signatures_required},
    Flag{"reasoning_back", &Quirks::reasoning_back},
    Flag{"azure", &Quirks::azure},
    Flag{"comments", &Quirks::comments},
    Flag{"x_groq", &Quirks::x_groq},
    Flag{"slow_jobs", &Quirks::slow_jobs},
};

struct Number {
  std::string_view key;
  std::int64_t Quirks::*member;
  std::int64_t high;
};
constexpr std::array kNumbers = {
    Number{"embedding_dimensions", &Quirks::embedding_dimensions, 4'096},
    Number{"tool_call_id_bytes", &Quirks::tool_call_id_bytes, 16},
};

template <typename T, std::size_t N>
Result<T> ReadWord(const toml::node& node, const std::array<Word<T>, N>& words) {
  const auto text = node.value_exact<std::string>();
  std::string names;
  for (const Word<T>& word : words) {
    if (text && *text == word.name) return word.value;
    names += names.empty() ? "" : ", ";
    names += word.name;
  }
  return InvalidArgument("", "expected one of " + names);
}

Result<std::vector<std::string>> ReadStrings(const toml::node& node) {
  const toml::array* array = node.as_array();
  if (array == nullptr) return InvalidArgument("", "expected an array of strings");
  std::vector<std::string> texts;
  for (const toml::node& element : *array) {
    auto text = element.value_exact<std::string>();
    if (!text) return InvalidArgument("", "expected an array of strings");
    texts.push_back(*std::move(text));
  }
  return texts;
}

Result<std::vector<std::string>> ReadShapes(const toml::node& node) {
  TIDEGATE_ASSIGN(std::vector<std::string> names, ReadStrings(node));
  for (const std::string& name : names) {
    if (FindShape(name) == nullptr) {
      return InvalidArgument("", fmt::format("there is no shape named {}", name));
    }
  }
  return names;
}

Result<std::string> ReadText(const toml::node& node) {
  auto text = node.value_exact<std::string>();
  if (!text || text->empty()) return InvalidArgument("", "expected a string");
  return *std::move(text);
}

// Whether `key` is one of the flags or numbers; then it is read.
Result<bool> ReadPlainQuirk(std::string_view key, const toml::node& node, Quirks& quirks) {
  for (const Flag& flag : kFlags) {
    if (key != flag.key) continue;
    const auto value = node.value_exact<bool>();
    if (!value) return InvalidArgument("", "expected true or false");
    quirks.*flag.member = *value;
    return true;
  }
  for (const Number& number : kNumbers) {
    if (key != number.key) continue;
    const auto value = node.value_exact<std::int64_t>();
    if (!value || *value < 1 || *value > number.high) {
      return InvalidArgument("", fmt::format("expected an integer from 1 to {}", number.high));
    }
    quirks.*number.member = *value;
    return true;
  }
  return false;
}

Result<bool> ReadTextQuirk(std::string_view key, const toml::node& node, Model& model) {
  if (key == "reasoning_field") {
    TIDEGATE_ASSIGN(model.quirks.reasoning_field, ReadText(node));
    if (model.quirks.reasoning_field != "reasoning" &&
        model.quirks.reasoning_field != "reasoning_content") {
      return InvalidArgument("", "expected reasoning or reasoning_content");
    }
  } else if (key == "seed_field") {
    TIDEGATE_ASSIGN(model.quirks.seed_field, ReadText(node));
  } else if (key == "remote_host") {
    TIDEGATE_ASSIGN(model.quirks.remote_host, ReadText(node));
  } else if (key == "aws_access_key_id") {
    TIDEGATE_ASSIGN(model.aws_access_key_id, ReadText(node));
  } else if (key == "aws_secret_access_key") {
    TIDEGATE_ASSIGN(std::string secret, ReadText(node));
    model.aws_secret_access_key = Secret(std::move(secret));
  } else {
    return false;
  }
  return true;
}

}  // namespace

Result<bool> ReadQuirk(std::string_view key, const toml::node& node, Model& model) {
  Quirks& quirks = model.quirks;
  if (key == "shapes") {
    TIDEGATE_ASSIGN(quirks.shapes, ReadShapes(node));
  } else if (key == "key_in") {
    TIDEGATE_ASSIGN(quirks.key_place, ReadWord(node, kKeyPlaces));
  } else if (key == "rate_limit_fields") {
    TIDEGATE_ASSIGN(quirks.rate_fields, ReadWord(node, kRateFields));
  } else if (key == "errors") {
    TIDEGATE_ASSIGN(quirks.error_style, ReadWord(node, kErrorStyles));
  } else if (key == "refuse_fields") {
    TIDEGATE_ASSIGN(quirks.refuse_fields, ReadStrings(node));
  } else {
    TIDEGATE_ASSIGN(const bool plain, ReadPlainQuirk(key, node, quirks));
    if (!plain) return ReadTextQuirk(key, node, model);
  }
  return true;
}

}  // namespace tidegate::emulator
