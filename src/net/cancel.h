// Ending work whose result nobody waits for any more, within one turn of the event loop.
//
// A request owns a CancelToken; whatever waits on its behalf registers how to interrupt that wait.
// Cancel runs the registered interruptions at once, so that the waits end with an error and the
// coroutines unwind by themselves. One thread: the request's shard.
#pragma once

#include <functional>
#include <utility>

#include <boost/intrusive/list.hpp>

#include "base/error.h"

namespace tidegate::net {

class CancelToken {
 public:
  CancelToken() = default;
  CancelToken(const CancelToken&) = delete;
  CancelToken& operator=(const CancelToken&) = delete;

  bool cancelled() const { return cancelled_; }
  // Why: kCancelled (the client went away) or kDeadlineExceeded. Meaningful once cancelled.
  ErrorCode why() const { return why_; }
  Error MakeError() const {
    if (why_ == ErrorCode::kDeadlineExceeded) {
      return Error{why_, ErrorSource::kGateway, Retry::kNever, "the request's deadline has passed"};
    }
    return Error{why_, ErrorSource::kCaller, Retry::kNever, "the client closed the connection"};
  }

  // The first call counts; later ones change nothing.
  void Cancel(ErrorCode why) {
    if (cancelled_) return;
    cancelled_ = true;
    why_ = why;
    while (!scopes_.empty()) {
      Scope& scope = scopes_.front();
      scope.unlink();
      const std::function<void()> interrupt = std::move(scope.interrupt_);  // may end the scope
      interrupt();
    }
  }

  // Registers the interruption of a wait for as long as it lives; several may stand at once. On a
  // token that is cancelled already it interrupts at once. Neither outlives the other's use: a
  // scope ends before its token.
  class Scope : public boost::intrusive::list_base_hook<
                    boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
   public:
    Scope(CancelToken& token, std::function<void()> interrupt) : interrupt_(std::move(interrupt)) {
      if (token.cancelled_) {
        interrupt_();
      } else {
        token.scopes_.push_back(*this);
      }
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    friend class CancelToken;
    std::function<void()> interrupt_;
  };

 private:
  bool cancelled_ = false;
  ErrorCode why_ = ErrorCode::kCancelled;
  boost::intrusive::list<Scope, boost::intrusive::constant_time_size<false>> scopes_;
};

}  // namespace tidegate::net
