#include "ledger/schema.h"

#include <array>
#include <string>
#include <utility>

namespace tidegate::ledger {
namespace {

// Step i brings user_version from i to i + 1. Steps that were released are never edited.
constexpr std::array<const char*, 1> kSteps = {R"sql(
CREATE TABLE meta(
  name TEXT NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('ledger_id', random()), ('epoch', 0), ('settled_through', 0);

CREATE TABLE accounts(
  id INTEGER PRIMARY KEY,
  principal TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE windows(
  account INTEGER NOT NULL REFERENCES accounts,
  day INTEGER NOT NULL,
  spent INTEGER NOT NULL,
  ceiling INTEGER NOT NULL,
  PRIMARY KEY (account, day)) STRICT, WITHOUT ROWID;
CREATE INDEX windows_by_day ON windows(day);

CREATE TABLE spend(
  day INTEGER NOT NULL,
  account INTEGER NOT NULL REFERENCES accounts,
  model TEXT NOT NULL,
  place INTEGER NOT NULL,
  dispatches INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  assumed INTEGER NOT NULL,
  estimated INTEGER NOT NULL,
  PRIMARY KEY (day, account, model, place)) STRICT, WITHOUT ROWID;

CREATE TABLE segments(
  id INTEGER PRIMARY KEY,
  first_id BLOB NOT NULL,
  last_id BLOB NOT NULL,
  first_wall INTEGER NOT NULL,
  last_wall INTEGER NOT NULL,
  records INTEGER NOT NULL,
  codec INTEGER NOT NULL,
  body BLOB NOT NULL) STRICT;
CREATE INDEX segments_by_id ON segments(last_id, first_id);

CREATE TABLE gaps(
  id INTEGER PRIMARY KEY,
  first_wall INTEGER NOT NULL,
  last_wall INTEGER NOT NULL,
  records INTEGER NOT NULL) STRICT;
)sql"};

// Sums stop at the largest integer instead of failing the transaction for ever: providers may
// report absurd usage.
constexpr std::string_view kAddSpend = R"sql(
INSERT INTO spend VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT DO UPDATE SET
  dispatches = dispatches + ?5,
  input_tokens = input_tokens + MIN(?6, 9223372036854775807 - input_tokens),
  output_tokens = output_tokens + MIN(?7, 9223372036854775807 - output_tokens),
  cost = cost + MIN(?8, 9223372036854775807 - cost),
  assumed = assumed + MIN(?9, 9223372036854775807 - assumed),
  estimated = estimated + MIN(?10, 9223372036854775807 - estimated)
)sql";

}  // namespace

Result<void> MigrateSchema(store::Database& database) { return store::Migrate(database, kSteps); }

Result<std::int64_t> ReadMeta(store::Database& database, std::string_view name) {
  TIDEGATE_ASSIGN(store::Statement read,
                  database.Prepare("SELECT value FROM meta WHERE name = ?1"));
  store::Rows rows = read.Query(name);
  TIDEGATE_ASSIGN(const bool found, rows.Step());
  if (!found) {
    return Internal(database.path() + " lacks the entry '" + std::string(name) + "' of table meta");
  }
  return rows.Int(0);
}

void SpendDelta::Add(const SpendDelta& other) {
  dispatches += other.dispatches;
  input_tokens = (Money{input_tokens} + Money{other.input_tokens}).nanodollars;
  output_tokens = (Money{output_tokens} + Money{other.output_tokens}).nanodollars;
  cost += other.cost;
  assumed += other.assumed;
  estimated += other.estimated;
}

Result<Poster> Poster::Prepare(store::Database& database) {
  TIDEGATE_ASSIGN(store::Statement account,
                  database.Prepare("INSERT INTO accounts VALUES (?1, ?2) ON CONFLICT DO NOTHING"));
  TIDEGATE_ASSIGN(store::Statement window,
                  database.Prepare("INSERT INTO windows VALUES (?1, ?2, ?3, ?4) "
                                   "ON CONFLICT DO UPDATE SET spent = ?3, ceiling = ?4"));
  TIDEGATE_ASSIGN(store::Statement spend, database.Prepare(kAddSpend));
  TIDEGATE_ASSIGN(store::Statement meta,
                  database.Prepare("UPDATE meta SET value = ?2 WHERE name = ?1"));
  return Poster(std::move(account), std::move(window), std::move(spend), std::move(meta));
}

Result<void> Poster::PutAccount(std::int64_t account, std::string_view principal) {
  return account_.Run(account, principal);
}

Result<void> Poster::PutWindow(std::int64_t account, std::int32_t day, Money spent, Money ceiling) {
  return window_.Run(account, day, spent.nanodollars, ceiling.nanodollars);
}

Result<void> Poster::AddSpend(std::int64_t account, std::int32_t day, std::string_view model,
                              core::Place place, const SpendDelta& delta) {
  return spend_.Run(day, account, model, static_cast<std::int64_t>(place), delta.dispatches,
                    delta.input_tokens, delta.output_tokens, delta.cost.nanodollars,
                    delta.assumed.nanodollars, delta.estimated.nanodollars);
}

Result<void> Poster::PutMeta(std::string_view name, std::int64_t value) {
  return meta_.Run(name, value);
}

}  // namespace tidegate::ledger
