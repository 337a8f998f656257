#include "json/reader.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <simdjson.h>
#include <string>
#include <vector>

#include "base/check.h"

namespace tidegate::json {
namespace {

static_assert(kPaddingBytes >= simdjson::SIMDJSON_PADDING);

constexpr std::size_t kSmallestCapacityBytes = 4096;

std::string_view Sentence(simdjson::error_code code) {
  switch (code) {
    case simdjson::DEPTH_ERROR:
      return "arrays and objects are nested deeper than 64 levels";
    case simdjson::UTF8_ERROR:
      return "the text is not valid UTF-8";
    case simdjson::EMPTY:
      return "the text is empty";
    case simdjson::UNCLOSED_STRING:
      return "a string is not closed";
    case simdjson::UNESCAPED_CHARS:
      return "a control character stands unescaped in a string";
    case simdjson::STRING_ERROR:
      return "a string contains an invalid escape";
    case simdjson::NUMBER_ERROR:
      return "a number is malformed or does not fit 64 bits";
    case simdjson::T_ATOM_ERROR:
    case simdjson::F_ATOM_ERROR:
    case simdjson::N_ATOM_ERROR:
      return "a word other than true, false and null stands outside a string";
    default:
      return "the structure is broken (a bracket, comma, colon or quote is missing or superfluous)";
  }
}
static_assert(kDepthMax == 64, "the sentence above names it");

Error Malformed(simdjson::error_code code) {
  Error error = InvalidArgument("", "not valid JSON: " + std::string(Sentence(code)));
  error.reason = "invalid_json";
  return error;
}

// What the first byte of a token says: how many words the token has on the tape, and how much
// deeper the document is behind it.
struct TokenShape {
  std::uint8_t words = 1;
  std::int8_t deeper = 0;
};
constexpr std::array<TokenShape, 256> MakeTokenShapes() {
  std::array<TokenShape, 256> shapes{};
  for (const char c : {',', ':'}) shapes[static_cast<unsigned char>(c)].words = 0;
  for (const char c : {'-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'}) {
    shapes[static_cast<unsigned char>(c)].words = 2;
  }
  for (const char c : {'[', '{'}) shapes[static_cast<unsigned char>(c)].deeper = 1;
  for (const char c : {']', '}'}) shapes[static_cast<unsigned char>(c)].deeper = -1;
  return shapes;
}
constexpr std::array<TokenShape, 256> kTokenShapes = MakeTokenShapes();

}  // namespace

struct Reader::State {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
  simdjson::dom::document tape;
  std::size_t capacity = 0;
  std::vector<std::uint32_t> offsets;
  std::vector<char> copy;
  Document document;

  Result<void> Reserve(std::size_t bytes);
  // Returns how deep the document is nested.
  std::size_t FillOffsets(std::string_view text);
};

// Buffers grow by doubling, and one huge document does not stay for the life of a shard.
Result<void> Reader::State::Reserve(std::size_t bytes) {
  if (capacity > kKeptDocumentBytes && bytes <= kKeptDocumentBytes) {
    parser.reset();
    offsets = std::vector<std::uint32_t>();
    capacity = 0;
  }
  if (parser && bytes <= capacity) return {};
  std::size_t wanted = kSmallestCapacityBytes;
  while (wanted < bytes) wanted *= 2;
  if (wanted > kDocumentBytesMax) wanted = kDocumentBytesMax;
  capacity = 0;
  parser.reset();
  tape = simdjson::dom::document();
  if (tape.allocate(wanted) != simdjson::SUCCESS ||
      simdjson::get_active_implementation()->create_dom_parser_implementation(
          wanted, kDepthMax + 1, parser) != simdjson::SUCCESS) {
    parser.reset();
    return Internal("there is no memory to read a JSON document of " + std::to_string(bytes) +
                    " bytes");
  }
  capacity = wanted;
  return {};
}

// simdjson's first stage lists the offsets of all brackets, commas, colons and first bytes of
// scalars; its second stage writes one tape entry for each of these except commas and colons, in
// the same order. So one pass over both gives every tape entry its place in the text. (simdjson
// does not count the innermost container when it is empty, so the depth is counted here.)
std::size_t Reader::State::FillOffsets(std::string_view text) {
  const std::uint32_t count = parser->n_structural_indexes;
  const std::uint32_t* structurals = parser->structural_indexes.get();
  // The first tape word is the root; numbers take two.
  const std::size_t words_max = 2 + 2 * static_cast<std::size_t>(count);
  if (offsets.size() < words_max) offsets.resize(words_max);
  std::uint32_t word = 1;
  int depth = 0;
  int deepest = 0;
  for (std::uint32_t i = 0; i < count; ++i) {  // without a branch: tokens come in no order
    const std::uint32_t at = structurals[i];
    const TokenShape shape = kTokenShapes[static_cast<unsigned char>(text[at])];
    offsets[word] = at;  // of a comma or colon: written over
    word += shape.words;
    depth += shape.deeper;
    deepest = std::max(deepest, depth);
  }
  CHECK(static_cast<char>(tape.tape[word] >> 56) == 'r');
  return static_cast<std::size_t>(deepest);
}

Reader::Reader() : state_(std::make_unique<State>()) {}
Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

Result<Value> Reader::Parse(std::string_view text, std::size_t bytes_max) {
  CHECK(bytes_max <= kDocumentBytesMax);
  if (text.size() > bytes_max) {
    Error error = InvalidArgument("", "the document has " + std::to_string(text.size()) +
                                          " bytes, the limit is " + std::to_string(bytes_max));
    error.code = ErrorCode::kTooLarge;
    return error;
  }
  TIDEGATE_TRY(state_->Reserve(text.size()));
  const simdjson::error_code code = state_->parser->parse(
      reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), state_->tape);
  if (code != simdjson::SUCCESS) return Malformed(code);
  if (state_->FillOffsets(text) > kDepthMax) return Malformed(simdjson::DEPTH_ERROR);
  state_->document = Document{.text = text,
                              .tape = state_->tape.tape.get(),
                              .strings = state_->tape.string_buf.get(),
                              .offsets = state_->offsets.data()};
  return Value(state_->document, 1);
}

Result<Value> Reader::ParseCopy(std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) return Parse(text, bytes_max);  // refused before it is read
  std::vector<char>& copy = state_->copy;
  if (copy.capacity() > kKeptDocumentBytes + kPaddingBytes && text.size() <= kKeptDocumentBytes) {
    copy = std::vector<char>();  // {} would keep the memory
  }
  copy.resize(text.size() + kPaddingBytes);
  if (!text.empty()) std::memcpy(copy.data(), text.data(), text.size());
  std::memset(copy.data() + text.size(), 0, kPaddingBytes);
  return Parse(std::string_view(copy.data(), text.size()), bytes_max);
}

std::string_view Reader::text() const { return state_->document.text; }

}  // namespace tidegate::json
