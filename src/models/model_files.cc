#include "models/model_files.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

namespace tidegate::models {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".gguf";
constexpr std::string_view kProjectorMark = "mmproj";
constexpr std::string_view kDraftPrefix = "mtp-";
constexpr std::string_view kDividers = "-_.";

// A file that belongs to others, with the names it is called by left and right of the mark.
struct Sidecar {
  std::string path;
  std::string before, after;
};

std::string Trimmed(std::string_view text) {
  while (!text.empty() && kDividers.find(text.front()) != std::string_view::npos)
    text.remove_prefix(1);
  while (!text.empty() && kDividers.find(text.back()) != std::string_view::npos)
    text.remove_suffix(1);
  return std::string(text);
}

bool BeginsWithName(std::string_view stem, std::string_view name) {
  if (name.empty() || !stem.starts_with(name)) return false;
  return stem.size() == name.size() || kDividers.find(stem[name.size()]) != std::string_view::npos;
}

// Without the last word, which is how the sidecar itself was quantised: "NAME-f16" -> "NAME".
std::string_view WithoutLastWord(std::string_view name) {
  const std::size_t divider = name.find_last_of(kDividers);
  return divider == std::string_view::npos ? std::string_view() : name.substr(0, divider);
}

std::string ChooseSidecar(const std::string& stem, const std::vector<Sidecar>& sidecars,
                          FolderOf what) {
  for (const Sidecar& sidecar : sidecars) {
    if (sidecar.before.empty() && sidecar.after == stem) return sidecar.path;
  }
  for (const Sidecar& sidecar : sidecars) {
    const std::string& name = sidecar.before.empty() ? sidecar.after : sidecar.before;
    if (BeginsWithName(stem, name)) return sidecar.path;
    if (sidecar.before.empty() && BeginsWithName(stem, WithoutLastWord(name))) return sidecar.path;
  }
  return what == FolderOf::kOneModel && !sidecars.empty() ? sidecars.front().path : std::string();
}

class Listing {
 public:
  explicit Listing(const std::string& folder) { list_.looked_at.Add(folder); }

  void Add(const fs::directory_entry& entry) {
    std::error_code ec;
    const fs::path& path = entry.path();
    if (entry.is_directory(ec)) {
      list_.folders.push_back(path.string());
      return;
    }
    if (path.extension() != kSuffix) return;
    list_.looked_at.Add(path.string());
    const std::string stem = path.stem().string();
    if (const std::size_t mark = stem.find(kProjectorMark); mark != std::string::npos) {
      projectors_.push_back({path.string(), Trimmed(stem.substr(0, mark)),
                             Trimmed(stem.substr(mark + kProjectorMark.size()))});
    } else if (stem.starts_with(kDraftPrefix)) {
      drafts_.push_back({path.string(), "", Trimmed(stem.substr(kDraftPrefix.size()))});
    } else if (std::optional<std::string> name = StemOfModel(stem)) {
      list_.files.push_back({path.string(), *std::move(name)});
    }
  }

  ModelFileList Finish(FolderOf what) && {
    std::sort(list_.files.begin(), list_.files.end(),
              [](const ModelFile& a, const ModelFile& b) { return a.path < b.path; });
    std::sort(list_.folders.begin(), list_.folders.end());
    const auto by_path = [](const Sidecar& a, const Sidecar& b) { return a.path < b.path; };
    std::sort(projectors_.begin(), projectors_.end(), by_path);
    std::sort(drafts_.begin(), drafts_.end(), by_path);
    for (ModelFile& file : list_.files) {
      file.projector_path = ChooseSidecar(file.stem, projectors_, what);
      file.draft_path = ChooseSidecar(file.stem, drafts_, what);
    }
    return std::move(list_);
  }

 private:
  ModelFileList list_;
  std::vector<Sidecar> projectors_, drafts_;
};

}  // namespace

ModelFileList ListModelFiles(const std::string& folder, FolderOf what) {
  Listing listing(folder);
  std::error_code ec;
  std::size_t entries = 0;
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    if (++entries > kLocalModelsMax) break;
    listing.Add(*it);
  }
  ModelFileList list = std::move(listing).Finish(what);
  if (ec && ec != std::errc::no_such_file_or_directory) {
    list.problems.push_back({folder, Unavailable(ErrorSource::kGateway,
                                                 "cannot read " + folder + ": " + ec.message())});
  }
  if (entries > kLocalModelsMax) {
    list.problems.push_back(
        {folder,
         InvalidArgument("model", folder + " holds more than " + std::to_string(kLocalModelsMax) +
                                      " files; the rest was not looked at")});
  }
  return list;
}

Result<std::optional<LocalModel>> ReadModelFile(const ModelFile& file, std::string name) {
  TIDEGATE_ASSIGN(LocalModel model, ReadLocalModel(file.path, std::move(name)));
  if (model.metadata.type != "model") return std::optional<LocalModel>();
  std::error_code ec;
  const auto absolute = [&](const std::string& path) {
    return path.empty() ? path : fs::absolute(path, ec).string();
  };
  model.projector_path = absolute(file.projector_path);
  model.draft_path = absolute(file.draft_path);
  return std::optional<LocalModel>(std::move(model));
}

}  // namespace tidegate::models
