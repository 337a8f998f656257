#include "app/application.h"

#include <algorithm>
#include <climits>
#include <filesystem>
#include <future>
#include <malloc.h>
#include <mutex>
#include <span>
#include <thread>
#include <unistd.h>

#include "admin/api.h"
#include "admin/decision_json.h"
#include "admin/measure_api.h"
#include "admin/model_api.h"
#include "admin/pin_api.h"
#include "app/discovery.h"
#include "app/engine_settings.h"
#include "app/inventory_builder.h"
#include "app/machine_service.h"
#include "app/model_bench.h"
#include "app/model_places.h"
#include "app/model_service.h"
#include "app/pins.h"
#include "app/policy_constraint_parser.h"
#include "app/use_weights.h"
#include "conversations/shelf.h"
#include "engine/deployments.h"
#include "engine/engine.h"
#include "engine/profile_book.h"
#include "engine/quantizer.h"
#include "gateway/gateway.h"
#include "ledger/books.h"
#include "models/local_models.h"
#include "net/server.h"
#include "net/shard.h"
#include "obs/log.h"
#include "plan/model_name.h"
#include "policy/fields.h"
#include "process/memory.h"
#include "providers/catalogue.h"

namespace tidegate::app {
namespace {

constexpr int kShardsDefaultMax = 8;
constexpr std::string_view kUsesFile = "model-uses";  // in the state folder
constexpr std::string_view kPinsFile = "model-pins";  // likewise
constexpr std::string_view kStarterModel = "tidegate-starter.gguf";

std::size_t ShardCount(const Settings& settings) {
  if (settings.shards > 0) return static_cast<std::size_t>(settings.shards);
  // Half the processors: the others run models.
  const unsigned processors = std::max(1U, std::thread::hardware_concurrency());
  return std::clamp<std::size_t>((processors + 1) / 2, 1, kShardsDefaultMax);
}

std::int64_t KeepAliveNanos(std::int64_t seconds) {
  return seconds < 0 ? -1 : seconds * net::kSecond;
}

Result<void> MakeFolder(const std::string& folder) {
  std::error_code ec;
  const bool made = std::filesystem::create_directories(folder, ec);
  if (ec) {
    return Error{
        ErrorCode::kUnavailable, ErrorSource::kGateway, Retry::kNever,
        "cannot make " + folder + ": " + ec.message() + "; make it writable or set state_folder"};
  }
  if (made) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ec);
  return {};
}

// Loads the roots of the system once, at the first https connection of any shard.
std::function<Result<std::shared_ptr<net::TlsContext>>()> LazyTls() {
  struct State {
    std::mutex mutex;
    std::shared_ptr<net::TlsContext> context;
  };
  return [state = std::make_shared<State>()]() -> Result<std::shared_ptr<net::TlsContext>> {
    const std::lock_guard lock(state->mutex);
    if (!state->context) {
      TIDEGATE_ASSIGN(state->context, net::TlsContext::ForClient(""));
    }
    return state->context;
  };
}

void LogProblems(const models::ModelScan& scan) {
  for (const models::ModelProblem& problem : scan.problems) {
    obs::Log(obs::Level::kWarning, "the model {} is not served: {}", problem.path,
             Describe(problem.error));
  }
  for (const models::ShadowedModel& model : scan.shadowed) {
    obs::Log(obs::Level::kInfo, "{} is not served: its name, {}, means {}", model.path, model.name,
             model.by_path);
  }
}

// What the configuration states of a local model replaces what was guessed from its file.
Result<void> State(const providers::ModelConfig& stated, std::vector<core::Deployment>& local) {
  const auto found = std::find_if(local.begin(), local.end(), [&](const core::Deployment& d) {
    return d.ref.model == stated.name;
  });
  if (found == local.end()) {
    return InvalidArgument("providers.local.models", "there is no local model " + stated.name +
                                                         "; `tidegate models` lists them");
  }
  if (stated.quality) found->quality = *stated.quality;
  if (stated.family) found->family = *stated.family;
  if (stated.capabilities) found->capabilities = *stated.capabilities;
  return {};
}

// To whoever wants models of this machine.
Error EngineOff(const std::string& config_path) {
  Error error;
  error.code = ErrorCode::kConflict;
  error.message = "the engine is off: engine.enabled is false in " + config_path +
                  ", so this gate neither keeps nor runs models; set it to true and start the gate "
                  "again";
  error.reason = "engine_off";
  return error;
}

std::vector<admin::PolicyField> PolicyFields() {
  std::vector<admin::PolicyField> fields;
  for (const policy::Field& field : policy::Fields()) {
    fields.push_back({std::string(field.name), std::string(policy::ToString(field.type)),
                      field.merging == policy::Merging::kStrictest ? "strictest" : "most_specific",
                      std::string(field.allowed), std::string(field.meaning)});
  }
  return fields;
}

}  // namespace

// In order of birth; Stop ends them in the opposite order.
struct Application::Parts {
  Config config;
  Environment environment;
  std::int64_t started_wall = SystemClock().WallNanos();
  std::unique_ptr<ledger::Books> books;
  std::unique_ptr<conversations::Shelf> shelf;  // null: nothing is kept
  std::mutex reader_mutex;
  std::unique_ptr<ledger::BookReader> reader;  // opened at the first read, used under reader_mutex
  policy::Keyring keyring;
  PolicyConstraintParser constraint_parser;
  std::unique_ptr<providers::Catalogue> catalogue;
  std::vector<core::Deployment> local;
  std::unique_ptr<engine::Locator> locator;
  std::vector<core::Deployment> listed;  // by servers on this network; on shard 0, as `local`
  std::unique_ptr<net::ShardSet> shards;
  std::unique_ptr<ModelService> models;
  std::unique_ptr<MachineService> machine;  // null without an engine
  std::mutex refit_mutex;                   // held from a change of models or machine to the end
  std::shared_ptr<engine::ProfileBook> profiles;  // null without an engine
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<UseWeightsFile> uses;  // of the engine's models
  std::unique_ptr<Pins> pins;            // likewise
  std::unique_ptr<ModelBench> bench;     // null without an engine
  std::unique_ptr<admin::Api> api;
  std::unique_ptr<admin::ModelApi> model_api;      // null without an engine
  std::unique_ptr<admin::MeasureApi> measure_api;  // null without an engine
  std::unique_ptr<admin::PinApi> pin_api;          // null without an engine
  std::unique_ptr<gateway::Gateway> gateway;
  std::unique_ptr<net::HttpServer> server;
  std::unique_ptr<Discovery> discovery;
  bool stopped = false;

  Result<void> OpenBooks();
  Result<void> OpenShelf(const std::string& folder);
  Result<void> StartModels();
  Result<void> StartEngine();
  UseWeights UsesNow() const;
  PinnedNames PinnedByConfig() const;
  std::map<std::string, std::int64_t> KeepAlivesByConfig() const;
  PinTarget PinsTarget();
  bool RunsElsewhere(const std::string& name) const;
  Result<void> OpenProfiles();
  void StartBench();
  std::shared_ptr<const core::SpeedProfile> SpeedOf(const models::LocalModel& model,
                                                    const engine::ModelFit& fit) const;
  std::vector<core::Deployment> MakeLocal() const;
  Result<std::vector<core::Deployment>> LocalDeployments() const;
  void OnModels(std::shared_ptr<const models::ModelScan> scan);
  void OnMachine(engine::Machine found);
  engine::DeviceUse DevicesInUse() const;
  void Offer();
  void RebuildInventory();
  Result<void> StartGateway();
  net::Task<bool> HandleAdmin(net::Exchange& exchange, const policy::Principal& principal);
  Result<void> Listen();
  admin::Sources AdminSources();
  Result<ledger::BookReader*> Reader();
};

Result<void> Application::Parts::OpenBooks() {
  TIDEGATE_ASSIGN(const std::string folder, StateFolder(config.settings, environment));
  TIDEGATE_TRY(MakeFolder(folder));
  ledger::BooksOptions options;
  options.directory = folder;
  options.log.retention_days = static_cast<int>(config.settings.retention_days);
  TIDEGATE_ASSIGN(books, ledger::Open(options, SystemClock()));
  const ledger::RecoveryReport& recovery = books->ledger().recovery();
  if (recovery.assumed > 0) {
    obs::Log(obs::Level::kWarning,
             "the last run ended with {} requests on their way; ${} is counted as spent for them",
             recovery.assumed, FormatUsd(recovery.assumed_cost));
  }
  for (const policy::Principal& key : config.keys) {
    if (key.budget_day) TIDEGATE_TRY(books->ledger().SetBudget(key.name, {key.budget_day}));
  }
  if (config.budget_day) books->ledger().SetTotalBudget({config.budget_day});
  return OpenShelf(folder);
}

Result<void> Application::Parts::OpenShelf(const std::string& folder) {
  const Settings& settings = config.settings;
  if (!settings.responses_keep) return {};
  conversations::ShelfOptions options;
  options.directory = folder;
  options.days = static_cast<int>(settings.responses_days);
  options.answers_max = settings.responses_count_max;
  options.bytes_max = settings.responses_mib_max << 20U;
  TIDEGATE_ASSIGN(shelf, conversations::Shelf::Open(options, SystemClock()));
  return {};
}

Result<void> Application::Parts::StartEngine() {
  const Settings& settings = config.settings;
  locator = std::make_unique<engine::Locator>(LocatorOptionsOf(settings));
  if (!settings.engine_enabled) return {};
  engine::EngineOptions options;
  options.locator = LocatorOptionsOf(settings);
  TIDEGATE_ASSIGN(options.runtime_folder, RuntimeFolder(settings, environment));
  TIDEGATE_TRY(MakeFolder(options.runtime_folder));
  TIDEGATE_ASSIGN(const std::string state, StateFolder(settings, environment));
  TIDEGATE_ASSIGN(options.slots, OpenConversations(settings, state, options.runtime_folder));
  engine::FitPolicy policy = FitPolicyOf(settings);
  options.child = std::move(policy.child);
  options.limits.slots = policy.slots;
  machine = std::make_unique<MachineService>((*shards)[0], *locator, settings);
  options.machine = machine->Now();
  options.before_start = [this] { return machine->LookBeforeStart(); };
  options.limits.queue_max = static_cast<std::size_t>(settings.engine_queue_max);
  options.limits.keep_alive_nanos = KeepAliveNanos(settings.engine_keep_alive_s);
  options.keep_alives = KeepAlivesByConfig();
  options.residency.wait_nanos_max = settings.engine_wait_max_s * net::kSecond;
  options.residency.preload_bytes = settings.engine_preload_mib < 0
                                        ? options.machine.host_bytes / 2
                                        : static_cast<std::uint64_t>(settings.engine_preload_mib)
                                              << 20U;
  const std::string uses_path = state + "/" + std::string(kUsesFile);
  options.use_weights = UseWeightsFile::Load(uses_path, SystemClock());
  pins = std::make_unique<Pins>(state + "/" + std::string(kPinsFile), PinnedByConfig());
  options.pinned = pins->All();
  options.protection.enabled = settings.engine_sandbox;
  TIDEGATE_TRY(OpenProfiles());
  options.child.tuning = profiles;
  const std::shared_ptr<const models::ModelScan> scan = models->library().Now();
  LogProblems(*scan);
  TIDEGATE_ASSIGN(engine, engine::Engine::Create((*shards)[0], std::move(options), scan->models));
  TIDEGATE_ASSIGN(local, LocalDeployments());
  pins->SetTarget(PinsTarget());
  uses = std::make_unique<UseWeightsFile>(uses_path, SystemClock(), [this] { return UsesNow(); });
  return {};
}

UseWeights Application::Parts::UsesNow() const {
  UseWeights uses;
  for (const engine::ModelStatus& status : engine->Statuses()) {
    uses.emplace(status.model, status.use_weight);
  }
  return uses;
}

PinnedNames Application::Parts::PinnedByConfig() const {
  PinnedNames names;
  for (const providers::ModelConfig& stated : config.local_models) {
    if (stated.pinned.value_or(false)) names.insert(stated.name);
  }
  return names;
}

std::map<std::string, std::int64_t> Application::Parts::KeepAlivesByConfig() const {
  std::map<std::string, std::int64_t> nanos;
  for (const providers::ModelConfig& stated : config.local_models) {
    if (stated.keep_alive_s) nanos[stated.name] = KeepAliveNanos(*stated.keep_alive_s);
  }
  return nanos;
}

PinTarget Application::Parts::PinsTarget() {
  PinTarget target;
  target.find = [this](const std::string& name) -> Result<std::string> {
    if (const auto model = models->library().Find(name)) return model->name;
    if (RunsElsewhere(name)) {
      return InvalidArgument("model", "\"" + name +
                                          "\" does not run on this device, so there is nothing to "
                                          "keep in memory; `tidegate list` shows the models here");
    }
    return NotFound("there is no model \"" + name +
                    "\" on this device; `tidegate list` shows those that there are");
  };
  target.pin = [this](const std::string& model, bool pinned) -> Result<void> {
    TIDEGATE_TRY(engine->Pin(model, pinned));
    gateway->ForgetLive();  // whoever asks when this has been answered finds it so
    return {};
  };
  return target;
}

bool Application::Parts::RunsElsewhere(const std::string& name) const {
  const std::shared_ptr<gateway::Inventory> inventory = gateway->inventory();
  const std::span<const core::Deployment> all = inventory->deployments();
  return std::any_of(all.begin(), all.end(), [&](const core::Deployment& d) {
    return d.ref.provider != engine::kLocalProvider &&
           (d.ref.model == name || d.ref.ToString() == name);
  });
}

Result<void> Application::Parts::OpenProfiles() {
  TIDEGATE_ASSIGN(const std::string folder, StateFolder(config.settings, environment));
  profiles = std::make_shared<engine::ProfileBook>(folder, engine::MachineText(),
                                                   [this] { return locator->Stamp(); });
  return {};
}

void Application::Parts::StartBench() {
  ModelBenchOptions options;
  options.book = profiles;
  options.elsewhere = [this](const std::string& name) { return RunsElsewhere(name); };
  options.changed = [this] { models->library().Refresh(); };
  bench =
      std::make_unique<ModelBench>((*shards)[0], *engine, models->library(), std::move(options));
  measure_api = std::make_unique<admin::MeasureApi>(bench->Work());
}

// What was measured of another file, by another engine or with other settings says nothing.
std::shared_ptr<const core::SpeedProfile> Application::Parts::SpeedOf(
    const models::LocalModel& model, const engine::ModelFit& fit) const {
  std::string why;
  const std::string settings = engine::SettingsText(model, fit.settings, fit.slots());
  std::shared_ptr<const core::SpeedProfile> speed = profiles->SpeedOf(model, settings, &why);
  if (!why.empty()) {
    obs::Log(
        obs::Level::kInfo,
        "what was measured of {} does not count, for it was measured {}; `tidegate bench {}` does "
        "it again",
        model.name, why, model.name);
  }
  return speed;
}

std::vector<core::Deployment> Application::Parts::MakeLocal() const {
  return engine::MakeDeployments(
      *engine->fitters(), [this](const models::LocalModel& model, const engine::ModelFit& fit) {
        return SpeedOf(model, fit);
      });
}

Result<void> Application::Parts::StartModels() {
  ModelServiceOptions options;
  TIDEGATE_ASSIGN(options.library.where, ModelPlaces(config.settings, environment));
  if (config.settings.model_foreign) {
    options.library.find_foreign = [this] { return models::FindForeignStores(environment); };
  }
  TIDEGATE_ASSIGN(options.pulls, PullSettings(config.settings, environment));
  options.pulls.client.tls = LazyTls();
  options.pulls.client.proxy = net::ProxyConfig::FromEnvironment();
  TIDEGATE_ASSIGN(options.pushes, PushSettings(config.settings, environment));
  options.pushes.client = options.pulls.client;
  options.library.quantizer =
      engine::MakeQuantizer({LocatorOptionsOf(config.settings), config.settings.engine_sandbox,
                             static_cast<int>(config.settings.engine_threads)});
  models = std::make_unique<ModelService>((*shards)[0], std::move(options));
  return {};
}

Result<std::vector<core::Deployment>> Application::Parts::LocalDeployments() const {
  std::vector<core::Deployment> deployments = MakeLocal();
  for (const providers::ModelConfig& stated : config.local_models) {
    TIDEGATE_TRY(State(stated, deployments));
  }
  return deployments;
}

// On the thread that changed the models, which may wait for the disk.
void Application::Parts::OnModels(std::shared_ptr<const models::ModelScan> scan) {
  const std::lock_guard lock(refit_mutex);
  engine->SetModels(scan->models);  // first: whoever is told of a model can ask for it
  Offer();
}

// Likewise.
void Application::Parts::OnMachine(engine::Machine found) {
  const std::lock_guard lock(refit_mutex);
  engine->SetMachine(std::move(found));
  Offer();
}

engine::DeviceUse Application::Parts::DevicesInUse() const {
  engine::DeviceUse use;
  for (const engine::ModelStatus& status : engine->Statuses()) {
    if (status.device_layers != 0) {
      use.held = use.held || status.pid != 0;
      use.starting += status.state == engine::ModelState::kStarting && status.pid == 0 ? 1 : 0;
    }
    use.failures += status.counts.crashes + status.counts.failed_starts;
    use.failures += status.degraded.empty() ? 0 : 1;
  }
  return use;
}

void Application::Parts::Offer() {
  Result<std::vector<core::Deployment>> deployments = LocalDeployments();
  if (!deployments.ok()) {  // a model that the configuration speaks of is gone
    obs::Log(obs::Level::kWarning, "{}", Describe(deployments.error()));
    deployments = MakeLocal();
  }
  std::promise<void> replaced;
  (*shards)[0].Post([this, &replaced, next = std::move(*deployments)]() mutable {
    local = std::move(next);
    RebuildInventory();
    replaced.set_value();
  });
  replaced.get_future().wait();  // what was pulled is there when the pull is over
}

void Application::Parts::RebuildInventory() {
  const std::shared_ptr<gateway::Inventory> previous = gateway->inventory();
  gateway->Replace(BuildInventory(*catalogue, local, listed, engine.get(), previous.get()));
}

Result<ledger::BookReader*> Application::Parts::Reader() {
  if (!reader) {
    TIDEGATE_ASSIGN(ledger::BookReader opened, books->OpenReader());
    reader = std::make_unique<ledger::BookReader>(std::move(opened));
  }
  return reader.get();
}

admin::Sources Application::Parts::AdminSources() {
  admin::Sources sources{SystemClock()};
  sources.models = [this] {
    const std::shared_ptr<gateway::Inventory> inventory = gateway->inventory();
    std::vector<core::LiveState> live;
    inventory->ReadLive(net::MonotonicNow(), live);
    std::vector<admin::ModelRow> rows;
    for (std::size_t i = 0; i < live.size(); ++i)
      rows.push_back({inventory->deployments()[i], std::move(live[i])});
    return rows;
  };
  sources.engine_models = [this] {
    return engine ? engine->Statuses() : std::vector<engine::ModelStatus>();
  };
  sources.gate = [this] {
    admin::GateFacts facts;
    facts.version = Version();
    facts.started_wall_nanos = started_wall;
    for (const net::ListenAddress& address : server->bound())
      facts.listen.push_back(address.ToString());
    facts.shards = shards->size();
    facts.connections = server->connections();
    facts.requests = gateway->Stats().requests;
    facts.requests_active = gateway->Stats().in_flight;
    if (machine) {
      facts.machine = engine->policy().machine;
      facts.devices_why_not = machine->why_not();
    }
    if (shelf) {
      const conversations::ShelfStats kept = shelf->Stats();
      facts.kept_answers = kept.answers;
      facts.kept_bytes = kept.bytes;
      facts.kept_failed = kept.failed;
    }
    return facts;
  };
  sources.books = [this] {
    return admin::BookFacts{books->ledger().recovery(), books->ledger().Stats(),
                            books->log().Stats()};
  };
  sources.locate_engine = [this] { return locator->Locate(); };
  sources.find_decision = [this](const RequestId& id) -> Result<core::DecisionRecord> {
    const std::lock_guard lock(reader_mutex);
    TIDEGATE_ASSIGN(ledger::BookReader * open, Reader());
    return open->Find(id);
  };
  sources.latest_decisions =
      [this](std::size_t limit,
             const std::string& principal) -> Result<std::vector<core::DecisionRecord>> {
    const std::lock_guard lock(reader_mutex);
    TIDEGATE_ASSIGN(ledger::BookReader * open, Reader());
    return open->Latest(limit, principal);
  };
  sources.spend = [this](const ledger::SpendQuery& query) -> Result<std::vector<ledger::SpendRow>> {
    const std::lock_guard lock(reader_mutex);
    TIDEGATE_ASSIGN(ledger::BookReader * open, Reader());
    return open->Spend(query);
  };
  sources.policy_fields = PolicyFields();
  sources.request_metrics = [this](obs::MetricsText& out) { gateway->WriteMetrics(out); };
  return sources;
}

Result<void> Application::Parts::StartGateway() {
  if (!config.keys.empty()) {
    TIDEGATE_ASSIGN(keyring, policy::Keyring::Make(config.keys));
  }
  api = std::make_unique<admin::Api>(AdminSources());
  gateway::GatewayParts parts{
      .shards = *shards,
      .books = *books,
      .keyring = keyring,
      .policies = config.policies,
      .defaults = config.defaults,
      .constraint_parser = constraint_parser,
      .clock = SystemClock(),
      .shelf = shelf.get(),
      .client = {.tls = LazyTls(), .proxy = net::ProxyConfig::FromEnvironment()},
      .body_bytes_max = static_cast<std::size_t>(config.settings.body_mib_max) << 20U,
      .trust_callers_without_key = true,
      .encode_decision = admin::EncodeDecision,
      .admin = [this](net::Exchange& exchange, const policy::Principal& principal) {
        return HandleAdmin(exchange, principal);
      }};
  if (engine) {
    admin::ModelWork work = models->Work();
    work.is_served = [this](std::string_view name) {
      return plan::IsServed(name, gateway->inventory()->deployments());
    };
    work.remove = [this, remove = std::move(work.remove)](const std::string& name) {
      const auto model = models->library().Find(name);
      Result<std::string> removed = remove(name);
      if (removed.ok() && model) pins->Forget(model->name);
      return removed;
    };
    model_api = std::make_unique<admin::ModelApi>(std::move(work));
    pin_api = std::make_unique<admin::PinApi>(
        [this](const std::string& model, bool pinned) { return pins->Change(model, pinned); });
    parts.manage = [this](net::Exchange& exchange) { return model_api->Handle(exchange); };
  } else {
    parts.manage = [off = EngineOff(config.path)](net::Exchange& exchange) {
      return admin::AnswerModelError(exchange, off);
    };
  }
  gateway = std::make_unique<gateway::Gateway>(
      std::move(parts), BuildInventory(*catalogue, local, {}, engine.get(), nullptr));
  if (engine) StartBench();
  return {};
}

net::Task<bool> Application::Parts::HandleAdmin(net::Exchange& exchange,
                                                const policy::Principal& principal) {
  if (measure_api && admin::MeasureApi::Owns(exchange.head().path())) {
    co_await measure_api->Handle(exchange, principal);
    co_return true;
  }
  if (pin_api && admin::PinApi::Owns(exchange.head().path())) {
    co_await pin_api->Handle(exchange, principal);
    co_return true;
  }
  co_return co_await api->Handle(exchange, principal);
}

Result<void> Application::Parts::Listen() {
  net::ServerOptions options;
  for (const std::string& text : config.settings.listen) {
    TIDEGATE_ASSIGN(net::ListenAddress address, net::ParseListenAddress(text));
    options.listen.push_back(std::move(address));
  }
  if (!config.settings.tls_certificate.empty()) {
    TIDEGATE_ASSIGN(options.tls, net::TlsContext::ForServer(config.settings.tls_certificate,
                                                            config.settings.tls_key));
  }
  options.hosts = config.settings.hosts;
  options.origins = config.settings.origins;
  options.drain_nanos = config.settings.drain_s * net::kSecond;
  server = std::make_unique<net::HttpServer>(
      *shards, std::move(options),
      [this](net::Exchange& exchange) { return gateway->Handle(exchange); },
      [](std::string_view path, const Error& error) {
        return gateway::Gateway::Refuse(path, error);
      });
  return server->Listen();
}

Application::Application(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Application::~Application() { Stop(); }

Result<std::unique_ptr<Application>> Application::Start(ApplicationOptions options) {
  TIDEGATE_TRY(CheckExposure(options.config));
  std::unique_ptr<Application> application(new Application(std::make_unique<Parts>()));
  Parts& parts = *application->parts_;
  parts.config = std::move(options.config);
  parts.environment = std::move(options.environment);
  const std::size_t shards = ShardCount(parts.config.settings);
  mallopt(M_ARENA_MAX,
          static_cast<int>(shards) +
              1);  // an arena for every thread that ever allocated would be most of our memory
  TIDEGATE_TRY(parts.OpenBooks());
  TIDEGATE_ASSIGN(providers::Catalogue catalogue,
                  providers::Catalogue::Load(parts.config.providers, parts.environment));
  parts.catalogue = std::make_unique<providers::Catalogue>(std::move(catalogue));
  parts.shards = std::make_unique<net::ShardSet>(shards);
  if (parts.config.settings.engine_enabled) TIDEGATE_TRY(parts.StartModels());
  TIDEGATE_TRY(parts.StartEngine());
  TIDEGATE_TRY(parts.StartGateway());
  if (parts.engine) {
    parts.models->library().OnChange(
        [&parts](std::shared_ptr<const models::ModelScan> scan) { parts.OnModels(scan); });
    parts.models->StartWatching();
    parts.machine->StartWatching(
        [&parts](engine::Machine found) { parts.OnMachine(std::move(found)); },
        [&parts] { return parts.DevicesInUse(); });
  }
  TIDEGATE_TRY(parts.Listen());
  parts.discovery = Discovery::Start((*parts.shards)[0], *parts.catalogue, parts.config.providers,
                                     parts.server->bound(), LazyTls(),
                                     [&parts](std::vector<core::Deployment> listed) {
                                       parts.listed = std::move(listed);
                                       parts.RebuildInventory();
                                     });
  process::ReturnStartupMemory();
  return application;
}

const std::vector<net::ListenAddress>& Application::bound() const {
  return parts_->server->bound();
}

std::size_t Application::Stop() {
  Parts& parts = *parts_;
  if (parts.stopped) return 0;
  parts.stopped = true;
  // First: what changes models may take hours, and what has come of it is kept or made again.
  if (parts.models) parts.models->Stop();
  const std::size_t cut = parts.server ? parts.server->Drain() : 0;
  if (parts.discovery) parts.discovery->Stop();
  if (parts.machine) parts.machine->Stop();
  if (parts.bench) parts.bench->Stop();
  parts.uses.reset();
  if (parts.engine) parts.engine->Stop();
  if (parts.shards) parts.shards->Stop();
  parts.discovery.reset();
  parts.server.reset();
  parts.gateway.reset();
  parts.api.reset();
  parts.model_api.reset();
  parts.machine.reset();
  parts.measure_api.reset();
  parts.pin_api.reset();
  parts.bench.reset();
  parts.models.reset();
  parts.engine.reset();
  parts.shelf.reset();  // what still waits for it is told on a shard
  parts.shards.reset();
  parts.reader.reset();
  parts.books.reset();
  return cut;
}

std::string_view Version() { return TIDEGATE_VERSION; }

std::string FindShippedModel() {
  char path[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  if (size <= 0) return {};
  const std::filesystem::path folder =
      std::filesystem::path(std::string(path, static_cast<std::size_t>(size))).parent_path();
  // As installed, and as built in the source tree (build/<preset>/bin).
  for (const char* relative : {"../share/tidegate/models", "../../../models"}) {
    const std::filesystem::path file = folder / relative / kStarterModel;
    std::error_code ec;
    if (std::filesystem::exists(file, ec))
      return std::filesystem::weakly_canonical(file, ec).string();
  }
  return {};
}

}  // namespace tidegate::app
