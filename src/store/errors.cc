#include "store/errors.h"

#include <string>
#include <utility>

#include <sqlcipher/sqlite3.h>

namespace tidegate::store {
namespace {

Error Make(ErrorCode code, std::string_view reason, std::string message, std::string_view detail) {
  Error error{code, ErrorSource::kGateway, Retry::kNever, std::move(message)};
  error.reason = reason;
  if (!detail.empty()) error.cause = std::make_shared<const Error>(Internal(std::string(detail)));
  return error;
}

}  // namespace

Error FromSqlite(int code, std::string_view path, std::string_view detail) {
  const std::string file(path);
  switch (code & 0xff) {
    case SQLITE_FULL:
      return Make(ErrorCode::kUnavailable, kReasonDiskFull,
                  "the disk that holds " + file + " is full: free some space; nothing was written",
                  detail);
    case SQLITE_IOERR:
      return Make(ErrorCode::kUnavailable, kReasonIoError,
                  "reading or writing " + file + " failed: check the disk and its file system",
                  detail);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Make(ErrorCode::kUnavailable, kReasonLocked,
                  file + " is in use by another process: stop it, or use another state directory",
                  detail);
    case SQLITE_NOTADB:
      return Make(ErrorCode::kInternal, kReasonWrongKey,
                  file +
                      " cannot be decrypted: the key file is not the one it was made with, or its "
                      "first page is " +
                      "damaged; restore the key file, or move the file away to begin anew",
                  detail);
    case SQLITE_CORRUPT:
      return Make(ErrorCode::kInternal, kReasonCorrupt,
                  file + " is damaged: restore it from a backup, or move it away to begin anew",
                  detail);
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return Make(
          ErrorCode::kInternal, kReasonCannotOpen,
          file +
              " cannot be opened for this use: check that it and its directory exist and are yours",
          detail);
    default:
      return Make(ErrorCode::kInternal, "sqlite", "the database " + file + " refused a statement",
                  detail);
  }
}

}  // namespace tidegate::store
