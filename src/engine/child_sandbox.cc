#include "engine/child_sandbox.h"

#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "engine/child_environment.h"

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLibrariesMax = 1'024;  // of a folder, that are looked for and allowed
constexpr std::size_t kPartsMax = models::kSplitFilesMax;

// Libraries of the system, and what they and llama.cpp ask about the machine.
const std::vector<std::string>& OfTheSystem() {
  static const std::vector<std::string> paths = {"/lib",
                                                 "/lib64",
                                                 "/usr/lib",
                                                 "/usr/lib64",
                                                 "/usr/local/lib",
                                                 "/etc/ld.so.cache",
                                                 "/etc/localtime",
                                                 "/usr/share/zoneinfo",
                                                 "/proc/cpuinfo",
                                                 "/proc/meminfo",
                                                 "/proc/stat",
                                                 "/sys/devices/system/cpu",
                                                 "/sys/devices/system/node",
                                                 "/dev/urandom"};
  return paths;
}

bool IsLibrary(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with("lib") && name.find(".so") != name.npos;
}

// Libraries that lie in `folder` itself.
std::vector<std::string> LibrariesIn(const fs::path& folder) {
  std::vector<std::string> libraries;
  std::error_code ec;
  for (fs::directory_iterator at(folder, ec), end; !ec && at != end; at.increment(ec)) {
    if (libraries.size() == kLibrariesMax) break;
    if (IsLibrary(at->path())) libraries.push_back(at->path().string());
  }
  return libraries;
}

// The engine brings libraries beside its program, or in ../lib. The program's own folder may be
// anybody's, a home even: there only the libraries are allowed. What is called lib and holds some
// is the engine's.
void AllowEngine(const std::string& program, process::SandboxOptions& sandbox) {
  std::error_code ec;
  const fs::path real = fs::canonical(program, ec);
  if (ec) return;  // it does not start then
  const fs::path folder = real.parent_path();
  const std::vector<std::string> beside = LibrariesIn(folder);
  sandbox.readable.insert(sandbox.readable.end(), beside.begin(), beside.end());
  sandbox.listable.push_back(folder.string());  // it looks for its back ends there
  const fs::path libraries = folder.parent_path() / "lib";
  if (!LibrariesIn(libraries).empty()) sandbox.readable.push_back(libraries.string());
}

// Libraries that lie elsewhere, as the environment says: of those folders only libraries.
void AllowNamedLibraries(const std::vector<std::string>& environment,
                         process::SandboxOptions& sandbox) {
  std::string_view rest = VariableIn(environment, "LD_LIBRARY_PATH");
  while (!rest.empty()) {
    const std::size_t end = rest.find(':');
    const std::string folder(rest.substr(0, end));
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    if (!folder.starts_with('/')) continue;
    const std::vector<std::string> libraries = LibrariesIn(folder);
    sandbox.readable.insert(sandbox.readable.end(), libraries.begin(), libraries.end());
  }
  const std::string_view back_end = VariableIn(environment, "GGML_BACKEND_PATH");
  if (back_end.starts_with('/') && IsLibrary(fs::path(back_end))) {
    sandbox.readable.emplace_back(back_end);
  }
}

// The file, or all parts when its name says NAME-00001-of-000NN.gguf.
void AllowModel(const models::LocalModel& model, process::SandboxOptions& sandbox) {
  sandbox.readable.push_back(model.path);
  for (const std::string* path : {&model.projector_path, &model.draft_path}) {
    if (!path->empty()) sandbox.readable.push_back(*path);
  }
  sandbox.readable.insert(sandbox.readable.end(), model.adapter_paths.begin(),
                          model.adapter_paths.end());
  constexpr std::string_view kFirst = "-00001-of-";
  const std::size_t at = model.path.rfind(kFirst);
  if (at == model.path.npos) return;
  const std::string before = model.path.substr(0, at + 1);
  const std::string after = model.path.substr(at + kFirst.size() - 4);  // "-of-000NN.gguf"
  for (std::size_t part = 2; part <= kPartsMax; ++part) {
    const std::string number = std::to_string(part);
    std::string path = before;
    path.append(5 - number.size(), '0').append(number).append(after);
    std::error_code ec;
    if (!fs::exists(path, ec)) return;
    sandbox.readable.push_back(std::move(path));
  }
}

void AllowDevices(process::SandboxOptions& sandbox) {
  constexpr std::string_view kNodes[] = {"dri", "kfd", "nvidia", "dxg"};
  std::error_code ec;
  bool any = false;
  for (fs::directory_iterator at("/dev", ec), end; !ec && at != end; at.increment(ec)) {
    const std::string name = at->path().filename().string();
    for (const std::string_view node : kNodes) {
      if (!name.starts_with(node)) continue;
      sandbox.devices.push_back(at->path().string());
      any = true;
    }
  }
  if (!any) return;
  for (const char* path :
       {"/proc/self", "/proc/driver", "/proc/devices", "/proc/modules", "/proc/sys/vm", "/sys",
        "/etc/vulkan", "/etc/OpenCL", "/usr/share/vulkan", "/usr/local/cuda", "/opt/rocm"}) {
    sandbox.readable.emplace_back(path);
  }
}

}  // namespace

process::SandboxOptions SandboxFor(const std::string& program,
                                   const std::vector<std::string>& environment) {
  process::SandboxOptions sandbox;
  sandbox.readable = OfTheSystem();
  sandbox.devices = {"/dev/null"};
  AllowEngine(program, sandbox);
  AllowNamedLibraries(environment, sandbox);
  return sandbox;
}

void ChildProtection::Apply(const EngineBinary& binary, const models::LocalModel& model,
                            const ChildFiles& files, process::SpawnOptions& options) const {
  options.limits.data_bytes_max = data_bytes_max;
  if (!files.slots_out.empty()) options.limits.file_bytes_max = files.slot_bytes_max;
  if (!enabled) return;
  process::SandboxOptions sandbox = SandboxFor(binary.path, binary.environment);
  AllowModel(model, sandbox);
  if (gpu) AllowDevices(sandbox);
  sandbox.readable.push_back(files.api_key_path);
  sandbox.socket_folders.push_back(fs::path(files.socket_path).parent_path().string());
  sandbox.readable.insert(sandbox.readable.end(), files.slots_in.begin(), files.slots_in.end());
  sandbox.writable = files.slots_out;
  options.sandbox = std::move(sandbox);
}

}  // namespace tidegate::engine
