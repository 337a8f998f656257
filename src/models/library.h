// The models of this machine as they come and go: what is there now, and what changes it.
//
// Whoever needs to know them (the engine, the planner, the lists) gets the whole picture again
// after every change. Only our own store is ever written; what other programs keep, and loose
// files, are served where they lie.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "models/create.h"
#include "models/local_models.h"
#include "models/looked_at.h"
#include "models/model_store.h"
#include "models/model_work.h"

namespace tidegate::models {

// A disk's times may be that coarse: what changed so shortly before a look may have changed again
// during it, and show the same times.
inline constexpr std::int64_t kDiskTimeGrainNanos = 2 * kNanosPerSecond;
// What could not be used is looked at again so often though nothing seems to have changed: the
// reason may lie where nobody watches, as in the rights of a folder above. Likewise everything,
// where there is more than can be watched.
inline constexpr std::int64_t kLookAgainNanos = 30 * kNanosPerSecond;

struct LibraryOptions {
  ModelFolders where;  // `store` must be set
  // What there is of other programs' stores now, since these come and go as well; empty = what
  // `where` says. Blocks on the disk; called on the thread that looks.
  std::function<std::vector<ForeignStore>()> find_foreign = nullptr;
  Quantizer quantizer = nullptr;
};

// Thread-safe; every call but Now, Find, CopiesBytes and store blocks on the disk.
class Library {
 public:
  // Called after every change, on the thread that made it, one call at a time.
  using Changed = std::function<void(std::shared_ptr<const ModelScan>)>;

  // Looks once. `clock` outlives it.
  Library(LibraryOptions options, const Clock& clock);

  std::shared_ptr<const ModelScan> Now() const;
  void OnChange(Changed changed);
  // Looks again.
  void Refresh();
  // Looks again when models may have come or gone by other hands since the last look: another
  // process that changed the store, a file that was put into a folder and grows there. Else it
  // costs one call of stat for each folder and file that the last look depended on.
  void RefreshIfChanged();

  ModelStore& store() { return store_; }

  // A pulled model, whose blobs are all there.
  Result<void> Record(const ModelName& name, std::string_view manifest, Provenance provenance);
  // Whether the name may come to mean the file at `source`: not where it means what came from
  // elsewhere. Errors: kConflict with reason "name_taken".
  Result<void> CheckSource(const ModelName& name, const std::string& source) const;
  // The destination is in our store afterwards; the source may be anywhere. A model of our store
  // gets another name; the bytes of any other are copied, which takes as long as they are many.
  // Errors: kNotFound; kCancelled after `stop` was asked for.
  Result<void> Copy(const std::string& source, const ModelName& destination, const Steps& steps,
                    const std::stop_token& stop);
  // Whether Copy would copy the bytes of this one. Quick.
  bool CopiesBytes(const std::string& source) const;
  // What went with it, and why anything stays. Errors: kNotFound; kConflict for a model that is not
  // in our store, with what to do.
  Result<CollectReport> Remove(const std::string& name);
  // Errors: those of MakeManifest; kNotFound for what it is to be made from.
  Result<void> Create(const CreateSpec& spec, const Steps& steps, const std::stop_token& stop);
  // The model of this name, with its host and its tag or without, also as it is listed where its
  // name alone means something else; null when there is none.
  std::shared_ptr<const LocalModel> Find(const std::string& name) const;

 private:
  void DropNoModels(const CreateSpec& spec);
  // What was found, and how to tell when it is out of date.
  struct Found {
    std::shared_ptr<const ModelScan> scan;
    std::vector<ForeignStore> foreign = {};
    LookedAtStamp stamp = {};
    bool settled = false;    // nothing of it can have changed while it was looked at
    std::int64_t at_ns = 0;  // on the monotonic clock
  };
  Found Look() const;
  std::vector<ForeignStore> Foreign() const;
  LookedAtStamp Stamp(const LookedAt& looked_at) const;
  bool IsDue(const Found& last) const;
  void Keep(Found found);
  void Tell(std::shared_ptr<const ModelScan> scan);

  const LibraryOptions options_;
  const Clock& clock_;
  ModelStore store_;
  std::mutex refresh_mutex_;  // one look at a time, so that what is told is in order
  Changed changed_;           // guarded by refresh_mutex_
  Found last_;                // guarded by refresh_mutex_
  mutable std::mutex mutex_;
  std::shared_ptr<const ModelScan> now_;  // that of last_; guarded by mutex_
};

}  // namespace tidegate::models
