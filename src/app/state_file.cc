#include "app/state_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <unistd.h>

#include <fmt/format.h>

#include "base/unique_fd.h"
#include "base/write_all.h"

namespace tidegate::app {

std::optional<std::string> ReadStateFile(const std::string& path, std::size_t bytes_max) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text(bytes_max, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

Result<void> ReplaceFile(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  const auto failed = [&](const char* what) {
    return Unavailable(ErrorSource::kGateway,
                       fmt::format("cannot {} {}: {}", what, fresh, std::strerror(errno)));
  };
  UniqueFd file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return failed("make");
  if (!WriteAll(file.get(), text) || fsync(file.get()) != 0) return failed("write");
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return failed("rename");
  return {};
}

}  // namespace tidegate::app
