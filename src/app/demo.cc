#include "app/demo.h"

#include <climits>
#include <filesystem>
#include <future>
#include <poll.h>
#include <unistd.h>

#include <fmt/format.h>

#include "app/application.h"
#include "app/signals.h"
#include "cli/cli.h"
#include "json/reader.h"
#include "json/writer.h"
#include "net/client.h"
#include "net/shard.h"
#include "process/child.h"
#include "providers/catalogue.h"

namespace tidegate::app {
namespace {

constexpr std::int64_t kEmulatorStartNanos = 10 * net::kSecond;
constexpr std::int64_t kRequestNanos = 120 * net::kSecond;
constexpr std::size_t kAnswerCharactersShown = 160;
constexpr std::size_t kAnswerBytesMax = 1 << 20;

// The cloud of the tour: two models of the deployment table, priced as their originals were.
constexpr std::string_view kEmulatedProvider = R"(
[providers.emulated-cloud]
kind = "openai_compatible"
url = "http://127.0.0.1:{}/v1"
place = "cloud"
emulated = true

[[providers.emulated-cloud.models]]
name = "gpt-4o"
context_tokens = 128000
output_tokens_max = 16384
quality = 0.85
prices = {{ input_usd = 5, output_usd = 15 }}
capabilities = ["tools", "json_schema", "json_object", "n", "seed", "stop", "stream_usage",
                "temperature", "penalties", "logprobs"]

[[providers.emulated-cloud.models]]
name = "groq-mixtral"
context_tokens = 32768
output_tokens_max = 8192
quality = 0.65
prices = {{ input_usd = 0.27, output_usd = 0.27 }}
capabilities = ["tools", "json_object", "seed", "stop", "stream_usage", "temperature", "penalties"]
)";

// The model that ships with the program knows nothing; the tour lets it stand in for a small real
// one.
constexpr std::string_view kStandIn = R"(
[providers.local]
models = [{ name = "tidegate-starter", quality = 0.5 }]
)";

struct Step {
  std::string_view title;
  std::string_view prompt;
  std::string_view privacy;  // empty = not stated
  bool cloud_down = false;
};

constexpr std::string_view kHardPrompt =
    "Prove that there are infinitely many primes of the form 4k+3, step by step. Then design and "
    "implement in C++ a segmented "
    "sieve that lists them up to 10^9, analyse its time and memory complexity, and compare it with "
    "a wheel sieve.";

constexpr Step kSteps[] = {
    {"An easy question stays on this device", "Say hello.", ""},
    {"A hard one goes to the cloud", kHardPrompt, ""},
    {"The same hard one, but private: it may not leave", kHardPrompt, "local"},
    {"The hard one again, while the cloud is down: it falls back", kHardPrompt, "", true},
};

std::string EmulatorPath() {
  char path[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  if (size <= 0) return {};
  return (std::filesystem::path(std::string(path, static_cast<std::size_t>(size))).parent_path() /
          "tidegate-emulator")
      .string();
}

// The emulator as a child of this thread; dies with it.
class EmulatedCloud {
 public:
  static Result<EmulatedCloud> Start() {
    process::SpawnOptions options;
    options.argv = {EmulatorPath(), "serve", "--listen",    "127.0.0.1:0",
                    "--preset",     "field", "--print-port"};
    TIDEGATE_ASSIGN(process::Child child, process::Spawn(options));
    EmulatedCloud cloud(std::move(child));
    TIDEGATE_TRY(cloud.ReadPort());
    return cloud;
  }
  std::uint16_t port() const { return port_; }

 private:
  explicit EmulatedCloud(process::Child child) : child_(std::move(child)) {}
  Result<void> ReadPort() {
    std::string line;
    const std::int64_t until = net::MonotonicNow() + kEmulatorStartNanos;
    while (line.find('\n') == std::string::npos) {
      const std::int64_t left = (until - net::MonotonicNow()) / net::kMillisecond;
      pollfd wait{child_.output_fd(), POLLIN, 0};
      if (left <= 0 || poll(&wait, 1, static_cast<int>(left)) <= 0) {
        return Unavailable(ErrorSource::kGateway, "the emulator did not start: " + line);
      }
      char bytes[256];
      const ssize_t got = read(child_.output_fd(), bytes, sizeof bytes);
      if (got == 0)
        return Unavailable(ErrorSource::kGateway, "the emulator ended at once: " + line);
      if (got > 0) line.append(bytes, static_cast<std::size_t>(got));
    }
    port_ = static_cast<std::uint16_t>(std::strtoul(line.c_str(), nullptr, 10));
    if (port_ == 0) return Unavailable(ErrorSource::kGateway, "the emulator said: " + line);
    return {};
  }
  process::Child child_;
  std::uint16_t port_ = 0;
};

// Requests from a thread that is no shard.
class BlockingClient {
 public:
  BlockingClient() : shards_(1), client_(shards_[0], {}) {}
  Result<net::SimpleResponse> Post(const net::Origin& origin, std::string path, std::string body) {
    return net::SpawnFuture(shards_[0].io(), net::Fetch(client_, origin, "POST", std::move(path),
                                                        "content-type: application/json\r\n",
                                                        std::move(body), kRequestNanos))
        .get();
  }

 private:
  net::ShardSet shards_;
  net::HttpClient client_;
};

net::Origin Loopback(std::uint16_t port) {
  net::Origin origin;
  origin.host = "127.0.0.1";
  origin.port = port;
  return origin;
}

std::string ChatBody(const Step& step) {
  std::string body;
  json::Writer writer(body);
  writer.BeginObject().Key("model").String("auto").Key("max_tokens").Integer(64);
  writer.Key("messages")
      .BeginArray()
      .BeginObject()
      .Key("role")
      .String("user")
      .Key("content")
      .String(step.prompt);
  writer.EndObject().EndArray();
  if (!step.privacy.empty()) {
    writer.Key("tidegate").BeginObject().Key("privacy").String(step.privacy).EndObject();
  }
  writer.EndObject();
  return body;
}

// The first line of the answer's text, or of its error.
std::string AnswerText(const std::string& body) {
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(body, kAnswerBytesMax);
  if (!root.ok()) return "(not JSON)";
  const auto text = [&]() -> Result<std::string_view> {
    TIDEGATE_ASSIGN(const json::Object object, root->Object());
    if (const auto error = object.Find("error")) {
      TIDEGATE_ASSIGN(const json::Object inner, error->Object());
      TIDEGATE_ASSIGN(const json::Value message, inner.Get("message"));
      return message.String();
    }
    TIDEGATE_ASSIGN(const json::Value choices, object.Get("choices"));
    TIDEGATE_ASSIGN(const json::Array list, choices.Array());
    if (list.empty()) return std::string_view();
    TIDEGATE_ASSIGN(const json::Object first, (*list.begin()).Object());
    TIDEGATE_ASSIGN(const json::Value message, first.Get("message"));
    TIDEGATE_ASSIGN(const json::Object message_object, message.Object());
    TIDEGATE_ASSIGN(const json::Value content, message_object.Get("content"));
    if (content.is_null()) return std::string_view();
    return content.String();
  }();
  std::string shown = text.ok() ? std::string(*text) : text.error().message;
  for (char& c : shown) {
    if (c == '\n') c = ' ';
  }
  if (shown.size() > kAnswerCharactersShown) {
    std::size_t end = kAnswerCharactersShown;
    while (end > 0 && (static_cast<unsigned char>(shown[end]) & 0xC0U) == 0x80) --end;
    shown = shown.substr(0, end) + " …";
  }
  return shown;
}

class Tour {
 public:
  Tour(cli::Console& console, const cli::LocalServices& services, net::Origin gate,
       std::optional<net::Origin> cloud)
      : console_(console), services_(services), gate_(std::move(gate)), cloud_(std::move(cloud)) {}

  // The number of steps that were not answered.
  int Run() {
    int failed = 0, number = 0;
    for (const Step& step : kSteps) {
      ++number;
      if (step.cloud_down && !cloud_) {
        console_.out.Write(
            fmt::format("\n{}. {}\n   (left out: real providers cannot be switched off)\n", number,
                        step.title));
        continue;
      }
      console_.out.Write(fmt::format("\n{}. {}\n", number, step.title));
      if (step.cloud_down) SetCloudDown(true);
      if (!Ask(step)) ++failed;
      if (step.cloud_down) SetCloudDown(false);
    }
    return failed;
  }

 private:
  void SetCloudDown(bool down) {
    const auto done =
        client_.Post(*cloud_, "/emulator/down", down ? R"({"down":true})" : R"({"down":false})");
    if (!done.ok()) console_.err.Write("the emulator did not obey: " + done.error().message + "\n");
  }

  bool Ask(const Step& step) {
    console_.out.Write(fmt::format("   > {}\n", step.prompt.substr(0, 72)));
    const auto answer = client_.Post(gate_, "/v1/chat/completions", ChatBody(step));
    if (!answer.ok()) {
      console_.err.Write("   no answer: " + answer.error().message + "\n");
      return false;
    }
    console_.out.Write(fmt::format("   < {}\n\n", AnswerText(answer->body)));
    cli::Run({"explain", "last"}, console_, services_);
    return answer->status == 200;
  }

  cli::Console& console_;
  const cli::LocalServices& services_;
  net::Origin gate_;
  std::optional<net::Origin> cloud_;
  BlockingClient client_;
};

int Fail(cli::Console& console, const Error& error) {
  constexpr int kUnavailableExit = 69;
  console.err.Write("tidegate demo: " + Describe(error) + "\n");
  return kUnavailableExit;
}

Result<std::unique_ptr<Application>> StartGate(Config config, const Environment& environment) {
  auto started = Application::Start({config, environment});
  if (started.ok()) return started;
  // The usual port may serve the person's own gate already.
  config.settings.listen = {"127.0.0.1:0"};
  return Application::Start({std::move(config), environment});
}

}  // namespace

int RunDemo(cli::Console& console, const cli::LocalServices& services,
            const Environment& environment) {
  BlockEndSignals();
  const auto real = providers::Catalogue::Load({}, environment);
  const bool emulated = !real.ok() || real->providers().empty();
  std::optional<EmulatedCloud> cloud;
  std::string text = FindShippedModel().empty() ? std::string() : std::string(kStandIn);
  if (emulated) {
    Result<EmulatedCloud> started = EmulatedCloud::Start();
    if (!started.ok()) return Fail(console, started.error());
    cloud.emplace(*std::move(started));
    text += fmt::format(fmt::runtime(kEmulatedProvider), cloud->port());
  }
  Result<Config> config = ParseConfig(text, "(demo)", environment);
  if (!config.ok()) return Fail(console, config.error());
  const Result<std::string> state = StateFolder(config->settings, environment);
  if (!state.ok()) return Fail(console, state.error());
  config->settings.state_folder = *state + "-demo";
  config->settings.log_level = "warning";

  Result<std::unique_ptr<Application>> gate = StartGate(*std::move(config), environment);
  if (!gate.ok()) return Fail(console, gate.error());
  const net::ListenAddress& address = (*gate)->bound().front();
  console.environment.host = address.ToString();
  console.out.Write(fmt::format("Tidegate serves on http://{}\n", address.ToString()));
  console.out.Write(emulated ? "The cloud in this tour is emulated; export a key, for example "
                               "OPENAI_API_KEY, to use a real one.\n"
                             : "Keys of real providers were found: the hard questions below cost "
                               "real money, a fraction of a cent.\n");
  console.out.Write(
      "The model on this device is a tiny test model; the tour lets it stand in for a small real "
      "one.\n");
  const int failed = Tour(console, services, Loopback(address.port),
                          cloud ? std::optional(Loopback(cloud->port())) : std::nullopt)
                         .Run();
  if (console.in_terminal && console.out_terminal) {
    console.out.Write(
        fmt::format("\nStill serving. In another terminal: TIDEGATE_HOST={} tidegate run "
                    "auto\nCtrl-C ends it.\n",
                    address.ToString()));
    WaitForEndSignal();
  }
  (*gate)->Stop();
  return failed == 0 ? 0 : 1;
}

}  // namespace tidegate::app
