#include "models/local_model.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

namespace tidegate::models {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".gguf";
constexpr std::size_t kSplitDigits = 5;

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == '+' || c == ':';
}

// "X-00002-of-00005" taken apart.
struct SplitName {
  std::string prefix;  // "X"
  std::uint32_t number = 0, count = 0;
};

std::optional<std::uint32_t> ParseSplitDigits(std::string_view text) {
  std::uint32_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return number;
}

std::optional<SplitName> ParseSplitName(std::string_view stem) {
  constexpr std::string_view kOf = "-of-";
  constexpr std::size_t kTail = 1 + kSplitDigits + kOf.size() + kSplitDigits;
  if (stem.size() <= kTail) return std::nullopt;
  const std::string_view tail = stem.substr(stem.size() - kTail);
  if (tail[0] != '-' || tail.substr(1 + kSplitDigits, kOf.size()) != kOf) return std::nullopt;
  const auto number = ParseSplitDigits(tail.substr(1, kSplitDigits));
  const auto count = ParseSplitDigits(tail.substr(kTail - kSplitDigits));
  if (!number || !count || *number == 0 || *number > *count) return std::nullopt;
  return SplitName{std::string(stem.substr(0, stem.size() - kTail)), *number, *count};
}

std::string SplitPath(const fs::path& first, const SplitName& name, std::uint32_t number) {
  const auto digits = [](std::uint32_t value) {
    std::string text = std::to_string(value);
    return std::string(kSplitDigits - std::min(kSplitDigits, text.size()), '0') + text;
  };
  const std::string file =
      name.prefix + "-" + digits(number) + "-of-" + digits(name.count) + std::string(kSuffix);
  return (first.parent_path() / file).string();
}

Error Unusable(const std::string& path, const std::string& why) {
  return InvalidArgument("model", path + " " + why);
}

// Adds the parts after the first to `model`.
Result<void> AddParts(LocalModel& model, const SplitName& name) {
  if (name.count > kSplitFilesMax) return Unusable(model.path, "has too many parts");
  for (std::uint32_t number = 2; number <= name.count; ++number) {
    const std::string path = SplitPath(model.path, name, number);
    std::error_code ec;
    const std::uintmax_t size = fs::file_size(path, ec);
    if (ec) return Unusable(model.path, "has no part " + path);
    TIDEGATE_ASSIGN(const GgufMetadata part, ReadGgufFile(path));
    if (__builtin_add_overflow(model.size_bytes, size, &model.size_bytes)) {
      return Unusable(model.path, "has parts that are impossibly large together");
    }
    TIDEGATE_TRY(AddGgufPart(model.metadata, part));
  }
  return {};
}

}  // namespace

std::string_view ToString(ModelOrigin origin) {
  switch (origin) {
    case ModelOrigin::kFolder:
      return "folder";
    case ModelOrigin::kStore:
      return "store";
    case ModelOrigin::kOllama:
      return "ollama";
    case ModelOrigin::kLmStudio:
      return "lm_studio";
    case ModelOrigin::kGpt4All:
      return "gpt4all";
    case ModelOrigin::kHuggingFace:
      return "hugging_face";
    case ModelOrigin::kLlamaCpp:
      return "llama_cpp";
  }
  return "folder";
}

bool IsUsableName(std::string_view name) {
  if (name.empty() || name.size() > kModelNameBytesMax) return false;
  bool at_part = true;
  for (const char c : name) {
    if (at_part ? c == '.' || c == '-' || c == '/' || !IsNameByte(c) : c != '/' && !IsNameByte(c)) {
      return false;
    }
    at_part = c == '/';
  }
  return !at_part;
}

std::optional<std::string> StemOfModel(std::string_view stem) {
  const std::optional<SplitName> split = ParseSplitName(stem);
  if (!split) return std::string(stem);
  if (split->number > 1) return std::nullopt;
  return split->prefix;
}

std::vector<std::string> FilesOfModel(const std::string& path) {
  std::vector<std::string> files = {path};
  const std::optional<SplitName> split = ParseSplitName(fs::path(path).stem().string());
  if (!split || split->count > kSplitFilesMax) return files;
  for (std::uint32_t number = 2; number <= split->count; ++number) {
    files.push_back(SplitPath(path, *split, number));
  }
  return files;
}

Result<LocalModel> ReadLocalModel(const std::string& path, std::string name) {
  if (!IsUsableName(name)) {
    return Unusable(path,
                    "has a name that cannot be used; rename it with letters, digits and ._-+");
  }
  std::error_code ec;
  LocalModel model;
  model.name = std::move(name);
  model.path = fs::absolute(path, ec).string();
  if (ec) return Unavailable(ErrorSource::kGateway, "cannot find " + path + ": " + ec.message());
  TIDEGATE_ASSIGN(model.metadata, ReadGgufFile(path));
  model.size_bytes = fs::file_size(path, ec);
  if (ec) return Unavailable(ErrorSource::kGateway, "cannot read " + path + ": " + ec.message());
  const fs::file_time_type written = fs::last_write_time(path, ec);
  if (ec) return Unavailable(ErrorSource::kGateway, "cannot read " + path + ": " + ec.message());
  model.modified_s = std::chrono::duration_cast<std::chrono::seconds>(
                         fs::file_time_type::clock::to_sys(written).time_since_epoch())
                         .count();
  const std::optional<SplitName> split = ParseSplitName(fs::path(path).stem().string());
  if (model.metadata.split_count != (split ? split->count : 1)) {
    return Unusable(path, "says it is one of " + std::to_string(model.metadata.split_count) +
                              " parts, and its name does not");
  }
  if (split) TIDEGATE_TRY(AddParts(model, *split));
  return model;
}

}  // namespace tidegate::models
