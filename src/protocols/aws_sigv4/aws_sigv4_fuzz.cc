// Whatever a caller sends: nothing without our signature is accepted. And whatever is signed by us
// is accepted, once, as it was: after a change to its body, its path or its time it is not.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "protocols/aws_sigv4/amz_date.h"
#include "protocols/aws_sigv4/authorization.h"
#include "protocols/aws_sigv4/limits.h"
#include "protocols/aws_sigv4/signer.h"
#include "protocols/aws_sigv4/verifier.h"

namespace tidegate::protocols::aws_sigv4 {
namespace {

constexpr std::int64_t kTime = 1'440'938'160'000'000'000;  // 20150830T123600Z
constexpr std::string_view kSecretText = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

std::string_view TakeLine(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

// Lines: method, path, query, headers up to an empty line; the rest is the body.
struct Input {
  std::string_view method, path, query, body;
  std::vector<HeaderField> headers;

  explicit Input(std::string_view text) {
    method = TakeLine(text);
    path = TakeLine(text);
    query = TakeLine(text);
    while (!text.empty()) {
      const std::string_view line = TakeLine(text);
      if (line.empty()) break;
      const std::size_t colon = line.find(':', 1);
      headers.push_back(
          {line.substr(0, colon), colon == std::string_view::npos ? "" : line.substr(colon + 1)});
    }
    body = text;
  }
};

// One for all inputs: deriving keys would be most of the work.
SigningKeys& Keys() {
  static SigningKeys keys;
  return keys;
}

bool Holds(const Request& request, std::int64_t now) {
  static const Secret secret{std::string(kSecretText)};
  const VerifyOptions options{.service = "bedrock", .region = {}, .allow_unsigned_payload = true};
  const Result<Signature> result = Verify(
      request,
      [&](std::string_view id) -> const Secret* { return id == "AKIDEXAMPLE" ? &secret : nullptr; },
      options, now, Keys());
  CHECK(result.ok() || result.error().code == ErrorCode::kUnauthenticated);
  return result.ok();
}

// Whether this header may stand in a request of ours.
bool MaySend(const HeaderField& header) {
  constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789-_";
  for (const std::string_view ours : {kHostField, kDateField, kTokenField, kContentHashField,
                                      std::string_view("authorization")}) {
    if (IsNamed(header, ours)) return false;
  }
  return !header.name.empty() &&
         header.name.find_first_not_of(kNameCharacters) == std::string_view::npos &&
         std::ranges::none_of(
             header.value, [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == '\x7F'; });
}

void CheckOurs(const Input& input) {
  std::vector<HeaderField> headers = {{"Host", "gate.example"}};
  for (const HeaderField& header : input.headers) {
    if (MaySend(header) && headers.size() < kSignedHeadersMax - 4) headers.push_back(header);
  }
  const std::string_view body[] = {input.body};
  static const Signer signer = *Signer::Make(
      {"AKIDEXAMPLE", Secret(std::string(kSecretText)), Secret("token")}, "us-east-1", "bedrock");
  const Secret secret_lines =
      signer.Sign({"POST", input.path, input.query, headers, body}, kTime, Keys(),
                  {.content_hash_field = input.body.size() % 2 == 0});
  for (std::string_view lines = secret_lines.Reveal(); !lines.empty();) {
    const std::string_view line = TakeLine(lines);
    const std::size_t colon = line.find(": ");
    headers.push_back({line.substr(0, colon), line.substr(colon + 2, line.size() - colon - 3)});
  }
  const auto holds = [&](std::string_view path, std::string_view text, std::int64_t now) {
    return Holds({"POST", path, input.query, headers, {&text, 1}}, now);
  };
  CHECK(holds(input.path, input.body, kTime) == IsNormalPath(input.path));
  switch (input.query.size() % 3) {  // one of them each time
    case 0:
      return CHECK(!holds(input.path, std::string(input.body) + "x", kTime));
    case 1:
      return CHECK(!holds(std::string(input.path) + "x", input.body, kTime));
    default:
      return CHECK(!holds(input.path, input.body, kTime + kClockSkewNanosMax + 1));
  }
}

}  // namespace
}  // namespace tidegate::protocols::aws_sigv4

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate::protocols::aws_sigv4;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Input input(text);
  const std::string_view body[] = {input.body};
  CHECK(!Holds({input.method, input.path, input.query, input.headers, body}, kTime));
  if (const auto authorization = ParseAuthorization(text)) {
    CHECK(authorization->signature.size() == 64 && !authorization->signed_names.empty());
    CHECK(std::ranges::is_sorted(authorization->signed_names));
  }
  if (const auto time = ParseAmzDate(text)) CHECK(FormatAmzDate(*time) == text);
  // What is canonical stays as it is.
  CHECK(CanonicalQuery(CanonicalQuery(input.query)) == CanonicalQuery(input.query));
  CHECK(IsNormalPath(CanonicalPath(input.path)));
  CheckOurs(input);
  return 0;
}
