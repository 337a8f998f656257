#include "engine/profile_book.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <thread>
#include <utility>

#include "json/reader.h"
#include "json/writer.h"
#include "models/disk.h"
#include "obs/log.h"

namespace tidegate::engine {
namespace {

constexpr std::int64_t kFormat = 1;
constexpr std::int64_t kThreadsMax = 4'096, kUbatchMax = 65'536, kAtOnceMax = 256;

std::string CpuName(const std::string& root) {
  std::ifstream file(root + "/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    // As x86 and as ARM say it.
    if (!line.starts_with("model name") && !line.starts_with("CPU part")) continue;
    const std::size_t colon = line.find(": ");
    if (colon != line.npos) return line.substr(colon + 2);
  }
  return "unknown processor";
}

void WriteTuning(json::Writer& out, const Tuning& tuning) {
  out.Key("tuning").BeginObject();
  if (tuning.threads) out.Key("threads").Integer(*tuning.threads);
  if (tuning.ubatch) out.Key("ubatch").Integer(*tuning.ubatch);
  if (tuning.flash_attention) {
    out.Key("flash_attention").String(ToString(*tuning.flash_attention));
  }
  if (tuning.kv_type) out.Key("kv_type").String(models::ToString(*tuning.kv_type));
  out.EndObject();
}

void WriteSpeed(json::Writer& out, const core::SpeedProfile& speed) {
  out.Key("measured_s").Integer(speed.measured_s());
  out.Key("settings").String(speed.settings());
  out.Key("points").BeginArray();
  for (const core::SpeedPoint& point : speed.points()) {
    out.BeginObject();
    out.Key("prompt_tokens").Integer(point.prompt_tokens);
    out.Key("at_once").Integer(point.at_once);
    out.Key("requests").Integer(point.requests);
    out.Key("ttft_ms_p50").Double(point.ttft_ms_p50);
    out.Key("ttft_ms_p95").Double(point.ttft_ms_p95);
    out.Key("prompt_tokens_per_s").Double(point.prompt_tokens_per_s);
    out.Key("tokens_per_s").Double(point.tokens_per_s);
    out.Key("tokens_per_s_total").Double(point.tokens_per_s_total);
    out.Key("disturbed").Bool(point.disturbed);
    out.EndObject();
  }
  out.EndArray();
}

Result<std::string> Text(const json::Object& object, std::string_view key) {
  TIDEGATE_ASSIGN(const json::Value value, object.Get(key));
  TIDEGATE_ASSIGN(const std::string_view text, value.String());
  return std::string(text);
}

Result<std::int64_t> Whole(const json::Object& object, std::string_view key, std::int64_t low,
                           std::int64_t high) {
  TIDEGATE_ASSIGN(const json::Value value, object.Get(key));
  return value.IntegerIn(low, high);
}

Result<double> Positive(const json::Object& object, std::string_view key) {
  TIDEGATE_ASSIGN(const json::Value value, object.Get(key));
  TIDEGATE_ASSIGN(const double number, value.Number());
  if (number >= 0) return number;
  return value.Invalid("must not be negative");
}

template <typename T>
Result<std::optional<T>> Word(const json::Object& object, std::string_view key,
                              std::optional<T> (*parse)(std::string_view)) {
  const std::optional<json::Value> value = object.Find(key);
  if (!value) return std::optional<T>();
  TIDEGATE_ASSIGN(const std::string_view text, value->String());
  const std::optional<T> parsed = parse(text);
  if (!parsed) return value->Invalid("is not known to this version");
  return parsed;
}

Result<std::optional<int>> Count(const json::Object& object, std::string_view key,
                                 std::int64_t high) {
  const std::optional<json::Value> value = object.Find(key);
  if (!value) return std::optional<int>();
  TIDEGATE_ASSIGN(const std::int64_t count, value->IntegerIn(1, high));
  return std::optional<int>(static_cast<int>(count));
}

Result<Tuning> ReadTuning(const json::Object& entry) {
  Tuning tuning;
  TIDEGATE_ASSIGN(const json::Value value, entry.Get("tuning"));
  TIDEGATE_ASSIGN(const json::Object object, value.Object());
  TIDEGATE_ASSIGN(tuning.threads, Count(object, "threads", kThreadsMax));
  TIDEGATE_ASSIGN(tuning.ubatch, Count(object, "ubatch", kUbatchMax));
  TIDEGATE_ASSIGN(tuning.flash_attention,
                  Word<FlashAttention>(object, "flash_attention", ParseFlashAttention));
  TIDEGATE_ASSIGN(tuning.kv_type, Word<models::KvType>(object, "kv_type", models::ParseKvType));
  return tuning;
}

Result<core::SpeedPoint> ReadPoint(const json::Value& value) {
  constexpr std::int64_t kTokensMax = std::int64_t{1} << 40U;
  TIDEGATE_ASSIGN(const json::Object object, value.Object());
  core::SpeedPoint point;
  TIDEGATE_ASSIGN(point.prompt_tokens, Whole(object, "prompt_tokens", 1, kTokensMax));
  TIDEGATE_ASSIGN(const std::int64_t at_once, Whole(object, "at_once", 1, kAtOnceMax));
  point.at_once = static_cast<int>(at_once);
  TIDEGATE_ASSIGN(point.requests, Whole(object, "requests", 1, kTokensMax));
  TIDEGATE_ASSIGN(point.ttft_ms_p50, Positive(object, "ttft_ms_p50"));
  TIDEGATE_ASSIGN(point.ttft_ms_p95, Positive(object, "ttft_ms_p95"));
  TIDEGATE_ASSIGN(point.prompt_tokens_per_s, Positive(object, "prompt_tokens_per_s"));
  TIDEGATE_ASSIGN(point.tokens_per_s, Positive(object, "tokens_per_s"));
  TIDEGATE_ASSIGN(point.tokens_per_s_total, Positive(object, "tokens_per_s_total"));
  TIDEGATE_ASSIGN(const json::Value disturbed, object.Get("disturbed"));
  TIDEGATE_ASSIGN(point.disturbed, disturbed.Bool());
  return point;
}

Result<std::shared_ptr<const core::SpeedProfile>> ReadSpeed(const json::Object& entry) {
  const std::optional<json::Value> value = entry.Find("points");
  if (!value) return std::shared_ptr<const core::SpeedProfile>();
  TIDEGATE_ASSIGN(const json::Array array, value->Array());
  std::vector<core::SpeedPoint> points;
  for (const json::Value element : array) {
    if (points.size() == kProfilePointsMax) return value->Invalid("has too many entries");
    TIDEGATE_ASSIGN(core::SpeedPoint point, ReadPoint(element));
    points.push_back(point);
  }
  if (points.empty()) return value->Invalid("must not be empty");
  TIDEGATE_ASSIGN(const std::int64_t measured_s,
                  Whole(entry, "measured_s", 0, std::int64_t{1} << 40U));
  TIDEGATE_ASSIGN(std::string settings, Text(entry, "settings"));
  return std::make_shared<const core::SpeedProfile>(std::move(points), measured_s,
                                                    std::move(settings));
}

Result<ProfileEntry> ReadEntry(const json::Value& value) {
  TIDEGATE_ASSIGN(const json::Object object, value.Object());
  ProfileEntry entry;
  TIDEGATE_ASSIGN(entry.ground.model, Text(object, "model"));
  TIDEGATE_ASSIGN(entry.ground.engine, Text(object, "engine"));
  TIDEGATE_ASSIGN(entry.ground.machine, Text(object, "machine"));
  TIDEGATE_ASSIGN(entry.name, Text(object, "name"));
  TIDEGATE_ASSIGN(entry.tuning, ReadTuning(object));
  TIDEGATE_ASSIGN(entry.speed, ReadSpeed(object));
  return entry;
}

Result<std::vector<ProfileEntry>> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return std::vector<ProfileEntry>();
  std::string bytes(kProfileFileBytesMax + 1, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return ParseProfiles(bytes);
}

// Both, unless that were too many: then only what is new.
core::SpeedProfile Joined(const core::SpeedProfile& old, core::SpeedProfile fresh) {
  std::vector<core::SpeedPoint> points = fresh.points();
  for (const core::SpeedPoint& point : old.points()) {
    const bool again = std::any_of(
        fresh.points().begin(), fresh.points().end(), [&](const core::SpeedPoint& other) {
          return other.prompt_tokens == point.prompt_tokens && other.at_once == point.at_once;
        });
    if (!again) points.push_back(point);
  }
  if (points.size() > kProfilePointsMax) return fresh;
  return {std::move(points), fresh.measured_s(), fresh.settings()};
}

}  // namespace

std::string IdentityOf(const models::LocalModel& model) {
  if (model.manifest_digest) return "manifest " + model.manifest_digest->ToString();
  return "file " + model.path + " " + std::to_string(model.size_bytes) + " " +
         std::to_string(model.modified_s);
}

std::string MachineText(const std::string& root) {
  return CpuName(root) + ", " + std::to_string(std::thread::hardware_concurrency()) + " processors";
}

Result<std::vector<ProfileEntry>> ParseProfiles(std::string_view bytes) {
  json::Reader reader;
  TIDEGATE_ASSIGN(const json::Value root, reader.ParseCopy(bytes, kProfileFileBytesMax));
  TIDEGATE_ASSIGN(const json::Object object, root.Object());
  TIDEGATE_TRY(Whole(object, "format", kFormat, kFormat));
  TIDEGATE_ASSIGN(const json::Value models, object.Get("models"));
  TIDEGATE_ASSIGN(const json::Array array, models.Array());
  std::vector<ProfileEntry> entries;
  for (const json::Value element : array) {
    if (entries.size() == kProfilesMax) return models.Invalid("has too many entries");
    TIDEGATE_ASSIGN(ProfileEntry entry, ReadEntry(element));
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string WriteProfiles(const std::vector<ProfileEntry>& entries) {
  std::string text;
  json::Writer out(text);
  out.BeginObject().Key("format").Integer(kFormat).Key("models").BeginArray();
  for (const ProfileEntry& entry : entries) {
    out.BeginObject();
    out.Key("name").String(entry.name);
    out.Key("model").String(entry.ground.model);
    out.Key("engine").String(entry.ground.engine);
    out.Key("machine").String(entry.ground.machine);
    WriteTuning(out, entry.tuning);
    if (entry.speed) WriteSpeed(out, *entry.speed);
    out.EndObject();
  }
  out.EndArray().EndObject();
  return text + "\n";
}

ProfileBook::ProfileBook(std::string folder, std::string machine,
                         std::function<std::string()> engine)
    : folder_(std::move(folder)), machine_(std::move(machine)), engine_(std::move(engine)) {
  const std::string path = folder_ + "/" + std::string(kProfileFile);
  Result<std::vector<ProfileEntry>> read = ReadFile(path);
  if (read.ok()) {
    entries_ = *std::move(read);
  } else {
    obs::Log(obs::Level::kWarning,
             "what was measured of the models cannot be read from {} and does not count: {}; the "
             "next `tidegate bench` replaces it",
             path, Describe(read.error()));
  }
}

ProfileGround ProfileBook::GroundOf(const models::LocalModel& model) const {
  return {IdentityOf(model), engine_(), machine_};
}

const ProfileEntry* ProfileBook::Find(const ProfileGround& ground) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const ProfileEntry& e) { return e.ground == ground; });
  return found == entries_.end() ? nullptr : &*found;
}

Tuning ProfileBook::TuningOf(const models::LocalModel& model) const {
  {
    const std::lock_guard lock(mutex_);
    const auto tried = tried_.find(model.name);
    if (tried != tried_.end()) return tried->second;
  }
  return KeptTuning(model);
}

Tuning ProfileBook::KeptTuning(const models::LocalModel& model) const {
  const ProfileGround ground = GroundOf(model);
  const std::lock_guard lock(mutex_);
  const ProfileEntry* const entry = Find(ground);
  return entry == nullptr ? Tuning() : entry->tuning;
}

std::shared_ptr<const core::SpeedProfile> ProfileBook::SpeedOf(const models::LocalModel& model,
                                                               const std::string& settings,
                                                               std::string* why) const {
  const ProfileGround ground = GroundOf(model);
  const std::lock_guard lock(mutex_);
  const ProfileEntry* const entry = Find(ground);
  if (entry != nullptr && entry->speed) {
    if (entry->speed->settings() == settings) return entry->speed;
    if (why != nullptr) *why = "with other settings: " + entry->speed->settings();
    return nullptr;
  }
  if (why == nullptr) return nullptr;
  for (const ProfileEntry& other : entries_) {
    if (!other.speed || (other.ground.model != ground.model && other.name != model.name)) continue;
    *why = other.ground.model != ground.model       ? "of another file under this name"
           : other.ground.machine != ground.machine ? "on another machine"
                                                    : "with another llama-server";
  }
  return nullptr;
}

// What is measured anew replaces what was true of the same file, whatever engine ran then.
Result<void> ProfileBook::Replace(const models::LocalModel& model,
                                  const std::function<void(ProfileEntry&)>& change) {
  const ProfileGround ground = GroundOf(model);
  const std::lock_guard one_writer(write_mutex_);
  std::vector<ProfileEntry> entries;
  ProfileEntry next;
  next.ground = ground;
  {
    const std::lock_guard lock(mutex_);
    if (const ProfileEntry* const entry = Find(ground)) next = *entry;
    for (const ProfileEntry& entry : entries_) {
      if (entry.ground.model != ground.model) entries.push_back(entry);
    }
  }
  next.name = model.name;
  change(next);
  if (next.speed || !next.tuning.empty()) entries.push_back(std::move(next));
  if (entries.size() > kProfilesMax) entries.erase(entries.begin());
  const std::array<std::string, 1> parts = {std::string(kProfileFile)};
  TIDEGATE_TRY(models::WriteDurably(folder_, parts, WriteProfiles(entries)));
  const std::lock_guard lock(mutex_);
  entries_ = std::move(entries);
  return {};
}

Result<void> ProfileBook::KeepSpeed(const models::LocalModel& model, core::SpeedProfile speed) {
  const auto kept = std::make_shared<const core::SpeedProfile>(std::move(speed));
  return Replace(model, [&](ProfileEntry& entry) { entry.speed = kept; });
}

Result<void> ProfileBook::AddSpeed(const models::LocalModel& model, core::SpeedProfile speed) {
  return Replace(model, [&](ProfileEntry& entry) {
    const bool comparable = entry.speed && entry.speed->settings() == speed.settings();
    if (comparable) speed = Joined(*entry.speed, std::move(speed));
    entry.speed = std::make_shared<const core::SpeedProfile>(std::move(speed));
  });
}

Result<void> ProfileBook::KeepTuning(const models::LocalModel& model, const Tuning& tuning) {
  return Replace(model, [&](ProfileEntry& entry) { entry.tuning = tuning; });
}

Result<bool> ProfileBook::ForgetTuning(const models::LocalModel& model) {
  if (KeptTuning(model).empty()) return false;
  TIDEGATE_TRY(KeepTuning(model, Tuning()));
  return true;
}

void ProfileBook::Try(const std::string& model, const Tuning& tuning) {
  const std::lock_guard lock(mutex_);
  tried_[model] = tuning;
}

bool ProfileBook::Trying(const std::string& model) const {
  const std::lock_guard lock(mutex_);
  return tried_.contains(model);
}

void ProfileBook::EndTrial(const std::string& model) {
  const std::lock_guard lock(mutex_);
  tried_.erase(model);
}

}  // namespace tidegate::engine
