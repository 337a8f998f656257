#include "app/services.h"

#include <cstdio>

#include <fmt/format.h>

#include "app/application.h"
#include "app/config.h"
#include "app/demo.h"
#include "app/doctor.h"
#include "app/modelfile_reader.h"
#include "app/signals.h"
#include "app/store_verbs.h"
#include "engine/installer.h"
#include "engine/locator.h"
#include "obs/log.h"

namespace tidegate::app {
namespace {

constexpr int kExitUnavailable = 69, kExitPermission = 77, kExitConfig = 78;

obs::LogOptions LogOptionsOf(const Settings& settings) {
  obs::LogOptions options;
  options.json = settings.log_format == "json";
  options.level = settings.log_level == "debug"     ? obs::Level::kDebug
                  : settings.log_level == "warning" ? obs::Level::kWarning
                  : settings.log_level == "error"   ? obs::Level::kError
                                                    : obs::Level::kInfo;
  return options;
}

int ExitCodeOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
      return kExitConfig;
    case ErrorCode::kPermissionDenied:
      return error.field == "listen" ? kExitConfig : kExitPermission;
    default:
      return kExitUnavailable;
  }
}

int Fail(const Error& error) {
  fmt::print(stderr, "tidegate: {}{}\n", error.field.empty() ? "" : error.field + ": ",
             error.message);
  return ExitCodeOf(error);
}

int Serve(const cli::ServeOptions& options) {
  BlockEndSignals();
  const Environment environment = ProcessEnvironment();
  Result<Config> config = LoadConfig(options.config_path, environment);
  if (!config.ok()) return Fail(config.error());
  if (!options.listen.empty()) config->settings.listen = options.listen;
  obs::ConfigureLog(LogOptionsOf(config->settings));
  Result<std::unique_ptr<Application>> gate = Application::Start({*std::move(config), environment});
  if (!gate.ok()) return Fail(gate.error());
  for (const net::ListenAddress& address : (*gate)->bound()) {
    obs::Log(obs::Level::kInfo, "Tidegate {} listens on {}", Version(), address.ToString());
  }
  const int signal = WaitForEndSignal();
  obs::Log(obs::Level::kInfo, "ending on signal {}: requests in progress may finish", signal);
  const std::size_t cut = (*gate)->Stop();
  if (cut > 0)
    obs::Log(obs::Level::kWarning, "{} requests did not finish in time and were cut", cut);
  return 0;
}

// A gate for one command, on a port of its own; its books are the user's.
Result<cli::GateHandle> StartGate() {
  const Environment environment = ProcessEnvironment();
  TIDEGATE_ASSIGN(Config config, LoadConfig("", environment));
  config.settings.listen = {"127.0.0.1:0"};
  obs::ConfigureLog({obs::Level::kWarning, false});
  TIDEGATE_ASSIGN(std::unique_ptr<Application> started,
                  Application::Start({std::move(config), environment}));
  const std::shared_ptr<Application> gate = std::move(started);
  cli::GateHandle handle;
  handle.origin.host = "127.0.0.1";
  handle.origin.port = gate->bound().front().port;
  handle.stop = [gate] { gate->Stop(); };
  return handle;
}

}  // namespace

void FillServices(cli::LocalServices& services) {
  services.version = Version();
  services.default_host = [] {
    const Result<Config> config = LoadConfig("", ProcessEnvironment());
    return ClientAddress(config.ok() ? config->settings : Settings());
  };
  services.serve = Serve;
  services.demo = [&services](cli::Console& console) {
    obs::ConfigureLog({obs::Level::kWarning, false});
    return RunDemo(console, services, ProcessEnvironment());
  };
  services.check_config = [](const std::string& path) {
    return CheckConfig(path, ProcessEnvironment());
  };
  services.doctor_checks = [] { return RunDoctor(ProcessEnvironment()); };
  services.engine_status = [] { return EngineStatus(ProcessEnvironment()); };
  services.engine_install = [](const cli::EngineInstallOptions& options,
                               const std::function<void(std::string_view)>& progress) {
    return engine::InstallEngine(
        {options.prefix.empty() ? engine::DefaultEnginePrefix() : options.prefix, options.upgrade},
        progress);
  };
  services.read_modelfile = ReadModelfile;
  services.verify_models = VerifyModels;
  services.import_model = ImportModelFile;
  services.export_model = ExportModelFile;
  services.prune_store = PruneStore;
  services.start_gate = StartGate;
}

}  // namespace tidegate::app
