#include "protocols/ollama/generate_context.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/utf8.h"
#include "protocols/ollama/limits.h"

namespace tidegate::protocols::ollama {
namespace {

// An array is kMark, the number of bytes, and the bytes, three to a number. The bytes are turns:
// a letter for the role, four bytes of the text's length, the text.
constexpr std::int64_t kMark = 0x54474331;  // "TGC1"
constexpr std::int64_t kWordBytes = 3;
constexpr std::size_t kTurnHeadBytes = 5;
constexpr std::string_view kDamaged =
    "is damaged: hand it back as the answer gave it, or leave it out";

char LetterOf(core::Role role) {
  switch (role) {
    case core::Role::kSystem:
    case core::Role::kDeveloper:
      return 's';
    case core::Role::kAssistant:
      return 'a';
    case core::Role::kUser:
    case core::Role::kTool:
      return 'u';
  }
  return 'u';
}

std::optional<core::Role> RoleOf(char letter) {
  if (letter == 's') return core::Role::kSystem;
  if (letter == 'a') return core::Role::kAssistant;
  if (letter == 'u') return core::Role::kUser;
  return std::nullopt;
}

std::uint32_t Byte(std::string_view bytes, std::size_t at) {
  return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0;
}

// Nothing where they are not the turns of a conversation.
std::optional<std::vector<ContextTurn>> ReadTurns(std::string_view bytes) {
  std::vector<ContextTurn> turns;
  while (!bytes.empty()) {
    if (bytes.size() < kTurnHeadBytes) return std::nullopt;
    const std::optional<core::Role> role = RoleOf(bytes.front());
    const std::size_t size =
        Byte(bytes, 1) << 24U | Byte(bytes, 2) << 16U | Byte(bytes, 3) << 8U | Byte(bytes, 4);
    bytes.remove_prefix(kTurnHeadBytes);
    if (!role || size > bytes.size()) return std::nullopt;
    const std::string_view text = bytes.substr(0, size);
    if (!IsUtf8(text)) return std::nullopt;
    turns.push_back({*role, std::string(text)});
    bytes.remove_prefix(size);
  }
  return turns;
}

}  // namespace

GenerateContext::GenerateContext(const core::Request& request) {
  for (const core::Message& message : request.messages) {
    for (const core::Part& part : message.parts) {
      if (part.kind == core::PartKind::kText) Add(message.role, part.text);
    }
  }
}

void GenerateContext::Add(core::Role role, std::string_view text) {
  if (text.empty()) return;
  bytes_ += LetterOf(role);
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    bytes_ += static_cast<char>(text.size() >> shift & 0xFFU);
  }
  bytes_ += text;
}

void GenerateContext::WriteTo(json::Writer& out, std::string_view answer) {
  Add(core::Role::kAssistant, answer);
  out.Key("context").BeginArray().Integer(kMark).Integer(static_cast<std::int64_t>(bytes_.size()));
  for (std::size_t at = 0; at < bytes_.size(); at += kWordBytes) {
    out.Integer(Byte(bytes_, at) << 16U | Byte(bytes_, at + 1) << 8U | Byte(bytes_, at + 2));
  }
  out.EndArray();
}

Result<std::optional<std::vector<ContextTurn>>> ReadContext(const json::Value& context) {
  TIDEGATE_ASSIGN(const json::Array numbers, context.Array());
  std::string bytes;
  std::int64_t size = 0;
  std::size_t index = 0;
  bool ours = false;
  for (const json::Value value : numbers) {
    TIDEGATE_ASSIGN(const std::int64_t number, value.Integer());
    if (index == kContextTokensMax) {
      return context.Invalid("has more than " + std::to_string(kContextTokensMax) + " numbers");
    }
    const std::size_t at = index++;
    if (at == 0) ours = number == kMark;
    if (at == 1) size = number;
    if (at < 2 || !ours) continue;
    if (number < 0 || number >> 24 != 0) return context.Invalid(std::string(kDamaged));
    for (const unsigned shift : {16U, 8U, 0U}) bytes += static_cast<char>(number >> shift & 0xFF);
  }
  if (!ours) return std::optional<std::vector<ContextTurn>>();
  // The last number is filled up with zeros.
  const auto whole = static_cast<std::int64_t>(bytes.size());
  if (index < 2 || size < 0 || size > whole || whole - size >= kWordBytes) {
    return context.Invalid(std::string(kDamaged));
  }
  bytes.resize(static_cast<std::size_t>(size));
  std::optional<std::vector<ContextTurn>> turns = ReadTurns(bytes);
  if (!turns) return context.Invalid(std::string(kDamaged));
  return turns;
}

}  // namespace tidegate::protocols::ollama
