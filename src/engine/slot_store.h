// What the processes of models remembered of their conversations, kept on the disk for the next
// process of the same model: an encrypted file for each conversation.
//
// Such a file holds what prompts said, in a form that llama-server parses, so nothing in it is
// believed before it has been authenticated. Its key comes from the key of the gate's state. Its
// name and what it is bound to are keyed digests: who reads the folder learns how much is kept and
// since when, and nothing of models or words.
//
//   file    header piece piece …
//   header  "TDGSLOT2" salt[32] binding[32] conversation[32] created_s:u64 tokens:u64 bytes:u64
//   mac[32] piece   up to kSlotPieceBytes of what is kept, and 16 bytes: see base/seal.h
//
// What is torn, damaged, of another key, too old or too much is removed, the oldest first.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/unique_fd.h"

namespace tidegate::engine {

inline constexpr std::size_t kSlotPieceBytes = 1024 * 1024;
inline constexpr std::size_t kSlotHeaderBytes = 160;
inline constexpr std::size_t kKeptSlotsMax = 4'096;  // files that are looked at
inline constexpr std::uint64_t kSlotDiskReserveBytes = std::uint64_t{1} << 30U;
inline constexpr std::int64_t kSlotAgeSMaxDefault = 30LL * 86'400;

struct SlotStoreOptions {
  std::string folder;  // made when missing, for this user only
  Secret key;          // of the gate's state; the keys that are used are derived from it
  std::uint64_t bytes_max =
      0;  // of all files together; 0 = nothing is kept, and what was is removed
  std::int64_t age_s_max = kSlotAgeSMaxDefault;
  std::uint64_t disk_reserve_bytes = kSlotDiskReserveBytes;  // that stay free in any case
};

// What is said of a slot beside what is in it.
struct SlotContent {
  std::int64_t tokens = 0;
  // What the conversation is known by: SlotStore::Mark; all zero = nobody knows.
  Sha256 conversation{};
};

struct KeptSlot {
  std::string name;  // of the file
  std::int64_t created_s = 0;
  std::int64_t tokens = 0;
  std::uint64_t bytes = 0;  // of what was kept
  Sha256 conversation{};    // as above
};

// Thread-safe: every call stands for itself, and the folder is all they share. Blocks on the disk.
class SlotStore {
 public:
  // Makes the folder and removes from it what may not stay. Errors: kPermissionDenied (somebody
  // else's), kUnavailable.
  static Result<std::unique_ptr<SlotStore>> Open(SlotStoreOptions options, const Clock& clock);

  // What everything is bound to that is kept for processes of this description.
  Sha256 Bind(std::string_view description) const;
  // What a file of a conversation with this digest (core/beginnings.h) is known by: says nothing to
  // who has not got the key.
  Sha256 Mark(const Sha256& conversation) const;

  // Keeps what `from` holds from its beginning; then, and only then, removes `superseded` (unless
  // it is empty) and older ones that are too much beside it. Until they are gone the folder may
  // hold one file more than its bound. Errors: kTooLarge when it is more than may be kept
  // altogether; kUnavailable, also when it would fill the disk.
  Result<KeptSlot> Write(const Sha256& binding, const SlotContent& content, const UniqueFd& from,
                         const std::string& superseded = "") const;
  // What is kept for `binding`, the newest first.
  std::vector<KeptSlot> Find(const Sha256& binding) const;
  // Writes what was kept to `into`, from its beginning. `go_on` is asked between pieces. Errors:
  // kInvalidArgument when it cannot be believed: it is removed then; kNotFound, kUnavailable,
  // kCancelled when `go_on` said so. After any of them, what is in `into` means nothing.
  Result<void> Read(const Sha256& binding, const KeptSlot& slot, const UniqueFd& into,
                    const std::function<bool()>& go_on) const;
  void Remove(const std::string& name) const;

  std::uint64_t bytes_max() const { return options_.bytes_max; }

 private:
  struct Header;
  SlotStore(SlotStoreOptions options, const Clock& clock);
  std::string PathOf(const std::string& name) const;
  std::string EncodeHeader(const Header& header) const;
  std::optional<Header> DecodeHeader(std::string_view bytes) const;
  Secret FileKey(const Header& header) const;
  Result<void> WriteSealed(const Header& header, const UniqueFd& from, const UniqueFd& into) const;
  Result<void> ReadSealed(const Header& header, const UniqueFd& from, const UniqueFd& into,
                          const std::function<bool()>& go_on) const;
  // All that are in order; the others are removed.
  std::vector<KeptSlot> List(const Sha256* binding) const;
  Result<void> CheckDisk(std::uint64_t coming) const;
  void Trim(const std::string& newest) const;

  const SlotStoreOptions options_;
  const Clock& clock_;
  const Secret name_key_, mark_key_, header_key_, file_key_;
};

}  // namespace tidegate::engine
