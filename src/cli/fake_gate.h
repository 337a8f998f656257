// For tests: a small gate of our own on a loopback port, and whole commands run against it.
#pragma once

#include <fcntl.h>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <termios.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cli/cli.h"
#include "net/server.h"

namespace tidegate::cli {

inline std::string TestData(const std::string& name) {
  std::ifstream file(std::string(TIDEGATE_SOURCE_DIR) + "/src/cli/testdata/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Canned {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  bool cut = false;   // the stream ends without its last chunk
  bool hang = false;  // the stream stays open until the client goes away
};

struct Asked {
  std::string line, authorization, body;
};

// Plays the gate: canned answers by "METHOD target"; remembers what was asked.
class FakeGate {
 public:
  FakeGate()
      : server_(
            shards_, Options(), [this](net::Exchange& e) { return Handle(e); }, Refuse) {
    const Result<void> listening = server_.Listen();
    EXPECT_TRUE(listening.ok());
  }
  ~FakeGate() { server_.Drain(); }

  void Answer(const std::string& line, Canned canned) {
    const std::lock_guard lock(mutex_);
    answers_[line] = std::move(canned);
  }
  // For the next question only.
  void AnswerOnce(const std::string& line, Canned canned) {
    const std::lock_guard lock(mutex_);
    once_[line] = std::move(canned);
  }
  // For every question that begins so and has no answer of its own.
  void AnswerPrefix(const std::string& line, Canned canned) {
    const std::lock_guard lock(mutex_);
    prefixes_[line] = std::move(canned);
  }
  std::vector<Asked> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  // Those of `line` only.
  std::vector<Asked> asked(const std::string& line) {
    std::vector<Asked> found;
    for (Asked& one : asked()) {
      if (one.line == line) found.push_back(std::move(one));
    }
    return found;
  }
  std::string address() const { return server_.bound().front().ToString(); }
  std::uint16_t port() const { return server_.bound().front().port; }

 private:
  static net::ServerOptions Options() {
    net::ServerOptions options;
    options.listen = {*net::ParseListenAddress("127.0.0.1:0")};
    options.drain_nanos = 0;
    return options;
  }
  static net::RefusalBody Refuse(std::string_view, const Error& error) {
    return net::RefusalBody{error.message, "text/plain"};
  }

  net::Task<void> Handle(net::Exchange& exchange) {
    const net::HttpHead& head = exchange.head();
    Asked asked{std::string(head.method()) + " " + std::string(head.target()),
                std::string(head.Find("authorization").value_or("")), ""};
    const Result<std::string_view> body = co_await exchange.ReadBody(8U << 20U);
    if (body.ok()) asked.body = *body;
    Canned canned = Remember(std::move(asked));
    const std::string fields = "content-type: " + canned.content_type +
                               "\r\ntidegate-decision: 01JD8Z7M3QK5R9T0V2W4X6Y8ZA\r\n"
                               "tidegate-model: local/small\r\n";
    if (!canned.cut && !canned.hang) {
      (void)co_await exchange.Respond(canned.status, fields, canned.body);
      co_return;
    }
    (void)co_await exchange.BeginStream(200, fields, false);
    const std::string_view pieces[] = {canned.body};
    (void)co_await exchange.WriteStream(pieces);
    if (canned.hang) {
      net::asio::steady_timer never(exchange.shard().io(),
                                    net::asio::steady_timer::time_point::max());
      const net::CancelToken::Scope scope(exchange.cancel(), [&never] { never.cancel(); });
      if (!exchange.cancel().cancelled()) (void)co_await never.async_wait(net::kAwait);
    }
    exchange.AbortStream();
  }

  Canned Remember(Asked asked) {
    const std::lock_guard lock(mutex_);
    asked_.push_back(asked);
    const auto next = once_.find(asked.line);
    if (next != once_.end()) return once_.extract(next).mapped();
    const auto found = answers_.find(asked.line);
    if (found != answers_.end()) return found->second;
    for (const auto& [prefix, canned] : prefixes_) {
      if (asked.line.starts_with(prefix)) return canned;
    }
    return Canned{404, R"({"error":{"code":"not_found","message":"no such route here"}})"};
  }

  std::mutex mutex_;
  std::map<std::string, Canned> answers_, once_, prefixes_;
  std::vector<Asked> asked_;
  net::ShardSet shards_{1};
  net::HttpServer server_;
};

inline constexpr const char* kAskChat = "POST /api/chat";
inline constexpr const char* kAskDecision = "GET /tidegate/decisions/01JD8Z7M3QK5R9T0V2W4X6Y8ZA";

// A streamed answer of one piece; `text` is escaped already.
inline Canned ChatAnswer(const std::string& text) {
  return Canned{200,
                R"({"model":"small","message":{"role":"assistant","content":")" + text +
                    R"("},"done":false})" + "\n" +
                    R"({"model":"small","message":{"role":"assistant","content":""},"done":true,)"
                    R"("done_reason":"stop","total_duration":2500000000,)"
                    R"("load_duration":1500000000,"prompt_eval_count":7,)"
                    R"("prompt_eval_duration":100000000,"eval_count":3,)"
                    R"("eval_duration":900000000})" +
                    "\n",
                "application/x-ndjson"};
}

struct Outcome {
  int code = -1;
  std::string out, err;
};

class CliTest : public ::testing::Test {
 protected:
  CliTest() {
    services_.version = "1.2.3";
    services_.default_host = [] { return "127.0.0.1:1"; };  // nobody listens there
    services_.read_modelfile = [this](std::string_view text) -> Result<Modelfile> {
      modelfile_texts_.emplace_back(text);
      return modelfile_;
    };
    services_.start_gate = [this]() -> Result<GateHandle> {
      ++started_;
      net::Origin origin;
      origin.host = "127.0.0.1";
      origin.port = gate_.port();
      return GateHandle{origin, [this] { ++stopped_; }};
    };
  }

  // Standard input is `input`; nothing is a terminal.
  Outcome Run(std::vector<std::string> words, const std::string& input = "") {
    int pipe_fds[2];
    EXPECT_EQ(::pipe2(pipe_fds, O_CLOEXEC), 0);
    EXPECT_EQ(::write(pipe_fds[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
    ::close(pipe_fds[1]);
    StringSink out;
    StringSink err;
    Console console{out, err};
    console.in_fd = pipe_fds[0];
    console.environment = environment_;
    Outcome outcome;
    outcome.code = cli::Run(words, console, services_);
    ::close(pipe_fds[0]);
    outcome.out = out.text();
    outcome.err = err.text();
    return outcome;
  }
  Outcome RunAtGate(std::vector<std::string> words, const std::string& input = "") {
    environment_.host = gate_.address();
    return Run(std::move(words), input);
  }

  FakeGate gate_;
  LocalServices services_;
  Environment environment_;
  Result<Modelfile> modelfile_ = Modelfile();  // what a Modelfile is read as
  std::vector<std::string> modelfile_texts_;   // those that were read
  int started_ = 0;
  int stopped_ = 0;
};

// A chat on a pseudo-terminal: what is typed stands in it before the program reads.
class ChatTest : public CliTest {
 protected:
  ChatTest() { gate_.Answer("POST /api/show", Canned{200, R"({"details":{"format":""}})"}); }
  Outcome Type(const std::string& keys, std::vector<std::string> words = {"run", "auto"}) {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    EXPECT_EQ(::grantpt(master), 0);
    EXPECT_EQ(::unlockpt(master), 0);
    const int slave = ::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);  // NOLINT
    termios raw{};
    EXPECT_EQ(::tcgetattr(slave, &raw), 0);
    ::cfmakeraw(&raw);
    EXPECT_EQ(::tcsetattr(slave, TCSANOW, &raw), 0);
    EXPECT_EQ(::write(master, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
    StringSink out;
    StringSink err;
    Console console{out, err};
    console.in_fd = slave;
    console.in_terminal = true;
    console.out_terminal = true;
    console.environment.dumb = true;  // no colours
    console.environment.host = gate_.address();
    console.environment.state_folder = state_folder_;
    const int code = cli::Run(words, console, services_);
    ::close(slave);
    ::close(master);
    return Outcome{code, out.text(), err.text()};
  }
  std::string state_folder_;
};

}  // namespace tidegate::cli
