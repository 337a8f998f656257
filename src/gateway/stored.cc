// Answers that their callers may come back to: kept when they are complete, put back into the
// request that continues them, read and deleted.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/deployments.h"
#include "gateway/call.h"
#include "net/callback.h"
#include "obs/log.h"

namespace tidegate::gateway {
namespace {

using conversations::Turn;

protocols::StoredTurn ToStored(Turn turn) {
  return {std::move(turn.id), std::move(turn.previous_id), std::move(turn.input),
          std::move(turn.body)};
}

// Where nothing is kept, nothing is found.
Error Missing(std::string_view id) {
  Error error = NotFound("nothing is kept");
  error.field = id;
  return error;
}

net::Task<Result<std::vector<Turn>>> ReadChain(Call& call) {
  if (call.shared.parts.shelf == nullptr) co_return Missing(call.previous_id);
  const std::function<void(std::function<void(Result<std::vector<Turn>>)>)> start =
      [&call](auto done) {
        call.shared.parts.shelf->Chain(call.principal->name, call.previous_id,
                                       call.shared.parts.body_bytes_max, std::move(done));
      };
  co_return co_await net::AwaitCallback<Result<std::vector<Turn>>>(call.exchange.shard(), start);
}

net::Task<Result<std::vector<Turn>>> ReadHolding(Call& call, std::vector<std::string> items) {
  if (call.shared.parts.shelf == nullptr) co_return Missing(items.front());
  const std::function<void(std::function<void(Result<std::vector<Turn>>)>)> start =
      [&call, &items](auto done) {
        call.shared.parts.shelf->Holding(call.principal->name, items,
                                         call.shared.parts.body_bytes_max, std::move(done));
      };
  co_return co_await net::AwaitCallback<Result<std::vector<Turn>>>(call.exchange.shard(), start);
}

net::Task<Result<void>> Put(Call& call, Turn turn) {
  return net::AwaitCallback<Result<void>>(
      call.exchange.shard(), [&call, turn = std::move(turn)](auto done) {
        call.shared.parts.shelf->Put(call.principal->name, turn, std::move(done));
      });
}

net::Task<Result<Turn>> Get(conversations::Shelf& shelf, net::Shard& shard, std::string principal,
                            std::string id) {
  return net::AwaitCallback<Result<Turn>>(
      shard, [&shelf, principal, id](auto done) { shelf.Get(principal, id, std::move(done)); });
}

net::Task<Result<void>> Delete(conversations::Shelf& shelf, net::Shard& shard,
                               std::string principal, std::string id) {
  return net::AwaitCallback<Result<void>>(
      shard, [&shelf, principal, id](auto done) { shelf.Delete(principal, id, std::move(done)); });
}

// The places that are no farther than the farthest of these: what may be said to a cloud may be
// said to the device.
core::PlaceSet UpTo(core::PlaceSet places) {
  core::PlaceSet all;
  bool within = false;
  for (int i = core::kPlaces - 1; i >= 0; --i) {
    const auto place = static_cast<core::Place>(i);
    within |= places.Has(place);
    if (within) all = all.With(place);
  }
  return all;
}

// How far what is said may go, of all that this request is bound to.
core::Constraints BoundOf(const Call& call) {
  const core::Constraints& effective = call.effective;
  core::Constraints bound;
  if (call.label.level != core::Privacy::kOpen) bound.privacy = call.label.level;
  if (effective.place) bound.place = UpTo(*effective.place);
  bound.retention = effective.retention;
  bound.region = effective.region;
  bound.providers_ignore = effective.providers_ignore;
  bound.providers_only = effective.providers_only;
  if (bound.providers_only) bound.providers_only->emplace_back(engine::kLocalProvider);
  return bound;
}

// All of them bind, strictest first.
core::Constraints Merged(const std::vector<core::Constraints>& bounds) {
  core::Constraints merged;
  for (const core::Constraints& bound : bounds) {
    const policy::Source sources[] = {{"conversation", &merged}, {"conversation", &bound}};
    merged = policy::Merge(sources).constraints;
  }
  return merged;
}

}  // namespace

bool Keeps(const Call& call) {
  return call.request.keep && call.shared.parts.shelf != nullptr &&
         call.protocol.stored_answers() != nullptr;
}

net::Task<Result<void>> Recall(Call& call) {
  const protocols::StoredAnswers* const stored = call.protocol.stored_answers();
  if (stored == nullptr) co_return Internal("a protocol names answers that it does not keep");
  call.previous_id = call.request.previous_id;
  const std::vector<std::string> names(call.request.references.begin(),
                                       call.request.references.end());
  std::vector<protocols::StoredTurn> turns;
  std::vector<core::Constraints> bounds;
  if (!call.previous_id.empty()) {
    Result<std::vector<Turn>> chain = co_await ReadChain(call);
    if (!chain.ok() && chain.error().code == ErrorCode::kNotFound) {
      co_return stored->NotContinued(call.previous_id, chain.error().field);
    }
    if (!chain.ok()) co_return std::move(chain).error();
    bounds.push_back(chain->back().bound);  // which binds as all before it do
    for (Turn& turn : *chain) turns.push_back(ToStored(std::move(turn)));
  }
  if (!names.empty()) {
    Result<std::vector<Turn>> holding = co_await ReadHolding(call, names);
    if (!holding.ok() && holding.error().code == ErrorCode::kNotFound) {
      co_return stored->NoSuchItem(holding.error().field);
    }
    if (!holding.ok()) co_return std::move(holding).error();
    for (Turn& turn : *holding) {
      bounds.push_back(turn.bound);
      call.sources.push_back(ToStored(std::move(turn)));
    }
  }
  call.recalled = Merged(bounds);
  Result<std::string> expanded =
      stored->Expand(*call.body, turns, call.sources, call.shared.parts.body_bytes_max);
  if (!expanded.ok()) co_return std::move(expanded).error();
  const std::size_t size = expanded->size();
  call.recalled_body = *std::move(expanded);
  call.recalled_body.resize(size + net::kPaddingBytes);
  Result<core::Request> request = call.protocol.DecodeRequest(
      call.head, call.route, std::string_view(call.recalled_body).substr(0, size),
      call.shared.parts.constraint_parser);
  if (!request.ok()) co_return std::move(request).error();
  call.request = *std::move(request);
  call.request.previous_id = call.previous_id;
  co_return Result<void>();
}

net::Task<void> Keep(Call& call, protocols::FinishedAnswer answer) {
  const protocols::StoredAnswers& stored = *call.protocol.stored_answers();
  Result<std::string> input = stored.InputOf(*call.body, call.sources, call.record.id);
  Result<void> kept;
  if (input.ok()) {
    const protocols::StoredTurn said{std::move(answer.id), call.previous_id, *std::move(input),
                                     std::move(answer.body)};
    Turn turn{said.id,   said.previous_id,     said.input,
              said.body, stored.ItemIds(said), BoundOf(call)};
    kept = co_await Put(call, std::move(turn));
  } else {
    kept = std::move(input).error();
  }
  if (kept.ok()) co_return;
  // The answer is good all the same; who continues it will hear that it is not there.
  obs::Log(obs::Level::kWarning, "the answer of {} could not be kept: {}",
           call.record.id.ToString(), Describe(kept.error()));
}

net::Task<Result<std::string>> AskStored(Shared& shared, net::Exchange& exchange,
                                         const protocols::Protocol& protocol,
                                         protocols::Operation operation, std::string id,
                                         std::string query, std::string principal) {
  using protocols::Operation;
  const protocols::StoredAnswers& stored = *protocol.stored_answers();
  conversations::Shelf* const shelf = shared.parts.shelf;
  if (shelf == nullptr) co_return stored.NotStored(id);
  if (operation == Operation::kDeleteStored) {
    Result<void> gone = co_await Delete(*shelf, exchange.shard(), principal, id);
    if (gone.ok()) co_return stored.EncodeDeleted(id);
    if (gone.error().code == ErrorCode::kNotFound) co_return stored.NotStored(id);
    co_return std::move(gone).error();
  }
  Result<Turn> turn = co_await Get(*shelf, exchange.shard(), principal, id);
  if (!turn.ok()) {
    if (turn.error().code == ErrorCode::kNotFound) co_return stored.NotStored(id);
    co_return std::move(turn).error();
  }
  if (operation == Operation::kCancelStored) co_return stored.NotCancelled();
  const protocols::StoredTurn kept = ToStored(*std::move(turn));
  if (operation == Operation::kListStoredInput) co_return stored.EncodeInput(kept, query);
  co_return stored.EncodeStored(kept, query);
}

}  // namespace tidegate::gateway
