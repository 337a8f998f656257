#include "app/signals.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include "base/check.h"

namespace tidegate::app {
namespace {

sigset_t EndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

// Without those that whoever started us has us ignore, as nohup does: blocked, they would come all
// the same.
sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action {};
    if (sigaction(number, nullptr, &action) != 0 || action.sa_handler != SIG_IGN) {
      sigaddset(&signals, number);
    }
  }
  return signals;
}

}  // namespace

void BlockEndSignals() {
  const sigset_t signals = EndSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

int WaitForEndSignal() {
  const sigset_t signals = EndSignals();
  int number = 0;
  while (sigwait(&signals, &number) != 0) {
  }
  return number;
}

StopOnSignal::StopOnSignal() {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, &before_);
  signals_ = UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC));
  ended_ = UniqueFd(eventfd(0, EFD_CLOEXEC));
  CHECK(signals_.valid() && ended_.valid());
  watcher_ = std::thread([this] { Watch(); });
}

StopOnSignal::~StopOnSignal() {
  const std::uint64_t one = 1;
  CHECK(write(ended_.get(), &one, sizeof one) == sizeof one);
  watcher_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void StopOnSignal::Watch() {
  std::array<pollfd, 2> watched = {{{signals_.get(), POLLIN, 0}, {ended_.get(), POLLIN, 0}}};
  while (poll(watched.data(), watched.size(), -1) < 0 && errno == EINTR) {
  }
  signalfd_siginfo received;
  if (watched[0].revents == 0 ||
      read(signals_.get(), &received, sizeof received) != sizeof received) {
    return;
  }
  stop_.request_stop();
  // Whoever asks again does not want to wait: this thread takes it as any program would.
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  while (poll(&watched[1], 1, -1) < 0 && errno == EINTR) {
  }
}

}  // namespace tidegate::app
