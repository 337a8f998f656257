// Where answers wait that their callers may come back to: continue them, read them, delete them.
//
// They are content, the only content that the gate ever writes down: in an encrypted file of their
// own, for the principal that asked and nobody else, until it deletes them or they grow too many,
// too large or too old. Everything happens in one order on one thread, so that who was told that an
// answer is complete finds it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "conversations/limits.h"
#include "conversations/turn.h"
#include "store/group_commit_writer.h"

namespace tidegate::conversations {

struct ShelfOptions {
  std::string directory;  // must exist; holds responses.db and responses.key
  int days = kDaysDefault;
  std::int64_t answers_max = kAnswersDefault;  // of one principal
  std::int64_t bytes_max = kBytesDefault;      // of one principal
  std::string vfs = {};                        // tests only: see store::FaultyDisk
};

struct ShelfStats {
  std::int64_t answers = 0, bytes = 0;  // kept now
  std::int64_t failed = 0;              // that could not be kept, since the start
};

// Thread-safe. `done` is called exactly once, on the shelf's own thread, and must not block. Errors
// beside those named: those of store/.
class Shelf {
 public:
  static Result<std::unique_ptr<Shelf>> Open(const ShelfOptions& options, const Clock& clock);

  // Durable when it is done. Makes room by dropping the principal's answers that were used the
  // longest ago. Errors: kConflict, an answer of that id is kept already; kTooLarge.
  void Put(std::string principal, Turn turn, std::function<void(Result<void>)> done);
  // kNotFound when the principal has no such answer.
  void Get(std::string principal, std::string id, std::function<void(Result<Turn>)> done);
  // The answer and all that it continues, the oldest first. kNotFound, with the id that is missing
  // as its field; kTooLarge beyond kChainTurnsMax or `bytes_max`.
  void Chain(std::string principal, std::string id, std::size_t bytes_max,
             std::function<void(Result<std::vector<Turn>>)> done);
  // The turns in which the principal's items of these names stand, each once. kNotFound, with the
  // name that is missing as its field; kTooLarge as above.
  void Holding(std::string principal, std::vector<std::string> items, std::size_t bytes_max,
               std::function<void(Result<std::vector<Turn>>)> done);
  // kNotFound when there was none.
  void Delete(std::string principal, std::string id, std::function<void(Result<void>)> done);
  ShelfStats Stats() const;

 private:
  struct Counters {
    std::atomic<std::int64_t> answers{0}, bytes{0}, failed{0};
  };
  template <typename T>
  class Job;

  Shelf(const ShelfOptions& options, const Clock& clock) : options_(options), clock_(clock) {}
  template <typename T>
  void Post(std::function<Result<T>(store::Database&)> work, std::function<void(Result<T>)> done);
  std::int64_t NowSeconds() const;
  Result<void> Store(store::Database& database, const std::string& principal, const Turn& turn,
                     std::int64_t& answers, std::int64_t& bytes) const;

  const ShelfOptions options_;
  const Clock& clock_;
  Counters counters_;
  std::unique_ptr<store::GroupCommitWriter> writer_;  // last: its thread uses all the rest
};

}  // namespace tidegate::conversations
