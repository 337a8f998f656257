#include "protocols/aws_sigv4/authorization.h"

#include <algorithm>
#include <array>

#include "protocols/aws_sigv4/amz_date.h"
#include "protocols/aws_sigv4/canonical.h"
#include "protocols/aws_sigv4/limits.h"

namespace tidegate::protocols::aws_sigv4 {
namespace {

constexpr std::size_t kSignatureBytes = 64;

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsWord(std::string_view text, std::size_t size_max) {
  return !text.empty() && text.size() <= size_max && std::ranges::all_of(text, [](char c) {
    return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.';
  });
}

// A field name of RFC 9110 in lower case, or what HTTP/2 has for a host.
bool IsSignedName(std::string_view name) {
  if (name == kAuthorityField) return true;
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return IsDigit(c) || (c >= 'a' && c <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool ReadCredential(std::string_view text, Authorization& out) {
  std::array<std::string_view, 5> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool is_last = i + 1 == parts.size();
    const std::size_t end = text.find('/');
    if ((end == std::string_view::npos) != is_last) return false;
    parts[i] = text.substr(0, end);
    text.remove_prefix(is_last ? text.size() : end + 1);
  }
  out.access_key_id = parts[0];
  out.day = parts[1];
  out.region = parts[2];
  out.service = parts[3];
  return IsWord(out.access_key_id, kAccessKeyIdBytesMax) && out.day.size() == kDayBytes &&
         std::ranges::all_of(out.day, IsDigit) && IsWord(out.region, kScopeWordBytesMax) &&
         IsWord(out.service, kScopeWordBytesMax) && parts[4] == kScopeEnd;
}

bool ReadSignedNames(std::string_view text, Authorization& out) {
  while (true) {
    const std::size_t end = text.find(';');
    const std::string_view name = text.substr(0, end);
    if (!IsSignedName(name) || out.signed_names.size() == kSignedHeadersMax) return false;
    if (!out.signed_names.empty() && name <= out.signed_names.back()) return false;
    out.signed_names.push_back(name);
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

bool ReadSignature(std::string_view text, Authorization& out) {
  out.signature = text;
  return text.size() == kSignatureBytes &&
         std::ranges::all_of(text, [](char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); });
}

// Reads a part that has not been there yet.
bool ReadPart(std::string_view part, Authorization& out) {
  const std::size_t equals = part.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view name = part.substr(0, equals);
  const std::string_view value = part.substr(equals + 1);
  if (name == "Credential") return out.access_key_id.empty() && ReadCredential(value, out);
  if (name == "SignedHeaders") return out.signed_names.empty() && ReadSignedNames(value, out);
  if (name == "Signature") return out.signature.empty() && ReadSignature(value, out);
  return false;
}

}  // namespace

std::optional<Authorization> ParseAuthorization(std::string_view text) {
  text = Trim(text);
  if (!text.starts_with(kAlgorithm)) return std::nullopt;
  text.remove_prefix(kAlgorithm.size());
  if (!text.starts_with(' ')) return std::nullopt;
  Authorization out;
  while (true) {
    const std::size_t end = text.find(',');
    if (!ReadPart(Trim(text.substr(0, end)), out)) return std::nullopt;
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  const bool complete =
      !out.access_key_id.empty() && !out.signed_names.empty() && !out.signature.empty();
  return complete ? std::optional<Authorization>(std::move(out)) : std::nullopt;
}

}  // namespace tidegate::protocols::aws_sigv4
