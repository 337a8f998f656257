#include "app/pins.h"

#include <optional>
#include <utility>

#include "app/state_file.h"
#include "obs/log.h"

namespace tidegate::app {
namespace {

constexpr std::string_view kHead = "tidegate pins 1";
constexpr std::size_t kFileBytesMax = 2U << 20U;

Error Damaged(std::string message) { return InvalidArgument("pins", std::move(message)); }

PinnedNames Load(const std::string& path) {
  const std::optional<std::string> text = ReadStateFile(path, kFileBytesMax);
  if (!text) return {};  // nothing was ever pinned
  Result<PinnedNames> names = ReadPins(*text);
  if (names.ok()) return *std::move(names);
  obs::Log(obs::Level::kWarning,
           "which models were pinned is not known, 'tidegate pin' says it again: {}: {}", path,
           names.error().message);
  return {};
}

}  // namespace

std::string WritePins(const PinnedNames& names) {
  std::string text(kHead);
  text += '\n';
  for (const std::string& name : names) {
    if (name.find('\n') == std::string::npos) text += name + '\n';
  }
  return text;
}

Result<PinnedNames> ReadPins(std::string_view text) {
  PinnedNames names;
  bool first = true;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos || end == 0) return Damaged("a line is none of ours");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (std::exchange(first, false)) {
      if (line != kHead) return Damaged("the first line is none of ours");
      continue;
    }
    if (names.size() >= kPinsMax) return Damaged("there are too many lines");
    names.emplace(line);
  }
  if (first) return Damaged("it is empty");
  return names;
}

Pins::Pins(std::string path, PinnedNames configured)
    : path_(std::move(path)), configured_(std::move(configured)), asked_(Load(path_)) {}

PinnedNames Pins::All() const {
  const std::lock_guard lock(mutex_);
  PinnedNames all = configured_;
  all.insert(asked_.begin(), asked_.end());
  return all;
}

Result<void> Pins::Keep(const PinnedNames& asked) { return ReplaceFile(path_, WritePins(asked)); }

Result<admin::PinState> Pins::Change(const std::string& name, bool pinned) {
  const std::lock_guard lock(mutex_);
  Result<std::string> found = target_.find(name);
  // What is gone can still be unpinned, by its whole name.
  if (!found.ok() && !pinned && asked_.contains(name)) found = name;
  if (!found.ok()) return std::move(found).error();
  const std::string& model = *found;
  if (configured_.contains(model)) {
    if (pinned) return admin::PinState{model, true};
    return Error{ErrorCode::kConflict, ErrorSource::kCaller, Retry::kNever,
                 "\"" + model +
                     "\" is pinned by the configuration, [providers.local] models; it says "
                     "pinned = true there"};
  }
  PinnedNames asked = asked_;
  if (pinned) {
    asked.insert(model);
  } else {
    asked.erase(model);
  }
  if (asked.size() > kPinsMax) return InvalidArgument("model", "too many models are pinned");
  TIDEGATE_TRY(target_.pin(model, pinned));
  if (asked != asked_) {
    Result<void> kept = Keep(asked);
    if (!kept.ok()) {
      // Back as it was; that was possible before.
      if (Result<void> undone = target_.pin(model, !pinned); !undone.ok()) return undone.error();
      return std::move(kept).error();
    }
    asked_ = std::move(asked);
  }
  return admin::PinState{model, pinned};
}

void Pins::Forget(const std::string& model) {
  const std::lock_guard lock(mutex_);
  if (!asked_.contains(model)) return;
  PinnedNames asked = asked_;
  asked.erase(model);
  const Result<void> kept = Keep(asked);
  const Result<void> unpinned =
      configured_.contains(model) ? Result<void>() : target_.pin(model, false);
  asked_ = std::move(asked);
  for (const Result<void>& done : {kept, unpinned}) {
    if (done.ok()) continue;
    obs::Log(obs::Level::kWarning, "the pin of {}, which was deleted, stays: {}", model,
             Describe(done.error()));
  }
}

}  // namespace tidegate::app
