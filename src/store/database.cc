#include "store/database.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <unistd.h>

#include <sqlcipher/sqlite3.h>

#include "base/digest.h"
#include "store/errors.h"

// Declared by SQLCipher's header only under SQLITE_HAS_CODEC, which must not leak into other
// headers' views of it.
extern "C" int sqlite3_key(sqlite3* db, const void* key, int key_bytes);

namespace tidegate::store {
namespace {

Error LastError(sqlite3* handle, std::string_view path) {
  return FromSqlite(sqlite3_extended_errcode(handle), path, sqlite3_errmsg(handle));
}

Error LastError(sqlite3_stmt* statement) {
  sqlite3* handle = sqlite3_db_handle(statement);
  const char* path = sqlite3_db_filename(handle, "main");
  return LastError(handle, path != nullptr ? path : "");
}

// Makes the file with the right mode before SQLite does; its WAL and index files take the mode from
// it.
Result<void> CreatePrivate(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return FromSqlite(SQLITE_CANTOPEN, path, std::strerror(errno));
  ::close(fd);
  return {};
}

void ConfigureLibraryOnce() {
  static std::once_flag once;
  // Counting every allocation would put one lock around all connections.
  std::call_once(once, [] { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); });
}

}  // namespace

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
void Statement::Finalize::operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }

Result<Database> Database::Open(const DatabaseOptions& options) {
  if (options.key.Reveal().size() != kKeyBytes) {
    return Internal("a database key must have 32 bytes");
  }
  ConfigureLibraryOnce();
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (options.access == Access::kReadWrite) {
    TIDEGATE_TRY(CreatePrivate(options.path));
    flags |= SQLITE_OPEN_READWRITE;
  } else {
    flags |= SQLITE_OPEN_READONLY;
  }
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(options.path.c_str(), &handle, flags,
                                   options.vfs.empty() ? nullptr : options.vfs.c_str());
  Database database(handle, options.path);
  if (code != SQLITE_OK) {
    return FromSqlite(code, options.path,
                      handle != nullptr ? sqlite3_errmsg(handle) : "out of memory");
  }
  TIDEGATE_TRY(database.Configure(options));
  return database;
}

Result<void> Database::Configure(const DatabaseOptions& options) {
  sqlite3* db = handle_.get();
  sqlite3_busy_timeout(db, kBusyTimeoutMs);
  sqlite3_db_config(db, SQLITE_DBCONFIG_LOOKASIDE, nullptr, kLookasideSlotBytes, kLookasideSlots);
  const Secret quoted("x'" + ToHex(options.key.Reveal()) +
                      "'");  // raw: no passphrase, no slow derivation
  if (sqlite3_key(db, quoted.Reveal().data(), static_cast<int>(quoted.Reveal().size())) !=
      SQLITE_OK) {
    return LastError(db, path_);
  }
  TIDEGATE_TRY(Execute("PRAGMA cipher_log_level = NONE"));  // errors are returned, not printed
  const std::string cache = "PRAGMA cache_size = -" + std::to_string(kPageCacheKib);
  TIDEGATE_TRY(Execute(cache.c_str()));
  TIDEGATE_TRY(
      QueryInt("SELECT count(*) FROM sqlite_master"));  // the first read: does the key fit?
  TIDEGATE_TRY(Execute("PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY"));
  if (options.access == Access::kReadOnly) return {};
  const std::string wal =
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = " +
      std::to_string(kWalBytesKept);
  TIDEGATE_TRY(Execute(wal.c_str()));
  if (sqlite3_wal_checkpoint_v2(db, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr) !=
      SQLITE_OK) {
    return LastError(db, path_);
  }
  return {};
}

Result<void> Database::Execute(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return LastError(handle_.get(), path_);
}

Result<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return LastError(handle_.get(), path_);
  return Statement(statement);
}

Result<std::int64_t> Database::QueryInt(std::string_view sql) {
  TIDEGATE_ASSIGN(Statement statement, Prepare(sql));
  Rows rows = statement.Query();
  TIDEGATE_ASSIGN(const bool found, rows.Step());
  if (!found) return NotFound("the query gave no row");
  return rows.Int(0);
}

bool Database::InTransaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }

Rows::~Rows() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Result<bool> Rows::Step() {
  if (bind_code_ != SQLITE_OK) {
    return FromSqlite(bind_code_, "", "a parameter does not fit its statement");
  }
  switch (sqlite3_step(statement_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return LastError(statement_);
  }
}

std::int64_t Rows::Int(int column) const { return sqlite3_column_int64(statement_, column); }

std::string_view Rows::Text(int column) const {
  const unsigned char* text = sqlite3_column_text(statement_, column);
  if (text == nullptr) return {};
  return {reinterpret_cast<const char*>(text),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

Blob Rows::Bytes(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  if (bytes == nullptr) return {};
  return {static_cast<const std::uint8_t*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

void Statement::Bind(Rows& rows, int index, std::int64_t value) {
  const int code = sqlite3_bind_int64(rows.statement_, index, value);
  if (rows.bind_code_ == SQLITE_OK) rows.bind_code_ = code;
}

void Statement::Bind(Rows& rows, int index, std::string_view value) {
  const int code = sqlite3_bind_text64(rows.statement_, index, value.empty() ? "" : value.data(),
                                       value.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (rows.bind_code_ == SQLITE_OK) rows.bind_code_ = code;
}

void Statement::Bind(Rows& rows, int index, Blob value) {
  const int code = value.empty() ? sqlite3_bind_zeroblob(rows.statement_, index, 0)
                                 : sqlite3_bind_blob64(rows.statement_, index, value.data(),
                                                       value.size(), SQLITE_STATIC);
  if (rows.bind_code_ == SQLITE_OK) rows.bind_code_ = code;
}

Result<void> Statement::RunToEnd(Rows& rows) {
  for (;;) {
    TIDEGATE_ASSIGN(const bool more, rows.Step());
    if (!more) return {};
  }
}

Result<Transaction> Transaction::Begin(Database& database) {
  TIDEGATE_TRY(database.Execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ == nullptr || !database_->InTransaction()) return;
  // A ROLLBACK can only fail by finding the transaction already gone, which is what is wanted.
  static_cast<void>(database_->Execute("ROLLBACK"));
}

Result<void> Transaction::Commit() {
  TIDEGATE_TRY(database_->Execute("COMMIT"));
  database_ = nullptr;
  return {};
}

Result<void> Migrate(Database& database, std::span<const char* const> steps) {
  TIDEGATE_ASSIGN(std::int64_t version, database.QueryInt("PRAGMA user_version"));
  const auto newest = static_cast<std::int64_t>(steps.size());
  if (version > newest) {
    Error error = Internal(database.path() + " was written by a newer tidegate (schema " +
                           std::to_string(version) + ", this one knows " + std::to_string(newest) +
                           "): upgrade tidegate");
    error.reason = kReasonNewerSchema;
    return error;
  }
  for (; version < newest; ++version) {
    TIDEGATE_ASSIGN(Transaction transaction, Transaction::Begin(database));
    TIDEGATE_TRY(database.Execute(steps[static_cast<std::size_t>(version)]));
    const std::string stamp = "PRAGMA user_version = " + std::to_string(version + 1);
    TIDEGATE_TRY(database.Execute(stamp.c_str()));
    TIDEGATE_TRY(transaction.Commit());
  }
  return {};
}

}  // namespace tidegate::store
