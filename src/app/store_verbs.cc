#include "app/store_verbs.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <unistd.h>
#include <utility>

#include <sys/stat.h>

#include "app/kept_model.h"
#include "app/signals.h"
#include "app/whole_file.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "models/archive.h"
#include "models/create.h"
#include "models/licence.h"
#include "models/model_store.h"
#include "plan/model_name.h"

namespace tidegate::app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kGgufMagic = "GGUF";

Error FileError(const std::string& what, const std::string& path) {
  return Unavailable(ErrorSource::kCaller,
                     "cannot " + what + " " + path + ": " + std::strerror(errno));
}

// Counts what is read of a file.
class Source {
 public:
  Source(UniqueFd file, std::uint64_t size, const cli::TransferFunction& progress)
      : file_(std::move(file)), size_(size), progress_(progress) {}

  Result<std::size_t> Read(std::span<char> into) {
    ssize_t got = 0;
    do {
      got = read(file_.get(), into.data(), into.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0) return FileError("read", "the file");
    done_ += static_cast<std::uint64_t>(got);
    progress_(
        {"importing", "", static_cast<std::int64_t>(size_), static_cast<std::int64_t>(done_)});
    return static_cast<std::size_t>(got);
  }
  // Whether it begins as a model file does; reading begins at its beginning all the same.
  bool IsModelFile() const {
    char magic[kGgufMagic.size()];
    return pread(file_.get(), magic, sizeof magic, 0) == static_cast<ssize_t>(sizeof magic) &&
           std::string_view(magic, sizeof magic) == kGgufMagic;
  }

 private:
  UniqueFd file_;
  std::uint64_t size_, done_ = 0;
  const cli::TransferFunction& progress_;
};

// A file of that format, or a folder that holds one.
bool IsSafetensors(const std::string& path) {
  constexpr std::string_view kExtension = ".safetensors";
  const auto is_one = [&](const fs::path& file) { return file.extension() == kExtension; };
  std::error_code ec;
  if (!fs::is_directory(path, ec)) return is_one(path);
  const fs::directory_iterator entries(path, ec);
  return !ec && std::any_of(begin(entries), end(entries),
                            [&](const fs::directory_entry& one) { return is_one(one.path()); });
}

Result<Source> OpenSource(const std::string& path, const cli::TransferFunction& progress) {
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return FileError("open", path);
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return FileError("read", path);
  if (IsSafetensors(path)) return models::NotConverted("FILE");
  if (!S_ISREG(status.st_mode)) return InvalidArgument("FILE", path + " is no regular file");
  return Source(std::move(file), static_cast<std::uint64_t>(status.st_size), progress);
}

// A loose model file becomes a model of the store.
Result<models::ModelName> TakeIn(models::ModelStore& store, const cli::ImportOptions& options,
                                 const cli::TransferFunction& progress,
                                 const std::stop_token& stop) {
  std::string name = options.name;
  if (name.empty()) name = models::StemOfModel(fs::path(options.path).stem().string()).value_or("");
  models::CreateSpec spec;
  TIDEGATE_ASSIGN(spec.model, models::ModelName::Parse(name, "--name"));
  TIDEGATE_ASSIGN(const models::LocalModel base,
                  models::ReadLocalModel(options.path, spec.model.Short()));
  const models::Steps steps = [&](const models::Progress& step) {
    progress({step.status, step.digest ? step.digest->ToString() : "",
              static_cast<std::int64_t>(step.total), static_cast<std::int64_t>(step.completed)});
  };
  TIDEGATE_ASSIGN(const models::MadeModel made,
                  models::MakeManifest(store.blobs(), nullptr, spec,
                                       models::CreateSources{base, std::nullopt}, steps, stop));
  models::Provenance provenance;
  provenance.source = "file:" + fs::path(options.path).filename().string();
  provenance.time_s = SystemClock().WallNanos() / kNanosPerSecond;
  provenance.signer = models::FirstLineOf(options.signer);
  TIDEGATE_TRY(store.Put(spec.model, made.manifest, std::move(provenance)));
  return spec.model;
}

std::string_view WhyOf(models::LeftoverKind kind) {
  switch (kind) {
    case models::LeftoverKind::kBlob:
      return "no model needs it";
    case models::LeftoverKind::kPartial:
      return "of a transfer that did not end";
    case models::LeftoverKind::kDamaged:
      return "was set aside as damaged";
  }
  return "";
}

}  // namespace

Result<cli::ImportedModel> ImportModelFile(const cli::ImportOptions& options,
                                           const cli::TransferFunction& progress) {
  const StopOnSignal stop;
  TIDEGATE_ASSIGN(const models::ModelFolders where, KeptPlaces(options.config_path));
  models::ModelStore store(where.store);
  TIDEGATE_ASSIGN(Source source, OpenSource(options.path, progress));
  std::optional<models::ModelName> name;
  if (!options.name.empty()) {
    TIDEGATE_ASSIGN(name, models::ModelName::Parse(options.name, "--name"));
    if (plan::IsReserved(name->Short())) {
      return InvalidArgument("--name", "'" + options.name +
                                           "' leaves the choice of a model to the gate; choose "
                                           "another name");
    }
  }
  const models::ReadBytes read = [&](std::span<char> into) { return source.Read(into); };
  TIDEGATE_ASSIGN(const models::ModelName taken,
                  source.IsModelFile()
                      ? TakeIn(store, options, progress, stop.token())
                      : models::ImportModel(store, read, {name, options.signer}, stop.token()));
  TIDEGATE_ASSIGN(const models::StoredModel stored, store.Find(taken));
  return cli::ImportedModel{taken.Short(), stored.digest.Hex(),
                            static_cast<std::int64_t>(stored.manifest.TotalBytes())};
}

Result<cli::ExportedModel> ExportModelFile(const cli::ExportOptions& options,
                                           const cli::TransferFunction& progress) {
  const StopOnSignal stop;
  TIDEGATE_ASSIGN(const models::ModelFolders where, KeptPlaces(options.config_path));
  TIDEGATE_ASSIGN(const KeptModel kept, FindKept(where, options.model));
  std::uint64_t total = 0;
  if (kept.store) {
    TIDEGATE_ASSIGN(const models::StoredModel stored, kept.store->Find(kept.name));
    total = stored.manifest.TotalBytes();
  } else {
    total = kept.files->size_bytes;  // what lies beside it is little
  }
  TIDEGATE_ASSIGN(WholeFile file, WholeFile::Make(options.path));
  std::uint64_t bytes = 0;
  const auto tell = [&](const char* status, std::uint64_t done) {
    progress({status, "", static_cast<std::int64_t>(total),
              static_cast<std::int64_t>(std::min(done, total))});
  };
  const models::WriteBytes write_bytes = [&](std::string_view piece) -> Result<void> {
    TIDEGATE_TRY(file.Write(piece));
    bytes += piece.size();
    tell("exporting", bytes);
    return {};
  };
  std::uint64_t hashed = 0;
  const models::TellRead hash = [&](std::uint64_t more) { tell("hashing", hashed += more); };
  TIDEGATE_TRY(kept.store
                   ? models::ExportModel(*kept.store, kept.name, write_bytes, stop.token())
                   : models::ExportFiles(*kept.files, kept.name, write_bytes, hash, stop.token()));
  TIDEGATE_TRY(std::move(file).Finish());
  return cli::ExportedModel{static_cast<std::int64_t>(bytes)};
}

Result<cli::PruneReport> PruneStore(const cli::PruneOptions& options) {
  TIDEGATE_ASSIGN(const models::ModelFolders where, KeptPlaces(options.config_path));
  cli::PruneReport pruned;
  std::error_code ec;
  if (!fs::exists(where.store, ec)) return pruned;  // nothing was ever kept
  models::CollectRules rules;
  rules.partials_keep_s = 0;
  rules.only_tell = options.dry_run;
  if (options.all) rules.blobs_keep_s = rules.others_partials_keep_s = 0;
  models::ModelStore store(where.store);
  TIDEGATE_ASSIGN(const models::CollectReport report,
                  store.Collect(SystemClock().WallNanos() / kNanosPerSecond, rules));
  for (const models::Leftover& file : report.removed) {
    pruned.files.push_back(
        {file.name, std::string(WhyOf(file.kind)), static_cast<std::int64_t>(file.bytes)});
  }
  pruned.bytes = static_cast<std::int64_t>(report.bytes);
  pruned.in_use = static_cast<std::int64_t>(report.in_use);
  if (report.held_back) pruned.held_back = report.held_back->message;
  return pruned;
}

}  // namespace tidegate::app
