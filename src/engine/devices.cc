#include "engine/devices.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <optional>

#include "process/run.h"

namespace tidegate::engine {
namespace {

constexpr std::string_view kHeading = "Available devices:";
constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr std::int64_t kListTimeoutNanos = 30'000'000'000;
constexpr std::size_t kFileBytesMax = 256 * 1024;
constexpr int kGroupDepthMax = 64;

std::string_view NextLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::optional<std::uint64_t> TakeNumber(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

bool TakeWord(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

// "CUDA0: NVIDIA GeForce RTX 3090 (24135 MiB, 23678 MiB free)"
std::optional<GraphicsDevice> ParseDevice(std::string_view line) {
  const std::size_t colon = line.find(": ");
  const std::size_t open = line.rfind(" (");
  if (colon == line.npos || colon == 0 || open == line.npos || open < colon) return std::nullopt;
  GraphicsDevice device;
  device.id = line.substr(0, colon);
  if (open > colon + 2) device.description = line.substr(colon + 2, open - colon - 2);
  if (device.id.find_first_of(" ,") != device.id.npos || device.id.size() > kDeviceNameBytesMax ||
      device.description.size() > kDeviceNameBytesMax) {
    return std::nullopt;
  }
  std::string_view rest = line.substr(open + 2);
  const std::optional<std::uint64_t> total = TakeNumber(rest);
  if (!total || !TakeWord(rest, " MiB, ")) return std::nullopt;
  const std::optional<std::uint64_t> free_mib = TakeNumber(rest);
  if (!free_mib || rest != " MiB free)") return std::nullopt;
  constexpr std::uint64_t kMibMax = std::numeric_limits<std::uint64_t>::max() / kMiB;
  if (*total > kMibMax) return std::nullopt;
  device.total_bytes = *total * kMiB;
  device.free_bytes = std::min(*free_mib, *total) * kMiB;  // estimates of a driver
  return device;
}

Error Unexpected(std::string message) {
  Error error = Unavailable(ErrorSource::kEngine, std::move(message));
  error.code = ErrorCode::kProtocol;
  return error;
}

std::optional<std::string> Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text(kFileBytesMax, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

// The number behind "NAME" and blanks at the start of a line.
std::optional<std::uint64_t> Field(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    std::string_view line = NextLine(text);
    if (!TakeWord(line, name)) continue;
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    return TakeNumber(line);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> NumberIn(const std::string& path) {
  const std::optional<std::string> text = Slurp(path);
  if (!text) return std::nullopt;
  std::string_view rest = *text;
  return TakeNumber(rest);  // nothing for "max"
}

struct GroupFiles {
  std::string folder;  // where the hierarchy is mounted
  const char* limit;
  const char* usage;
  const char* reclaimable;  // in memory.stat, with a blank behind it
};

struct GroupLimit {
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t left = std::numeric_limits<std::uint64_t>::max();
  void Add(const GroupLimit& other) {
    limit = std::min(limit, other.limit);
    left = std::min(left, other.left);
  }
};

// What one group and all above it allow and leave.
GroupLimit LimitOfGroups(const GroupFiles& files, std::string_view group) {
  GroupLimit all;
  std::string path(group == "/" ? "" : group);
  for (int depth = 0; depth < kGroupDepthMax; ++depth) {
    const std::string folder = files.folder + path;
    const std::optional<std::uint64_t> limit = NumberIn(folder + "/" + files.limit);
    const std::optional<std::uint64_t> usage = NumberIn(folder + "/" + files.usage);
    if (limit && usage) {
      // Cached files that can be dropped count as used there.
      const std::uint64_t reclaimable =
          Field(Slurp(folder + "/memory.stat").value_or(""), files.reclaimable).value_or(0);
      const std::uint64_t used = *usage - std::min(*usage, reclaimable);
      all.Add({*limit, *limit > used ? *limit - used : 0});
    }
    if (path.empty()) break;
    path.resize(path.rfind('/') == path.npos ? 0 : path.rfind('/'));
  }
  return all;
}

// The group of this process: the line "0::/PATH" of version 2, or "N:...memory...:/PATH".
GroupLimit LimitOfGroups(const std::string& root) {
  const std::string mounts = root + "/sys/fs/cgroup";
  const GroupFiles second{mounts, "memory.max", "memory.current", "inactive_file "};
  const GroupFiles first{mounts + "/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                         "total_inactive_file "};
  const std::string text = Slurp(root + "/proc/self/cgroup").value_or("");
  std::string_view rest = text;
  GroupLimit all;
  while (!rest.empty()) {
    const std::string_view line = NextLine(rest);
    const std::size_t one = line.find(':');
    const std::size_t two = one == line.npos ? one : line.find(':', one + 1);
    if (two == line.npos) continue;
    const std::string_view controllers = line.substr(one + 1, two - one - 1);
    const bool is_first = ("," + std::string(controllers) + ",").find(",memory,") != line.npos;
    if (!is_first && !controllers.empty()) continue;
    all.Add(LimitOfGroups(is_first ? first : second, line.substr(two + 1)));
  }
  return all;
}

}  // namespace

Result<std::vector<GraphicsDevice>> ParseDeviceList(std::string_view output) {
  if (output.size() > kDeviceListBytesMax) {
    return Unexpected("llama-server's list of devices has " + std::to_string(output.size()) +
                      " bytes");
  }
  std::vector<GraphicsDevice> devices;
  bool listed = false;
  while (!output.empty()) {
    std::string_view line = NextLine(output);
    if (line == kHeading) {
      listed = true;
      continue;
    }
    if (!listed || !TakeWord(line, "  ")) continue;  // drivers print lines of their own
    if (line == "(none)") continue;
    std::optional<GraphicsDevice> device = ParseDevice(line);
    if (!device) {
      return Unexpected("llama-server lists a device that cannot be read: " +
                        std::string(line.substr(0, kDeviceNameBytesMax)));
    }
    if (devices.size() == kDevicesMax) {
      return Unexpected("llama-server lists more than " + std::to_string(kDevicesMax) + " devices");
    }
    devices.push_back(std::move(*device));
  }
  if (!listed) return Unexpected("llama-server does not list its devices");
  return devices;
}

Result<std::vector<GraphicsDevice>> ListDevices(const EngineBinary& binary) {
  constexpr const char* kOption = "--list-devices";
  if (!binary.options.contains(kOption)) {
    Error error = Unavailable(ErrorSource::kEngine, binary.path + " (version " + binary.version +
                                                        ") has no " + kOption +
                                                        "; a newer llama-server is needed");
    error.reason = "engine_too_old";
    return error;
  }
  process::SpawnOptions options;
  options.argv = {binary.path, kOption};
  options.environment = binary.environment;
  const process::RunLimits limits{kListTimeoutNanos, kDeviceListBytesMax};
  Result<process::RunResult> run = process::RunProgram(options, limits);
  if (!run.ok() || !run->status.ok()) {
    Error error = Unavailable(ErrorSource::kEngine,
                              binary.path + " cannot list its devices: " +
                                  (run.ok() ? run->status.Describe() : run.error().message));
    error.reason = "engine_broken";
    return error;
  }
  return ParseDeviceList(run->output);
}

Result<HostMemory> ReadHostMemory(const std::string& root) {
  constexpr std::uint64_t kKiB = 1024;
  const std::string text = Slurp(root + "/proc/meminfo").value_or("");
  const std::optional<std::uint64_t> total = Field(text, "MemTotal:");
  const std::optional<std::uint64_t> available = Field(text, "MemAvailable:");
  constexpr std::uint64_t kKibMax = std::numeric_limits<std::uint64_t>::max() / kKiB;
  if (!total || !available || *total > kKibMax || *available > kKibMax) {
    return Unavailable(ErrorSource::kGateway, "/proc/meminfo does not say how much memory is free");
  }
  HostMemory memory{*total * kKiB, *available * kKiB, false, *total * kKiB};
  const GroupLimit groups = LimitOfGroups(root);
  memory.limited = groups.left < memory.available_bytes;
  memory.available_bytes = std::min(memory.available_bytes, groups.left);
  memory.limit_bytes = std::min(memory.limit_bytes, groups.limit);
  return memory;
}

}  // namespace tidegate::engine
