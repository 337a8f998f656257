#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>

#include "app/kept_model.h"
#include "app/signals.h"
#include "app/store_verbs.h"
#include "models/file_digest.h"
#include "models/manifest_files.h"
#include "models/model_store.h"

namespace tidegate::app {
namespace {

namespace fs = std::filesystem;
using Fault = models::VerifyReport::Fault;

constexpr std::string_view kStatus = "verifying sha256 digest";

std::vector<std::string> ShortNames(const std::vector<models::ModelName>& names) {
  std::vector<std::string> texts;
  for (const models::ModelName& name : names) texts.push_back(name.Short());
  return texts;
}

// What makes a model whole again whose damaged files are out of the way, as a command.
std::string HowToGet(const models::ModelStore& store, const models::ModelName& name) {
  const std::string model = name.Short();
  const Result<std::optional<models::Provenance>> provenance = store.ProvenanceOf(name);
  if (!provenance.ok() || !*provenance) return "'tidegate pull " + model + "' gets it again";
  const std::string& source = (*provenance)->source;
  if (source.empty()) return "make '" + model + "' again: it was made here";
  if (source.starts_with("file:")) {
    return "import '" + model + "' again, from " + source.substr(source.find(':') + 1);
  }
  // A manifest of a registry, or the file itself.
  const bool manifest = source.find("/manifests/") != std::string::npos;
  return "'tidegate pull " + (manifest ? model : source) + "' gets it again";
}

// What is known of a store, in rows.
class Rows {
 public:
  Rows(models::ModelStore& store, bool ours) : store_(store), ours_(ours) {}

  Result<std::vector<cli::VerifiedBlob>> Of(models::VerifyReport report, bool repair) && {
    if (repair && ours_) TIDEGATE_TRY(SetAside(report));
    for (const models::StoreProblem& problem : report.manifests) AddManifest(problem);
    for (const Fault& fault : report.damaged) AddDamaged(fault);
    for (const Fault& fault : report.missing) {
      Add(fault, cli::BlobState::kMissing, "it is not there; " + GetAgain(fault));
    }
    for (const Fault& fault : report.intact) Add(fault, cli::BlobState::kGood, "");
    return std::move(rows_);
  }

 private:
  Result<void> SetAside(const models::VerifyReport& report) {
    std::vector<models::Digest> digests;
    for (const Fault& fault : report.damaged) {
      if (!fault.misstated) digests.push_back(fault.digest);
    }
    if (digests.empty()) return {};
    TIDEGATE_ASSIGN(const models::SetAsideReport done, store_.SetAside(digests));
    moved_.insert(done.moved.begin(), done.moved.end());
    in_use_.insert(done.in_use.begin(), done.in_use.end());
    return {};
  }

  void Add(const Fault& fault, cli::BlobState state, std::string problem) {
    rows_.push_back({ShortNames(fault.models), fault.digest.ToString(),
                     static_cast<std::int64_t>(fault.bytes), state, std::move(problem)});
  }

  void AddManifest(const models::StoreProblem& problem) {
    cli::VerifiedBlob row;
    row.state = cli::BlobState::kUnreadable;
    row.path = problem.path;
    row.problem = "this manifest cannot be read (" + problem.error.message + ")";
    if (const std::optional<models::ModelName> name = NameAt(problem.path)) {
      const std::string model = name->Short();
      row.models = {model};
      row.problem += ours_ ? "; 'tidegate pull " + model + "' gets it again, 'tidegate rm " +
                                 model + "' removes it"
                           : "; " + OllamasRemedy(model);
    }
    rows_.push_back(std::move(row));
  }

  void AddDamaged(const Fault& fault) {
    if (fault.misstated) {
      return Add(fault, cli::BlobState::kDamaged,
                 "its bytes are right, and a manifest says another number; " + GetAgain(fault));
    }
    if (moved_.contains(fault.digest)) {
      return Add(fault, cli::BlobState::kSetAside,
                 "its bytes had another digest; " +
                     (fault.models.empty() ? std::string("'tidegate prune' removes it")
                                           : GetAgain(fault)));
    }
    std::string problem = "its bytes have another digest; ";
    const std::string model = fault.models.empty() ? "" : " " + fault.models.front().Short();
    if (in_use_.contains(fault.digest)) {
      problem += "it is in use and was left: 'tidegate stop" + model + "', then the same again";
    } else if (!ours_) {
      problem += GetAgain(fault);
    } else if (fault.models.empty()) {
      problem += "no model needs it; 'tidegate verify --repair' sets it aside";
    } else {
      problem += "'tidegate verify" + model + " --repair' sets it aside, then " + GetAgain(fault);
    }
    Add(fault, cli::BlobState::kDamaged, std::move(problem));
  }

  static std::string OllamasRemedy(const std::string& model) {
    return "Ollama keeps it: 'ollama rm " + model + "', then 'ollama pull " + model + "'";
  }
  std::string GetAgain(const Fault& fault) const {
    if (fault.models.empty()) return "no model needs it";
    const models::ModelName& name = fault.models.front();
    return ours_ ? HowToGet(store_, name) : OllamasRemedy(name.Short());
  }

  // The model that a manifest's path names.
  static std::optional<models::ModelName> NameAt(const std::string& path) {
    for (const std::string_view tree : {models::kManifestsFolder, models::kLinkedManifestsFolder}) {
      const std::string folder = "/" + std::string(tree) + "/";
      const std::size_t at = path.rfind(folder);
      if (at == std::string::npos) continue;
      std::string text = path.substr(at + folder.size());
      const std::size_t tag = text.rfind('/');
      if (tag == std::string::npos) continue;
      text[tag] = ':';
      Result<models::ModelName> name = models::ModelName::Parse(text, "store");
      if (name.ok()) return *std::move(name);
    }
    return std::nullopt;
  }

  models::ModelStore& store_;
  const bool ours_;
  std::set<models::Digest> moved_, in_use_;
  std::vector<cli::VerifiedBlob> rows_;
};

// The digest that a file should have: in the cache of Hugging Face, large files are called so.
std::optional<models::Digest> StatedDigest(const models::LocalModel& model,
                                           const std::string& path) {
  if (model.origin != models::ModelOrigin::kHuggingFace) return std::nullopt;
  std::error_code ec;
  const fs::path file = fs::canonical(path, ec);
  if (ec) return std::nullopt;
  const std::optional<Sha256> digest = ParseSha256(file.filename().string());
  return digest ? std::optional(models::Digest(*digest)) : std::nullopt;
}

Result<std::vector<cli::VerifiedBlob>> VerifyFiles(const models::LocalModel& model,
                                                   const cli::TransferFunction& progress,
                                                   const std::stop_token& stop) {
  std::vector<std::string> paths = models::FilesOfModel(model.path);
  for (const std::string& path : {model.projector_path, model.draft_path}) {
    if (!path.empty()) paths.push_back(path);
  }
  std::int64_t total = 0;
  for (const std::string& path : paths) {
    std::error_code ec;
    const std::uintmax_t size = fs::file_size(path, ec);
    if (!ec) total += static_cast<std::int64_t>(size);
  }
  std::int64_t done = 0;
  const models::TellRead tell = [&](std::uint64_t bytes) {
    done += static_cast<std::int64_t>(bytes);
    progress({std::string(kStatus), "", std::max(total, done), done});
  };
  std::vector<cli::VerifiedBlob> rows;
  for (const std::string& path : paths) {
    TIDEGATE_ASSIGN(const models::FileDigest file, models::DigestOfFile(path, tell, stop));
    const std::optional<models::Digest> stated = StatedDigest(model, path);
    cli::VerifiedBlob row{{model.name},
                          file.digest.ToString(),
                          static_cast<std::int64_t>(file.size),
                          cli::BlobState::kGood,
                          "",
                          path};
    if (!stated) {
      row.state = cli::BlobState::kUnknown;
      row.problem = "nothing says which digest it should have; it has " + row.digest;
    } else if (*stated != file.digest) {
      row.state = cli::BlobState::kDamaged;
      row.problem = "it should have " + stated->ToString() +
                    "; remove it from the cache of Hugging Face and download it again";
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

Result<std::vector<cli::VerifiedBlob>> VerifyModels(const cli::VerifyOptions& options,
                                                    const cli::TransferFunction& progress) {
  const StopOnSignal stop;
  TIDEGATE_ASSIGN(const models::ModelFolders where, KeptPlaces(options.config_path));
  const auto tell = [&](const models::VerifyProgress& done) {
    progress({std::string(kStatus), "", static_cast<std::int64_t>(done.bytes_total),
              static_cast<std::int64_t>(done.bytes_done)});
  };
  if (options.model.empty()) {
    models::ModelStore store(where.store);
    TIDEGATE_ASSIGN(models::VerifyReport report, store.Verify(tell, stop.token()));
    return Rows(store, true).Of(std::move(report), options.repair);
  }
  TIDEGATE_ASSIGN(KeptModel kept, FindKept(where, options.model));
  if (!kept.store) return VerifyFiles(*kept.files, progress, stop.token());
  TIDEGATE_ASSIGN(models::VerifyReport report, kept.store->Verify(tell, stop.token(), kept.name));
  return Rows(*kept.store, kept.ours).Of(std::move(report), options.repair);
}

}  // namespace tidegate::app
