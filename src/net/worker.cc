#include "net/worker.h"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

namespace tidegate::net {

struct Worker::Thread {
  asio::thread_pool pool{1};
};

Worker::Worker() = default;

Worker::~Worker() {
  if (thread_ != nullptr) thread_->pool.join();
}

Error Worker::Busy() {
  Error error = Unavailable(ErrorSource::kGateway, "too many jobs are waiting; try again");
  error.reason = "busy";
  error.retry_after_s = 1;
  return error;
}

bool Worker::Post(std::function<void()> work) {
  if (jobs_.fetch_add(1) >= kWorkerJobsMax) {
    jobs_.fetch_sub(1);
    return false;
  }
  std::call_once(started_, [this] { thread_ = std::make_unique<Thread>(); });
  asio::post(thread_->pool, [this, work = std::move(work)] {
    work();
    jobs_.fetch_sub(1);
  });
  return true;
}

}  // namespace tidegate::net
