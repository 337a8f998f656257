#include "conversations/rows.h"

#include <array>
#include <string>
#include <utility>

#include "conversations/bound.h"
#include "conversations/limits.h"

namespace tidegate::conversations {
namespace {

// Step i brings user_version from i to i + 1. Steps that were released are never edited.
constexpr std::array<const char*, 1> kSteps = {R"sql(
CREATE TABLE responses(
  key INTEGER PRIMARY KEY,
  principal TEXT NOT NULL,
  id TEXT NOT NULL,
  previous TEXT NOT NULL,
  used INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  privacy INTEGER NOT NULL,
  places INTEGER NOT NULL,
  retention INTEGER NOT NULL,
  regions TEXT NOT NULL,
  providers_only TEXT NOT NULL,
  providers_ignore TEXT NOT NULL,
  input BLOB NOT NULL,
  body BLOB NOT NULL,
  UNIQUE (principal, id)) STRICT;
CREATE INDEX responses_by_use ON responses(used, key);
CREATE INDEX responses_by_principal ON responses(principal, used, key);

-- Names of items; the newest answer that has one holds it.
CREATE TABLE items(
  principal TEXT NOT NULL,
  id TEXT NOT NULL,
  response INTEGER NOT NULL REFERENCES responses ON DELETE CASCADE,
  PRIMARY KEY (principal, id)) STRICT, WITHOUT ROWID;
CREATE INDEX items_by_response ON items(response);

CREATE TABLE totals(
  principal TEXT NOT NULL PRIMARY KEY,
  answers INTEGER NOT NULL,
  bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
)sql"};

Error Missing(std::string_view id) {
  Error error = NotFound("no such answer is kept");
  error.field = id;
  return error;
}

std::string TextOf(store::Blob bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<void> AddTotals(store::Database& database, std::string_view principal, std::int64_t answers,
                       std::int64_t bytes) {
  TIDEGATE_ASSIGN(store::Statement add,
                  database.Prepare("INSERT INTO totals VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE "
                                   "SET answers = answers + ?2, bytes = bytes + ?3"));
  return add.Run(principal, answers, bytes);
}

// Of the one row that `choice` yields: key, principal, bytes.
Result<Totals> RemoveChosen(store::Database& database, store::Rows choice) {
  TIDEGATE_ASSIGN(const bool found, choice.Step());
  if (!found) return Totals{};
  const std::int64_t key = choice.Int(0);
  const std::string principal(choice.Text(1));
  const std::int64_t bytes = choice.Int(2);
  TIDEGATE_ASSIGN(store::Statement remove,
                  database.Prepare("DELETE FROM responses WHERE key = ?1"));
  TIDEGATE_TRY(remove.Run(key));
  TIDEGATE_TRY(AddTotals(database, principal, -1, -bytes));
  return Totals{1, bytes};
}

}  // namespace

std::int64_t BytesOf(const Turn& turn) {
  constexpr std::int64_t kRowBytes = 512;  // what a row costs beside its texts
  std::size_t bytes = turn.id.size() + turn.previous_id.size() + turn.input.size();
  bytes += turn.body.size();
  for (const std::string& item : turn.items) bytes += 2 * item.size();  // a row and its index
  return kRowBytes + static_cast<std::int64_t>(bytes);
}

Result<void> MigrateSchema(store::Database& database) {
  // What is deleted is gone from the file's pages, too.
  TIDEGATE_TRY(database.Execute("PRAGMA secure_delete = ON"));
  return store::Migrate(database, kSteps);
}

Result<Totals> TotalsOfAll(store::Database& database) {
  TIDEGATE_ASSIGN(const std::int64_t answers,
                  database.QueryInt("SELECT ifnull(sum(answers), 0) FROM totals"));
  TIDEGATE_ASSIGN(const std::int64_t bytes,
                  database.QueryInt("SELECT ifnull(sum(bytes), 0) FROM totals"));
  return Totals{answers, bytes};
}

Result<Totals> TotalsOf(store::Database& database, std::string_view principal) {
  TIDEGATE_ASSIGN(store::Statement read,
                  database.Prepare("SELECT answers, bytes FROM totals WHERE principal = ?1"));
  store::Rows rows = read.Query(principal);
  TIDEGATE_ASSIGN(const bool found, rows.Step());
  if (!found) return Totals{};
  return Totals{rows.Int(0), rows.Int(1)};
}

Result<void> Insert(store::Database& database, std::string_view principal, const Turn& turn,
                    std::int64_t now_s, std::int64_t bytes) {
  {
    TIDEGATE_ASSIGN(store::Statement known,
                    database.Prepare("SELECT 1 FROM responses WHERE principal = ?1 AND id = ?2"));
    store::Rows rows = known.Query(principal, std::string_view(turn.id));
    TIDEGATE_ASSIGN(const bool found, rows.Step());
    if (found) {
      return Error{ErrorCode::kConflict, ErrorSource::kUpstream, Retry::kNever,
                   "the upstream gave an answer the id of one that is kept already"};
    }
  }
  const BoundRow bound = ToRow(turn.bound);
  TIDEGATE_ASSIGN(store::Statement insert,
                  database.Prepare("INSERT INTO responses VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, "
                                   "?7, ?8, ?9, ?10, ?11, ?12, ?13)"));
  TIDEGATE_TRY(insert.Run(principal, std::string_view(turn.id), std::string_view(turn.previous_id),
                          now_s, bytes, bound.privacy, bound.places, bound.retention,
                          std::string_view(bound.regions), std::string_view(bound.providers_only),
                          std::string_view(bound.providers_ignore), store::AsBlob(turn.input),
                          store::AsBlob(turn.body)));
  TIDEGATE_ASSIGN(const std::int64_t key, database.QueryInt("SELECT last_insert_rowid()"));
  TIDEGATE_ASSIGN(store::Statement name,
                  database.Prepare("INSERT INTO items VALUES (?1, ?2, ?3) "
                                   "ON CONFLICT DO UPDATE SET response = ?3"));
  for (const std::string& item : turn.items) {
    TIDEGATE_TRY(name.Run(principal, std::string_view(item), key));
  }
  return AddTotals(database, principal, 1, bytes);
}

Result<Turn> Read(store::Database& database, std::string_view principal, std::string_view id) {
  TIDEGATE_ASSIGN(
      store::Statement read,
      database.Prepare("SELECT previous, privacy, places, retention, regions, providers_only, "
                       "providers_ignore, input, body FROM responses "
                       "WHERE principal = ?1 AND id = ?2"));
  store::Rows rows = read.Query(principal, id);
  TIDEGATE_ASSIGN(const bool found, rows.Step());
  if (!found) return Missing(id);
  Turn turn;
  turn.id = id;
  turn.previous_id = rows.Text(0);
  BoundRow bound;
  bound.privacy = rows.Int(1);
  bound.places = rows.Int(2);
  bound.retention = rows.Int(3);
  bound.regions = rows.Text(4);
  bound.providers_only = rows.Text(5);
  bound.providers_ignore = rows.Text(6);
  turn.bound = FromRow(bound);
  turn.input = TextOf(rows.Bytes(7));
  turn.body = TextOf(rows.Bytes(8));
  return turn;
}

Result<std::string> Holder(store::Database& database, std::string_view principal,
                           std::string_view item) {
  TIDEGATE_ASSIGN(store::Statement read,
                  database.Prepare("SELECT responses.id FROM items JOIN responses "
                                   "ON responses.key = items.response "
                                   "WHERE items.principal = ?1 AND items.id = ?2"));
  store::Rows rows = read.Query(principal, item);
  TIDEGATE_ASSIGN(const bool found, rows.Step());
  if (!found) return Missing(item);
  return std::string(rows.Text(0));
}

Result<void> Touch(store::Database& database, std::string_view principal, std::string_view id,
                   std::int64_t now_s) {
  TIDEGATE_ASSIGN(
      store::Statement read,
      database.Prepare("SELECT previous, used FROM responses WHERE principal = ?1 AND id = ?2"));
  TIDEGATE_ASSIGN(
      store::Statement touch,
      database.Prepare("UPDATE responses SET used = ?3 WHERE principal = ?1 AND id = ?2"));
  std::string next(id);
  for (std::size_t depth = 0; depth < kChainTurnsMax && !next.empty(); ++depth) {
    std::string previous;
    {
      store::Rows rows = read.Query(principal, std::string_view(next));
      TIDEGATE_ASSIGN(const bool found, rows.Step());
      // What a young one continues was young when that was kept.
      if (!found || rows.Int(1) > now_s - kTouchSeconds) return {};
      previous = rows.Text(0);
    }
    TIDEGATE_TRY(touch.Run(principal, std::string_view(next), now_s));
    next = std::move(previous);
  }
  return {};
}

Result<std::int64_t> Remove(store::Database& database, std::string_view principal,
                            std::string_view id) {
  TIDEGATE_ASSIGN(store::Statement choose,
                  database.Prepare("SELECT key, principal, bytes FROM responses "
                                   "WHERE principal = ?1 AND id = ?2"));
  TIDEGATE_ASSIGN(const Totals gone, RemoveChosen(database, choose.Query(principal, id)));
  if (gone.answers == 0) return Missing(id);
  return gone.bytes;
}

Result<Totals> RemoveOldest(store::Database& database, std::string_view principal,
                            std::int64_t before_s) {
  TIDEGATE_ASSIGN(
      store::Statement choose,
      database.Prepare("SELECT key, principal, bytes FROM responses "
                       "WHERE principal = ?1 AND used < ?2 ORDER BY used, key LIMIT 1"));
  return RemoveChosen(database, choose.Query(principal, before_s));
}

Result<Totals> RemoveExpired(store::Database& database, std::int64_t before_s) {
  TIDEGATE_ASSIGN(store::Statement choose,
                  database.Prepare("SELECT key, principal, bytes FROM responses "
                                   "WHERE used < ?1 ORDER BY used, key LIMIT 1"));
  return RemoveChosen(database, choose.Query(before_s));
}

}  // namespace tidegate::conversations
