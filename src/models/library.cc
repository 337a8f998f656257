#include "models/library.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "models/gguf.h"

namespace tidegate::models {
namespace {

constexpr std::string_view kHere = "local/";
// A file that changed later than so long from now did so before the clock was set back.
constexpr std::int64_t kClockDoubtNanos = 60 * kNanosPerSecond;

Error NoModel(const std::string& name) {
  Error error = NotFound("model '" + name + "' not found; `tidegate list` shows what there is");
  error.reason = "model_not_found";
  return error;
}

bool IsSame(const ModelScan& one, const ModelScan& other) {
  const auto same_model = [](const LocalModel& a, const LocalModel& b) {
    return a.name == b.name && a.path == b.path && a.size_bytes == b.size_bytes &&
           a.modified_s == b.modified_s && a.manifest_digest == b.manifest_digest;
  };
  const auto same_problem = [](const ModelProblem& a, const ModelProblem& b) {
    return a.path == b.path && a.error.message == b.error.message;
  };
  return std::equal(one.models.begin(), one.models.end(), other.models.begin(), other.models.end(),
                    same_model) &&
         std::equal(one.problems.begin(), one.problems.end(), other.problems.begin(),
                    other.problems.end(), same_problem);
}

}  // namespace

Library::Library(LibraryOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), store_(options_.where.store) {
  Keep(Look());
}

std::shared_ptr<const ModelScan> Library::Now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

void Library::OnChange(Changed changed) {
  const std::lock_guard lock(refresh_mutex_);
  changed_ = std::move(changed);
}

void Library::Refresh() {
  const std::lock_guard order(refresh_mutex_);
  Keep(Look());
  Tell(last_.scan);
}

void Library::RefreshIfChanged() {
  const std::lock_guard order(refresh_mutex_);
  const bool changed = !last_.settled ||
                       Stamp(last_.scan->looked_at).digest != last_.stamp.digest ||
                       Foreign() != last_.foreign;
  if (!changed && !IsDue(last_)) return;
  const std::shared_ptr<const ModelScan> before = last_.scan;
  Keep(Look());
  // A look that only time had called for is no news by itself.
  if (changed || !IsSame(*before, *last_.scan)) Tell(last_.scan);
}

// Whether time alone calls for another look.
bool Library::IsDue(const Found& last) const {
  const bool doubtful = !last.scan->problems.empty() || last.scan->looked_at.cut();
  return doubtful && clock_.MonotonicNanos() - last.at_ns >= kLookAgainNanos;
}

std::vector<ForeignStore> Library::Foreign() const {
  return options_.find_foreign ? options_.find_foreign() : options_.where.foreign;
}

LookedAtStamp Library::Stamp(const LookedAt& looked_at) const {
  return StampOf(looked_at, clock_.WallNanos() + kClockDoubtNanos);
}

Library::Found Library::Look() const {
  const std::int64_t began_ns = clock_.WallNanos();
  Found found;
  ModelFolders where = options_.where;
  where.foreign = found.foreign = Foreign();
  ModelScan scan = FindLocalModels(where);
  scan.looked_at.Add(store_.LockPath());
  // Taken after the look, so what changed during it may be in it and not in the scan. But then it
  // changed after the look began, and shows that.
  found.stamp = Stamp(scan.looked_at);
  found.settled = found.stamp.newest_ns < began_ns - kDiskTimeGrainNanos;
  found.at_ns = clock_.MonotonicNanos();
  found.scan = std::make_shared<const ModelScan>(std::move(scan));
  return found;
}

void Library::Keep(Found found) {
  last_ = std::move(found);
  const std::lock_guard lock(mutex_);
  now_ = last_.scan;
}

void Library::Tell(std::shared_ptr<const ModelScan> scan) {
  if (changed_) changed_(std::move(scan));
}

std::shared_ptr<const LocalModel> Library::Find(const std::string& name) const {
  const std::shared_ptr<const ModelScan> scan = Now();
  const std::string wanted = CanonicalName(name);
  for (const LocalModel& model : scan->models) {
    if (model.name == name || CanonicalName(model.name) == wanted) return {scan, &model};
  }
  // As it is listed where its name alone means something else, too.
  return name.starts_with(kHere) ? Find(name.substr(kHere.size())) : nullptr;
}

Result<void> Library::Record(const ModelName& name, std::string_view manifest,
                             Provenance provenance) {
  TIDEGATE_TRY(store_.Put(name, manifest, std::move(provenance)));
  Refresh();
  return {};
}

Result<void> Library::CheckSource(const ModelName& name, const std::string& source) const {
  // A name whose manifest cannot be read means nothing that could be lost.
  if (!store_.Find(name).ok()) return {};
  const Result<std::optional<Provenance>> known = store_.ProvenanceOf(name);
  const std::string from = known.ok() && *known ? (*known)->source : "";
  if (from == source) return {};
  Error error{ErrorCode::kConflict, ErrorSource::kCaller, Retry::kNever,
              "'" + name.Short() + "' is here already and " +
                  (from.empty() ? "is another model" : "came from " + from) +
                  "; give this one a name of its own (--name NAME, or `destination` in the "
                  "request), or remove that one first",
              "destination"};
  error.reason = "name_taken";
  return error;
}

bool Library::CopiesBytes(const std::string& source) const {
  const std::shared_ptr<const LocalModel> model = Find(source);
  return model != nullptr && model->origin != ModelOrigin::kStore;
}

Result<void> Library::Copy(const std::string& source, const ModelName& destination,
                           const Steps& steps, const std::stop_token& stop) {
  const std::shared_ptr<const LocalModel> model = Find(source);
  if (model == nullptr) return NoModel(source);
  if (model->origin != ModelOrigin::kStore) {
    CreateSpec spec;
    spec.model = destination;
    spec.from = source;
    return Create(spec, steps, stop);
  }
  TIDEGATE_ASSIGN(const ModelName from, ModelName::Parse(model->name, "source"));
  TIDEGATE_TRY(store_.Copy(from, destination));
  Refresh();
  steps({"success"});
  return {};
}

Result<CollectReport> Library::Remove(const std::string& name) {
  const std::shared_ptr<const LocalModel> model = Find(name);
  // A name whose manifest or weights are damaged is no model, and must be removable all the same.
  const Result<ModelName> parsed = ModelName::Parse(model ? model->name : name, "model");
  if (model != nullptr && model->origin != ModelOrigin::kStore) {
    Error error{ErrorCode::kConflict, ErrorSource::kCaller, Retry::kNever,
                "'" + model->name + "' is kept by " + std::string(ToString(model->origin)) +
                    ", not by this program; remove it there"};
    error.reason = "not_ours";
    return error;
  }
  if (!parsed.ok()) return NoModel(name);
  Result<CollectReport> removed = store_.Remove(*parsed);
  if (!removed.ok()) {
    if (removed.error().code == ErrorCode::kNotFound) return NoModel(name);
    return removed;
  }
  Refresh();
  return removed;
}

// Of what was sent for a model that is refused, what can be part of none does not stay: it may be
// somebody's key that was named by mistake. Weights do, for the next try.
void Library::DropNoModels(const CreateSpec& spec) {
  std::vector<Digest> digests;
  for (const auto* files : {&spec.files, &spec.adapters, &spec.drafts}) {
    for (const auto& [name, digest] : *files) {
      const bool there = store_.blobs().SizeOf(digest).has_value();
      if (there && !ReadGgufFile(store_.blobs().PathOf(digest)).ok()) digests.push_back(digest);
    }
  }
  // Should it fail, they are what Collect is for.
  if (!digests.empty()) (void)store_.DropUnused(digests);
}

Result<void> Library::Create(const CreateSpec& spec, const Steps& steps,
                             const std::stop_token& stop) {
  CreateSources sources;
  for (const auto& [name, source] :
       {std::pair(&spec.from, &sources.from), std::pair(&spec.draft_from, &sources.draft)}) {
    if (name->empty()) continue;
    const std::shared_ptr<const LocalModel> found = Find(*name);
    if (found == nullptr) return NoModel(*name);
    *source = *found;
  }
  Result<MadeModel> result =
      MakeManifest(store_.blobs(), options_.quantizer, spec, sources, steps, stop);
  if (!result.ok()) {
    if (result.error().code == ErrorCode::kInvalidArgument) DropNoModels(spec);
    return std::move(result).error();
  }
  MadeModel made = *std::move(result);
  steps({"writing manifest"});
  Provenance provenance;
  provenance.time_s = clock_.WallNanos() / kNanosPerSecond;
  // Whose files they were; of a model of ours the store knows more than a name.
  const std::optional<LocalModel>& base = sources.from;
  if (base && base->origin == ModelOrigin::kFolder) {
    provenance.source = "file:" + std::filesystem::path(base->path).filename().string();
  } else if (base && base->origin != ModelOrigin::kStore) {
    provenance.source = std::string(ToString(base->origin)) + ":" + base->name;
  }
  provenance.quantised_from = made.quantised_from;
  provenance.quantised_by = std::move(made.quantised_by);
  TIDEGATE_TRY(Record(spec.model, made.manifest, std::move(provenance)));
  steps({"success"});
  return {};
}

}  // namespace tidegate::models
