// Small files of the gate's own in its state folder.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidegate::app {

// Its text; nothing without such a file. What is behind `bytes_max` is left out.
std::optional<std::string> ReadStateFile(const std::string& path, std::size_t bytes_max);

// Puts a file with `text` at `path`, under another name first: after a crash there is the old one
// or the new one, whole. Only this user may read it. Blocks on the disk. Errors: kUnavailable.
Result<void> ReplaceFile(const std::string& path, std::string_view text);

}  // namespace tidegate::app
