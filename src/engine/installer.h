// Puts llama-server into a folder of its own, for systems that have none.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidegate::engine {

inline constexpr std::int64_t kInstallTimeoutNanos = 30LL * 60 * 1'000'000'000;

// Called with every line of progress, on the calling thread.
using InstallProgress = std::function<void(std::string_view line)>;

struct InstallOptions {
  std::string prefix;    // DefaultEnginePrefix(), usually
  bool upgrade = false;  // ask for a newer version even when the installed one runs
};

// Runs the embedded install_engine.sh, which downloads, checks and unpacks; needs the network, and
// neither root nor trust in anything but the archive's signature. Blocks for minutes. Returns the
// path of llama-server. Errors: kUnavailable with the script's own last message, kDeadlineExceeded.
Result<std::string> InstallEngine(const InstallOptions& options, const InstallProgress& progress);

}  // namespace tidegate::engine
