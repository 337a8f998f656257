// What was measured of the models of this machine, and the settings that were found better for
// them: kept in one small file, in memory while the gate runs.
//
// A file of JSON and no table of the encrypted database: there is no secret in it and no content, a
// person may read and delete it, and it is written a few times in its life. It is replaced as a
// whole, so that whoever dies meanwhile leaves the old one.
//
// Every entry says of which file, which llama-server and which machine it is true, and counts for
// nothing else. What is being tried is never written: it ends with the process.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/speed_profile.h"
#include "engine/tuning.h"
#include "models/local_models.h"

namespace tidegate::engine {

inline constexpr std::string_view kProfileFile = "model_profiles.json";
inline constexpr std::size_t kProfileFileBytesMax = 8U << 20U;
inline constexpr std::size_t kProfilesMax = 2'000;     // the oldest go first
inline constexpr std::size_t kProfilePointsMax = 256;  // of one model

// The very file of a model: the digest of its manifest, else where it lies, its size and its time.
std::string IdentityOf(const models::LocalModel& model);
// "AMD EPYC 7B13, 2 processors": what this machine computes with. Reads /proc below `root`, ""
// outside of tests.
std::string MachineText(const std::string& root = "");

// What an entry is true of.
struct ProfileGround {
  std::string model;    // IdentityOf
  std::string engine;   // Locator::Stamp
  std::string machine;  // MachineText
  friend bool operator==(const ProfileGround&, const ProfileGround&) = default;
};

struct ProfileEntry {
  ProfileGround ground;
  std::string name;  // of the model when it was measured, for people
  Tuning tuning;
  std::shared_ptr<const core::SpeedProfile> speed;  // null: only tuned
};

// Errors: kInvalidArgument with the path of the member at fault; kTooLarge.
Result<std::vector<ProfileEntry>> ParseProfiles(std::string_view bytes);
std::string WriteProfiles(const std::vector<ProfileEntry>& entries);

// Thread-safe; Keep*, Add* and Forget* block on the disk.
class ProfileBook : public TuningSource {
 public:
  // `folder` must exist. `engine`: the stamp of the llama-server that would run now; quick and
  // thread-safe. A file that cannot be read is as good as none, and the log says so.
  ProfileBook(std::string folder, std::string machine, std::function<std::string()> engine);

  Tuning TuningOf(const models::LocalModel& model) const override;
  Tuning KeptTuning(const models::LocalModel& model) const;
  // Null when nothing was measured of it with `settings` (SettingsText). `why`, when not null, gets
  // one sentence when something was measured that does not count.
  std::shared_ptr<const core::SpeedProfile> SpeedOf(const models::LocalModel& model,
                                                    const std::string& settings,
                                                    std::string* why = nullptr) const;

  Result<void> KeepSpeed(const models::LocalModel& model, core::SpeedProfile speed);
  // Beside what was measured with the same settings before; in its place where it is the same
  // length and as many requests at once.
  Result<void> AddSpeed(const models::LocalModel& model, core::SpeedProfile speed);
  Result<void> KeepTuning(const models::LocalModel& model, const Tuning& tuning);
  // False: nothing was kept.
  Result<bool> ForgetTuning(const models::LocalModel& model);

  // From the next start of its process on, until EndTrial.
  void Try(const std::string& model, const Tuning& tuning);
  bool Trying(const std::string& model) const override;
  void EndTrial(const std::string& model) override;

 private:
  ProfileGround GroundOf(const models::LocalModel& model) const;
  const ProfileEntry* Find(const ProfileGround& ground) const;
  Result<void> Replace(const models::LocalModel& model,
                       const std::function<void(ProfileEntry&)>& change);

  const std::string folder_, machine_;
  const std::function<std::string()> engine_;
  std::mutex write_mutex_;  // one writer at a time
  mutable std::mutex mutex_;
  std::vector<ProfileEntry> entries_;    // the newest last; guarded by mutex_
  std::map<std::string, Tuning> tried_;  // by the model's name; guarded by mutex_
};

}  // namespace tidegate::engine
