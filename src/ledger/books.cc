#include "ledger/books.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <utility>

#include <sys/file.h>

#include "base/unique_fd.h"
#include "ledger/schema.h"
#include "store/errors.h"
#include "store/key_file.h"

namespace tidegate::ledger {
namespace {

// Held as long as the books are open; the kernel lets go of it when the process ends, however it
// ends.
Result<UniqueFd> LockDirectory(const std::string& directory) {
  const std::string path = directory + "/ledger.lock";
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (lock.get() >= 0 && ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  const bool taken = lock.get() >= 0 && errno == EWOULDBLOCK;
  Error error = Internal(taken ? "another tidegate runs on " + directory +
                                     ": stop it, or use another state directory"
                               : "cannot lock " + path + ": " + std::strerror(errno));
  error.reason = taken ? store::kReasonLocked : store::kReasonCannotOpen;
  return error;
}

}  // namespace

class Books::Lock {
 public:
  explicit Lock(UniqueFd fd) : fd_(std::move(fd)) {}

 private:
  UniqueFd fd_;
};

Books::Books() = default;
Books::~Books() = default;

Result<BookReader> Books::OpenReader() {
  TIDEGATE_ASSIGN(store::Database database, store::Database::Open(reader_options_));
  return BookReader(std::move(database), *writer_);
}

Result<std::unique_ptr<Books>> Open(const BooksOptions& options, const Clock& clock) {
  std::unique_ptr<Books> books(new Books());
  TIDEGATE_ASSIGN(UniqueFd lock, LockDirectory(options.directory));
  books->lock_ = std::make_unique<Books::Lock>(std::move(lock));
  TIDEGATE_ASSIGN(Secret key, store::LoadOrCreateKey(options.directory + "/ledger.key"));
  store::DatabaseOptions open;
  open.path = options.directory + "/ledger.db";
  open.key = std::move(key);
  open.vfs = options.vfs;
  TIDEGATE_ASSIGN(store::Database database, store::Database::Open(open));
  TIDEGATE_TRY(MigrateSchema(database));
  LedgerOptions ledger = options.ledger;
  if (ledger.in_flight_directory.empty()) ledger.in_flight_directory = options.directory;
  TIDEGATE_ASSIGN(books->ledger_, Ledger::Open(database, ledger, clock));
  books->writer_ = std::make_unique<store::GroupCommitWriter>(std::move(database));
  books->log_ = std::make_unique<DecisionLog>(options.log, clock);
  books->ledger_->Attach(*books->writer_);
  books->log_->Attach(*books->writer_);
  books->reader_options_ = std::move(open);
  books->reader_options_.access = store::Access::kReadOnly;
  return books;
}

}  // namespace tidegate::ledger
