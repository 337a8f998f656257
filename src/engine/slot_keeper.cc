#include "engine/slot_keeper.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <string.h>
#include <system_error>
#include <unistd.h>

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "engine/devices.h"
#include "engine/memory_plan.h"
#include "json/reader.h"
#include "net/sleep.h"
#include "obs/log.h"

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kReportBytesMax = 4 * 1024 * 1024;
constexpr std::int64_t kFetchPollNanos = 2'000'000;
constexpr std::int64_t kNanosPerMillisecond = 1'000'000;
constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr int kOk = 200;

bool LiesInMemory(const std::string& path) {
  struct statfs info {};
  if (statfs(path.c_str(), &info) != 0) return false;
  return info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC;
}

// What tells one file from another under the same path.
std::string Identity(const std::string& path) {
  struct stat info {};
  if (path.empty() || stat(path.c_str(), &info) != 0) return path;
  return path + " " + std::to_string(info.st_size) + " " + std::to_string(info.st_mtim.tv_sec) +
         "." + std::to_string(info.st_mtim.tv_nsec);
}

// All that decides what the numbers in a slot mean. The size of the window is none of it.
std::string Description(const models::LocalModel& model, const EngineBinary& binary,
                        const ChildSettings& settings) {
  std::string text = "model " + Identity(model.path) + " " + std::to_string(model.size_bytes);
  text += "\nengine " + binary.version;
  text += "\ncache " + std::string(models::ToString(settings.key_type)) + " " +
          std::string(models::ToString(settings.value_type)) + " " +
          std::to_string(static_cast<int>(settings.flash_attention));
  text += "\nspeculation " + settings.speculation + " " + Identity(settings.draft_path);
  text += "\nprojector " + Identity(settings.projector_path);
  for (const Adapter& adapter : settings.adapters) {
    text += "\nadapter " + std::to_string(adapter.scale) + " " + Identity(adapter.path);
  }
  return text;
}

UniqueFd OpenPrivate(const std::string& path, int flags) {
  return UniqueFd(open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
}

std::int64_t NumberOr(const json::Object& object, std::string_view name, std::int64_t otherwise) {
  const std::optional<json::Value> value = object.Find(name);
  if (!value) return otherwise;
  const Result<std::int64_t> number = value->Integer();
  return number.ok() ? *number : otherwise;
}

net::Task<Result<net::SimpleResponse>> Ask(const SlotServer& server, std::string method,
                                           std::string path, std::string body,
                                           std::int64_t deadline) {
  const std::int64_t left = std::max<std::int64_t>(1, deadline - net::MonotonicNow());
  std::string fields =
      "Authorization: " + server.authorization + "\r\nContent-Type: application/json\r\n";
  return net::Fetch(server.client, server.origin, std::move(method), std::move(path),
                    std::move(fields), std::move(body), left);
}

net::Task<Result<net::SimpleResponse>> Act(const SlotServer& server, int slot,
                                           const std::string& action, const std::string& file,
                                           std::int64_t deadline) {
  return Ask(server, "POST", "/slots/" + std::to_string(slot) + "?action=" + action,
             R"({"filename":")" + file + R"("})", deadline);
}

// Why an answer is not the one that was hoped for; never what is in it.
std::string Why(const Result<net::SimpleResponse>& response) {
  return response.ok() ? "it answered " + std::to_string(response->status)
                       : Describe(response.error());
}

std::int64_t MillisecondsSince(std::int64_t begin) {
  return (net::MonotonicNow() - begin) / kNanosPerMillisecond;
}

}  // namespace

Result<std::vector<SlotReport>> ReadSlotReports(std::string_view body) {
  json::Reader reader;
  const auto malformed = [](const Error& error) {
    return Error{ErrorCode::kProtocol, ErrorSource::kEngine, Retry::kNever,
                 "llama-server's list of slots: " + Describe(error)};
  };
  const Result<json::Value> root = reader.ParseCopy(body, kReportBytesMax);
  if (!root.ok()) return malformed(root.error());
  const Result<json::Array> list = root->Array();
  if (!list.ok()) return malformed(list.error());
  std::vector<SlotReport> reports;
  for (const json::Value element : *list) {
    const Result<json::Object> slot = element.Object();
    if (!slot.ok()) return malformed(slot.error());
    const std::int64_t id = NumberOr(*slot, "id", -1);
    const std::int64_t tokens = NumberOr(*slot, "n_prompt_tokens", 0);
    if (id < 0 || id >= kSlotFilesMax || tokens <= 0) continue;
    const std::optional<json::Value> busy = slot->Find("is_processing");
    const Result<bool> works = busy ? busy->Bool() : Result<bool>(false);
    reports.push_back(
        {static_cast<int>(id), tokens, NumberOr(*slot, "id_task", -1), !works.ok() || *works});
  }
  std::sort(reports.begin(), reports.end(),
            [](const SlotReport& a, const SlotReport& b) { return b.task < a.task; });
  return reports;
}

// --- one process ---

SlotRun::~SlotRun() {
  std::error_code ignored;  // what is left here goes with the folder around it
  fs::remove_all(folder_, ignored);
}

void SlotRun::Allow(ChildSettings& settings, ChildFiles& files) const {
  settings.slot_save_folder = folder_;
  for (int slot = 0; slot < files_; ++slot) {
    files.slots_in.push_back(In(slot));
    files.slots_out.push_back(Out(slot));
  }
  files.slot_bytes_max = store_->bytes_max();
}

// For all files together, so that neither the folder nor the machine runs out of memory.
std::uint64_t SlotRun::Room() const {
  std::uint64_t room = store_->bytes_max();
  struct statfs info {};
  if (statfs(folder_.c_str(), &info) != 0) return 0;
  room =
      std::min(room, std::uint64_t{info.f_bavail} * static_cast<std::uint64_t>(info.f_bsize) / 2);
  const Result<HostMemory> memory = ReadHostMemory();
  return memory.ok() ? std::min(room, memory->available_bytes / 4) : room;
}

std::uint64_t SlotRun::Expected(std::int64_t tokens) const {
  return bytes_beside_ + static_cast<std::uint64_t>(bytes_per_token_ * static_cast<double>(tokens));
}

void SlotRun::Fetch() {
  // Whoever has a new conversation gets the first slot that was never used, so the newest come
  // last.
  int slot = files_;
  std::uint64_t room = Room();
  for (const KeptSlot& kept : store_->Find(binding_)) {
    if (slot == 0 || give_up_) break;
    if (kept.bytes > room) continue;
    const UniqueFd file = OpenPrivate(In(slot - 1), O_WRONLY | O_TRUNC);
    if (!file.valid()) break;
    if (!store_->Read(binding_, kept, file, [this] { return !give_up_; }).ok()) continue;
    --slot;
    room -= kept.bytes;
    const std::lock_guard lock(mutex_);
    ready_.emplace(slot, kept);
  }
  fetched_ = true;
}

net::Task<void> SlotRun::Restore(std::shared_ptr<SlotRun> self, SlotServer server) {
  const std::int64_t begin = net::MonotonicNow();
  const std::int64_t deadline = begin + kRestoreNanos;
  net::SleepTimer timer(server.client.shard());
  net::CancelToken never;
  while (!self->fetched_ && net::MonotonicNow() < deadline) {
    co_await timer.SleepUntil(never, net::MonotonicNow() + kFetchPollNanos);
  }
  self->give_up_ = true;
  std::map<int, KeptSlot> ready;
  {
    const std::lock_guard lock(self->mutex_);
    ready.swap(self->ready_);
  }
  std::int64_t tokens = 0;
  for (auto at = ready.rbegin(); at != ready.rend() && net::MonotonicNow() < deadline; ++at) {
    const auto& [slot, kept] = *at;
    const auto response =
        co_await Act(server, slot, "restore", "in-" + std::to_string(slot), deadline);
    if (response.ok() && response->status == kOk) {
      tokens += kept.tokens;
      self->restored_.emplace(slot, kept);
      continue;
    }
    obs::Log(obs::Level::kWarning, "local model {}: a kept conversation could not be restored: {}",
             self->model_, Why(response));
    if (response.ok()) self->store_->Remove(kept.name);  // nor will it be next time
  }
  self->keeper_->reader_.Post([self] {
    for (int slot = 0; slot < self->files_; ++slot) unlink(self->In(slot).c_str());
  });
  if (self->restored_.empty()) co_return;
  obs::Log(obs::Level::kInfo, "local model {}: {} conversation(s) of {} tokens restored in {} ms",
           self->model_, self->restored_.size(), tokens, MillisecondsSince(begin));
}

net::Task<void> SlotRun::Save(std::shared_ptr<SlotRun> self, SlotServer server) {
  if (self->keep_nothing_) co_return;
  const std::int64_t begin = net::MonotonicNow();
  const std::int64_t deadline = begin + kSaveNanos;
  const auto listed = co_await Ask(server, "GET", "/slots", "", deadline);
  Result<std::vector<SlotReport>> reports = std::vector<SlotReport>();
  if (listed.ok() && listed->status == kOk) reports = ReadSlotReports(listed->body);
  if (!listed.ok() || listed->status != kOk || !reports.ok()) {
    obs::Log(obs::Level::kWarning, "local model {}: no conversation is kept: {}", self->model_,
             reports.ok() ? Why(listed) : Describe(reports.error()));
    co_return;
  }
  std::uint64_t room = self->Room();
  std::vector<Saved> saved;
  std::vector<std::string> superseded;
  for (const SlotReport& report : *reports) {
    if (report.busy || report.tokens < kSlotTokensMin || report.id >= self->files_) continue;
    if (self->Expected(report.tokens) > room || net::MonotonicNow() >= deadline) continue;
    const auto response =
        co_await Act(server, report.id, "save", "out-" + std::to_string(report.id), deadline);
    if (!response.ok() || response->status != kOk) {
      obs::Log(obs::Level::kInfo, "local model {}: a conversation of {} tokens is not kept: {}",
               self->model_, report.tokens, Why(response));
      continue;
    }
    saved.push_back({report.id, report.tokens});
    std::error_code ec;
    const std::uint64_t size = fs::file_size(self->Out(report.id), ec);
    room -= ec ? room : std::min(room, size);
    // The same conversation went on, as far as its length tells; else both stay.
    const auto before = self->restored_.find(report.id);
    if (before != self->restored_.end() && before->second.tokens <= report.tokens) {
      superseded.push_back(before->second.name);
    }
  }
  if (saved.empty()) co_return;
  obs::Log(obs::Level::kDebug, "local model {}: {} slot(s) saved in {} ms", self->model_,
           saved.size(), MillisecondsSince(begin));
  self->keeper_->PostKeep(self, std::move(saved), std::move(superseded));
}

void SlotRun::Keep(const std::vector<Saved>& saved,
                   const std::vector<std::string>& superseded) const {
  const std::int64_t begin = net::MonotonicNow();
  for (const std::string& name : superseded) store_->Remove(name);
  std::size_t kept = 0;
  std::int64_t tokens = 0;
  std::uint64_t bytes = 0;
  // The latest is written last, so that it is the newest.
  for (auto at = saved.rbegin(); at != saved.rend(); ++at) {
    const UniqueFd file = OpenPrivate(Out(at->slot), O_RDONLY);
    struct stat info {};
    Result<void> written = InvalidArgument("", "what was saved is no file");
    if (file.valid() && fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode)) {
      written = store_->Write(binding_, at->tokens, file);
    }
    unlink(Out(at->slot).c_str());
    if (!written.ok()) {
      obs::Log(obs::Level::kWarning, "local model {}: a conversation of {} tokens is not kept: {}",
               model_, at->tokens, Describe(written.error()));
      continue;
    }
    ++kept;
    tokens += at->tokens;
    bytes += static_cast<std::uint64_t>(info.st_size);
  }
  if (kept == 0) return;
  obs::Log(obs::Level::kInfo,
           "local model {}: {} conversation(s) of {} tokens kept, {} MiB written in {} ms", model_,
           kept, tokens, (bytes + kMiB - 1) / kMiB, MillisecondsSince(begin));
}

// --- all processes ---

Result<std::shared_ptr<SlotKeeper>> SlotKeeper::Open(const SlotKeeperOptions& options,
                                                     std::shared_ptr<const SlotStore> store) {
  std::string base = options.runtime_folder;
  if (!LiesInMemory(base)) {
    if (!LiesInMemory(options.shared_memory)) {
      return Unavailable(ErrorSource::kGateway,
                         "neither " + options.runtime_folder + " nor " + options.shared_memory +
                             " lies in memory (tmpfs), and conversations may not touch a disk "
                             "unencrypted");
    }
    base = options.shared_memory + "/tidegate-" + std::to_string(geteuid());
  }
  TIDEGATE_ASSIGN(RuntimeFolder folder, RuntimeFolder::Open(base));
  return std::shared_ptr<SlotKeeper>(new SlotKeeper(std::move(folder), std::move(store)));
}

SlotKeeper::SlotKeeper(RuntimeFolder folder, std::shared_ptr<const SlotStore> store)
    : folder_(std::move(folder)), store_(std::move(store)) {}

SlotKeeper::~SlotKeeper() = default;

std::shared_ptr<SlotRun> SlotKeeper::Begin(const models::LocalModel& model,
                                           const EngineBinary& binary,
                                           const ChildSettings& settings, int slots) {
  const bool remembers = model.metadata.pooling == models::GgufPooling::kNone;
  if (!remembers || !binary.options.contains("--slot-save-path")) return nullptr;
  std::shared_ptr<SlotRun> run(new SlotRun());
  run->keeper_ = this;
  run->store_ = store_;
  run->model_ = model.name;
  run->binding_ = store_->Bind(Description(model, binary, settings));
  run->files_ = std::min(slots, kSlotFilesMax);
  run->folder_ = folder_.path() + "/slots-" + std::to_string(next_run_++);
  const models::FitInput input = FitInputOf(model, {}, settings, slots, {});
  if (const Result<models::FitEstimate> fit = models::EstimateMemory(input); fit.ok()) {
    const double tokens = static_cast<double>(input.context_tokens) * slots;
    // A draft saves its own as well, and is no larger than its model.
    const double times = settings.draft_path.empty() ? 1 : 2;
    run->bytes_per_token_ = times * static_cast<double>(fit->host.cache) / std::max(1.0, tokens);
    run->bytes_beside_ = fit->host.states / static_cast<std::uint64_t>(std::max(1, slots));
  }
  bool made = mkdir(run->folder_.c_str(), 0700) == 0;
  for (int slot = 0; slot < run->files_ && made; ++slot) {
    made = OpenPrivate(run->In(slot), O_WRONLY | O_CREAT | O_EXCL).valid() &&
           OpenPrivate(run->Out(slot), O_WRONLY | O_CREAT | O_EXCL).valid();
  }
  if (!made) {
    obs::Log(obs::Level::kWarning, "local model {}: conversations are not kept: {}: {}", model.name,
             run->folder_, strerrordesc_np(errno));
    return nullptr;
  }
  bool ours_waits = false;
  {
    const std::lock_guard lock(mutex_);
    ours_waits = being_kept_.contains(run->binding_);
  }
  // Behind what is still being written for it; everybody else need not wait for that.
  (ours_waits ? writer_ : reader_).Post([run] { run->Fetch(); });
  return run;
}

void SlotKeeper::PostKeep(std::shared_ptr<SlotRun> run, std::vector<SlotRun::Saved> saved,
                          std::vector<std::string> superseded) {
  {
    const std::lock_guard lock(mutex_);
    being_kept_.insert(run->binding_);
  }
  writer_.Post(
      [this, run = std::move(run), saved = std::move(saved), superseded = std::move(superseded)] {
        run->Keep(saved, superseded);
        const std::lock_guard lock(mutex_);
        being_kept_.erase(being_kept_.find(run->binding_));
      });
}

}  // namespace tidegate::engine
