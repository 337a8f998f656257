// What SQLite's result codes mean for the gate and for the person who has to mend it.
#pragma once

#include <string_view>

#include "base/error.h"

namespace tidegate::store {

// The stable `reason` words of errors from this folder.
// Free some space; nothing was written.
inline constexpr std::string_view kReasonDiskFull = "disk_full";
// The disk or its file system failed.
inline constexpr std::string_view kReasonIoError = "io_error";
// Another process holds it.
inline constexpr std::string_view kReasonLocked = "locked";
// Not our key, or the first page is damaged.
inline constexpr std::string_view kReasonWrongKey = "wrong_key";
// A page fails its checksum or makes no sense.
inline constexpr std::string_view kReasonCorrupt = "corrupt";
// Absent, or not ours to open.
inline constexpr std::string_view kReasonCannotOpen = "cannot_open";
// Written by a newer tidegate.
inline constexpr std::string_view kReasonNewerSchema = "newer_schema";
// The group-commit writer is behind.
inline constexpr std::string_view kReasonQueueFull = "queue_full";

// `code` is an extended result code other than OK, ROW, DONE; `detail` is SQLite's own sentence.
Error FromSqlite(int code, std::string_view path, std::string_view detail);

}  // namespace tidegate::store
