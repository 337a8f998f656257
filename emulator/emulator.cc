#include "emulator/emulator.h"

#include "base/ascii.h"
#include "emulator/admin.h"
#include "emulator/keys.h"
#include "emulator/model_exchange.h"
#include "emulator/shapes/openai_chat.h"
#include "json/reader.h"

namespace tidegate::emulator {
namespace {

constexpr std::size_t kBodyBytesMax = 32 * 1024 * 1024;
constexpr std::string_view kChatPath = "/v1/chat/completions";
constexpr std::string_view kJsonFields = "content-type: application/json\r\nx-emulated: true\r\n";

net::RefusalBody EncodeRefusal(std::string_view, const Error& error) {
  net::RefusalBody refusal{{}, "application/json"};
  WriteOpenAiError(Refusal{HttpStatus(error.code), error}, refusal.body);
  return refusal;
}

bool IsCredential(std::string_view name) {
  for (const std::string_view one : {"authorization", "x-api-key", "api-key", "x-goog-api-key",
                                     "x-amz-security-token", "cookie"}) {
    if (EqualsIgnoreCase(name, one)) return true;
  }
  return false;
}

// The target, with the hash of a key in its query instead of the key.
std::string HideKey(const net::HttpHead& head) {
  std::string target(head.target());
  const std::string_view key = GivenKey(head, KeyPlace::kQuery);
  if (key.empty()) return target;
  const auto at = static_cast<std::size_t>(key.data() - head.target().data());
  target.replace(at, key.size(), HashCredential(key));
  return target;
}

}  // namespace

Emulator::Emulator(const EmulatorOptions& options, std::vector<std::unique_ptr<ServedModel>> models,
                   const Clock& clock)
    : site_(std::move(models), SiteOptions{options.journal_bodies, !options.direct}, clock),
      shards_(options.shards) {}

// The loops end first: what they destroy may still refer to the server and the wire.
Emulator::~Emulator() { shards_.Stop(); }

Result<std::unique_ptr<Emulator>> Emulator::Start(EmulatorOptions options, const Clock& clock) {
  TIDEGATE_ASSIGN(auto models, MakeServedModels(std::move(options.models)));
  std::unique_ptr<Emulator> emulator(new Emulator(options, std::move(models), clock));
  TIDEGATE_TRY(emulator->Listen(options));
  return emulator;
}

Result<void> Emulator::Listen(const EmulatorOptions& options) {
  net::ServerOptions server;
  net::ListenAddress inner{"127.0.0.1", 0, {}};
  server.listen = {options.direct ? options.listen : inner};
  server.hosts = options.hosts;
  server_ = std::make_unique<net::HttpServer>(
      shards_, std::move(server), [this](net::Exchange& exchange) { return Handle(exchange); },
      EncodeRefusal);
  TIDEGATE_TRY(server_->Listen());
  if (options.direct) return Result<void>();
  wire_ = std::make_unique<Wire>(shards_, options.listen, server_->bound().front());
  return wire_->Listen();
}

const net::ListenAddress& Emulator::bound() const {
  return wire_ ? wire_->bound() : server_->bound().front();
}

LoadMock* Emulator::FindLoadMock(const net::HttpHead& head, std::string_view body) const {
  if (site_.down || head.path() != kChatPath || head.Find("x-emulate")) return nullptr;
  for (const auto& served : site_.models) {
    LoadMock* mock = served->load_mock();
    if (mock != nullptr && mock->Matches(body)) return mock;
  }
  return nullptr;
}

JournalTicket Emulator::OpenEntry(const net::HttpHead& head, std::string_view body) {
  JournalEntry entry;
  entry.wall_nanos = site_.clock.WallNanos();
  entry.method = head.method();
  entry.path = HideKey(head);
  entry.bytes_in = body.size();
  if (site_.options.journal_bodies) entry.body = body;
  for (std::size_t i = 0; i < head.fields(); ++i) {
    const std::string_view value = head.value(i);
    entry.headers.emplace_back(
        head.name(i), IsCredential(head.name(i)) ? HashCredential(value) : std::string(value));
  }
  return site_.journal.Open(std::move(entry));
}

net::Task<void> Emulator::Handle(net::Exchange& exchange) {
  if (exchange.head().path().starts_with(kAdminPrefix)) {
    co_await ServeAdmin(site_, wire_.get(), exchange);
    co_return;
  }
  const Result<std::string_view> body = co_await exchange.ReadBody(kBodyBytesMax);
  if (!body) {
    const JournalTicket ticket = OpenEntry(exchange.head(), {});
    co_await Answer(exchange, ticket, HttpStatus(body.error().code),
                    EncodeRefusal({}, body.error()).body);
    co_return;
  }
  LoadMock* const mock = FindLoadMock(exchange.head(), *body);
  if (mock != nullptr) {
    co_await mock->Serve(exchange, *body);
    co_return;
  }
  co_await Route(exchange, *body);
}

net::Task<void> Emulator::Route(net::Exchange& exchange, std::string_view body) {
  const net::HttpHead& head = exchange.head();
  const JournalTicket ticket = OpenEntry(head, body);
  if (site_.down) {
    Faults reset;
    reset.rst = true;
    const std::string fields = wire_ ? WireField(reset, true) : std::string();
    const Result<void> begun = co_await exchange.BeginStream(503, fields, wire_ != nullptr);
    exchange.AbortStream();
    Outcome outcome;
    outcome.ending = begun.ok() ? Ending::kCut : Ending::kCancelled;
    site_.journal.Close(ticket, {}, outcome);
    co_return;
  }
  for (const Shape* shape : AllShapes()) {
    std::optional<Call> call = shape->Match(head);
    if (!call) continue;
    if (call->plain) {
      co_await AnswerPlain(exchange, ticket, *shape, *call, body);
      co_return;
    }
    Result<std::optional<Recalled>> recalled = shape->Recall(site_, head, *call);
    if (!recalled.ok()) {
      co_await AnswerError(exchange, ticket, *shape, recalled.error());
      co_return;
    }
    if (*recalled && (*recalled)->is_answer) {
      co_await Answer(exchange, ticket, 200, std::move((*recalled)->text));
      co_return;
    }
    ModelExchange model(site_, exchange, *shape, *call, ticket);
    if (*recalled) {
      std::string& text = (*recalled)->text;
      const std::size_t size = text.size();
      text.resize(size + json::kPaddingBytes);
      body = std::string_view(text).substr(0, size);
    }
    co_await model.Run(body);
    co_return;
  }
  const Error unknown = NotFound("unknown request URL: " + std::string(head.path()));
  co_await Answer(exchange, ticket, 404, EncodeRefusal({}, unknown).body);
}

net::Task<void> Emulator::AnswerPlain(net::Exchange& exchange, JournalTicket ticket,
                                      const Shape& shape, const Call& call, std::string_view body) {
  const Received received{exchange.head(), call, body, site_.clock.WallNanos()};
  Result<std::string> text = shape.AnswerPlain(site_, received);
  if (text.ok()) {
    co_await Answer(exchange, ticket, 200, *std::move(text));
    co_return;
  }
  co_await AnswerError(exchange, ticket, shape, text.error());
}

net::Task<void> Emulator::AnswerError(net::Exchange& exchange, JournalTicket ticket,
                                      const Shape& shape, Error error) {
  const Refusal refusal{HttpStatus(error.code), std::move(error)};
  std::string text;
  shape.WriteError(refusal, nullptr, text);
  co_await Answer(exchange, ticket, refusal.status, std::move(text));
}

net::Task<void> Emulator::Answer(net::Exchange& exchange, JournalTicket ticket, int status,
                                 std::string body) {
  const Result<void> sent = co_await exchange.Respond(status, kJsonFields, body);
  Outcome outcome;
  outcome.status = status;
  outcome.bytes_out = sent.ok() ? body.size() : 0;
  outcome.ending = !sent.ok()     ? Ending::kCancelled
                   : status < 400 ? Ending::kAnswered
                                  : Ending::kRefused;
  site_.journal.Close(ticket, {}, outcome);
}

}  // namespace tidegate::emulator
