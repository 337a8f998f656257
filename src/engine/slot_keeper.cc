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

net::Task<Result<std::vector<SlotReport>>> AskReports(const SlotServer& server,
                                                      std::int64_t deadline) {
  const auto listed = co_await Ask(server, "GET", "/slots", "", deadline);
  if (!listed.ok()) co_return listed.error();
  if (listed->status != kOk) {
    co_return Unavailable(ErrorSource::kEngine, "it answered " + std::to_string(listed->status));
  }
  co_return ReadSlotReports(listed->body);
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
  for (int slot = 0; slot <= spare(); ++slot) {
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
  for (KeptSlot& kept : store_->Find(binding_)) {
    const auto fetch = [&] {
      if (slot == 0 || give_up_ || kept.bytes > room) return false;
      const UniqueFd file = OpenPrivate(In(slot - 1), O_WRONLY | O_TRUNC);
      return file.valid() && store_->Read(binding_, kept, file, [this] { return !give_up_; }).ok();
    };
    const bool fetched = fetch();
    const std::lock_guard lock(mutex_);
    if (fetched) {
      room -= kept.bytes;
      ready_.emplace(--slot, std::move(kept));
    } else {
      found_.push_back(std::move(kept));
    }
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
  int restored = 0;
  for (auto at = ready.rbegin(); at != ready.rend(); ++at) {
    const auto& [slot, kept] = *at;
    if (net::MonotonicNow() >= deadline) {
      self->map_.AddKept(kept);
      continue;
    }
    const auto response =
        co_await Act(server, slot, "restore", "in-" + std::to_string(slot), deadline);
    if (response.ok() && response->status == kOk) {
      tokens += kept.tokens;
      self->map_.Place(slot, kept, -1);
      ++restored;
      continue;
    }
    obs::Log(obs::Level::kWarning, "local model {}: a kept conversation could not be restored: {}",
             self->model_, Why(response));
    if (response.ok()) self->store_->Remove(kept.name);  // nor will it be next time
  }
  self->keeper_->reader_.Post([self] {
    for (int slot = 0; slot < self->files_; ++slot) unlink(self->In(slot).c_str());
  });
  if (restored == 0) co_return;
  obs::Log(obs::Level::kInfo, "local model {}: {} conversation(s) of {} tokens restored in {} ms",
           self->model_, restored, tokens, MillisecondsSince(begin));
}

net::Task<void> SlotRun::Save(std::shared_ptr<SlotRun> self, SlotServer server) {
  if (self->keep_nothing_) co_return;
  const std::int64_t begin = net::MonotonicNow();
  const std::int64_t deadline = begin + kSaveNanos;
  const Result<std::vector<SlotReport>> reports = co_await AskReports(server, deadline);
  if (!reports.ok()) {
    obs::Log(obs::Level::kWarning, "local model {}: no conversation is kept: {}", self->model_,
             Describe(reports.error()));
    co_return;
  }
  self->map_.Note(*reports);
  std::uint64_t room = self->Room();
  std::vector<Saved> saved;
  for (const SlotReport& report : *reports) {
    if (report.busy || report.tokens < kSlotTokensMin || report.id >= self->files_) continue;
    if (self->map_.IsKept(report)) continue;
    if (self->Expected(report.tokens) > room) {
      self->TellTooLarge(report.tokens);
      continue;
    }
    if (net::MonotonicNow() >= deadline) {
      obs::Log(obs::Level::kInfo,
               "local model {}: a conversation of {} tokens is not kept: there was no time left",
               self->model_, report.tokens);
      continue;
    }
    const auto response =
        co_await Act(server, report.id, "save", "out-" + std::to_string(report.id), deadline);
    if (!response.ok() || response->status != kOk) {
      obs::Log(obs::Level::kInfo, "local model {}: a conversation of {} tokens is not kept: {}",
               self->model_, report.tokens, Why(response));
      continue;
    }
    std::error_code ec;
    const std::uint64_t size = fs::file_size(self->Out(report.id), ec);
    room -= ec ? room : std::min(room, size);
    saved.push_back({self->Out(report.id),
                     {report.tokens, self->map_.MarkOf(report.id)},
                     self->map_.Superseded(report)});
  }
  if (saved.empty()) co_return;
  obs::Log(obs::Level::kDebug, "local model {}: {} slot(s) saved in {} ms", self->model_,
           saved.size(), MillisecondsSince(begin));
  self->keeper_->PostKeep(self, std::move(saved));
}

// Once for each model: it would be the same at each of its ends.
void SlotRun::TellTooLarge(std::int64_t tokens) const {
  {
    const std::lock_guard lock(keeper_->mutex_);
    if (!keeper_->told_too_large_.insert(model_).second) return;
  }
  const std::uint64_t mib = (Expected(tokens) + kMiB - 1) / kMiB;
  if (Expected(tokens) > store_->bytes_max()) {
    obs::Log(obs::Level::kWarning,
             "local model {}: a conversation of {} tokens is not kept: it takes about {} MiB, and "
             "engine.conversation_mib allows {}",
             model_, tokens, mib, store_->bytes_max() / kMiB);
  } else {
    obs::Log(obs::Level::kWarning,
             "local model {}: a conversation of {} tokens is not kept: it takes about {} MiB of "
             "memory on its way to the disk, and {} are free for that",
             model_, tokens, mib, Room() / kMiB);
  }
}

void SlotRun::Keep(const std::vector<Saved>& saved) {
  const std::int64_t begin = net::MonotonicNow();
  std::size_t kept = 0;
  std::int64_t tokens = 0;
  std::uint64_t bytes = 0;
  // The latest is written last, so that it is the newest.
  for (auto at = saved.rbegin(); at != saved.rend(); ++at) {
    const UniqueFd file = OpenPrivate(at->path, O_RDWR);
    struct stat info {};
    Result<KeptSlot> written = InvalidArgument("", "what was saved is no file");
    if (file.valid() && fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode)) {
      written = store_->Write(binding_, at->content, file, at->superseded);
      // Emptied, not removed: the process cannot make another one.
      if (ftruncate(file.get(), 0) != 0) unlink(at->path.c_str());
    }
    if (!written.ok()) {
      obs::Log(obs::Level::kWarning, "local model {}: a conversation of {} tokens is not kept: {}",
               model_, at->content.tokens, Describe(written.error()));
      continue;
    }
    ++kept;
    tokens += at->content.tokens;
    bytes += static_cast<std::uint64_t>(info.st_size);
    const std::lock_guard lock(mutex_);
    found_.push_back(*std::move(written));
  }
  if (kept == 0) return;
  obs::Log(obs::Level::kInfo,
           "local model {}: {} conversation(s) of {} tokens kept, {} MiB written in {} ms", model_,
           kept, tokens, (bytes + kMiB - 1) / kMiB, MillisecondsSince(begin));
}

// --- while it serves ---

SlotMarks SlotRun::MarksOf(const std::vector<Sha256>& conversation) const {
  SlotMarks marks;
  marks.reserve(conversation.size());
  for (const Sha256& digest : conversation) marks.push_back(store_->Mark(digest));
  return marks;
}

bool SlotRun::Concerns(const SlotMarks& conversation) {
  if (keep_nothing_ || readying_) return false;
  {
    const std::lock_guard lock(mutex_);
    for (KeptSlot& kept : std::exchange(found_, {})) map_.AddKept(std::move(kept));
  }
  return map_.Concerns(conversation);
}

net::Task<void> SlotRun::Look(std::shared_ptr<SlotRun> self, SlotServer server) {
  if (std::exchange(self->looking_, true)) co_return;
  const Result<std::vector<SlotReport>> reports =
      co_await AskReports(server, net::MonotonicNow() + kReadyNanos);
  self->looking_ = false;
  // Else nobody knows where it is, and the next list shows more.
  if (reports.ok()) self->map_.Note(*reports);
}

net::Task<void> SlotRun::Ready(std::shared_ptr<SlotRun> self, SlotServer server,
                               SlotMarks conversation) {
  self->readying_ = true;
  const std::int64_t begin = net::MonotonicNow();
  const std::int64_t deadline = begin + kReadyNanos;
  SlotMap& map = self->map_;
  const Result<std::vector<SlotReport>> reports = co_await AskReports(server, deadline);
  if (reports.ok()) map.Note(*reports);
  const std::optional<KeptSlot> wanted = map.Wanted(conversation);
  std::optional<int> place;
  if (reports.ok()) {
    place = wanted ? map.PlaceFor(*reports) : map.TakenFor(conversation, *reports);
  }
  std::int64_t task = -1;
  if (place) {
    for (const SlotReport& report : *reports) {
      if (report.id != *place) continue;
      task = report.task;
      if (map.WorthWriting(*place)) co_await WriteBeside(self, server, report, deadline);
    }
  }
  if (place && wanted) {
    const bool read = co_await ReadBeside(self, server, *wanted, deadline);
    if (read) {
      const auto response =
          co_await Act(server, *place, "restore", "in-" + std::to_string(self->spare()), deadline);
      if (response.ok() && response->status == kOk) {
        map.Place(*place, *wanted, task);
        obs::Log(obs::Level::kInfo, "local model {}: a conversation of {} tokens restored in {} ms",
                 self->model_, wanted->tokens, MillisecondsSince(begin));
      } else {
        obs::Log(obs::Level::kWarning,
                 "local model {}: a kept conversation could not be restored: {}", self->model_,
                 Why(response));
        map.Forget(*wanted);
        if (response.ok()) self->store_->Remove(wanted->name);  // nor will it be next time
      }
    }
  }
  self->readying_ = false;
}

// To the disk, beside what goes on.
net::Task<void> SlotRun::WriteBeside(std::shared_ptr<SlotRun> self, const SlotServer& server,
                                     SlotReport report, std::int64_t deadline) {
  const bool can = report.tokens >= kSlotTokensMin && !report.busy &&
                   self->Expected(report.tokens) <= self->Room();
  if (!can || self->writing_beside_.exchange(true)) co_return;
  const auto response =
      co_await Act(server, report.id, "save", "out-" + std::to_string(self->spare()), deadline);
  if (!response.ok() || response->status != kOk) {
    self->writing_beside_ = false;
    co_return;
  }
  std::vector<Saved> saved;
  saved.push_back({self->Out(self->spare()),
                   {report.tokens, self->map_.MarkOf(report.id)},
                   self->map_.Superseded(report)});
  self->map_.Clear(report.id, true);
  self->keeper_->PostKeep(self, std::move(saved));
}

struct SlotRun::Reading {
  std::atomic<bool> done = false, ok = false, give_up = false;
};

// Into the spare file; false = it is not there in time.
net::Task<bool> SlotRun::ReadBeside(std::shared_ptr<SlotRun> self, const SlotServer& server,
                                    const KeptSlot& kept, std::int64_t deadline) {
  if (kept.bytes > self->Room()) co_return false;
  const auto reading = std::make_shared<Reading>();
  self->keeper_->reader_.Post([self, kept, reading] {
    const UniqueFd file = OpenPrivate(self->In(self->spare()), O_WRONLY | O_TRUNC);
    const auto go_on = [&reading] { return !reading->give_up; };
    reading->ok = file.valid() && self->store_->Read(self->binding_, kept, file, go_on).ok();
    reading->done = true;
  });
  net::SleepTimer timer(server.client.shard());
  net::CancelToken never;
  while (!reading->done && net::MonotonicNow() < deadline) {
    co_await timer.SleepUntil(never, net::MonotonicNow() + kFetchPollNanos);
  }
  reading->give_up = true;
  co_return reading->done && reading->ok;
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
  std::shared_ptr<SlotRun> run(new SlotRun(std::min(slots, kSlotFilesMax)));
  run->keeper_ = this;
  run->store_ = store_;
  run->model_ = model.name;
  run->binding_ = store_->Bind(Description(model, binary, settings));
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
  for (int slot = 0; slot <= run->spare() && made; ++slot) {
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

void SlotKeeper::PostKeep(std::shared_ptr<SlotRun> run, std::vector<SlotRun::Saved> saved) {
  {
    const std::lock_guard lock(mutex_);
    being_kept_.insert(run->binding_);
  }
  writer_.Post([this, run = std::move(run), saved = std::move(saved)] {
    run->Keep(saved);
    run->writing_beside_ = false;
    const std::lock_guard lock(mutex_);
    being_kept_.erase(being_kept_.find(run->binding_));
  });
}

}  // namespace tidegate::engine
