// The tables of ledger.db (docs/format_ledger.md) and the statements that post to them.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/money.h"
#include "base/result.h"
#include "core/place.h"
#include "store/database.h"

namespace tidegate::ledger {

// Creates or brings forward the tables; draws the ledger's own id at birth.
Result<void> MigrateSchema(store::Database& database);

// The single numbers in table `meta`.
inline constexpr std::string_view kMetaLedgerId = "ledger_id";  // random, for life
inline constexpr std::string_view kMetaEpoch = "epoch";         // starts ever
// Settlements with numbers up to it are posted.
inline constexpr std::string_view kMetaSettledThrough = "settled_through";
Result<std::int64_t> ReadMeta(store::Database& database, std::string_view name);

// What dispatches to one target add to the sums.
struct SpendDelta {
  std::int64_t dispatches = 0;
  std::int64_t input_tokens = 0, output_tokens = 0;
  Money cost, assumed, estimated;

  void Add(const SpendDelta& other);  // saturating
};

// Statements of one transaction. Thread-compatible; dies before its Database.
class Poster {
 public:
  static Result<Poster> Prepare(store::Database& database);

  Result<void> PutAccount(std::int64_t account, std::string_view principal);
  // REQUIRES: the account is there.
  Result<void> PutWindow(std::int64_t account, std::int32_t day, Money spent, Money ceiling);
  Result<void> AddSpend(std::int64_t account, std::int32_t day, std::string_view model,
                        core::Place place, const SpendDelta& delta);
  Result<void> PutMeta(std::string_view name, std::int64_t value);

 private:
  Poster(store::Statement account, store::Statement window, store::Statement spend,
         store::Statement meta)
      : account_(std::move(account)),
        window_(std::move(window)),
        spend_(std::move(spend)),
        meta_(std::move(meta)) {}
  store::Statement account_, window_, spend_, meta_;
};

}  // namespace tidegate::ledger
