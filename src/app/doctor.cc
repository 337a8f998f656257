#include "app/doctor.h"

#include <algorithm>
#include <filesystem>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "app/application.h"
#include "app/doctor_machine.h"
#include "app/engine_settings.h"
#include "app/model_places.h"
#include "engine/installer.h"
#include "engine/locator.h"
#include "engine/model_settings.h"
#include "models/local_models.h"
#include "net/address.h"
#include "process/child.h"
#include "providers/catalogue.h"

namespace tidegate::app {
namespace {

using cli::Check;
using cli::CheckState;

constexpr std::uint64_t kDiskBytesLow = 1ULL << 30U;

Check FromError(std::string name, const Error& error, std::string fix) {
  std::string why = error.field.empty() ? error.message : error.field + ": " + error.message;
  return Check{std::move(name), CheckState::kFail, std::move(why), std::move(fix)};
}

Check CheckExposed(const Config& config) {
  if (Result<void> exposure = CheckExposure(config); !exposure.ok()) {
    return FromError("exposure", exposure.error(), "listen on 127.0.0.1, or add keys and TLS");
  }
  for (const std::string& text : config.settings.listen) {
    const auto address = net::ParseListenAddress(text);
    if (!address.ok()) return FromError("exposure", address.error(), "write IP:PORT or unix:/PATH");
    if (!address->loopback() && config.settings.allow_insecure) {
      return {"exposure", CheckState::kWarn,
              text + " is served without a key or without TLS, as allow_insecure says",
              "make sure that something in front protects it"};
    }
  }
  return {"exposure", CheckState::kOk,
          "only this machine, or callers with a key over TLS, can use the gate", ""};
}

Check CheckStateFolder(const Config& config, const Environment& environment) {
  Result<std::string> folder = StateFolder(config.settings, environment);
  if (!folder.ok()) return FromError("state folder", folder.error(), "set HOME or state_folder");
  std::error_code ec;
  std::filesystem::path existing = *folder;
  while (!existing.empty() && !std::filesystem::exists(existing, ec))
    existing = existing.parent_path();
  if (access(existing.c_str(), W_OK) != 0) {
    return {"state folder", CheckState::kFail, *folder + " cannot be written",
            "chown it to yourself, or set state_folder to a folder that you own"};
  }
  const auto space = std::filesystem::space(existing, ec);
  if (!ec && space.available < kDiskBytesLow) {
    return {"state folder", CheckState::kWarn, *folder + " has less than 1 GiB left on its disk",
            "free some space: the gate refuses paid requests when it cannot write its ledger"};
  }
  return {"state folder", CheckState::kOk, *folder, ""};
}

std::vector<Check> CheckEngine(const Config& config, const models::ModelScan& scan) {
  if (!config.settings.engine_enabled) {
    return {
        {"engine", CheckState::kWarn, "engine.enabled is false: nothing runs on this machine", ""}};
  }
  engine::Locator locator(LocatorOptionsOf(config.settings));
  const Result<engine::EngineBinary> found = locator.Locate();
  if (!found.ok()) return {FromError("engine", found.error(), "run: tidegate engine install")};
  std::vector<Check> checks = {{"engine", CheckState::kOk,
                                fmt::format("llama-server {} at {}", found->version, found->path),
                                ""}};
  for (Check& check : CheckMachine(config, *found, scan.models)) checks.push_back(std::move(check));
  return checks;
}

// What of the protection of models' processes this kernel has.
Check CheckSandbox(const Config& config) {
  if (!config.settings.engine_enabled) {
    return {"sandbox", CheckState::kOk, "nothing runs that would need one", ""};
  }
  if (!config.settings.engine_sandbox) {
    return {"sandbox", CheckState::kWarn,
            "engine.sandbox is false: a hostile model file that gets the better of the engine can "
            "do what you can",
            "set it to true, unless a driver needs more"};
  }
  const Result<process::SandboxReport> report = process::ProbeSandbox();
  if (!report.ok()) {
    return FromError("sandbox", report.error(), "see that this account may start processes");
  }
  std::string missing;
  for (const std::string& layer : report->Missing())
    missing += (missing.empty() ? "" : "; ") + layer;
  if (!missing.empty()) {
    return {"sandbox", CheckState::kWarn,
            "models run with less protection than they could have: " + missing,
            "a newer kernel, or a container or security profile that allows it, gives them more; "
            "until then load only models that you trust"};
  }
  return {"sandbox", CheckState::kOk,
          fmt::format("a model's process has no network, its own files only, and few system calls "
                      "(Landlock of version {})",
                      report->landlock_version),
          ""};
}

Check CheckModels(const Config& config, const Environment& environment, models::ModelScan& scan) {
  const Result<models::ModelFolders> places = ModelPlaces(config.settings, environment);
  if (!places.ok()) return FromError("local models", places.error(), "set models.store");
  models::ModelFolders where = *places;
  std::erase(where.files, FindShippedModel());
  scan = models::FindLocalModels(where);
  if (!scan.problems.empty()) {
    return {"local models", CheckState::kWarn,
            fmt::format("{} cannot be served: {}", scan.problems.front().path,
                        scan.problems.front().error.message),
            "fetch the file again, or move it away"};
  }
  if (scan.models.empty()) {
    const std::string folder =
        where.folders.empty() ? std::string("models.folders") : where.folders.front();
    return {"local models", CheckState::kWarn,
            "only the starter model is here, and it is a test model: it knows nothing",
            "pull one, as 'tidegate pull llama3.2', or put a GGUF file into " + folder +
                " (a 4-bit 3B model needs 2 GB and runs on most laptops)"};
  }
  for (const models::LocalModel& model : scan.models) {
    if (model.draft_path.empty()) continue;
    const engine::ChildSettings settings =
        engine::SettingsFor(model, ChildSettingsOf(config.settings));
    if (settings.speculation_note.empty()) continue;
    return {"local models", CheckState::kWarn, model.name + ": " + settings.speculation_note,
            "put a draft with the model's own vocabulary beside it, name a model as DRAFT, or set "
            "engine.speculation = \"off\""};
  }
  return {"local models", CheckState::kOk, fmt::format("{} found", scan.models.size()), ""};
}

Check CheckProviders(const Config& config, const Environment& environment) {
  const auto catalogue = providers::Catalogue::Load(config.providers, environment);
  if (!catalogue.ok())
    return FromError("providers", catalogue.error(), "correct the configuration");
  if (catalogue->providers().empty()) {
    return {"providers", CheckState::kWarn,
            "no cloud provider is configured and no known key is in the environment",
            "export a key, for example OPENAI_API_KEY, or add [providers.<id>]"};
  }
  std::string names;
  for (const providers::Provider& provider : catalogue->providers())
    names += (names.empty() ? "" : ", ") + provider.id;
  return {"providers", CheckState::kOk, names, ""};
}

Check CheckFiles(const Config& config) {
  if (!config.file_found) {
    return {"configuration", CheckState::kOk,
            config.path.empty() ? "none; everything has a default"
                                : "none at " + config.path + "; everything has a default",
            ""};
  }
  return {"configuration", CheckState::kOk, config.path, ""};
}

}  // namespace

std::vector<cli::Check> RunDoctor(const Environment& environment) {
  const Result<Config> config = LoadConfig("", environment);
  if (!config.ok()) {
    return {FromError("configuration", config.error(), "run: tidegate config check --explain"),
            CheckEngine(Config(), {}).front()};
  }
  models::ModelScan scan;
  Check models = CheckModels(*config, environment, scan);
  std::vector<Check> checks = {CheckFiles(*config), CheckExposed(*config),
                               CheckStateFolder(*config, environment)};
  for (Check& check : CheckEngine(*config, scan)) checks.push_back(std::move(check));
  checks.push_back(CheckSandbox(*config));
  checks.push_back(std::move(models));
  checks.push_back(CheckProviders(*config, environment));
  return checks;
}

cli::ConfigReport CheckConfig(const std::string& path, const Environment& environment) {
  cli::ConfigReport report;
  report.path = path.empty() ? DefaultConfigPath(environment) : path;
  const Result<Config> config = LoadConfig(path, environment);
  if (!config.ok()) {
    const Error& error = config.error();
    std::error_code ec;
    report.found = std::filesystem::exists(report.path, ec);
    report.settings.push_back(
        {error.field, "", "file", error.message, "correct this setting in " + report.path});
    return report;
  }
  report.found = config->file_found;
  for (const Option& option : Options()) {
    const auto origin = std::find_if(config->origins.begin(), config->origins.end(),
                                     [&](const Origin& o) { return o.setting == option.name; });
    report.settings.push_back({std::string(option.name), ValueText(config->settings, option),
                               origin == config->origins.end() ? "default" : origin->source, "",
                               ""});
  }
  const auto catalogue = providers::Catalogue::Load(config->providers, environment);
  if (!catalogue.ok()) {
    report.settings.push_back(
        {catalogue.error().field, "", "file", catalogue.error().message, "correct this provider"});
  } else {
    for (const providers::Provider& provider : catalogue->providers()) {
      const bool configured =
          std::any_of(config->providers.begin(), config->providers.end(),
                      [&](const providers::ProviderConfig& p) { return p.id == provider.id; });
      report.settings.push_back({"providers." + provider.id, provider.endpoint.ToString(),
                                 configured ? "file" : "environment", "", ""});
    }
  }
  for (const auto& [name, constraints] : config->policies) {
    report.settings.push_back({"policies." + name, "", "file", "", ""});
  }
  for (const policy::Principal& key : config->keys)
    report.settings.push_back({"keys." + key.name, "", "file", "", ""});
  const auto pulls = PullSettings(config->settings, environment);
  const auto pushes = PushSettings(config->settings, environment);
  for (const Error* wrong : {pulls.ok() ? nullptr : &pulls.error(),
                             pulls.ok() && !pushes.ok() ? &pushes.error() : nullptr}) {
    if (wrong == nullptr) continue;
    report.settings.push_back(
        {wrong->field, "", "file", wrong->message, "correct this setting in " + report.path});
  }
  if (const Result<void> exposure = CheckExposure(*config); !exposure.ok()) {
    report.settings.push_back({"listen", "", "file", exposure.error().message, "see the message"});
  }
  return report;
}

cli::EngineReport EngineStatus(const Environment& environment) {
  cli::EngineReport report;
  report.install_prefix = engine::DefaultEnginePrefix();
  const Result<Config> config = LoadConfig("", environment);
  engine::Locator locator(LocatorOptionsOf(config.ok() ? config->settings : Settings()));
  const Result<engine::EngineBinary> found = locator.Locate();
  report.found = found.ok();
  if (found.ok()) {
    report.path = found->path;
    report.version = found->version;
  } else {
    report.why = found.error().message;
  }
  return report;
}

}  // namespace tidegate::app
