#include "emulator/admin.h"

#include <charconv>

#include "emulator/shapes/openai_chat.h"
#include "json/reader.h"

namespace tidegate::emulator {
namespace {

constexpr std::size_t kAdminBodyBytesMax = 64 * 1024;
constexpr std::int64_t kRefuseMillisecondsMax = 600'000;
constexpr std::int64_t kResetsMax = 1'000'000;
constexpr std::string_view kFields = "content-type: application/json\r\nx-emulated: true\r\n";

Error NeedsWire() { return InvalidArgument("", "this needs the wire: start without --direct"); }

// {"model": "gpt-4o", "faults": "cut_after=5"}; without a model, for all.
Result<std::string> SetFaults(Site& site, const json::Object& body) {
  TIDEGATE_ASSIGN(const json::Value words, body.Get("faults"));
  TIDEGATE_ASSIGN(const std::string_view text, words.String());
  TIDEGATE_ASSIGN(const Faults faults, ParseFaults(text));
  if (faults.NeedsWire() && !site.options.wire) return NeedsWire();
  const auto named = body.Find("model");
  if (!named) {
    for (const auto& served : site.models) served->SetFaults(faults);
    return std::string("{}");
  }
  TIDEGATE_ASSIGN(const std::string_view name, named->String());
  ServedModel* served = site.FindModel(name);
  if (served == nullptr) return named->Invalid("there is no such model");
  served->SetFaults(faults);
  return std::string("{}");
}

// {"down": true}, {"refuse_ms": 500} or {"reset_next": 3}.
Result<std::string> SetDown(Site& site, Wire* wire, const json::Object& body) {
  for (const json::Member& member : body) {
    if (member.key == "down") {
      TIDEGATE_ASSIGN(site.down, member.value.Bool());
      continue;
    }
    if (wire == nullptr) return NeedsWire();
    if (member.key == "refuse_ms") {
      TIDEGATE_ASSIGN(const std::int64_t ms, member.value.IntegerIn(1, kRefuseMillisecondsMax));
      wire->RefuseFor(ms * net::kMillisecond);
    } else if (member.key == "reset_next") {
      TIDEGATE_ASSIGN(const std::int64_t count, member.value.IntegerIn(0, kResetsMax));
      wire->ResetNext(count);
    } else {
      return member.value.Invalid("expected down, refuse_ms or reset_next");
    }
  }
  return std::string("{}");
}

void CollectLoadMocks(Site& site) {
  for (const auto& served : site.models) {
    if (served->load_mock() != nullptr) served->load_mock()->MoveToBill(site.journal);
  }
}

Result<std::string> Journaled(const Site& site, std::string_view query) {
  constexpr std::string_view kSince = "since=";
  std::uint64_t since = 0;
  if (!query.empty()) {
    if (!query.starts_with(kSince)) return InvalidArgument("", "the only parameter is since");
    query.remove_prefix(kSince.size());
    const auto [end, error] = std::from_chars(query.data(), query.data() + query.size(), since);
    if (error != std::errc() || end != query.data() + query.size()) {
      return InvalidArgument("since", "expected the number of an entry");
    }
  }
  return site.journal.RenderEntries(since);
}

Result<std::string> Post(Site& site, Wire* wire, std::string_view call, std::string_view body) {
  json::Reader reader;
  TIDEGATE_ASSIGN(const json::Value root,
                  reader.ParseCopy(body.empty() ? "{}" : body, kAdminBodyBytesMax));
  TIDEGATE_ASSIGN(const json::Object object, root.Object());
  if (call == "reset") {
    site.Reset();
    if (wire != nullptr) wire->ResetNext(0);
    return std::string("{}");
  }
  if (call == "faults") return SetFaults(site, object);
  if (call == "down") return SetDown(site, wire, object);
  return NotFound("there is no such call; see emulator/README.md");
}

Result<std::string> Get(Site& site, std::string_view call, std::string_view query) {
  if (call == "journal") return Journaled(site, query);
  if (call == "bill") {
    CollectLoadMocks(site);
    return site.journal.RenderBill();
  }
  return NotFound("there is no such call; see emulator/README.md");
}

}  // namespace

net::Task<void> ServeAdmin(Site& site, Wire* wire, net::Exchange& exchange) {
  const Result<std::string_view> body = co_await exchange.ReadBody(kAdminBodyBytesMax);
  const net::HttpHead& head = exchange.head();
  const std::string_view call = head.path().substr(kAdminPrefix.size());
  Result<std::string> answer = std::string();
  if (!body) {
    answer = body.error();
  } else if (head.method() == "POST") {
    answer = Post(site, wire, call, *body);
  } else {
    answer = Get(site, call, head.query());
  }
  int status = 200;
  std::string text;
  if (answer.ok()) {
    text = *std::move(answer);
  } else {
    status = HttpStatus(answer.error().code);
    WriteOpenAiError(Refusal{status, answer.error()}, text);
  }
  const Result<void> sent = co_await exchange.Respond(status, kFields, text);
  if (!sent.ok()) co_return;  // the client is gone, and there is nobody to tell
}

}  // namespace tidegate::emulator
