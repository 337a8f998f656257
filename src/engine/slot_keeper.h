// Conversations outlive the process that had them: what the slots of a llama-server hold is saved
// when the process ends in good order, and given to the next one of the same model before it
// serves. There are more conversations than slots: one that is on the disk is read when its next
// turn comes, and one whose place is then taken is written first (slot_map.h).
//
// On the way between the process and the store (slot_store.h) it lies in files in memory, never on
// a disk, in a folder that only this user may enter. The process can read and overwrite those that
// were made for it and make no others. Both ways are bounded in time: nobody waits long for memory
// that a conversation is being saved from, nor for a model that has conversations to read.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "engine/command_line.h"
#include "engine/locator.h"
#include "engine/runtime_folder.h"
#include "engine/slot_map.h"
#include "engine/slot_store.h"
#include "models/local_models.h"
#include "net/address.h"
#include "net/async.h"
#include "net/client.h"
#include "process/spawn_thread.h"

namespace tidegate::engine {

inline constexpr int kSlotFilesMax = 16;             // slots of a process that are looked at
inline constexpr std::int64_t kSlotTokensMin = 256;  // less is computed sooner than it is read
inline constexpr std::int64_t kSaveNanos = 3'000'000'000;     // all slots of a process
inline constexpr std::int64_t kRestoreNanos = 2'000'000'000;  // once the process could serve
// Before a request whose conversation lies on the disk, or takes the place of one that should.
inline constexpr std::int64_t kReadyNanos = 2'000'000'000;

struct SlotKeeperOptions {
  std::string runtime_folder;              // used where it lies in memory, and else a folder in
  std::string shared_memory = "/dev/shm";  // this one
};

// Of the body of GET /slots: the slots that were used, the latest first. Errors: kProtocol.
Result<std::vector<SlotReport>> ReadSlotReports(std::string_view body);

// Where a llama-server answers.
struct SlotServer {
  net::HttpClient& client;
  net::Origin origin;
  std::string authorization;
};

class SlotKeeper;

// The files for the slots of one process. On the engine's shard unless said otherwise.
class SlotRun {
 public:
  ~SlotRun();  // on any thread; removes the files

  const std::string& folder() const { return folder_; }
  // Completes what the process is started with.
  void Allow(ChildSettings& settings, ChildFiles& files) const;
  // It answered a request of which nothing may be kept: nothing of this process is saved.
  void KeepNothing() { keep_nothing_ = true; }

  // Gives the process, which could serve, what is kept for it. Does not fail: what cannot be
  // restored will be computed.
  static net::Task<void> Restore(std::shared_ptr<SlotRun> self, SlotServer server);
  // By what a conversation (Claim::conversation) is known here.
  SlotMarks MarksOf(const std::vector<Sha256>& conversation) const;
  // Whether Ready has something to do for it. Quick.
  bool Concerns(const SlotMarks& conversation);
  // Before a request of this conversation is sent, while no other is let through. Does not fail: at
  // worst all of it is computed.
  static net::Task<void> Ready(std::shared_ptr<SlotRun> self, SlotServer server,
                               SlotMarks conversation);
  // A request is let through, and later it has ended, of this conversation; Look finds out where.
  void Granted() { map_.Granted(); }
  void Answered(SlotMarks conversation) { map_.Answered(std::move(conversation)); }
  static net::Task<void> Look(std::shared_ptr<SlotRun> self, SlotServer server);
  // Saves what the process, which is about to end, holds. Does not fail either.
  static net::Task<void> Save(std::shared_ptr<SlotRun> self, SlotServer server);

 private:
  friend class SlotKeeper;
  struct Saved {
    std::string path;  // where it lies in memory
    SlotContent content;
    std::string superseded;  // file of what it was before; empty = none
  };
  struct Reading;
  explicit SlotRun(int files) : files_(files), map_(files) {}
  // One pair more than there are slots, for while it serves.
  int spare() const { return files_; }
  std::string In(int slot) const { return folder_ + "/in-" + std::to_string(slot); }
  std::string Out(int slot) const { return folder_ + "/out-" + std::to_string(slot); }
  std::uint64_t Room() const;
  std::uint64_t Expected(std::int64_t tokens) const;
  void TellTooLarge(std::int64_t tokens) const;
  static net::Task<void> WriteBeside(std::shared_ptr<SlotRun> self, const SlotServer& server,
                                     SlotReport report, std::int64_t deadline);
  static net::Task<bool> ReadBeside(std::shared_ptr<SlotRun> self, const SlotServer& server,
                                    const KeptSlot& kept, std::int64_t deadline);
  // On a thread that may block:
  void Fetch();
  void Keep(const std::vector<Saved>& saved);

  SlotKeeper* keeper_ = nullptr;  // outlives the engine's runners
  std::shared_ptr<const SlotStore> store_;
  std::string model_, folder_;
  Sha256 binding_{};
  const int files_;
  double bytes_per_token_ = 0;
  std::uint64_t bytes_beside_ = 0;
  bool keep_nothing_ = false;
  bool readying_ = false, looking_ = false;
  SlotMap map_;

  std::atomic<bool> fetched_ = false, give_up_ = false;
  std::atomic<bool> writing_beside_ = false;
  std::mutex mutex_;
  std::map<int, KeptSlot> ready_;  // in files by now; guarded by mutex_
  std::vector<KeptSlot> found_;    // on the disk, not known to map_ yet; guarded by mutex_
};

// Thread-safe.
class SlotKeeper {
 public:
  // Errors: kUnavailable when no folder is in memory, and those of RuntimeFolder::Open.
  static Result<std::shared_ptr<SlotKeeper>> Open(const SlotKeeperOptions& options,
                                                  std::shared_ptr<const SlotStore> store);
  // Waits until what was saved is on the disk.
  ~SlotKeeper();

  // For a process that is about to start with these; nothing where its slots cannot be kept. What
  // is kept for it is read from now on, beside its loading.
  std::shared_ptr<SlotRun> Begin(const models::LocalModel& model, const EngineBinary& binary,
                                 const ChildSettings& settings, int slots);

 private:
  friend class SlotRun;
  SlotKeeper(RuntimeFolder folder, std::shared_ptr<const SlotStore> store);
  void PostKeep(std::shared_ptr<SlotRun> run, std::vector<SlotRun::Saved> saved);

  const RuntimeFolder folder_;
  const std::shared_ptr<const SlotStore> store_;
  std::atomic<std::uint64_t> next_run_ = 1;
  std::mutex mutex_;
  std::multiset<Sha256> being_kept_;      // bindings; guarded by mutex_
  std::set<std::string> told_too_large_;  // models; guarded by mutex_
  process::SpawnThread reader_, writer_;
};

}  // namespace tidegate::engine
