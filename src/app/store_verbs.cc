#include "app/store_verbs.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <unistd.h>
#include <utility>

#include <sys/stat.h>

#include "app/config.h"
#include "app/model_places.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "models/archive.h"
#include "models/create.h"
#include "models/model_store.h"
#include "plan/model_name.h"

namespace tidegate::app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kGgufMagic = "GGUF";

Result<models::ModelStore> OpenStore() {
  const Environment environment = ProcessEnvironment();
  TIDEGATE_ASSIGN(const Config config, LoadConfig("", environment));
  TIDEGATE_ASSIGN(const models::ModelFolders where, ModelPlaces(config.settings, environment));
  return models::ModelStore(where.store);
}

Error FileError(const std::string& what, const std::string& path) {
  return Unavailable(ErrorSource::kCaller,
                     "cannot " + what + " " + path + ": " + std::strerror(errno));
}

cli::VerifiedBlob ToRow(const models::StoredModel& model, const models::Layer& layer) {
  cli::VerifiedBlob row;
  row.model = model.name.Short();
  row.digest = layer.digest.ToString();
  row.bytes = static_cast<std::int64_t>(layer.size);
  return row;
}

void Mark(const std::vector<models::VerifyReport::Fault>& faults, cli::BlobState state,
          std::string_view problem, std::map<models::Digest, cli::VerifiedBlob>& rows) {
  for (const models::VerifyReport::Fault& fault : faults) {
    const auto at = rows.find(fault.digest);
    if (at == rows.end()) continue;  // nobody needs it, or another model than was asked about
    at->second.state = state;
    at->second.problem = problem;
  }
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
                                 const cli::TransferFunction& progress) {
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
  TIDEGATE_ASSIGN(
      const models::MadeModel made,
      models::MakeManifest(store.blobs(), nullptr, spec, base, steps, std::stop_token()));
  models::Provenance provenance;
  provenance.source = "file:" + fs::path(options.path).filename().string();
  provenance.time_s = SystemClock().WallNanos() / kNanosPerSecond;
  TIDEGATE_TRY(store.Put(spec.model, made.manifest, std::move(provenance)));
  return spec.model;
}

Result<void> WriteAll(const UniqueFd& file, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

Result<std::vector<cli::VerifiedBlob>> VerifyModels(const std::string& model,
                                                    const cli::TransferFunction& progress) {
  TIDEGATE_ASSIGN(const models::ModelStore store, OpenStore());
  std::vector<models::StoredModel> wanted;
  if (model.empty()) {
    models::StoreListing listing = store.List();
    if (!listing.problems.empty()) return listing.problems.front().error;
    wanted = std::move(listing.models);
  } else {
    TIDEGATE_ASSIGN(const models::ModelName name, models::ModelName::Parse(model, "MODEL"));
    TIDEGATE_ASSIGN(models::StoredModel found, store.Find(name));
    wanted.push_back(std::move(found));
  }
  std::map<models::Digest, cli::VerifiedBlob> rows;
  for (const models::StoredModel& one : wanted) {
    for (const models::Layer& layer : one.manifest.Blobs()) {
      rows.try_emplace(layer.digest, ToRow(one, layer));
    }
  }
  const auto tell = [&](const models::VerifyProgress& done) {
    progress({"verifying sha256 digest", "", static_cast<std::int64_t>(done.bytes_total),
              static_cast<std::int64_t>(done.bytes_done)});
  };
  TIDEGATE_ASSIGN(const models::VerifyReport report, store.Verify(tell, std::stop_token()));
  Mark(report.damaged, cli::BlobState::kDamaged,
       "its bytes have another digest; remove the model and pull it again", rows);
  Mark(report.missing, cli::BlobState::kMissing, "it is not there; pull the model again", rows);
  std::vector<cli::VerifiedBlob> blobs;
  for (auto& [digest, row] : rows) blobs.push_back(std::move(row));
  return blobs;
}

Result<cli::ImportedModel> ImportModelFile(const cli::ImportOptions& options,
                                           const cli::TransferFunction& progress) {
  TIDEGATE_ASSIGN(models::ModelStore store, OpenStore());
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
                  source.IsModelFile() ? TakeIn(store, options, progress)
                                       : models::ImportModel(store, read, name, std::stop_token()));
  TIDEGATE_ASSIGN(const models::StoredModel stored, store.Find(taken));
  return cli::ImportedModel{taken.Short(), stored.digest.Hex(),
                            static_cast<std::int64_t>(stored.manifest.TotalBytes())};
}

Result<cli::ExportedModel> ExportModelFile(const cli::ExportOptions& options,
                                           const cli::TransferFunction& progress) {
  TIDEGATE_ASSIGN(const models::ModelStore store, OpenStore());
  TIDEGATE_ASSIGN(const models::ModelName name, models::ModelName::Parse(options.model, "MODEL"));
  TIDEGATE_ASSIGN(const models::StoredModel stored, store.Find(name));
  const UniqueFd file(open(options.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file.valid() && errno == EEXIST) {
    return Error{ErrorCode::kConflict, ErrorSource::kCaller, Retry::kNever,
                 options.path + " is there already; name another file, or remove it"};
  }
  if (!file.valid()) return FileError("make", options.path);
  const auto total = static_cast<std::int64_t>(stored.manifest.TotalBytes());
  std::int64_t bytes = 0;
  const models::WriteBytes write_bytes = [&](std::string_view piece) -> Result<void> {
    TIDEGATE_TRY(WriteAll(file, options.path, piece));
    bytes += static_cast<std::int64_t>(piece.size());
    progress({"exporting", "", total, std::min(bytes, total)});
    return {};
  };
  Result<void> done = models::ExportModel(store, name, write_bytes, std::stop_token());
  if (done.ok() && fsync(file.get()) != 0) done = FileError("write", options.path);
  if (!done.ok()) {
    unlink(options.path.c_str());
    return std::move(done).error();
  }
  return cli::ExportedModel{bytes};
}

}  // namespace tidegate::app
