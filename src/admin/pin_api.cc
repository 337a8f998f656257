#include "admin/pin_api.h"

#include <utility>

#include "admin/progress_stream.h"
#include "admin/read_request.h"
#include "admin/request_body.h"
#include "admin/views.h"
#include "json/writer.h"

namespace tidegate::admin {
namespace {

constexpr std::string_view kPin = "/tidegate/models/pin";
constexpr std::string_view kUnpin = "/tidegate/models/unpin";

constexpr Route kRoutes[] = {{kPin, policy::Scope::kModelsWrite},
                             {kUnpin, policy::Scope::kModelsWrite}};

Result<std::string> ReadModel(std::string_view text) {
  constexpr std::string_view kKnown[] = {"model"};
  json::Reader reader;
  TIDEGATE_ASSIGN(const RequestBody body, RequestBody::Read(reader, text, kKnown));
  return body.Name({"model"});
}

std::string Encode(const PinState& state) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("model").String(state.model);
  writer.Key("pinned").Bool(state.pinned).EndObject();
  return out;
}

}  // namespace

std::span<const Route> PinApi::Routes() { return kRoutes; }

bool PinApi::Owns(std::string_view path) { return path == kPin || path == kUnpin; }

net::Task<Result<std::string>> PinApi::Answer(net::Exchange& exchange,
                                              const policy::Principal& caller) {
  Result<void> may = policy::RequireScope(caller, policy::Scope::kModelsWrite);
  if (!may.ok()) co_return std::move(may).error();
  const bool pinned = exchange.head().path() == kPin;
  Result<std::string> model = co_await ReadRequest(exchange, kPinBodyBytesMax, ReadModel);
  if (!model.ok()) co_return std::move(model).error();
  std::function<Result<PinState>()> change = [this, asked = *model, pinned] {
    return change_(asked, pinned);
  };
  Result<PinState> state = co_await worker_.Run(exchange.shard(), std::move(change));
  if (!state.ok()) co_return std::move(state).error();
  co_return Encode(*state);
}

net::Task<void> PinApi::Handle(net::Exchange& exchange, const policy::Principal& caller) {
  if (exchange.head().method() != "POST") {
    co_return co_await AnswerUsePost(exchange, "this changes something: use POST");
  }
  const Result<std::string> answer = co_await Answer(exchange, caller);
  if (!answer.ok()) co_return co_await AnswerProgressError(exchange, answer.error(), OwnErrors());
  (void)co_await exchange.Respond(
      200, "content-type: application/json\r\ncache-control: no-store\r\n", *answer);
}

}  // namespace tidegate::admin
