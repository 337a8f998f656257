// The configuration: one small TOML file, the environment, and the command line, in rising order of
// weight.
//
// Everything has a default; without a file the gate serves this device's models and every provider
// whose key stands in the environment. Secrets are references ("env:NAME", "file:/path"), never
// values. Nothing is half accepted: an unknown setting, a wrong type or a broken reference is an
// error that names the setting and says what to do.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/settings.h"
#include "base/money.h"
#include "base/result.h"
#include "core/constraints.h"
#include "policy/principal.h"
#include "providers/provider.h"

namespace tidegate::app {

inline constexpr std::size_t kConfigBytesMax = 1 << 20;

using Environment = std::function<std::optional<std::string>(std::string_view name)>;
Environment ProcessEnvironment();

// Where a value came from, for `config check --explain`.
struct Origin {
  std::string setting, value, source;
};

struct Config {
  Settings settings;
  std::vector<providers::ProviderConfig> providers;
  std::vector<providers::ModelConfig>
      local_models;  // [providers.local]: what is stated of models on this device
  std::map<std::string, core::Constraints, std::less<>> policies;
  core::Constraints defaults;  // [policies.default]
  std::vector<policy::Principal> keys;
  std::optional<Money> budget_day;  // of all callers together
  std::vector<Origin> origins;
  std::string path;  // of the file; also when there is none
  bool file_found = false;
};

// $XDG_CONFIG_HOME/tidegate/config.toml, with ~/.config for an unset XDG_CONFIG_HOME.
std::string DefaultConfigPath(const Environment& environment);

// Reads the file at `path`; empty = the default path, where a missing file is no error. Errors:
// kInvalidArgument with the setting's path, kNotFound, kUnavailable (cannot be read).
Result<Config> LoadConfig(const std::string& path, const Environment& environment);
// The same from a text; for tests and LoadConfig.
Result<Config> ParseConfig(std::string_view text, const std::string& path,
                           const Environment& environment);

// Folders after defaults and environment: $XDG_STATE_HOME/tidegate and $XDG_RUNTIME_DIR/tidegate
// (else the state folder).
Result<std::string> StateFolder(const Settings& settings, const Environment& environment);
Result<std::string> RuntimeFolder(const Settings& settings, const Environment& environment);

// Where commands on this machine find a gate with these settings: its first address, as
// "127.0.0.1:8080", "https://127.0.0.1:8443" or "unix:/path".
std::string ClientAddress(const Settings& settings);

// Serving beyond this machine needs keys and TLS, or the explicit waiver. Errors: kPermissionDenied
// with the remedy.
Result<void> CheckExposure(const Config& config);

// What "env:NAME" or "file:/path" names. The secret itself is refused: files get copied, committed
// and pasted. Errors: kInvalidArgument with `path`.
Result<Secret> ResolveSecret(const std::string& reference, const std::string& path,
                             const Environment& environment);

}  // namespace tidegate::app
