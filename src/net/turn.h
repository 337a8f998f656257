// One turn of a loop: what its events have begun goes on stage by stage, and is written at the end.
//
// Under load a turn handles dozens of requests. A request alone runs through five times more code
// than the first-level cache holds, and so does the kernel's side of each read and write: handling
// one request after the other, from its first byte to its write, every line is fetched again for
// every request. So requests that have company go through the turn side by side. All are read, then
// all are decoded, then all are planned; and all writes leave together, which also keeps a peer
// that has just gone to sleep from being woken again. A request that is alone on its loop never
// waits.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>

#include <boost/intrusive/list.hpp>

#include "net/async.h"

namespace tidegate::net {

// In the order in which they come. A request skips what it has no part in.
enum class Stage : std::uint8_t {
  kRead,     // what has come is looked at, once every socket has been read
  kServe,    // who asks for what
  kDecode,   // what the body says
  kPlan,     // where the request goes
  kReserve,  // what that may cost, and how it is said there
  kSend,     // its way there
  kJudge,    // what the answer says
  kAnswer,   // what the client is told
  kNext,     // the connection's next request is asked for
};
inline constexpr std::size_t kStages = static_cast<std::size_t>(Stage::kNext) + 1;

// One coroutine that waits for its place in the turn.
class TurnEntry : public boost::intrusive::list_base_hook<
                      boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 protected:
  ~TurnEntry() = default;

 private:
  friend class Turn;
  std::coroutine_handle<> root_, awaiter_;
};

// One that waits for its write.
class TurnWrite : public TurnEntry {
 public:
  // Writes what can be written without waiting. Must not resume anybody.
  virtual void WriteNow() = 0;

 protected:
  ~TurnWrite() = default;
};

// One shard's. Coroutines that wait when it is destroyed are destroyed with it.
class Turn {
 public:
  explicit Turn(asio::io_context& io) : io_(io) {}
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // A request that is being served, and so has a part in this turn or the next.
  class Member {
   public:
    explicit Member(Turn& turn) : turn_(turn) { ++turn_.members_; }
    ~Member() { --turn_.members_; }
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

   private:
    Turn& turn_;
  };

  // co_await At(stage) goes on when all others of this turn that have reached an earlier stage have
  // left it; at once where there are no others.
  class At;
  // Whether others may have something to write in this turn.
  bool others_write() const { return members_ != 1; }
  // `awaiter` goes on when the turn's writes have been done; `root`: its outermost coroutine.
  void Add(TurnWrite& write, std::coroutine_handle<> root, std::coroutine_handle<> awaiter);

 private:
  template <typename Entry>
  using List = boost::intrusive::list<Entry, boost::intrusive::constant_time_size<false>>;

  bool has_others() const { return members_ > 1; }
  void Add(TurnEntry& entry, Stage stage, std::coroutine_handle<> root,
           std::coroutine_handle<> awaiter);
  void EndLater();
  void End();
  bool RunStages();
  void WriteAll();
  template <typename Entry>
  static void Resume(List<Entry> entries);
  template <typename Entry>
  static void Destroy(List<Entry>& entries);

  asio::io_context& io_;
  std::array<List<TurnEntry>, kStages> stages_;
  List<TurnWrite> waiting_;  // to be written
  List<TurnWrite> written_;  // to go on
  std::size_t members_ = 0;
  bool end_posted_ = false;
};

class [[nodiscard]] Turn::At final : public TurnEntry {
 public:
  At(Turn& turn, Stage stage) : turn_(turn), stage_(stage) {}

  void BelongTo(std::coroutine_handle<> root) { root_ = root; }
  bool await_ready() const { return !turn_.has_others(); }
  void await_suspend(std::coroutine_handle<> awaiter) { turn_.Add(*this, stage_, root_, awaiter); }
  void await_resume() const noexcept {}

 private:
  Turn& turn_;
  Stage stage_;
  std::coroutine_handle<> root_;
};

}  // namespace tidegate::net
