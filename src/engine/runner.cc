#include "engine/runner.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include "base/check.h"
#include "base/clock.h"
#include "base/digest.h"
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

Runner::Runner(std::shared_ptr<RunnerContext> context, models::LocalModel model)
    : context_(std::move(context)),
      model_(std::move(model)),
      supervisor_(model_.name, context_->limits),
      exit_watch_(context_->shard.io().get_executor()),
      output_(context_->shard.io().get_executor()),
      timer_(context_->shard.io()),
      status_(supervisor_.Status(net::MonotonicNow())) {}

// --- those who want to use the model ---

void Runner::Acquire(WaiterId waiter, Granted granted) {
  waiters_.emplace(waiter, std::move(granted));
  Apply(supervisor_.Acquire(net::MonotonicNow(), waiter));
}

void Runner::Abandon(WaiterId waiter) {
  supervisor_.Abandon(waiter);
  waiters_.erase(waiter);
  Publish();
}

void Runner::KeepAlive(std::int64_t nanos) {
  supervisor_.KeepAlive(net::MonotonicNow(), nanos);
  Apply({});
}

void Runner::Grant(WaiterId waiter) {
  const std::uint64_t run = supervisor_.run();
  // Weak: a lease may be the last thing to go, and a runner has to go before its shard.
  auto release = [context = context_, weak = weak_from_this(), run] {
    if (context->stopped) return;
    context->shard.Post([weak, run] {
      const std::shared_ptr<Runner> self = weak.lock();
      if (self) self->Apply(self->supervisor_.Release(net::MonotonicNow(), run));
    });
  };
  Answer(waiter, Lease({origin(), authorization_, model_.name}, std::move(release)));
}

void Runner::Answer(WaiterId waiter, Result<Lease> result) {
  const auto at = waiters_.find(waiter);
  CHECK(at != waiters_.end());
  const Granted granted = std::move(at->second);
  waiters_.erase(at);
  granted(std::move(result));
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
  Publish();  // first: who gets a lease below finds its model ready
  ArmTimer();
  for (Action& action : actions) {
    switch (action.kind) {
      case Action::Kind::kSpawn:
        StartChild();
        break;
      case Action::Kind::kProbe:
        Probe();
        break;
      case Action::Kind::kTerminate:
        child_->SignalGroup(SIGTERM);
        break;
      case Action::Kind::kKill:
        child_->SignalGroup(SIGKILL);
        break;
      case Action::Kind::kGrant:
        Grant(action.waiter);
        break;
      case Action::Kind::kRefuse:
        Answer(action.waiter, std::move(action.error));
        break;
    }
  }
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
  if (status.idle_stop_in_nanos >= 0 && status.users == 0) {
    status.idle_stop_in_nanos = std::max<std::int64_t>(0, status.idle_stop_in_nanos - age);
  }
  return status;
}

// --- the child ---

net::Origin Runner::origin() const {
  net::Origin origin;
  origin.scheme = net::Scheme::kUnix;
  origin.unix_path = context_->folder.SocketPath(model_.name);
  return origin;
}

void Runner::StartChild() {
  const std::uint64_t run = supervisor_.run();
  context_->spawner->Post([self = std::make_shared<Pending>(shared_from_this()), run]() mutable {
    auto started = std::make_shared<Result<Started>>((*self)->Prepare());
    net::Shard& shard = (*self)->context_->shard;
    shard.Post(
        [self = std::move(self), run, started] { (*self)->OnStarted(run, std::move(*started)); });
  });
}

Result<Runner::Started> Runner::Prepare() const {
  const ChildFiles files{context_->folder.SocketPath(model_.name),
                         context_->folder.KeyPath(model_.name)};
  // A child that was killed leaves its socket, and that keeps the next one from listening.
  unlink(files.socket_path.c_str());
  TIDEGATE_ASSIGN(const EngineBinary binary, context_->locator.Locate());
  process::SpawnOptions options;
  TIDEGATE_ASSIGN(options.argv,
                  MakeCommandLine(binary, model_, context_->child, context_->limits.slots, files));
  std::string key = RandomHex(kKeyBytes);
  TIDEGATE_TRY(WritePrivateFile(files.api_key_path, key + "\n"));
  TIDEGATE_ASSIGN(process::Child child, process::Spawn(options));
  return Started{std::move(child), Secret("Bearer " + std::move(key))};
}

void Runner::OnStarted(std::uint64_t run, Result<Started> started) {
  const std::int64_t now = net::MonotonicNow();
  if (!started.ok()) {
    Apply(supervisor_.OnSpawnFailed(now, run, std::move(started).error()));
    return;
  }
  child_.emplace(std::move(started->child));
  authorization_ = std::move(started->authorization);
  started_wall_nanos_ = SystemClock().WallNanos();
  tail_.Clear();
  if (Result<void> watched = Watch(run); !watched.ok()) {
    child_.reset();
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
        self->tail_.Append({self->read_buffer_, got});
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
    tail_.Append({buffer, got});
    taken += got;
  }
}

void Runner::OnChildEnd(std::uint64_t run) {
  const std::optional<process::ExitStatus> status = child_->Poll();
  CHECK(status.has_value());
  DrainOutput();
  CloseDescriptors();
  child_.reset();
  unlink(context_->folder.SocketPath(model_.name).c_str());
  unlink(context_->folder.KeyPath(model_.name).c_str());
  context_->client->Forget(origin());
  Apply(supervisor_.OnExited(net::MonotonicNow(), run, ExitError(*status)));
}

Error Runner::ExitError(const process::ExitStatus& status) const {
  std::string message = "llama-server for local model \"" + model_.name + "\" " + status.Describe();
  const std::string line = TellingLine(tail_.Text());
  if (!line.empty()) message += ": " + line;
  message += "; if it does not recover, check the model file and the free memory";
  Error error = Unavailable(ErrorSource::kEngine, std::move(message));
  error.reason = "engine_failed";
  return error;
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
  self->OnProbe(run, response.ok() && response->status == kOk);
}

void Runner::OnProbe(std::uint64_t run, bool serves) {
  if (serves && run == supervisor_.run()) {
    unlink(context_->folder.KeyPath(model_.name).c_str());  // it has read it
    context_->client->Forget(origin());  // each open connection occupies one of its threads
  }
  Apply(supervisor_.OnProbe(net::MonotonicNow(), run, serves));
}

}  // namespace tidegate::engine
