#include "models/download_parts.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include "base/check.h"
#include "base/unique_fd.h"
#include "base/write_all.h"
#include "json/reader.h"
#include "json/writer.h"

namespace tidegate::models {
namespace {

constexpr std::int64_t kStateVersion = 1;
constexpr std::int64_t kIntegerMax = std::int64_t{1} << 62U;

Error StateError(const std::string& what, const std::string& path) {
  return Unavailable(ErrorSource::kGateway,
                     "cannot " + what + " " + path + ": " + std::strerror(errno));
}

std::optional<std::uint64_t> TakeNumber(std::string_view& text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  return number;
}

bool TakeMark(std::string_view& text, std::string_view mark) {
  if (!text.starts_with(mark)) return false;
  text.remove_prefix(mark.size());
  return true;
}

Result<std::int64_t> IntegerOf(const json::Object& object, std::string_view key) {
  TIDEGATE_ASSIGN(const json::Value value, object.Get(key));
  return value.IntegerIn(0, kIntegerMax);
}

}  // namespace

DownloadParts::DownloadParts(std::uint64_t size, std::uint64_t part_bytes)
    : size_(size), part_bytes_(std::max(part_bytes, size / kDownloadPartsMax + 1)) {
  written_.resize(static_cast<std::size_t>((size + part_bytes_ - 1) / part_bytes_));
  taken_.resize(written_.size());
}

std::uint64_t DownloadParts::end(std::size_t part) const {
  return std::min(begin(part) + part_bytes_, size_);
}

std::optional<std::size_t> DownloadParts::FindFree() const {
  for (std::size_t i = complete_parts_; i < written_.size(); ++i) {
    if (!taken_[i] && next(i) < end(i)) return i;
  }
  return std::nullopt;
}

std::optional<std::size_t> DownloadParts::Take() {
  const std::optional<std::size_t> part = FindFree();
  if (part) taken_[*part] = true;
  return part;
}

void DownloadParts::Wrote(std::size_t part, std::uint64_t bytes) {
  CHECK(bytes <= end(part) - next(part));
  written_[part] += bytes;
  written_total_ += bytes;
}

std::uint64_t DownloadParts::contiguous() {
  while (complete_parts_ < written_.size() && next(complete_parts_) == end(complete_parts_)) {
    ++complete_parts_;
  }
  return complete_parts_ == written_.size() ? size_ : next(complete_parts_);
}

// Ollama takes every file of this name for a part of its own and looks for "Offset", "Completed"
// and, in any case, "Size": with these members it would begin anew, which is right.
std::string DownloadParts::ToJson() const {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("version").Integer(kStateVersion);
  writer.Key("size").Integer(static_cast<std::int64_t>(size_));
  writer.Key("part_bytes").Integer(static_cast<std::int64_t>(part_bytes_));
  writer.Key("etag").String(etag).Key("written").BeginArray();
  for (const std::uint64_t bytes : written_) writer.Integer(static_cast<std::int64_t>(bytes));
  writer.EndArray().EndObject();
  return out;
}

std::optional<DownloadParts> DownloadParts::Parse(std::string_view json, std::uint64_t size) {
  json::Reader reader;
  const auto read = [&]() -> Result<DownloadParts> {
    TIDEGATE_ASSIGN(const json::Value root, reader.ParseCopy(json, kDownloadStateBytesMax));
    TIDEGATE_ASSIGN(const json::Object state, root.Object());
    TIDEGATE_ASSIGN(const std::int64_t version, IntegerOf(state, "version"));
    TIDEGATE_ASSIGN(const std::int64_t its_size, IntegerOf(state, "size"));
    TIDEGATE_ASSIGN(const std::int64_t part_bytes, IntegerOf(state, "part_bytes"));
    if (version != kStateVersion || static_cast<std::uint64_t>(its_size) != size) {
      return root.Invalid("is of another download");
    }
    DownloadParts parts(size, static_cast<std::uint64_t>(part_bytes));
    if (parts.part_bytes_ != static_cast<std::uint64_t>(part_bytes)) {
      return root.Invalid("has too many parts");
    }
    TIDEGATE_ASSIGN(const json::Value etag, state.Get("etag"));
    TIDEGATE_ASSIGN(const std::string_view etag_text, etag.String());
    parts.etag = etag_text;
    TIDEGATE_ASSIGN(const json::Value written, state.Get("written"));
    TIDEGATE_ASSIGN(const json::Array list, written.Array());
    std::size_t part = 0;
    for (const json::Value element : list) {
      if (part == parts.written_.size()) return element.Invalid("is of no part");
      const std::uint64_t part_size = parts.end(part) - parts.begin(part);
      TIDEGATE_ASSIGN(const std::int64_t bytes,
                      element.IntegerIn(0, static_cast<std::int64_t>(part_size)));
      parts.Wrote(part++, static_cast<std::uint64_t>(bytes));
    }
    if (part != parts.written_.size()) return written.Invalid("leaves parts out");
    return parts;
  };
  Result<DownloadParts> parts = read();
  if (!parts.ok()) return std::nullopt;
  return *std::move(parts);
}

Result<std::optional<std::string>> ReadDownloadState(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid() && errno == ENOENT) return std::optional<std::string>();
  if (!file.valid()) return StateError("open", path);
  std::string text;
  char bytes[16 * 1024];
  while (text.size() <= kDownloadStateBytesMax) {
    const ssize_t got = read(file.get(), bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return StateError("read", path);
    if (got == 0) break;
    text.append(bytes, static_cast<std::size_t>(got));
  }
  return std::optional(std::move(text));
}

Result<void> WriteDownloadState(const std::string& path, std::string_view text) {
  const std::string draft = path + "-new";
  UniqueFd file(open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.valid()) return StateError("make", draft);
  if (!WriteAll(file.get(), text) || fdatasync(file.get()) != 0) return StateError("write", draft);
  if (rename(draft.c_str(), path.c_str()) != 0) return StateError("rename", draft);
  return {};
}

std::optional<ContentRange> ParseContentRange(std::string_view text) {
  if (!TakeMark(text, "bytes ")) return std::nullopt;
  const std::optional<std::uint64_t> first = TakeNumber(text);
  if (!first || !TakeMark(text, "-")) return std::nullopt;
  const std::optional<std::uint64_t> last = TakeNumber(text);
  if (!last || !TakeMark(text, "/")) return std::nullopt;
  const std::optional<std::uint64_t> total = TakeNumber(text);
  if (!total || !text.empty() || *first > *last || *last >= *total) return std::nullopt;
  return ContentRange{*first, *last, *total};
}

}  // namespace tidegate::models
