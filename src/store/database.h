// All durable state of the gate lives in encrypted SQLite files (SQLCipher), and this is the only
// folder that knows it.
//
// A Database is one connection. The writer's connection is durable at every commit (WAL,
// synchronous=FULL); readers have connections of their own and never block it. Page caches are
// small, because an idle gate must be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/secret.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tidegate::store {

inline constexpr std::size_t kKeyBytes = 32;
inline constexpr int kPageCacheKib = 512;
inline constexpr int kBusyTimeoutMs = 5'000;
inline constexpr int kLookasideSlotBytes = 256;  // SQLite's own small-object pool, per connection
inline constexpr int kLookasideSlots = 64;
inline constexpr std::int64_t kWalBytesKept = 4 << 20;  // a checkpoint cuts a larger WAL back

enum class Access : std::uint8_t {
  kReadWrite,  // creates the file when it is absent, 0600
  kReadOnly,   // the file must exist
};

struct DatabaseOptions {
  std::string path;
  Secret key;  // kKeyBytes raw bytes
  Access access = Access::kReadWrite;
  std::string
      vfs;  // name of a registered file layer; empty = the operating system's. See FaultyDisk.
};

class Statement;

// Thread-compatible: one thread at a time. Move-only; statements must die before the Database they
// came from. Errors of every function here carry a stable `reason` (see store/errors.h) and a
// message that says what to do.
class Database {
 public:
  // Opens and proves that the key fits. Checkpoints what an earlier process left in the WAL, so
  // that nothing whose sync may have failed is trusted from the page cache alone.
  static Result<Database> Open(const DatabaseOptions& options);

  Database(Database&&) noexcept = default;
  Database& operator=(Database&&) noexcept = default;

  // Runs one or several statements without parameters or results.
  Result<void> Execute(const char* sql);
  // One statement, to be run many times.
  Result<Statement> Prepare(std::string_view sql);
  // The single integer that `sql` yields; an error when it yields no row.
  Result<std::int64_t> QueryInt(std::string_view sql);
  // False after an error that made SQLite roll back the whole transaction, and outside of one.
  bool InTransaction() const;
  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  Database(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  Result<void> Configure(const DatabaseOptions& options);

  std::unique_ptr<sqlite3, Close> handle_;
  std::string path_;
};

using Blob = std::span<const std::uint8_t>;
inline Blob AsBlob(std::string_view bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

// The rows of one run of a Statement. Resets the statement when it dies. Views live until the next
// Step.
class Rows {
 public:
  Rows(Rows&& other) noexcept
      : statement_(std::exchange(other.statement_, nullptr)), bind_code_(other.bind_code_) {}
  Rows& operator=(Rows&&) = delete;
  ~Rows();

  // True: a row is there. False: there are no more.
  Result<bool> Step();
  // REQUIRES: the last Step gave true, and the column exists. SQLite's conversions apply.
  std::int64_t Int(int column) const;
  std::string_view Text(int column) const;
  Blob Bytes(int column) const;

 private:
  friend class Statement;
  explicit Rows(sqlite3_stmt* statement) : statement_(statement) {}
  sqlite3_stmt* statement_;
  int bind_code_ = 0;  // the first failure to bind, reported by Step
};

// A prepared statement. Thread-compatible, like its Database. At most one Rows of it at a time.
class Statement {
 public:
  Statement(Statement&&) noexcept = default;
  Statement& operator=(Statement&&) noexcept = default;

  // Binds the parameters in order and begins. Integers, std::string_view and Blob; bytes are not
  // copied and must live as long as the Rows.
  template <typename... Values>
  Rows Query(const Values&... values) {
    Rows rows(handle_.get());
    int index = 0;
    (Bind(rows, ++index, values), ...);
    return rows;
  }
  // Binds, runs to the end, ignores rows.
  template <typename... Values>
  Result<void> Run(const Values&... values) {
    Rows rows = Query(values...);
    return RunToEnd(rows);
  }

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const;
  };
  explicit Statement(sqlite3_stmt* handle) : handle_(handle) {}
  static void Bind(Rows& rows, int index, std::int64_t value);
  static void Bind(Rows& rows, int index, std::string_view value);
  static void Bind(Rows& rows, int index, Blob value);
  static Result<void> RunToEnd(Rows& rows);

  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

// Begins at once as the writer (BEGIN IMMEDIATE) and rolls back when it dies uncommitted.
class Transaction {
 public:
  static Result<Transaction> Begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // Durable when it returns without error. After an error nothing of the transaction is in the
  // database as this process sees it; a crash right now may still bring it back, so that whoever
  // runs it again must be idempotent.
  Result<void> Commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;  // nullptr once committed, rolled back or moved from
};

// Brings the schema forward: step i runs in a transaction of its own when user_version == i, and
// sets it to i + 1. Refuses a file whose user_version is newer than the steps, since we would
// misread it.
Result<void> Migrate(Database& database, std::span<const char* const> steps);

}  // namespace tidegate::store
