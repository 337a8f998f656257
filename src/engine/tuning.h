// Settings of one model that `tidegate tune` found better than the usual ones on this machine.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/command_line.h"
#include "models/local_models.h"

namespace tidegate::engine {

// What differs from the usual; empty = nothing does. None of it changes what a model may be asked
// for, and only `kv_type` changes what it answers.
struct Tuning {
  std::optional<int> threads;
  std::optional<int> ubatch;
  std::optional<FlashAttention> flash_attention;
  std::optional<models::KvType> kv_type;  // of keys and values
  bool empty() const { return *this == Tuning(); }
  friend bool operator==(const Tuning&, const Tuning&) = default;
};

std::string_view ToString(FlashAttention flash_attention);  // "auto", "on", "off"
std::optional<FlashAttention> ParseFlashAttention(std::string_view text);

// "threads=3 ubatch=256"; "the usual settings" when it is empty.
std::string ToString(const Tuning& tuning);

// `settings` with the tuning, where they do not say something themselves: what the user's
// configuration states wins.
ChildSettings Tuned(ChildSettings settings, const Tuning& tuning);

// All that decides how fast a process with these settings is, as one line. REQUIRES: `settings` are
// those of SettingsFor.
std::string SettingsText(const models::LocalModel& model, const ChildSettings& settings, int slots);

// Knows what each model is tuned to at this moment. Thread-safe.
class TuningSource {
 public:
  virtual ~TuningSource() = default;
  // What is being tried of it, else what was found better, else nothing.
  virtual Tuning TuningOf(const models::LocalModel& model) const = 0;
  // Whether settings are being tried of the model of this name, and an end to that.
  virtual bool Trying(const std::string& model) const = 0;
  virtual void EndTrial(const std::string& model) = 0;
};

}  // namespace tidegate::engine
