// Which local models are pinned: by the configuration, or by callers, and that is kept over
// restarts.
//
// A pin belongs to a name: it is there again when a model that was away comes back, and goes when
// the model is deleted by a request.
#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "admin/pin_api.h"
#include "base/result.h"

namespace tidegate::app {

using PinnedNames = std::set<std::string, std::less<>>;

inline constexpr std::size_t kPinsMax = 4'096;

// A line for each name.
std::string WritePins(const PinnedNames& names);
// Errors: kInvalidArgument for a text that is none of WritePins'.
Result<PinnedNames> ReadPins(std::string_view text);

// What is done with a pin. All thread-safe.
struct PinTarget {
  // The whole name of the model of this device that `name` means. Errors: kNotFound and
  // kInvalidArgument, for the caller.
  std::function<Result<std::string>(const std::string& name)> find;
  std::function<Result<void>(const std::string& model, bool pinned)> pin;
};

// Thread-safe. Changing blocks on the disk.
class Pins {
 public:
  // A file that cannot be read is told to the log, and says nothing.
  Pins(std::string path, PinnedNames configured);

  PinnedNames All() const;
  // REQUIRES: before Change and Forget.
  void SetTarget(PinTarget target) { target_ = std::move(target); }
  // Errors: those of the target; kConflict for unpinning what the configuration pins; kUnavailable
  // when it cannot be kept, and then nothing has changed.
  Result<admin::PinState> Change(const std::string& name, bool pinned);
  // The model is deleted; `model` is its whole name.
  void Forget(const std::string& model);

 private:
  Result<void> Keep(const PinnedNames& asked);

  const std::string path_;
  const PinnedNames configured_;
  PinTarget target_;
  mutable std::mutex mutex_;  // held through a change
  PinnedNames asked_;         // by callers; guarded by mutex_
};

}  // namespace tidegate::app
