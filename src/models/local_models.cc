#include "models/local_models.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace tidegate::models {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".gguf";
constexpr std::string_view kProjectorPrefix = "mmproj-";
constexpr std::size_t kSplitDigits = 5;

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == '+' || c == ':';
}

// A name ends up in a command line and in URLs: it must not look like an option there.
bool IsUsableName(std::string_view name) {
  return !name.empty() && name.size() <= kModelNameBytesMax && name[0] != '-' && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), IsNameByte);
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
    if (__builtin_add_overflow(model.size_bytes, size, &model.size_bytes) ||
        __builtin_add_overflow(model.metadata.parameters, part.parameters,
                               &model.metadata.parameters) ||
        __builtin_add_overflow(model.metadata.tensor_bytes, part.tensor_bytes,
                               &model.metadata.tensor_bytes)) {
      return Unusable(model.path, "has parts that are impossibly large together");
    }
  }
  return {};
}

class Scanner {
 public:
  void AddFolder(const fs::path& folder, const std::string& name_prefix) {
    std::error_code ec;
    std::vector<fs::path> entries;
    for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
      entries.push_back(it->path());
      if (entries.size() > kLocalModelsMax) break;
    }
    if (ec && ec != std::errc::no_such_file_or_directory) {
      Refuse(folder.string(), Unavailable(ErrorSource::kGateway,
                                          "cannot read " + folder.string() + ": " + ec.message()));
    }
    std::sort(entries.begin(), entries.end());  // the same result on every file system
    for (const fs::path& entry : entries) {
      if (fs::is_directory(entry, ec)) {
        if (name_prefix.empty()) AddFolder(entry, entry.filename().string() + ":");
      } else if (entry.extension() == kSuffix) {
        AddFile(entry, name_prefix);
      }
    }
  }

  void AddFile(const fs::path& path, const std::string& name_prefix) {
    std::string stem = path.stem().string();
    if (stem.starts_with(kProjectorPrefix)) return;
    const std::optional<SplitName> split = ParseSplitName(stem);
    if (split && split->number > 1) return;
    if (split) stem = split->prefix;
    if (models_.size() >= kLocalModelsMax) {
      return Refuse(path.string(), Unusable(path.string(), "is one model file too many"));
    }
    Result<LocalModel> model = ReadLocalModel(path.string(), name_prefix + stem);
    if (!model.ok()) return Refuse(path.string(), std::move(model).error());
    if (model->metadata.type != "model") return;  // an adapter or projector: part of something else
    const auto [at, added] = models_.try_emplace(model->name, *model);
    if (!added && at->second.path != model->path) {
      Refuse(path.string(), Unusable(path.string(), "has the same name as " + at->second.path));
    }
  }

  ModelScan Finish() && {
    for (auto& [name, model] : models_) scan_.models.push_back(std::move(model));
    return std::move(scan_);
  }

 private:
  void Refuse(std::string path, Error error) {
    scan_.problems.push_back({std::move(path), std::move(error)});
  }
  std::map<std::string, LocalModel> models_;
  ModelScan scan_;
};

}  // namespace

Result<std::string> DefaultModelFolder() {
  const char* data = std::getenv("XDG_DATA_HOME");
  if (data != nullptr && *data != '\0') return std::string(data) + "/tidegate/models";
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    return InvalidArgument("HOME",
                           "neither XDG_DATA_HOME nor HOME is set; configure model folders");
  }
  return std::string(home) + "/.local/share/tidegate/models";
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

ModelScan FindLocalModels(const ModelFolders& where) {
  Scanner scanner;
  for (const std::string& folder : where.folders) scanner.AddFolder(folder, "");
  for (const std::string& file : where.files) scanner.AddFile(file, "");
  return std::move(scanner).Finish();
}

}  // namespace tidegate::models
