#include "engine/runner.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include "base/check.h"
#include "base/clock.h"
#include "base/digest.h"
#include "engine/command_line.h"
#include "engine/devices_used.h"
#include "engine/tuning.h"
#include "models/stored_model.h"
#include "obs/log.h"

namespace tidegate::engine {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::int64_t kNanosPerMillisecond = 1'000'000;
constexpr std::size_t kLogLineBytesMax = 300;  // of what the child said, in an error's message

// The line of the child's output that says most about why it ended: the first complaint, since the
// later ones only follow from it, or else its last words.
std::string TellingLine(const std::string& output) {
  std::string last;
  std::size_t at = 0;
  while (at < output.size()) {
    const std::size_t end = std::min(output.find('\n', at), output.size());
    const std::string line = output.substr(at, std::min(end - at, kLogLineBytesMax));
    at = end + 1;
    if (line.empty()) continue;
    last = line;
    if (line.find("error") != line.npos || line.find("invalid") != line.npos) return line;
  }
  return last;
}

// The guess of how long a model takes to load until it has been loaded once: from a disk that is
// neither slow nor fast.
std::int64_t LoadNanosPrior(const models::LocalModel& model) {
  constexpr std::uint64_t kBytesPerMillisecond = 1'000'000;
  constexpr std::int64_t kStartMilliseconds = 100;
  return (kStartMilliseconds + static_cast<std::int64_t>(model.size_bytes / kBytesPerMillisecond)) *
         kNanosPerMillisecond;
}

bool SameFile(const models::LocalModel& a, const models::LocalModel& b) {
  return a.path == b.path && a.size_bytes == b.size_bytes && a.modified_s == b.modified_s;
}

constexpr std::string_view kStartAnew = "engine_start_anew";

// Seen by nobody: a start that is begun anew fails to begin with.
Error StartAnew() {
  Error error = Unavailable(ErrorSource::kEngine, "the machine has changed");
  error.reason = kStartAnew;
  return error;
}

// What a process may take in all: far from what it needs by the formulas, and far from all that
// there is. Drivers of graphics devices reserve more than the machine has, so there is no limit for
// those that use one; nor where the formulas do not know the model.
std::optional<std::uint64_t> DataBytesMax(const ModelFit& fit) {
  constexpr std::uint64_t kBesideBytes = 1ULL << 30U;  // libraries, threads, and what they reserve
  if (!fit.memory.estimated || fit.devices_planned > 0) return std::nullopt;
  return 2 * fit.bytes.host + kBesideBytes;
}

}  // namespace

class Runner::Pending {
 public:
  explicit Pending(std::shared_ptr<Runner> runner) : runner_(std::move(runner)) {
    ++runner_->pending_;
  }
  Pending(Pending&&) noexcept = default;
  Pending& operator=(Pending&&) = delete;
  ~Pending() {
    if (!runner_) return;
    --runner_->pending_;
    runner_->CheckQuiet();
  }
  Runner& operator*() const { return *runner_; }
  Runner* operator->() const { return runner_.get(); }

 private:
  std::shared_ptr<Runner> runner_;
};

Runner::Runner(std::shared_ptr<RunnerContext> context, FitterPtr fitter)
    : context_(std::move(context)),
      name_(fitter->model().name),
      fitter_(std::move(fitter)),
      next_(std::make_shared<const ModelFit>(fitter_->standard())),
      present_(next_),
      supervisor_(name_, context_->LimitsOf(name_)),
      exit_watch_(context_->shard.io().get_executor()),
      output_(context_->shard.io().get_executor()),
      timer_(context_->shard.io()) {
  supervisor_.SetLoadPrior(LoadNanosPrior(fitter_->model()));
  supervisor_.SetSlots(next_->slots());
  Publish();
}

// --- those who want to use the model ---

void Runner::Acquire(WaiterId waiter, const Claim& claim, Granted granted) {
  Result<bool> enlarged = MakeWindow(claim.context_tokens);
  if (!enlarged.ok()) return granted(std::move(enlarged).error());
  waiters_.emplace(waiter, Waiter{claim, std::move(granted)});
  const std::int64_t now = net::MonotonicNow();
  Actions actions;
  if (*enlarged) actions = supervisor_.Replace(now);
  for (Action& action : supervisor_.Acquire(now, waiter, claim)) {
    actions.push_back(std::move(action));
  }
  Apply(std::move(actions));
}

// Sees to it that the next process has a window of so many tokens; true when the present one has
// not. Once enlarged it stays so until nothing of it is loaded and nobody waits: see Apply.
Result<bool> Runner::MakeWindow(std::int64_t tokens) {
  if (!next_->memory.fits) {
    Error error =
        Unavailable(ErrorSource::kEngine,
                    "local model \"" + name_ + "\" cannot be loaded: " + next_->memory.why_not);
    error.reason = "engine_memory";
    return error;
  }
  if (tokens <= next_->context_tokens()) return false;
  auto larger = std::make_shared<const ModelFit>(fitter_->WithWindow(tokens));
  if (!larger->memory.fits) {
    Error error{ErrorCode::kTooLarge, ErrorSource::kEngine, Retry::kOtherTarget,
                "local model \"" + name_ + "\" cannot have a window of " + std::to_string(tokens) +
                    " tokens: " + larger->memory.why_not};
    error.reason = "context_length_exceeded";
    return error;
  }
  obs::Log(obs::Level::kInfo,
           "local model {} gets a window of {} tokens, for {} request(s) at once", name_,
           larger->context_tokens(), larger->slots());
  FitNext(std::move(larger));
  return true;
}

void Runner::FitNext(FitPtr fit) {
  next_ = std::move(fit);
  supervisor_.SetSlots(next_->slots());
  context_->scheduler->Announce(name_, context_->BytesOf(fitter_->model(), *next_));
}

void Runner::Abandon(WaiterId waiter) {
  supervisor_.Abandon(waiter);
  waiters_.erase(waiter);
  Apply({});
}

void Runner::KeepAlive(std::int64_t nanos) {
  supervisor_.KeepAlive(net::MonotonicNow(), nanos);
  Apply({});
}

void Runner::Pin(bool pinned) {
  supervisor_.Pin(net::MonotonicNow(), pinned);
  if (pinned) supervisor_.Preload();
  context_->scheduler->Pin(name_, pinned);
  Apply({});
}

void Runner::NoteDrafts(std::int64_t drafted, std::int64_t accepted) {
  drafted_tokens_ += drafted;
  draft_accepted_tokens_ += accepted;
  Publish();
}

void Runner::Unload() { Apply(supervisor_.Unload(net::MonotonicNow())); }

void Runner::Renew(FitterPtr fitter) {
  fitter_ = std::move(fitter);
  FitNext(std::make_shared<const ModelFit>(fitter_->standard()));
  Apply(supervisor_.Renew(net::MonotonicNow()));
}

void Runner::SetModel(FitterPtr fitter) {
  stopped_ = nullptr;
  supervisor_.Reopen();
  const bool same = SameFile(fitter_->model(), fitter->model());
  fitter_ = std::move(fitter);
  // Who waits may do so for the larger window that there is.
  const std::int64_t window = same && !supervisor_.forgotten() ? next_->context_tokens() : 0;
  auto fit = std::make_shared<const ModelFit>(fitter_->WithWindow(window));
  if (!fit->memory.fits) fit = std::make_shared<const ModelFit>(fitter_->standard());
  FitNext(std::move(fit));
  if (same) return Apply({});
  supervisor_.SetLoadPrior(LoadNanosPrior(fitter_->model()));
  Apply(supervisor_.Renew(net::MonotonicNow()));
}

void Runner::Retire(std::function<void()> gone) {
  stopped_ = std::move(gone);
  // `gone` comes at the end of this function at the earliest.
  const Pending pending(shared_from_this());
  Apply(supervisor_.Retire(net::MonotonicNow(),
                           NotFound("there is no local model \"" + name_ + "\" any more")));
}

Use Runner::use() const {
  const ModelStatus status = supervisor_.Status(net::MonotonicNow());
  Use use{Phase::kAbsent,       status.users,     status.queue_depth, supervisor_.waiting_since(),
          supervisor_.grants(), status.load_nanos};
  switch (status.state) {
    case ModelState::kAbsent:
    case ModelState::kBackingOff:
      break;
    case ModelState::kWaiting:
      use.phase = Phase::kWanting;
      break;
    case ModelState::kStarting:
      use.phase = Phase::kLoading;
      break;
    case ModelState::kReady:
      use.phase = supervisor_.leaving() ? Phase::kLeaving : Phase::kResident;
      break;
    case ModelState::kStopping:
      use.phase = Phase::kLeaving;
      break;
  }
  return use;
}

void Runner::OnDecision(Decision decision) {
  const std::int64_t now = net::MonotonicNow();
  switch (decision.kind) {
    case Decision::Kind::kStart:
      return Apply(supervisor_.OnRoom(now));
    case Decision::Kind::kRefuse:
      if (supervisor_.pinned() && waiters_.empty()) {
        obs::Log(obs::Level::kWarning, "local model {} is pinned and not loaded: {}", name_,
                 decision.error.message);
      }
      return Apply(supervisor_.OnNoRoom(now, std::move(decision.error)));
    case Decision::Kind::kExpire:
      return Apply(supervisor_.OnWaitOver(decision.since, decision.error));
    case Decision::Kind::kYield:
      return Apply(supervisor_.Yield(now));
    case Decision::Kind::kResume:
      return Apply(supervisor_.Resume(now));
    case Decision::Kind::kPreload:
      supervisor_.Preload();
      return Apply({});
  }
}

void Runner::Grant(WaiterId waiter) {
  const std::uint64_t run = supervisor_.run();
  const std::int64_t since = net::MonotonicNow();
  SlotMarks conversation;
  if (slots_) conversation = slots_->MarksOf(waiters_.at(waiter).claim.conversation);
  // Weak: a lease may be the last thing to go, and a runner has to go before its shard.
  auto release = [context = context_, weak = weak_from_this(), run, since, conversation]() mutable {
    if (context->stopped) return;
    const std::int64_t held_nanos = net::MonotonicNow() - since;
    context->shard.Post([weak, run, held_nanos, conversation = std::move(conversation)] {
      const std::shared_ptr<Runner> self = weak.lock();
      if (!self) return;
      self->NoteAnswered(run, conversation);
      self->Apply(self->supervisor_.Release(net::MonotonicNow(), run, held_nanos));
    });
  };
  Endpoint endpoint{origin(), authorization_, name_, peer_pid(), present_->context_tokens(), run};
  Lease lease(std::move(endpoint), std::move(release));
  if (slots_) slots_->Granted();
  // Who comes while slots are made ready could take them.
  if (readying_) {
    held_back_.emplace_back(waiter, std::move(lease));
    return;
  }
  if (!slots_ || !slots_->Concerns(conversation)) return Answer(waiter, std::move(lease));
  readying_ = true;
  net::Spawn(context_->shard.io(),
             ReadyThenAnswer(shared_from_this(), waiter, std::move(lease), std::move(conversation)),
             [self = Pending(shared_from_this())](std::exception_ptr e) { CHECK(!e); });
}

void Runner::Answer(WaiterId waiter, Result<Lease> result) {
  const auto at = waiters_.find(waiter);
  CHECK(at != waiters_.end());
  const Waiter answered = std::move(at->second);
  waiters_.erase(at);
  if (result.ok() && !answered.claim.may_be_kept && slots_) slots_->KeepNothing();
  answered.granted(std::move(result));
}

// A process that cannot start with settings that are only being tried is the trial's failure and
// nobody else's.
bool Runner::IsSpared(WaiterId waiter, const Error& error) const {
  const std::shared_ptr<TuningSource>& tuning = fitter_->policy().child.tuning;
  if (!tuning || !tuning->Trying(name_)) return false;
  const bool of_start = error.code != ErrorCode::kNotFound && error.reason != "engine_queue_full" &&
                        error.reason != "engine_memory_busy" && error.reason != "engine_stopping";
  return of_start && !waiters_.at(waiter).claim.of_trial;
}

void Runner::EndTrial(std::vector<WaiterId> spared) {
  obs::Log(obs::Level::kWarning,
           "local model {} cannot start with settings that were being tried; it goes on without",
           name_);
  fitter_->policy().child.tuning->EndTrial(name_);
  // Where it may block: files are read.
  context_->spawner->Post([self = std::make_shared<Pending>(shared_from_this()), was = fitter_,
                           spared = std::move(spared)]() mutable {
    auto fitter = std::make_shared<const ModelFitter>(was->model(), was->policy());
    net::Shard& shard = (*self)->context_->shard;
    shard.Post([self = std::move(self), was = std::move(was), fitter = std::move(fitter),
                spared = std::move(spared)]() mutable {
      // Or it is another model by now, which was fitted after the trial's end.
      if ((*self)->fitter_ == was) (*self)->Renew(std::move(fitter));
      (*self)->AskAgain(spared);
    });
  });
}

void Runner::AskAgain(const std::vector<WaiterId>& spared) {
  for (const WaiterId waiter : spared) {
    const auto at = waiters_.find(waiter);
    if (at == waiters_.end()) continue;  // it has left meanwhile
    Apply(supervisor_.Acquire(net::MonotonicNow(), waiter, at->second.claim));
  }
}

void Runner::Stop(std::function<void()> stopped) {
  stopped_ = std::move(stopped);
  // `stopped` comes at the end of this function at the earliest.
  const Pending pending(shared_from_this());
  Apply(supervisor_.Stop(net::MonotonicNow()));
}

void Runner::CheckQuiet() {
  if (stopped_ && supervisor_.stopped() && pending_ == 0) std::exchange(stopped_, nullptr)();
}

// --- what the supervisor wants ---

void Runner::Apply(Actions actions) {
  if (supervisor_.forgotten() && next_->context_tokens() > fitter_->standard().context_tokens()) {
    FitNext(std::make_shared<const ModelFit>(fitter_->standard()));
  }
  Publish();  // first: who gets a lease below finds its model ready
  ArmTimer();
  std::vector<WaiterId> spared;
  for (Action& action : actions) {
    switch (action.kind) {
      case Action::Kind::kSpawn:
        StartChild();
        break;
      case Action::Kind::kProbe:
        Probe();
        break;
      case Action::Kind::kCheck:
        Check();
        break;
      case Action::Kind::kTerminate:
        Terminate();
        break;
      case Action::Kind::kKill:
        child_->SignalGroup(SIGKILL);
        break;
      case Action::Kind::kGrant:
        Grant(action.waiter);
        break;
      case Action::Kind::kRefuse:
        if (IsSpared(action.waiter, action.error)) {
          spared.push_back(action.waiter);
        } else {
          Answer(action.waiter, std::move(action.error));
        }
        break;
    }
  }
  context_->scheduler->Changed(name_);
  if (!spared.empty()) EndTrial(std::move(spared));
}

void Runner::ArmTimer() {
  const std::optional<std::int64_t> wake_at = supervisor_.wake_at();
  if (wake_at == armed_for_) return;
  armed_for_ = wake_at;
  timer_.cancel();
  if (!wake_at) return;
  timer_.expires_after(std::chrono::nanoseconds(*wake_at - net::MonotonicNow()));
  timer_.async_wait([self = Pending(shared_from_this())](net::error_code ec) {
    if (ec) return;  // armed anew
    self->armed_for_.reset();
    self->Apply(self->supervisor_.OnTimer(net::MonotonicNow()));
  });
}

// One line per change, for the operator.
void Runner::LogChange(const ModelStatus& now) const {
  if (now.state == ModelState::kReady) {
    obs::Log(obs::Level::kInfo, "local model {} is ready after {} ms (pid {})", now.model,
             now.last_start_nanos / kNanosPerMillisecond, now.pid);
  } else if (now.state == ModelState::kBackingOff) {
    obs::Log(obs::Level::kWarning, "local model {} failed {} time(s), next try in {} ms: {}",
             now.model, now.failures, now.retry_in_nanos / kNanosPerMillisecond, now.last_error);
  } else {
    obs::Log(obs::Level::kDebug, "local model {} is {}", now.model, ToString(now.state));
  }
}

void Runner::Publish() {
  ModelStatus status = supervisor_.Status(net::MonotonicNow());
  if (child_) status.pid = child_->pid();
  if (child_) status.started_wall_nanos = started_wall_nanos_;
  if (child_) status.degraded = degraded_;
  const ModelFit& fit = child_ ? *present_ : *next_;
  status.context_tokens = fit.context_tokens();
  status.device_layers = fit.memory.device_layers;
  status.unfit = next_->memory.why_not;
  status.window_note = fit.memory.window_note;
  status.speculation = speculation_;
  status.speculation_note = speculation_note_;
  status.drafted_tokens = drafted_tokens_;
  status.draft_accepted_tokens = draft_accepted_tokens_;
  if (child_ && context_->protection.enabled) status.sandbox_missing = child_->sandbox().Missing();
  if (status.state != status_.state) LogChange(status);  // this thread alone writes status_
  const std::lock_guard lock(status_mutex_);
  status_ = std::move(status);
  published_at_ = net::MonotonicNow();
}

ModelStatus Runner::status() const {
  const std::lock_guard lock(status_mutex_);
  ModelStatus status = status_;
  const std::int64_t age = net::MonotonicNow() - published_at_;
  status.retry_in_nanos = std::max<std::int64_t>(0, status.retry_in_nanos - age);
  if (status.queue_depth > 0) status.oldest_wait_nanos += age;
  if (status.state == ModelState::kStarting) {
    status.expected_wait_nanos = std::max<std::int64_t>(0, status.expected_wait_nanos - age);
  }
  if (status.idle_stop_in_nanos >= 0 && status.users == 0) {
    status.idle_stop_in_nanos = std::max<std::int64_t>(0, status.idle_stop_in_nanos - age);
  }
  return status;
}

// --- the child ---

net::Origin Runner::origin() const {
  net::Origin origin;
  origin.scheme = net::Scheme::kUnix;
  origin.unix_path = context_->folder.SocketPath(name_);
  return origin;
}

// In a sandbox it starts no others. Outside of one it may be a program that starts the engine in a
// way of its own, and could do worse than take a socket if it wanted.
int Runner::peer_pid() const { return child_ && context_->protection.enabled ? child_->pid() : 0; }

void Runner::StartChild() {
  const std::uint64_t run = supervisor_.run();
  present_ = next_;
  const bool keeps = std::none_of(waiters_.begin(), waiters_.end(),
                                  [](const auto& entry) { return entry.second.claim.of_trial; });
  context_->spawner->Post([self = std::make_shared<Pending>(shared_from_this()), run, keeps,
                           fitter = fitter_, fit = present_]() mutable {
    const RunnerContext& context = *(*self)->context_;
    const bool anew = context.before_start && context.before_start();
    auto started = std::make_shared<Result<Started>>(
        anew ? Result<Started>(StartAnew()) : (*self)->Prepare(fitter->model(), *fit, keeps));
    net::Shard& shard = (*self)->context_->shard;
    shard.Post(
        [self = std::move(self), run, started] { (*self)->OnStarted(run, std::move(*started)); });
  });
}

Result<Runner::Started> Runner::Prepare(const models::LocalModel& model, const ModelFit& fit,
                                        bool keeps) const {
  ChildFiles files{context_->folder.SocketPath(name_), context_->folder.KeyPath(name_)};
  TIDEGATE_ASSIGN(models::Pin pin, models::HoldFiles(model));
  TIDEGATE_TRY(context_->folder.MakeSocketFolder(name_));
  TIDEGATE_ASSIGN(const EngineBinary binary, context_->locator.Locate());
  process::SpawnOptions options;
  ChildSettings settings = fit.settings;
  std::shared_ptr<SlotRun> kept;
  if (context_->slots && keeps) kept = context_->slots->Begin(model, binary, settings, fit.slots());
  if (kept) kept->Allow(settings, files);
  TIDEGATE_ASSIGN(options.argv, MakeCommandLine(binary, model, settings, fit.slots(), files));
  options.environment = binary.environment;
  ChildProtection protection = context_->protection;
  if (!protection.data_bytes_max) protection.data_bytes_max = DataBytesMax(fit);
  protection.Apply(binary, model, files, options);
  std::string key = RandomHex(kKeyBytes);
  TIDEGATE_TRY(WritePrivateFile(files.api_key_path, key + "\n"));
  TIDEGATE_ASSIGN(process::Child child, process::Spawn(options));
  if (!settings.draft_path.empty() && settings.speculation_note.empty()) {
    settings.speculation_note =
        "guessed ahead by " + std::filesystem::path(settings.draft_path).filename().string();
  }
  return Started{
      std::move(child), Secret("Bearer " + std::move(key)), std::move(pin),
      std::move(kept),  std::move(settings.speculation),    std::move(settings.speculation_note)};
}

void Runner::OnStarted(std::uint64_t run, Result<Started> started) {
  const std::int64_t now = net::MonotonicNow();
  if (!started.ok()) {
    if (started.error().reason == kStartAnew) Apply(supervisor_.Replace(now));
    Apply(supervisor_.OnSpawnFailed(now, run, std::move(started).error()));
    return;
  }
  child_.emplace(std::move(started->child));
  authorization_ = std::move(started->authorization);
  pin_ = std::move(started->pin);
  slots_ = std::move(started->slots);
  serves_ = false;
  speculation_ = std::move(started->speculation);
  if (started->speculation_note != speculation_note_ && !started->speculation_note.empty()) {
    obs::Log(speculation_.empty() ? obs::Level::kWarning : obs::Level::kInfo, "local model {}: {}",
             name_, started->speculation_note);
  }
  speculation_note_ = std::move(started->speculation_note);
  started_wall_nanos_ = SystemClock().WallNanos();
  if (const int pid = peer_pid(); pid != 0) context_->client->ExpectPeer(origin(), pid);
  tail_.Clear();
  line_.clear();
  devices_used_.clear();
  degraded_.clear();
  if (Result<void> watched = Watch(run); !watched.ok()) {
    child_.reset();
    pin_ = {};
    slots_.reset();
    Apply(supervisor_.OnSpawnFailed(now, run, std::move(watched).error()));
    return;
  }
  Apply(supervisor_.OnSpawned(now, run));
}

Result<void> Runner::Watch(std::uint64_t run) {
  // Asio owns what it watches; the child keeps its own descriptor of the process.
  net::error_code ec;
  exit_watch_.assign(fcntl(child_->pidfd(), F_DUPFD_CLOEXEC, 0), ec);
  if (!ec) output_.assign(child_->TakeOutput().Release(), ec);
  if (!ec) output_.non_blocking(true, ec);
  if (ec) {
    CloseDescriptors();
    return Unavailable(ErrorSource::kGateway, "cannot watch llama-server: " + ec.message());
  }
  exit_watch_.async_wait(Descriptor::wait_read,
                         [self = Pending(shared_from_this()), run](net::error_code ec) {
                           CHECK(!ec);
                           self->OnChildEnd(run);
                         });
  ReadOutput(run);
  return {};
}

void Runner::CloseDescriptors() {
  net::error_code ignored;  // of closing what is only read
  output_.close(ignored);
  exit_watch_.close(ignored);
}

void Runner::ReadOutput(std::uint64_t run) {
  output_.async_read_some(
      net::asio::buffer(read_buffer_),
      [self = Pending(shared_from_this()), run](net::error_code ec, std::size_t got) {
        if (ec || run != self->supervisor_.run()) return;  // closed
        self->TakeOutput({self->read_buffer_, got});
        self->ReadOutput(run);
      });
}

// Takes what still waits in the pipe; not more, since somebody who left the child's group may go on
// writing.
void Runner::DrainOutput() {
  char buffer[sizeof read_buffer_];
  std::size_t taken = 0;
  while (taken < kChildOutputBytesKept) {
    net::error_code ec;
    const std::size_t got = output_.read_some(net::asio::buffer(buffer), ec);
    if (ec) return;  // nothing more, or its end
    TakeOutput({buffer, got});
    taken += got;
  }
}

void Runner::TakeOutput(std::string_view bytes) {
  tail_.Append(bytes);
  if (present_->devices_planned == 0) return;
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    line_ += bytes.substr(0, std::min(end, kOutputLineBytesMax - line_.size()));
    if (end == bytes.size()) return;
    bytes.remove_prefix(end + 1);
    std::string device = DeviceUsed(line_);
    if (!device.empty() && devices_used_.size() < kDevicesMax) {
      devices_used_.insert(std::move(device));
    }
    line_.clear();
  }
}

// Whether it computes where it was meant to, and with what was asked for; if it has to and does
// not, it is ended.
void Runner::CheckDevices(std::uint64_t run) {
  const int planned = present_->devices_planned;
  if (const std::string& note = present_->memory.window_note; !note.empty()) {
    obs::Log(obs::Level::kWarning, "local model {}: {}", name_, note);
  }
  if (planned == 0) {
    degraded_ = present_->memory.layers_note;
    if (!degraded_.empty()) obs::Log(obs::Level::kWarning, "local model {}: {}", name_, degraded_);
    return;
  }
  DrainOutput();  // it said so before it served
  const auto used = static_cast<int>(devices_used_.size());
  if (used >= planned) return;
  degraded_ =
      "uses " + std::to_string(used) + " of " + std::to_string(planned) + " planned devices";
  if (!present_->devices_required) {
    obs::Log(obs::Level::kWarning, "local model {} {}", name_, degraded_);
    return;
  }
  Error error = Unavailable(ErrorSource::kEngine,
                            "local model \"" + name_ + "\" " + degraded_ +
                                " and may not run without them; check the driver, or allow models "
                                "to run on the processor");
  error.reason = "engine_no_device";
  Apply(supervisor_.OnUnfit(net::MonotonicNow(), run, std::move(error)));
}

void Runner::OnChildEnd(std::uint64_t run) {
  const std::optional<process::ExitStatus> status = child_->Poll();
  CHECK(status.has_value());
  DrainOutput();
  CloseDescriptors();
  child_.reset();
  pin_ = {};
  slots_.reset();
  unlink(context_->folder.SocketPath(name_).c_str());
  unlink(context_->folder.KeyPath(name_).c_str());
  context_->client->Forget(origin());
  const std::string how = supervisor_.hung() ? "hung and was killed" : status->Describe();
  Apply(supervisor_.OnExited(net::MonotonicNow(), run, ExitError(*status)));
  TellEnd(run, {how, 0});
}

void Runner::WhenEnded(std::uint64_t run, const std::shared_ptr<void>& wanted,
                       std::function<void(const ProcessEnd&)> ended) {
  if (run <= ended_run_) return ended(run == ended_run_ ? end_ : ProcessEnd{"ended", 1});
  std::erase_if(end_watchers_, [](const EndWatcher& watcher) { return watcher.wanted.expired(); });
  if (end_watchers_.size() < kEndWatchersMax) {
    end_watchers_.push_back({run, wanted, std::move(ended)});
  }
}

void Runner::TellEnd(std::uint64_t run, ProcessEnd end) {
  const ModelStatus status = supervisor_.Status(net::MonotonicNow());
  const std::int64_t seconds = (status.retry_in_nanos + status.load_nanos) / kNanosPerSecond;
  end.retry_after_s = std::clamp<std::int64_t>(seconds + 1, 1, kRetryAfterSMax);
  ended_run_ = run;
  end_ = std::move(end);
  for (const EndWatcher& watcher : std::exchange(end_watchers_, {})) watcher.ended(end_);
}

Error Runner::ExitError(const process::ExitStatus& status) const {
  std::string message = "llama-server for local model \"" + name_ + "\" " + status.Describe();
  const std::string line = TellingLine(tail_.Text());
  if (!line.empty()) message += ": " + line;
  message += "; if it does not recover, check the model file and the free memory";
  Error error = Unavailable(ErrorSource::kEngine, std::move(message));
  error.reason = "engine_failed";
  return error;
}

// --- conversations ---

SlotServer Runner::SlotServerOf() {
  return {*context_->client, origin(), std::string(authorization_.Reveal())};
}

net::Task<void> Runner::ReadyThenAnswer(std::shared_ptr<Runner> self, WaiterId waiter, Lease lease,
                                        SlotMarks conversation) {
  const std::shared_ptr<SlotRun> slots = self->slots_;
  SlotServer server = self->SlotServerOf();
  // Null when the process ended meanwhile, which the request will notice.
  if (slots) co_await SlotRun::Ready(slots, std::move(server), std::move(conversation));
  self->context_->client->Forget(self->origin());
  self->readying_ = false;
  std::vector<std::pair<WaiterId, Lease>> ready = std::exchange(self->held_back_, {});
  ready.emplace(ready.begin(), waiter, std::move(lease));
  for (auto& [id, its] : ready) {  // of one that has left, the lease goes back
    if (self->waiters_.contains(id)) self->Answer(id, std::move(its));
  }
}

void Runner::NoteAnswered(std::uint64_t run, SlotMarks conversation) {
  if (!slots_ || !serves_ || run != supervisor_.run()) return;
  const bool worth_a_look = !conversation.empty();
  slots_->Answered(std::move(conversation));
  if (!worth_a_look) return;  // it would only hold up the next request
  net::Spawn(context_->shard.io(), Look(shared_from_this()),
             [self = Pending(shared_from_this())](std::exception_ptr e) { CHECK(!e); });
}

net::Task<void> Runner::Look(std::shared_ptr<Runner> self) {
  const std::shared_ptr<SlotRun> slots = self->slots_;
  SlotServer server = self->SlotServerOf();
  if (slots) co_await SlotRun::Look(slots, std::move(server));
  self->context_->client->Forget(self->origin());
}

// Its conversations are saved first, unless it never served. Whoever finds that this takes too long
// is the supervisor, which has it killed.
void Runner::Terminate() {
  if (!slots_ || !serves_) return child_->SignalGroup(SIGTERM);
  net::Spawn(context_->shard.io(), SaveThenTerminate(shared_from_this(), supervisor_.run()),
             [self = Pending(shared_from_this())](std::exception_ptr e) { CHECK(!e); });
}

net::Task<void> Runner::SaveThenTerminate(std::shared_ptr<Runner> self, std::uint64_t run) {
  SlotServer server = self->SlotServerOf();
  co_await SlotRun::Save(self->slots_, std::move(server));
  if (!self->child_ || run != self->supervisor_.run()) co_return;
  self->context_->client->Forget(self->origin());  // or it would wait for more requests
  self->child_->SignalGroup(SIGTERM);
}

// --- probes ---

void Runner::Probe() {
  net::Spawn(context_->shard.io(), ProbeOnce(shared_from_this(), supervisor_.run()),
             [self = Pending(shared_from_this())](std::exception_ptr e) { CHECK(!e); });
}

net::Task<void> Runner::ProbeOnce(std::shared_ptr<Runner> self, std::uint64_t run) {
  const auto response = co_await net::Fetch(*self->context_->client, self->origin(), "GET",
                                            "/health", "", "", kProbeTimeoutNanos);
  constexpr int kOk = 200;  // 503 while it loads
  const bool serves = response.ok() && response->status == kOk;
  if (serves && self->slots_ && run == self->supervisor_.run()) {
    SlotServer server = self->SlotServerOf();
    co_await SlotRun::Restore(self->slots_, std::move(server));
  }
  self->OnProbe(run, serves);
}

// Whatever it says, it lives.
void Runner::Check() {
  net::Spawn(context_->shard.io(), CheckOnce(shared_from_this(), supervisor_.run()),
             [self = Pending(shared_from_this())](std::exception_ptr e) { CHECK(!e); });
}

net::Task<void> Runner::CheckOnce(std::shared_ptr<Runner> self, std::uint64_t run) {
  const auto response =
      co_await net::Fetch(*self->context_->client, self->origin(), "GET", "/health", "", "",
                          self->context_->limits.check_timeout_nanos);
  // Each open connection occupies one of its threads.
  self->context_->client->Forget(self->origin());
  self->Apply(self->supervisor_.OnCheck(net::MonotonicNow(), run, response.ok()));
}

void Runner::OnProbe(std::uint64_t run, bool serves) {
  if (serves && run == supervisor_.run()) {
    unlink(context_->folder.KeyPath(name_).c_str());  // it has read it
    context_->client->Forget(origin());  // each open connection occupies one of its threads
    serves_ = true;
    CheckDevices(run);
  }
  Apply(supervisor_.OnProbe(net::MonotonicNow(), run, serves));
}

}  // namespace tidegate::engine
