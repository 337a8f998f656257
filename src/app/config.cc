#include "app/config.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "app/config_tables.h"
#include "app/engine_settings.h"
#include "net/address.h"

namespace tidegate::app {
namespace {

std::string SourceOf(const toml::node& node, const std::string& path) {
  return fmt::format("{}:{}", path, node.source().begin.line);
}

// Sets one scalar setting from its node.
struct Assign {
  Settings& settings;
  const Option& option;
  const toml::node& node;

  Error Wrong(std::string_view expected) const {
    return InvalidArgument(std::string(option.name),
                           fmt::format("expected {}; {}", expected, option.help));
  }
  Result<void> operator()(std::string Settings::*member) const {
    const auto text = node.value_exact<std::string>();
    // A number is welcome where money is written.
    if (!text && option.name == "budget.day_usd" && node.is_number()) {
      const auto money = MoneyFromDouble(node.value<double>().value_or(-1));
      if (!money) return Wrong("an amount of dollars");
      settings.*member = FormatUsd(*money);
      return {};
    }
    if (!text) return Wrong("a string");
    if (!option.allowed.empty()) {
      const std::string words = "|" + std::string(option.allowed) + "|";
      if (words.find("|" + *text + "|") == std::string::npos)
        return Wrong("one of " + std::string(option.allowed));
    }
    settings.*member = *text;
    return {};
  }
  Result<void> operator()(std::int64_t Settings::*member) const {
    const auto number = node.value_exact<std::int64_t>();
    if (!number || *number < option.low || *number > option.high) {
      return Wrong(fmt::format("an integer from {} to {}", option.low, option.high));
    }
    settings.*member = *number;
    return {};
  }
  Result<void> operator()(bool Settings::*member) const {
    const auto flag = node.value_exact<bool>();
    if (!flag) return Wrong("true or false");
    settings.*member = *flag;
    return {};
  }
  Result<void> operator()(std::vector<std::string> Settings::*member) const {
    std::vector<std::string> list;
    const toml::array* array = node.as_array();
    if (array == nullptr) return Wrong("a list of strings");
    for (const toml::node& item : *array) {
      const auto text = item.value_exact<std::string>();
      if (!text) return Wrong("a list of strings");
      list.push_back(*text);
    }
    settings.*member = std::move(list);
    return {};
  }
};

const Option* FindOption(std::string_view name) {
  const auto options = Options();
  const auto found =
      std::find_if(options.begin(), options.end(), [&](const Option& o) { return o.name == name; });
  return found == options.end() ? nullptr : &*found;
}

bool IsGroup(std::string_view name) {
  const std::string prefix = std::string(name) + ".";
  return std::any_of(Options().begin(), Options().end(),
                     [&](const Option& option) { return option.name.starts_with(prefix); });
}

Result<void> ReadSettings(const toml::table& table, const std::string& prefix, Config& config) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (prefix.empty() && IsTableName(name)) continue;
    if (node.is_table() && IsGroup(name)) {
      TIDEGATE_TRY(ReadSettings(*node.as_table(), name + ".", config));
      continue;
    }
    const Option* option = FindOption(name);
    if (option == nullptr) {
      return InvalidArgument(
          name, "there is no such setting; `tidegate config check --explain` lists all of them");
    }
    TIDEGATE_TRY(std::visit(Assign{config.settings, *option, node}, option->member));
    config.origins.push_back(
        {name, ValueText(config.settings, *option), SourceOf(node, config.path)});
  }
  return {};
}

std::string FromHome(const Environment& environment, std::string_view variable,
                     std::string_view below_home) {
  if (const auto folder = environment(variable); folder && folder->starts_with('/')) return *folder;
  const auto home = environment("HOME");
  return home && home->starts_with('/') ? *home + std::string(below_home) : std::string();
}

}  // namespace

Environment ProcessEnvironment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

std::string DefaultConfigPath(const Environment& environment) {
  const std::string folder = FromHome(environment, "XDG_CONFIG_HOME", "/.config");
  return folder.empty() ? std::string() : folder + "/tidegate/config.toml";
}

Result<Config> ParseConfig(std::string_view text, const std::string& path,
                           const Environment& environment) {
  Config config;
  config.path = path;
  toml::table table;
  try {
    table = toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    return InvalidArgument(fmt::format("{}:{}", path, error.source().begin.line),
                           "the file is not valid TOML: " + std::string(error.description()));
  }
  TIDEGATE_TRY(ReadSettings(table, "", config));
  TIDEGATE_TRY(ReadTables(table, environment, config));
  if (!config.settings.budget_day_usd.empty()) {
    config.budget_day = ParseUsd(config.settings.budget_day_usd);
    if (!config.budget_day)
      return InvalidArgument("budget.day_usd", "write an amount of dollars, as 2.50");
  }
  TIDEGATE_TRY(CheckEngineSettings(config.settings));
  if (config.settings.tls_certificate.empty() != config.settings.tls_key.empty()) {
    return InvalidArgument("tls", "give both tls.certificate and tls.key, or neither");
  }
  return config;
}

Result<Config> LoadConfig(const std::string& path, const Environment& environment) {
  const bool named = !path.empty();
  const std::string file = named ? path : DefaultConfigPath(environment);
  std::error_code ec;
  if (file.empty() || !std::filesystem::exists(file, ec)) {
    if (named) return NotFound("there is no configuration at " + file);
    return ParseConfig("", file, environment);
  }
  if (std::filesystem::file_size(file, ec) > kConfigBytesMax) {
    return InvalidArgument(file, "a configuration is at most 1 MiB");
  }
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) {
    return Error{ErrorCode::kUnavailable, ErrorSource::kGateway, Retry::kNever,
                 "cannot read " + file + "; check its permissions"};
  }
  TIDEGATE_ASSIGN(Config config, ParseConfig(text.str(), file, environment));
  config.file_found = true;
  return config;
}

Result<std::string> StateFolder(const Settings& settings, const Environment& environment) {
  if (!settings.state_folder.empty()) return settings.state_folder;
  const std::string folder = FromHome(environment, "XDG_STATE_HOME", "/.local/state");
  if (folder.empty())
    return InvalidArgument("state_folder", "set it, or HOME, so that the ledger has a place");
  return folder + "/tidegate";
}

Result<std::string> RuntimeFolder(const Settings& settings, const Environment& environment) {
  if (!settings.runtime_folder.empty()) return settings.runtime_folder;
  const auto folder = environment("XDG_RUNTIME_DIR");
  if (folder && folder->starts_with('/')) return *folder + "/tidegate";
  TIDEGATE_ASSIGN(const std::string state, StateFolder(settings, environment));
  return state + "/run";
}

std::string ClientAddress(const Settings& settings) {
  const std::string usual = Settings().listen.front();
  if (settings.listen.empty()) return usual;
  Result<net::ListenAddress> address = net::ParseListenAddress(settings.listen.front());
  if (!address.ok()) return usual;
  if (!address->unix_path.empty()) return address->ToString();
  if (address->port == 0) return usual;  // any: nobody knows which
  if (address->host == "0.0.0.0") address->host = "127.0.0.1";
  if (address->host == "::") address->host = "::1";
  return (settings.tls_certificate.empty() ? "" : "https://") + address->ToString();
}

Result<void> CheckExposure(const Config& config) {
  if (config.settings.allow_insecure) return {};
  for (const std::string& text : config.settings.listen) {
    TIDEGATE_ASSIGN(const net::ListenAddress address, net::ParseListenAddress(text));
    if (address.loopback()) continue;
    const char* missing = config.keys.empty() && config.settings.tls_certificate.empty()
                              ? "neither a key nor TLS"
                          : config.keys.empty()                     ? "no key"
                          : config.settings.tls_certificate.empty() ? "no TLS"
                                                                    : nullptr;
    if (missing == nullptr) continue;
    Error error{ErrorCode::kPermissionDenied, ErrorSource::kGateway, Retry::kNever,
                fmt::format("{} can be reached from other machines, and there is {}. Add "
                            "[keys.<name>] and tls.certificate with "
                            "tls.key, listen on 127.0.0.1, or set allow_insecure = true if "
                            "something in front protects it",
                            address.ToString(), missing)};
    error.field = "listen";
    return error;
  }
  return {};
}

}  // namespace tidegate::app
