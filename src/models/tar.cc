#include "models/tar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace tidegate::models {
namespace {

// Where the fields of a header are.
struct Field {
  std::size_t offset, size;
};
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kOwner{108, 8};
constexpr Field kGroup{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kModified{136, 12};
constexpr Field kChecksum{148, 8};
constexpr Field kType{156, 1};
constexpr Field kLinkName{157, 100};
constexpr Field kMagic{257, 8};
constexpr Field kPrefix{345, 155};

constexpr std::string_view kMagicText{"ustar\00000", 8};
constexpr char kFileType = '0';
constexpr char kPaxType = 'x';
constexpr std::uint64_t kOctalSizeMax = 077777777777;  // what the field holds
constexpr std::string_view kPaxName = "pax";

using Block = std::array<char, kTarBlockBytes>;

std::string_view In(const Block& block, Field field) {
  return std::string_view(block.data(), block.size()).substr(field.offset, field.size);
}
// Up to the first NUL.
std::string_view TextIn(const Block& block, Field field) {
  const std::string_view whole = In(block, field);
  return whole.substr(0, whole.find('\0'));
}

void Put(Block& block, Field field, std::string_view text) {
  std::copy(text.begin(), text.end(), block.begin() + static_cast<std::ptrdiff_t>(field.offset));
}

// Octal digits that fill the field but for the NUL at its end.
void PutOctal(Block& block, Field field, std::uint64_t number) {
  for (std::size_t i = field.size - 1; i-- > 0; number /= 8) {
    block[field.offset + i] = static_cast<char>('0' + number % 8);
  }
}

std::optional<std::uint64_t> OctalIn(const Block& block, Field field) {
  std::string_view text = In(block, field);
  text = text.substr(0, text.find_first_of(std::string_view("\0 ", 2)));
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 8);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Of all bytes, with blanks for the checksum itself.
std::uint64_t ChecksumOf(const Block& block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool own = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.size;
    sum += own ? std::uint64_t{' '} : static_cast<std::uint8_t>(block[i]);
  }
  return sum;
}

std::string HeaderBlock(std::string_view name, std::uint64_t size, std::int64_t modified_s,
                        char type) {
  Block block{};
  Put(block, kName, name);
  PutOctal(block, kMode, 0644);
  PutOctal(block, kOwner, 0);
  PutOctal(block, kGroup, 0);
  PutOctal(block, kSize, size);
  PutOctal(block, kModified, static_cast<std::uint64_t>(std::max<std::int64_t>(modified_s, 0)));
  Put(block, kType, std::string_view(&type, 1));
  Put(block, kMagic, kMagicText);
  PutOctal(block, {kChecksum.offset, kChecksum.size - 1}, ChecksumOf(block));
  block[kChecksum.offset + kChecksum.size - 1] = ' ';
  return {block.data(), block.size()};
}

std::size_t PaddingOf(std::uint64_t size) {
  return static_cast<std::size_t>((kTarBlockBytes - size % kTarBlockBytes) % kTarBlockBytes);
}

Error Broken(const std::string& what) {
  return InvalidArgument("archive", "the archive " + what + "; export it again");
}

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

bool IsFileName(std::string_view name) {
  bool at_part = true;
  for (const char c : name) {
    if (at_part ? c == '.' || !IsNameByte(c) : c != '/' && !IsNameByte(c)) return false;
    at_part = c == '/';
  }
  return !at_part && name.size() <= kTarNameBytesMax;
}

bool IsZero(const Block& block) {
  return std::all_of(block.begin(), block.end(), [](char c) { return c == 0; });
}

// The size that pax records state: "<length> <key>=<value>\n", the length being that of all of it.
Result<std::optional<std::uint64_t>> SizeInPax(std::string_view records) {
  std::optional<std::uint64_t> size;
  while (!records.empty()) {
    std::size_t length = 0;
    const auto [end, error] =
        std::from_chars(records.data(), records.data() + records.size(), length);
    const auto digits = static_cast<std::size_t>(end - records.data());
    if (error != std::errc() || length <= digits + 1 || length > records.size() ||
        records[digits] != ' ' || records[length - 1] != '\n') {
      return Broken("has a broken pax record");
    }
    const std::string_view record = records.substr(digits + 1, length - digits - 2);
    records.remove_prefix(length);
    const std::size_t equals = std::min(record.find('='), record.size());
    const std::string_view key = record.substr(0, equals);
    if (key == "path" || key == "linkpath" || key.starts_with("GNU.sparse")) {
      return Broken("gives a file another name or shape by a pax record");
    }
    if (key != "size") continue;
    const std::string_view value = record.substr(std::min(equals + 1, record.size()));
    std::uint64_t number = 0;
    const auto [last, bad] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (bad != std::errc() || last != value.data() + value.size() || size) {
      return Broken("has a broken pax record");
    }
    size = number;
  }
  return size;
}

}  // namespace

std::string TarHeader(std::string_view name, std::uint64_t size, std::int64_t modified_s) {
  CHECK(IsFileName(name) && size <= kTarFileBytesMax);
  if (size <= kOctalSizeMax) return HeaderBlock(name, size, modified_s, kFileType);
  // The length counts itself: all sizes beyond the field's have 10 to 13 digits, and it has 2.
  const std::string body = " size=" + std::to_string(size) + "\n";
  const std::string record = std::to_string(body.size() + 2) + body;
  return HeaderBlock(kPaxName, record.size(), modified_s, kPaxType) + record +
         TarPadding(record.size()) + HeaderBlock(name, 0, modified_s, kFileType);
}

std::string TarPadding(std::uint64_t size) { return std::string(PaddingOf(size), '\0'); }

std::string TarEnd() { return std::string(2 * kTarBlockBytes, '\0'); }

Result<void> TarReader::Fill(std::span<char> into) {
  while (!into.empty()) {
    TIDEGATE_ASSIGN(const std::size_t got, source_(into));
    if (got == 0) return Broken("ends too early");
    into = into.subspan(got);
  }
  return {};
}

Result<std::optional<std::uint64_t>> TarReader::ReadPax(std::uint64_t size) {
  if (size > kTarPaxBytesMax) return Broken("has pax records that are too long");
  std::string records(static_cast<std::size_t>(size), '\0');
  TIDEGATE_TRY(Fill(records));
  std::string padding(PaddingOf(size), '\0');
  TIDEGATE_TRY(Fill(padding));
  return SizeInPax(records);
}

Result<std::optional<TarReader::Entry>> TarReader::Next() {
  CHECK(left_ == 0);
  std::optional<std::uint64_t> pax_size;
  for (bool after_pax = false;; after_pax = true) {
    std::array<char, kTarBlockBytes> padding{};
    TIDEGATE_TRY(Fill(std::span(padding).first(std::exchange(padding_, 0))));
    Block block{};
    TIDEGATE_TRY(Fill(block));
    if (IsZero(block) && !after_pax) {
      TIDEGATE_TRY(Fill(block));
      if (!IsZero(block)) return Broken("goes on behind its end");
      return std::optional<Entry>();
    }
    const std::optional<std::uint64_t> size = OctalIn(block, kSize);
    if (In(block, kMagic) != kMagicText || OctalIn(block, kChecksum) != ChecksumOf(block) ||
        !size) {
      return Broken("is damaged or no tar archive as `export` writes it");
    }
    const char type = In(block, kType)[0];
    if (type == kPaxType && !after_pax) {
      TIDEGATE_ASSIGN(pax_size, ReadPax(*size));
      continue;
    }
    const std::string name(TextIn(block, kName));
    if ((type != kFileType && type != '\0') || !TextIn(block, kLinkName).empty()) {
      return Broken("holds something else than files");
    }
    if (!IsFileName(name) || !TextIn(block, kPrefix).empty()) {
      return Broken("holds a file of a name that it may not have");
    }
    left_ = pax_size.value_or(*size);
    if (left_ > kTarFileBytesMax) return Broken("holds a file that is impossibly large");
    padding_ = PaddingOf(left_);
    return std::optional<Entry>(Entry{name, left_});
  }
}

Result<std::size_t> TarReader::Read(std::span<char> into) {
  into = into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_)));
  if (into.empty()) return std::size_t{0};
  TIDEGATE_ASSIGN(const std::size_t got, source_(into));
  if (got == 0) return Broken("ends too early");
  left_ -= got;
  return got;
}

}  // namespace tidegate::models
