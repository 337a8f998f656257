// Deadlines for very many waits without a timer each.
//
// A timer per read and write would cost more than the reads and writes. Each shard keeps its
// deadlines in a list that it looks through four times a second, which is exact enough for
// time-outs of seconds, and a second list, served after ten milliseconds, for requests that turn
// out to be slow. Neither list ticks while it is empty. One thread: the shard's.
#pragma once

#include <cstdint>

#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>

#include "net/async.h"

namespace tidegate::net {

// Called on the shard's thread when the time is up; the entry is off its list by then.
class DeadlineEntry : public boost::intrusive::list_base_hook<
                          boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  virtual void OnDeadline() = 0;
  std::int64_t due = 0;  // monotonic nanoseconds

 protected:
  ~DeadlineEntry() = default;
};

class DeadlineList {
 public:
  // Entries may be late by up to `interval_nanos`.
  DeadlineList(asio::io_context& io, std::int64_t interval_nanos);
  // (Re)arms `entry` for `due`. Cheap: no system call when the list is ticking already.
  void Arm(DeadlineEntry& entry, std::int64_t due);
  static void Disarm(DeadlineEntry& entry) { entry.unlink(); }

 private:
  using List = boost::intrusive::list<DeadlineEntry, boost::intrusive::constant_time_size<false>>;
  void Schedule();
  void Scan();
  asio::steady_timer timer_;
  std::int64_t interval_nanos_;
  List entries_;
  bool ticking_ = false;
};

std::int64_t MonotonicNow();
// The same clock at a fifth of the cost, a few milliseconds late: for time-outs of seconds,
// which every read and write sets anew.
std::int64_t CoarseNow();

}  // namespace tidegate::net
