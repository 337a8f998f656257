// Pictures and sounds that a prompt names by their paths: "What is in ./cat.png?"
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidegate::cli {

inline constexpr std::size_t kAttachedBytesMax = 64U << 20U;  // of one file
inline constexpr std::size_t kAttachedFilesMax = 32;          // in one prompt

// A path as it stands in a text: with its quotes and backslashes, and without.
struct PathInText {
  std::size_t begin = 0, size = 0;
  std::string path;
};

// The paths in `text` that `exists` says are there: those that begin with /, ./, ../ or ~/ and end
// as a picture or a sound does (.png .jpg .jpeg .webp .gif .bmp .wav .mp3), in quotes, with blanks
// escaped by backslashes, or with bare blanks.
std::vector<PathInText> FindPaths(std::string_view text,
                                  const std::function<bool(const std::string&)>& exists);

// Whether the first word is a path rather than a command of the chat: "/tmp/cat.png".
bool BeginsWithPath(std::string_view text);

struct AttachedFiles {
  std::string text;                 // without the paths of what is attached
  std::vector<std::string> base64;  // the files
  std::vector<std::string> notes;   // one line each: what was attached, and what was not and why
};

// Reads the files that `text` names. What is none by its first bytes stays in the text, with a
// note. Errors: kTooLarge, kPermissionDenied and the like, naming the file.
Result<AttachedFiles> AttachFiles(std::string_view text, const std::string& home);

}  // namespace tidegate::cli
