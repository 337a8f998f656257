#include "cli/prompt_files.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <sys/stat.h>

#include "base/ascii.h"
#include "base/base64.h"
#include "cli/file_reader.h"

namespace tidegate::cli {
namespace {

constexpr std::array<std::string_view, 8> kEndings = {".png", ".jpg", ".jpeg", ".webp",
                                                      ".gif", ".bmp", ".wav",  ".mp3"};
constexpr std::size_t kPathBytesMax = 4096;    // PATH_MAX
constexpr std::size_t kBeginningsMax = 1'000;  // places of a prompt that are looked at
constexpr std::size_t kEndsMax = 8;            // ends that are tried from one of them

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsWordLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// How many bytes of `text` a known ending has that stands at its front; 0 = none does.
std::size_t EndingAt(std::string_view text) {
  for (const std::string_view ending : kEndings) {
    const bool same = StartsWithIgnoreCase(text, ending);
    if (!same) continue;
    const bool over = text.size() == ending.size() || !IsWordLetter(text[ending.size()]);
    if (over) return ending.size();
  }
  return 0;
}

bool BeginsPath(std::string_view text) {
  return text.starts_with('/') || text.starts_with("./") || text.starts_with("../") ||
         text.starts_with("~/");
}

std::string Unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

// A path in quotes whose first is at `begin`.
bool FindQuoted(std::string_view text, std::size_t begin,
                const std::function<bool(const std::string&)>& exists, PathInText& found) {
  const std::string_view inner = text.substr(begin + 1, kPathBytesMax);
  const std::size_t end = inner.find(text[begin]);
  if (end == std::string_view::npos) return false;
  const std::string_view path = inner.substr(0, end);
  const std::size_t dot = path.rfind('.');
  if (dot == std::string_view::npos || EndingAt(path.substr(dot)) != path.size() - dot)
    return false;
  for (const std::string& one : {std::string(path), Unescaped(path)}) {
    if (!exists(one)) continue;
    found = {begin, end + 2, one};
    return true;
  }
  return false;
}

// A bare path that begins at `begin`: the shortest that is there.
bool FindBare(std::string_view text, std::size_t begin,
              const std::function<bool(const std::string&)>& exists, PathInText& found) {
  const std::string_view line =
      text.substr(begin, std::min(text.find('\n', begin) - begin, kPathBytesMax));
  std::size_t tried = 0;
  for (std::size_t dot = line.find('.'); dot != std::string_view::npos && tried < kEndsMax;
       dot = line.find('.', dot + 1)) {
    const std::size_t ending = EndingAt(line.substr(dot));
    if (ending == 0) continue;
    ++tried;
    const std::string_view path = line.substr(0, dot + ending);
    for (const std::string& one : {std::string(path), Unescaped(path)}) {
      if (!exists(one)) continue;
      found = {begin, path.size(), one};
      return true;
    }
  }
  return false;
}

// What the first bytes say.
bool IsPictureOrSound(std::string_view bytes) {
  const auto riff = [bytes](std::string_view kind) {
    return bytes.starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8, 4) == kind;
  };
  const bool mpeg = bytes.size() >= 2 && bytes[0] == '\xFF' &&
                    (static_cast<unsigned char>(bytes[1]) & 0xE0U) == 0xE0U;
  return bytes.starts_with("\x89PNG") || bytes.starts_with("\xFF\xD8\xFF") ||
         bytes.starts_with("GIF8") || bytes.starts_with("BM") || riff("WEBP") || riff("WAVE") ||
         bytes.starts_with("ID3") || mpeg;
}

bool IsFile(const std::string& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode);
}

// Without the blanks that stood around what was taken out.
std::string WithoutPaths(std::string_view text, const std::vector<PathInText>& taken) {
  std::string out;
  std::size_t from = 0;
  for (const PathInText& path : taken) {
    out += text.substr(from, path.begin - from);
    from = path.begin + path.size;
    const bool blank_before = out.empty() || out.back() == ' ';
    if (blank_before && from < text.size() && text[from] == ' ') ++from;
  }
  out += text.substr(from);
  const auto first = std::find_if_not(out.begin(), out.end(), IsBlank);
  const auto last = std::find_if_not(out.rbegin(), std::make_reverse_iterator(first), IsBlank);
  return std::string(first, last.base());
}

}  // namespace

std::vector<PathInText> FindPaths(std::string_view text,
                                  const std::function<bool(const std::string&)>& exists) {
  std::vector<PathInText> paths;
  std::size_t looked_at = 0;
  for (std::size_t at = 0; at < text.size() && looked_at < kBeginningsMax; ++at) {
    const bool word_begins = at == 0 || !IsWordLetter(text[at - 1]);
    if (!word_begins || paths.size() > kAttachedFilesMax) continue;
    const bool quote = text[at] == '\'' || text[at] == '"';
    const std::string_view rest = text.substr(quote ? at + 1 : at);
    // A dot or a slash in the middle of a path begins none.
    if (!BeginsPath(rest) || (!quote && at > 0 && !IsBlank(text[at - 1]) && text[at - 1] != '(')) {
      continue;
    }
    ++looked_at;
    PathInText found;
    if (quote ? FindQuoted(text, at, exists, found) : FindBare(text, at, exists, found)) {
      at = found.begin + found.size - 1;
      paths.push_back(std::move(found));
    }
  }
  return paths;
}

bool BeginsWithPath(std::string_view text) {
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  if (!BeginsPath(word)) return false;
  const std::size_t dot = word.rfind('.');
  return word.find('/', 1) != std::string_view::npos ||
         (dot != std::string_view::npos && EndingAt(word.substr(dot)) > 0);
}

Result<AttachedFiles> AttachFiles(std::string_view text, const std::string& home) {
  AttachedFiles out;
  std::vector<PathInText> taken;
  const auto exists = [&home](const std::string& path) { return IsFile(ExpandHome(path, home)); };
  for (PathInText& path : FindPaths(text, exists)) {
    if (taken.size() == kAttachedFilesMax) {
      return Error{ErrorCode::kTooLarge, ErrorSource::kCaller, Retry::kNever,
                   "a prompt may name " + std::to_string(kAttachedFilesMax) + " pictures at most"};
    }
    TIDEGATE_ASSIGN(const std::string bytes,
                    ReadFile(ExpandHome(path.path, home), kAttachedBytesMax));
    if (!IsPictureOrSound(bytes)) {
      out.notes.push_back("'" + path.path +
                          "' holds no picture or sound; its name is sent as text");
      continue;
    }
    out.notes.push_back("added '" + path.path + "'");
    out.base64.push_back(EncodeBase64(bytes));
    taken.push_back(std::move(path));
  }
  out.text = taken.empty() ? std::string(text) : WithoutPaths(text, taken);
  return out;
}

}  // namespace tidegate::cli
