#include "cli/history.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <system_error>
#include <unistd.h>

#include <sys/stat.h>

#include "base/unique_fd.h"
#include "base/write_all.h"

namespace tidegate::cli {
namespace {

Error FileError(const std::string& path, int error) {
  const ErrorCode code =
      error == EACCES || error == EPERM ? ErrorCode::kPermissionDenied : ErrorCode::kUnavailable;
  return Error{code, ErrorSource::kGateway, Retry::kNever,
               "the history " + path + ": " + std::generic_category().message(error)};
}

// One line of the file: line breaks and backslashes are escaped.
std::string Escape(std::string_view entry) {
  std::string out;
  for (const char c : entry) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string Unescape(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\' || i + 1 == line.size()) {
      out += line[i];
      continue;
    }
    ++i;
    out += line[i] == 'n' ? '\n' : line[i];
  }
  return out;
}

Result<std::string> ReadWhole(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    if (errno == ENOENT) return std::string();
    return FileError(path, errno);
  }
  std::string out;
  char buffer[64 * 1024];
  while (out.size() < kHistoryFileBytesMax) {
    const ssize_t got = ::read(file.get(), buffer, sizeof(buffer));
    if (got == 0) break;
    if (got < 0) {
      if (errno == EINTR) continue;
      return FileError(path, errno);
    }
    out.append(buffer, static_cast<std::size_t>(got));
  }
  return out;
}

// Replaces the file by its newest entries, all or nothing.
Result<void> Rewrite(const std::string& path, const std::vector<std::string>& entries) {
  const std::string next = path + ".new";
  std::string bytes;
  for (const std::string& entry : entries) bytes += Escape(entry) + "\n";
  {
    const UniqueFd file(
        ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.valid()) return FileError(next, errno);
    if (!WriteAll(file.get(), bytes)) return FileError(next, errno);
  }
  if (::rename(next.c_str(), path.c_str()) != 0) return FileError(path, errno);
  return Result<void>();
}

}  // namespace

Result<void> History::Load(std::string path) {
  TIDEGATE_ASSIGN(const std::string text, ReadWhole(path));
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (!line.empty()) entries_.push_back(Unescape(line));
  }
  path_ = std::move(path);
  if (entries_.size() <= kHistoryEntriesMax) return Result<void>();
  entries_.erase(entries_.begin(),
                 entries_.end() - static_cast<std::ptrdiff_t>(kHistoryEntriesMax));
  return Rewrite(path_, entries_);
}

Result<void> History::Add(std::string_view entry) {
  if (entry.empty() || entry.size() > kHistoryEntryBytesMax) return Result<void>();
  if (!entries_.empty() && entries_.back() == entry) return Result<void>();
  if (entries_.size() == kHistoryEntriesMax) entries_.erase(entries_.begin());
  entries_.emplace_back(entry);
  return Append(entry);
}

Result<void> History::Append(std::string_view entry) const {
  if (path_.empty()) return Result<void>();
  const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
  std::error_code error;
  if (std::filesystem::create_directories(folder, error)) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
  if (error) return FileError(folder, error.value());
  const UniqueFd file(
      ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return FileError(path_, errno);
  // Also a file from before that others could read.
  if (::fchmod(file.get(), 0600) != 0) return FileError(path_, errno);
  if (!WriteAll(file.get(), Escape(entry) + "\n")) return FileError(path_, errno);
  return Result<void>();
}

}  // namespace tidegate::cli
