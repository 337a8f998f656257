// The gate's books: the ledger (money) and the decision log (records) in one encrypted file behind
// one writer.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/decision_log.h"
#include "ledger/ledger.h"
#include "store/database.h"
#include "store/group_commit_writer.h"

namespace tidegate::ledger {

struct BooksOptions {
  std::string directory;  // must exist; holds ledger.db, ledger.key and ledger.lock
  LedgerOptions ledger;   // an empty in_flight_directory (best: XDG_RUNTIME_DIR) means `directory`
  DecisionLog::Options log;
  std::string vfs;  // tests only: see store::FaultyDisk
};

// Thread-safe as its parts are. One process at a time per directory.
class Books {
 public:
  ~Books();
  Ledger& ledger() { return *ledger_; }
  DecisionLog& log() { return *log_; }
  store::GroupCommitWriter& writer() { return *writer_; }
  // A connection for reading; one per worker thread, or one at a time.
  Result<BookReader> OpenReader();

 private:
  friend Result<std::unique_ptr<Books>> Open(const BooksOptions& options, const Clock& clock);
  class Lock;
  Books();

  // In order of birth; they die in the opposite order.
  std::unique_ptr<Lock> lock_;
  store::DatabaseOptions reader_options_;
  std::unique_ptr<store::GroupCommitWriter> writer_;
  std::unique_ptr<DecisionLog> log_;
  std::unique_ptr<Ledger> ledger_;
};

// Opens or creates the books and recovers what an earlier process left. Errors name the file and
// the remedy.
Result<std::unique_ptr<Books>> Open(const BooksOptions& options, const Clock& clock);

}  // namespace tidegate::ledger
