// The tables of responses.db and the statements on them. Private to conversations/.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "conversations/turn.h"
#include "store/database.h"

namespace tidegate::conversations {

Result<void> MigrateSchema(store::Database& database);

struct Totals {
  std::int64_t answers = 0, bytes = 0;
};
Result<Totals> TotalsOfAll(store::Database& database);
Result<Totals> TotalsOf(store::Database& database, std::string_view principal);

// Errors: kConflict when there is one of that id.
Result<void> Insert(store::Database& database, std::string_view principal, const Turn& turn,
                    std::int64_t now_s, std::int64_t bytes);
// kNotFound, with the id as its field.
Result<Turn> Read(store::Database& database, std::string_view principal, std::string_view id);
// The id of the answer in which an item of this name stands; kNotFound, with the name as its field.
Result<std::string> Holder(store::Database& database, std::string_view principal,
                           std::string_view item);
// Makes the answer, and what it continues, as young as `now_s`.
Result<void> Touch(store::Database& database, std::string_view principal, std::string_view id,
                   std::int64_t now_s);
// Its bytes, or kNotFound.
Result<std::int64_t> Remove(store::Database& database, std::string_view principal,
                            std::string_view id);
// Removes the principal's answer that was used the longest ago, if that was before `before_s`. What
// went; 0 answers when there was none.
Result<Totals> RemoveOldest(store::Database& database, std::string_view principal,
                            std::int64_t before_s);
// Removes any answer that was used the longest ago, likewise.
Result<Totals> RemoveExpired(store::Database& database, std::int64_t before_s);

// What a turn counts for.
std::int64_t BytesOf(const Turn& turn);

}  // namespace tidegate::conversations
