#include "models/library.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include <sys/stat.h>

#include "base/clock.h"

namespace tidegate::models {
namespace {

constexpr std::string_view kHere = "local/";

Error NoModel(const std::string& name) {
  Error error = NotFound("model '" + name + "' not found; `tidegate list` shows what there is");
  error.reason = "model_not_found";
  return error;
}

}  // namespace

Library::Library(LibraryOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      store_(options_.where.store),
      stamp_(Stamp()),
      now_(std::make_shared<const ModelScan>(FindLocalModels(options_.where))) {}

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
  stamp_ = Stamp();  // first: what changes while we look is looked at again
  Look();
}

void Library::RefreshIfChanged() {
  const std::lock_guard order(refresh_mutex_);
  std::string stamp = Stamp();
  if (stamp == stamp_) return;
  stamp_ = std::move(stamp);
  Look();
}

void Library::Look() {
  auto scan = std::make_shared<const ModelScan>(FindLocalModels(options_.where));
  {
    const std::lock_guard lock(mutex_);
    now_ = scan;
  }
  if (changed_) changed_(std::move(scan));
}

std::string Library::Stamp() const {
  std::string stamp;
  const auto add = [&](const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) status = {};
    stamp +=
        std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec) + " ";
  };
  add(store_.LockPath());
  for (const std::string& folder : options_.where.folders) add(folder);
  for (const ForeignStore& store : options_.where.foreign) add(store.path);
  return stamp;
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

Result<void> Library::Copy(const std::string& source, const ModelName& destination) {
  const std::shared_ptr<const LocalModel> model = Find(source);
  if (model == nullptr) return NoModel(source);
  if (model->origin == ModelOrigin::kStore) {
    TIDEGATE_ASSIGN(const ModelName from, ModelName::Parse(model->name, "source"));
    TIDEGATE_TRY(store_.Copy(from, destination));
    Refresh();
    return {};
  }
  CreateSpec spec;
  spec.model = destination;
  spec.from = source;
  return Create(
      spec, [](const Progress&) {}, std::stop_token());
}

Result<void> Library::Remove(const std::string& name) {
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
  const Result<CollectReport> removed = store_.Remove(*parsed);
  if (!removed.ok()) {
    if (removed.error().code == ErrorCode::kNotFound) return NoModel(name);
    return removed.error();
  }
  Refresh();
  return {};
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
  TIDEGATE_ASSIGN(MadeModel made,
                  MakeManifest(store_.blobs(), options_.quantizer, spec, sources, steps, stop));
  steps({"writing manifest"});
  Provenance provenance;
  provenance.time_s = clock_.WallNanos() / kNanosPerSecond;
  provenance.quantised_from = made.quantised_from;
  provenance.quantised_by = std::move(made.quantised_by);
  TIDEGATE_TRY(Record(spec.model, made.manifest, std::move(provenance)));
  steps({"success"});
  return {};
}

}  // namespace tidegate::models
