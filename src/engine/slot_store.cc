#include "engine/slot_store.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <utility>

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/seal.h"
#include "base/write_all.h"
#include "engine/runtime_folder.h"
#include "models/disk.h"
#include "obs/log.h"

namespace tidegate::engine {
namespace {

constexpr std::string_view kMagic = "TDGSLOT2";
constexpr std::string_view kSuffix = ".slot";
constexpr std::string_view kPartPrefix = ".part-";
constexpr std::size_t kSaltBytes = 32;
constexpr std::size_t kMacBytes = 32;
constexpr std::size_t kTagDigits = 32;    // of a name: whose it is
constexpr std::size_t kRandomBytes = 16;  // of a name: which one
constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr std::size_t kEntriesMax = 2 * kKeptSlotsMax;

void PutNumber(std::string& out, std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

std::uint64_t GetNumber(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return value;
}

std::uint64_t Pieces(std::uint64_t bytes) {
  return std::max<std::uint64_t>(1, (bytes + kSlotPieceBytes - 1) / kSlotPieceBytes);
}

std::uint64_t SealedBytes(std::uint64_t bytes) {
  return kSlotHeaderBytes + bytes + Pieces(bytes) * kSealTagBytes;
}

// Exactly so many bytes, or an error.
Result<void> ReadExactly(const UniqueFd& file, char* into, std::size_t size) {
  while (size > 0) {
    const ssize_t got = read(file.get(), into, size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return models::DiskError("read", "a kept conversation", errno);
    if (got == 0) return InvalidArgument("", "it ends early");
    into += got;
    size -= static_cast<std::size_t>(got);
  }
  return {};
}

Result<void> WriteBytes(const UniqueFd& file, std::string_view bytes) {
  if (WriteAll(file.get(), bytes)) return {};
  return models::DiskError("write", "a conversation to keep", errno);
}

Result<void> Rewind(const UniqueFd& file) {
  if (lseek(file.get(), 0, SEEK_SET) == 0) return {};
  return models::DiskError("read", "a conversation to keep", errno);
}

bool IsName(std::string_view name) {
  const std::size_t size = kTagDigits + 1 + 2 * kRandomBytes + kSuffix.size();
  return name.size() == size && name.ends_with(kSuffix) && name[kTagDigits] == '-';
}

}  // namespace

struct SlotStore::Header {
  std::string salt;
  Sha256 binding{}, conversation{};
  std::int64_t created_s = 0, tokens = 0;
  std::uint64_t bytes = 0;
  std::string encoded;
};

SlotStore::SlotStore(SlotStoreOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      name_key_(DeriveKey(options_.key, "tidegate slots: names")),
      mark_key_(DeriveKey(options_.key, "tidegate slots: conversations")),
      header_key_(DeriveKey(options_.key, "tidegate slots: headers")),
      file_key_(DeriveKey(options_.key, "tidegate slots: files")) {}

Result<std::unique_ptr<SlotStore>> SlotStore::Open(SlotStoreOptions options, const Clock& clock) {
  TIDEGATE_TRY(MakePrivateFolder(options.folder));
  std::unique_ptr<SlotStore> store(new SlotStore(std::move(options), clock));
  const UniqueFd folder(open(store->options_.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return models::DiskError("open", store->options_.folder, errno);
  TIDEGATE_ASSIGN(const std::vector<models::FolderEntry> entries,
                  models::ListEntries(folder, store->options_.folder, kEntriesMax));
  for (const models::FolderEntry& entry : entries) {  // what a crash left
    if (entry.name.starts_with(kPartPrefix)) store->Remove(entry.name);
  }
  store->Trim("");
  return store;
}

std::string SlotStore::PathOf(const std::string& name) const {
  return options_.folder + "/" + name;
}

void SlotStore::Remove(const std::string& name) const { unlink(PathOf(name).c_str()); }

Sha256 SlotStore::Bind(std::string_view description) const {
  return ComputeHmacSha256(name_key_.Reveal(), description);
}

Sha256 SlotStore::Mark(const Sha256& conversation) const {
  return ComputeHmacSha256(mark_key_.Reveal(), AsBytes(conversation));
}

// --- headers ---

std::string SlotStore::EncodeHeader(const Header& header) const {
  std::string out(kMagic);
  out += header.salt;
  out += AsBytes(header.binding);
  out += AsBytes(header.conversation);
  PutNumber(out, static_cast<std::uint64_t>(header.created_s));
  PutNumber(out, static_cast<std::uint64_t>(header.tokens));
  PutNumber(out, header.bytes);
  const Sha256 mac = ComputeHmacSha256(header_key_.Reveal(), out);
  out += AsBytes(mac);
  return out;
}

std::optional<SlotStore::Header> SlotStore::DecodeHeader(std::string_view bytes) const {
  if (bytes.size() != kSlotHeaderBytes || !bytes.starts_with(kMagic)) return std::nullopt;
  const std::size_t authenticated = kSlotHeaderBytes - kMacBytes;
  const Sha256 mac = ComputeHmacSha256(header_key_.Reveal(), bytes.substr(0, authenticated));
  if (!ConstantTimeEqual(AsBytes(mac), bytes.substr(authenticated))) return std::nullopt;
  Header header;
  std::size_t at = kMagic.size();
  header.salt = bytes.substr(at, kSaltBytes);
  at += kSaltBytes;
  std::memcpy(header.binding.data(), bytes.data() + at, header.binding.size());
  at += header.binding.size();
  std::memcpy(header.conversation.data(), bytes.data() + at, header.conversation.size());
  at += header.conversation.size();
  header.created_s = static_cast<std::int64_t>(GetNumber(bytes.substr(at)));
  header.tokens = static_cast<std::int64_t>(GetNumber(bytes.substr(at + 8)));
  header.bytes = GetNumber(bytes.substr(at + 16));
  header.encoded = bytes;
  return header;
}

Secret SlotStore::FileKey(const Header& header) const { return DeriveKey(file_key_, header.salt); }

// --- the folder ---

std::vector<KeptSlot> SlotStore::List(const Sha256* binding) const {
  std::vector<KeptSlot> slots;
  const UniqueFd folder(open(options_.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return slots;
  const Result<std::vector<models::FolderEntry>> entries =
      models::ListEntries(folder, options_.folder, kEntriesMax);
  if (!entries.ok()) {
    obs::Log(obs::Level::kWarning, "no kept conversation is used: {}", Describe(entries.error()));
    return slots;
  }
  const std::string tag =
      binding == nullptr ? std::string() : ToHex(*binding).substr(0, kTagDigits);
  for (const models::FolderEntry& entry : *entries) {
    if (!IsName(entry.name) || !entry.name.starts_with(tag)) continue;
    const Result<UniqueFd> file = models::OpenEntry(folder, entry.name);
    if (!file.ok()) continue;  // gone meanwhile
    const std::optional<models::FileFacts> facts = models::FactsOf(*file);
    std::string bytes(kSlotHeaderBytes, '\0');
    std::optional<Header> header;
    if (facts && ReadExactly(*file, bytes.data(), bytes.size()).ok()) header = DecodeHeader(bytes);
    const bool whole = header && facts->size == SealedBytes(header->bytes);
    if (!whole || (binding != nullptr && header->binding != *binding)) {
      obs::Log(obs::Level::kWarning,
               "the kept conversation {} was removed: it is damaged, or of another key",
               PathOf(entry.name));
      Remove(entry.name);
      continue;
    }
    slots.push_back(
        {entry.name, header->created_s, header->tokens, header->bytes, header->conversation});
  }
  std::sort(slots.begin(), slots.end(), [](const KeptSlot& a, const KeptSlot& b) {
    return std::pair(b.created_s, a.name) < std::pair(a.created_s, b.name);
  });
  return slots;
}

std::vector<KeptSlot> SlotStore::Find(const Sha256& binding) const { return List(&binding); }

// Whatever has no room beside `newest` goes, the oldest first.
void SlotStore::Trim(const std::string& newest) const {
  const std::int64_t oldest = clock_.WallNanos() / kNanosPerSecond - options_.age_s_max;
  std::vector<KeptSlot> slots = List(nullptr);
  // Files of the same second have no order among themselves.
  std::stable_partition(slots.begin(), slots.end(),
                        [&](const KeptSlot& slot) { return slot.name == newest; });
  std::uint64_t used = 0;
  std::size_t kept = 0;
  for (const KeptSlot& slot : slots) {
    const std::uint64_t bytes = SealedBytes(slot.bytes);
    const bool fits = used <= options_.bytes_max && bytes <= options_.bytes_max - used;
    if (slot.created_s < oldest || !fits || kept == kKeptSlotsMax) {
      used = fits ? used : options_.bytes_max;  // nothing older may overtake it
      Remove(slot.name);
      continue;
    }
    used += bytes;
    ++kept;
  }
}

// A disk that is full for the sake of conversations would hurt everything else on the machine.
Result<void> SlotStore::CheckDisk(std::uint64_t coming) const {
  struct statvfs info {};
  if (statvfs(options_.folder.c_str(), &info) != 0) {
    return models::DiskError("look at", options_.folder, errno);
  }
  const std::uint64_t free_bytes = std::uint64_t{info.f_bavail} * info.f_frsize;
  if (free_bytes >= options_.disk_reserve_bytes &&
      coming <= free_bytes - options_.disk_reserve_bytes) {
    return {};
  }
  return Unavailable(ErrorSource::kGateway,
                     "the disk of " + options_.folder + " has " +
                         std::to_string(free_bytes / kMiB) + " MiB left, and " +
                         std::to_string(options_.disk_reserve_bytes / kMiB) + " MiB stay free");
}

// --- contents ---

Result<void> SlotStore::WriteSealed(const Header& header, const UniqueFd& from,
                                    const UniqueFd& into) const {
  TIDEGATE_TRY(WriteBytes(into, header.encoded));
  Sealer sealer(FileKey(header), header.encoded);
  std::string plain, sealed;
  std::uint64_t left = header.bytes;
  for (std::uint64_t piece = Pieces(header.bytes); piece > 0; --piece) {
    plain.resize(std::min<std::uint64_t>(left, kSlotPieceBytes));
    TIDEGATE_TRY(ReadExactly(from, plain.data(), plain.size()));
    left -= plain.size();
    sealed.clear();
    sealer.Seal(plain, piece == 1, sealed);
    TIDEGATE_TRY(WriteBytes(into, sealed));
  }
  return {};
}

Result<KeptSlot> SlotStore::Write(const Sha256& binding, const SlotContent& content,
                                  const UniqueFd& from, const std::string& superseded) const {
  const std::optional<models::FileFacts> facts = models::FactsOf(from);
  if (!facts) return InvalidArgument("", "what is to be kept is no file");
  if (SealedBytes(facts->size) > options_.bytes_max) {
    return Error{ErrorCode::kTooLarge, ErrorSource::kGateway, Retry::kNever,
                 "a conversation of " + std::to_string(facts->size) +
                     " bytes is more than may be kept (engine.conversation_mib)"};
  }
  TIDEGATE_TRY(CheckDisk(SealedBytes(facts->size)));
  Header header;
  header.salt.resize(kSaltBytes);
  RandomBytes(header.salt.data(), header.salt.size());
  header.binding = binding;
  header.created_s = clock_.WallNanos() / kNanosPerSecond;
  header.tokens = content.tokens;
  header.conversation = content.conversation;
  header.bytes = facts->size;
  header.encoded = EncodeHeader(header);
  TIDEGATE_TRY(Rewind(from));
  const std::string random = RandomHex(kRandomBytes);
  const std::string part = PathOf(std::string(kPartPrefix) + random);
  const UniqueFd file(
      open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return models::DiskError("make", part, errno);
  Result<void> done = WriteSealed(header, from, file);
  // A power loss may leave a file that is not whole: it is noticed, like any other damage.
  const std::string name =
      ToHex(binding).substr(0, kTagDigits) + "-" + random + std::string(kSuffix);
  if (done.ok() && rename(part.c_str(), PathOf(name).c_str()) != 0) {
    done = models::DiskError("make", PathOf(name), errno);
  }
  if (!done.ok()) {
    unlink(part.c_str());
    return std::move(done).error();
  }
  if (!superseded.empty()) Remove(superseded);
  Trim(name);
  return KeptSlot{name, header.created_s, header.tokens, header.bytes, header.conversation};
}

Result<void> SlotStore::ReadSealed(const Header& header, const UniqueFd& from, const UniqueFd& into,
                                   const std::function<bool()>& go_on) const {
  Opener opener(FileKey(header), header.encoded);
  std::string plain, sealed;
  std::uint64_t left = header.bytes;
  for (std::uint64_t piece = Pieces(header.bytes); piece > 0; --piece) {
    if (!go_on()) {
      return Error{ErrorCode::kCancelled, ErrorSource::kGateway, Retry::kNever, "took too long"};
    }
    const std::uint64_t size = std::min<std::uint64_t>(left, kSlotPieceBytes);
    sealed.resize(size + kSealTagBytes);
    TIDEGATE_TRY(ReadExactly(from, sealed.data(), sealed.size()));
    left -= size;
    plain.clear();
    TIDEGATE_TRY(opener.Open(sealed, piece == 1, plain));
    TIDEGATE_TRY(WriteBytes(into, plain));
  }
  return {};
}

Result<void> SlotStore::Read(const Sha256& binding, const KeptSlot& slot, const UniqueFd& into,
                             const std::function<bool()>& go_on) const {
  const std::string path = PathOf(slot.name);
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return models::DiskError("open", path, errno);
  std::string bytes(kSlotHeaderBytes, '\0');
  Result<void> done = ReadExactly(file, bytes.data(), bytes.size());
  if (done.ok()) {
    const std::optional<Header> header = DecodeHeader(bytes);
    if (!header || header->binding != binding) {
      done = InvalidArgument("", "it was changed, or is of another model");
    } else {
      done = Rewind(into);
      if (done.ok()) done = ReadSealed(*header, file, into, go_on);
    }
  }
  if (!done.ok() && done.error().code == ErrorCode::kInvalidArgument) {
    obs::Log(obs::Level::kWarning, "the kept conversation {} was removed: {}", path,
             done.error().message);
    Remove(slot.name);
  }
  return done;
}

}  // namespace tidegate::engine
