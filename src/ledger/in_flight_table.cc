#include "ledger/in_flight_table.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <span>
#include <unistd.h>
#include <utility>

#include <sys/mman.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/unique_fd.h"

namespace tidegate::ledger {
namespace {

constexpr std::array<char, 8> kMagic = {'T', 'G', 'F', 'L', 'I', 'G', 'H', 'T'};
constexpr std::uint32_t kTableVersion = 1;
constexpr std::size_t kSlotsOffset = 4'096;  // the header has a page of its own
constexpr std::size_t kTableSlotsMax = 1 << 20;
constexpr const char* kBootIdPath = "/proc/sys/kernel/random/boot_id";

struct Header {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t slot_bytes;
  std::uint64_t slots;
  std::uint64_t ledger_id;
  std::uint64_t epoch;
  std::array<char, 64> boot_id;
  std::uint64_t sum;  // of all before
};
static_assert(sizeof(Header) == 112 && sizeof(Header) <= kSlotsOffset);

// Detects damage, not malice: a multiply and a fold for each 8 bytes. REQUIRES: bytes % 8 == 0.
std::uint64_t Sum(const void* data, std::size_t bytes) {
  constexpr std::uint64_t kOdd = 0x9e37'79b9'7f4a'7c15;
  const auto* at = static_cast<const unsigned char*>(data);
  std::uint64_t sum = bytes ^ kOdd;
  for (std::size_t i = 0; i < bytes; i += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, at + i, sizeof word);
    sum = (sum ^ word) * kOdd;
    sum ^= sum >> 32;
  }
  return sum;
}

// The model's bytes behind its length do not count, so that they need not be cleared.
std::uint64_t BodySum(const SlotBody& body) {
  const std::size_t words = (std::min<std::size_t>(body.model_bytes, kSlotModelBytes) + 7) / 8;
  return Sum(&body, offsetof(SlotBody, model) + words * 8);
}

Error TableError(const std::string& what, const std::string& path) {
  Error error = Unavailable(ErrorSource::kGateway, what + " the in-flight table " + path + ": " +
                                                       std::strerror(errno) +
                                                       "; check the directory and its space");
  error.reason = "in_flight_table";
  return error;
}

Header MakeHeader(const TableIdentity& identity, std::size_t slots) {
  Header header{};
  header.magic = kMagic;
  header.version = kTableVersion;
  header.slot_bytes = sizeof(Slot);
  header.slots = slots;
  header.ledger_id = identity.ledger_id;
  header.epoch = identity.epoch;
  const std::size_t length = std::min(identity.boot_id.size(), header.boot_id.size() - 1);
  std::copy_n(identity.boot_id.begin(), length, header.boot_id.begin());
  header.sum = Sum(&header, offsetof(Header, sum));
  return header;
}

Result<std::string> ReadWhole(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.get() < 0) return Internal("there is no in-flight table of the last run");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_uid != ::geteuid()) {
    return Internal("the in-flight table is not a plain file of ours");
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > kSlotsOffset + kTableSlotsMax * sizeof(Slot)) {
    return Internal("the in-flight table is too large");
  }
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(file.get(), bytes.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Internal("the in-flight table cannot be read");
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

// Why the header does not say what it should, or nothing.
std::optional<std::string> Mismatch(const Header& found, std::size_t file_bytes,
                                    const TableIdentity& identity) {
  const Header expected = MakeHeader(identity, found.slots);
  if (found.magic != kMagic || found.sum != Sum(&found, offsetof(Header, sum))) {
    return "the in-flight table's header is damaged";
  }
  if (found.version != kTableVersion || found.slot_bytes != sizeof(Slot)) {
    return "the in-flight table has another version";
  }
  if (found.slots > kTableSlotsMax || file_bytes != kSlotsOffset + found.slots * sizeof(Slot)) {
    return "the in-flight table has the wrong length";
  }
  if (found.boot_id != expected.boot_id) return "the machine was restarted";
  if (found.ledger_id != identity.ledger_id || found.epoch != identity.epoch) {
    return "the in-flight table belongs to another run";
  }
  return std::nullopt;
}

}  // namespace

void SlotBody::SetModel(std::string_view name) {
  const std::size_t length = std::min(name.size(), kSlotModelBytes);
  model_bytes = static_cast<std::uint8_t>(length);
  std::memcpy(model.data(), name.data(), length);
}

Result<std::string> ReadBootId() {
  const UniqueFd file(::open(kBootIdPath, O_RDONLY | O_CLOEXEC));
  std::array<char, 64> text{};
  const ssize_t got = file.get() < 0 ? -1 : ::read(file.get(), text.data(), text.size());
  if (got <= 0) {
    std::string message = "cannot read ";
    message.append(kBootIdPath).append(": ").append(std::strerror(errno));
    return Internal(std::move(message));
  }
  std::string id(text.data(), static_cast<std::size_t>(got));
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

Result<std::vector<SlotImage>> ReadTable(const std::string& path, const TableIdentity& identity) {
  TIDEGATE_ASSIGN(const std::string bytes, ReadWhole(path));
  if (bytes.size() < kSlotsOffset) return Internal("the in-flight table is cut short");
  Header header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  if (auto why = Mismatch(header, bytes.size(), identity)) return Internal(*std::move(why));
  std::vector<SlotImage> images;
  for (std::size_t i = 0; i < header.slots; ++i) {
    const char* at = bytes.data() + kSlotsOffset + i * sizeof(Slot);
    SlotImage image;
    std::uint64_t body_sum = 0;
    std::uint64_t settlement_sum = 0;
    std::memcpy(&image.state, at + offsetof(Slot, state), sizeof image.state);
    std::memcpy(&image.body, at + offsetof(Slot, body), sizeof image.body);
    std::memcpy(&body_sum, at + offsetof(Slot, body_sum), sizeof body_sum);
    std::memcpy(&image.settlement, at + offsetof(Slot, settlement), sizeof image.settlement);
    std::memcpy(&settlement_sum, at + offsetof(Slot, settlement_sum), sizeof settlement_sum);
    if (image.state == SlotState::kFree) continue;
    const bool settling = image.state == SlotState::kSettling;
    const bool intact =
        image.state <= SlotState::kSettling && image.body.model_bytes <= kSlotModelBytes &&
        body_sum == BodySum(image.body) &&
        (!settling || settlement_sum == Sum(&image.settlement, sizeof image.settlement));
    if (!intact) {
      return Internal("slot " + std::to_string(i) + " of the in-flight table is damaged");
    }
    images.push_back(image);
  }
  return images;
}

Result<InFlightTable> InFlightTable::Create(const std::string& path, const TableIdentity& identity,
                                            std::size_t slots) {
  CHECK(slots > 0 && slots <= kTableSlotsMax);
  const std::string draft = path + ".new";
  if (::unlink(draft.c_str()) != 0 && errno != ENOENT) return TableError("cannot replace", draft);
  const UniqueFd file(
      ::open(draft.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return TableError("cannot create", draft);
  const std::size_t bytes = kSlotsOffset + slots * sizeof(Slot);
  // Every page gets its space now: a full disk is an error here, and never a SIGBUS at a store.
  errno = ::posix_fallocate(file.get(), 0, static_cast<off_t>(bytes));
  if (errno != 0) {
    Error error = TableError("cannot allocate", draft);
    ::unlink(draft.c_str());
    return error;
  }
  void* mapping = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (mapping == MAP_FAILED) return TableError("cannot map", draft);
  InFlightTable table(mapping, bytes, slots);
  const Header header = MakeHeader(identity, slots);
  std::memcpy(mapping, &header, sizeof header);
  if (::rename(draft.c_str(), path.c_str()) != 0) return TableError("cannot name", path);
  return table;
}

InFlightTable::InFlightTable(void* mapping, std::size_t bytes, std::size_t slots)
    : mapping_(mapping), bytes_(bytes), slots_(slots) {}

InFlightTable::InFlightTable(InFlightTable&& other) noexcept
    : mapping_(std::exchange(other.mapping_, nullptr)),
      bytes_(other.bytes_),
      slots_(other.slots_),
      touched_(other.touched_),
      free_(std::move(other.free_)),
      in_use_(other.in_use_) {}

InFlightTable::~InFlightTable() {
  if (mapping_ != nullptr) ::munmap(mapping_, bytes_);
}

Slot& InFlightTable::At(std::uint32_t slot) {
  CHECK(slot < slots_);
  return *std::launder(
      reinterpret_cast<Slot*>(static_cast<char*>(mapping_) + kSlotsOffset + slot * sizeof(Slot)));
}

std::uint32_t InFlightTable::Take(const SlotBody& body) {
  std::uint32_t index = kNoSlot;
  if (!free_.empty()) {
    index = free_.back();
    free_.pop_back();
  } else if (touched_ < slots_) {
    index = static_cast<std::uint32_t>(touched_++);
  } else {
    return kNoSlot;
  }
  ++in_use_;
  Slot& slot = At(index);
  slot.body = body;
  slot.body_sum = BodySum(body);
  slot.state.store(SlotState::kReserved, std::memory_order_release);
  return index;
}

void InFlightTable::MarkDispatched(std::uint32_t slot) {
  At(slot).state.store(SlotState::kDispatched, std::memory_order_release);
}

void InFlightTable::MarkSettling(std::uint32_t index, const SlotSettlement& settlement) {
  Slot& slot = At(index);
  slot.settlement = settlement;
  slot.settlement_sum = Sum(&settlement, sizeof settlement);
  slot.state.store(SlotState::kSettling, std::memory_order_release);
}

void InFlightTable::Free(std::uint32_t slot) {
  At(slot).state.store(SlotState::kFree, std::memory_order_release);
  free_.push_back(slot);
  --in_use_;
}

}  // namespace tidegate::ledger
