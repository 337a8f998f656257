#include "protocols/aws_sigv4/verifier.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "protocols/aws_sigv4/amz_date.h"
#include "protocols/aws_sigv4/authorization.h"
#include "protocols/aws_sigv4/limits.h"

namespace tidegate::protocols::aws_sigv4 {
namespace {

constexpr std::string_view kAuthorizationField = "authorization";
constexpr std::string_view kAmzPrefix = "x-amz-";

Error Refusal() {
  Error error{ErrorCode::kUnauthenticated, ErrorSource::kCaller, Retry::kNever,
              "the AWS signature of this request does not hold: check the access key id, its "
              "secret, the region and the service, that the clock is right within 5 minutes, and "
              "that nothing on the way changes the request"};
  error.reason = "invalid_signature";
  return error;
}

// A header that must not stand more than once.
struct Single {
  std::size_t count = 0;
  std::string_view value;
};

Single Find(const Request& request, std::string_view lower) {
  Single single;
  for (const HeaderField& header : request.headers) {
    if (!IsNamed(header, lower)) continue;
    ++single.count;
    single.value = header.value;
  }
  return single;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7F;
}

// What a line end in a method or a value could make one canonical request of two requests. HTTP
// allows none there; nothing here relies on it.
bool IsUnambiguous(const Request& request) {
  if (request.method.empty() || request.headers.size() > kHeadersMax) return false;
  if (!std::ranges::all_of(request.method, [](char c) { return c >= 'A' && c <= 'Z'; })) {
    return false;
  }
  return std::ranges::none_of(request.headers, [](const HeaderField& header) {
    return std::ranges::any_of(header.value, IsControl);
  });
}

bool IsHost(const HeaderField& header) {
  return IsNamed(header, kHostField) || IsNamed(header, kAuthorityField);
}

// The headers, the host under the name by which it was signed. Nothing when it was not signed under
// exactly one name, or does not stand exactly once.
std::optional<std::vector<HeaderField>> WithSignedHost(const Request& request,
                                                       const Authorization& authorization) {
  std::optional<std::string_view> signed_name;
  for (const std::string_view name : authorization.signed_names) {
    if (name != kHostField && name != kAuthorityField) continue;
    if (signed_name) return std::nullopt;
    signed_name = name;
  }
  if (!signed_name || std::ranges::count_if(request.headers, IsHost) != 1) return std::nullopt;
  std::vector<HeaderField> headers(request.headers.begin(), request.headers.end());
  std::ranges::find_if(headers, IsHost)->name = *signed_name;
  return headers;
}

bool IsAmzField(const HeaderField& header) {
  return header.name.size() > kAmzPrefix.size() &&
         IsNamed({header.name.substr(0, kAmzPrefix.size()), {}}, kAmzPrefix);
}

// Whether every header of AWS's is signed, and every one that is signed is there.
bool CoversHeaders(const Authorization& authorization, const Request& request) {
  const auto& names = authorization.signed_names;
  const auto is_signed = [&](const HeaderField& header) {
    return std::ranges::any_of(names, [&](std::string_view name) { return IsNamed(header, name); });
  };
  for (const HeaderField& header : request.headers) {
    if (IsAmzField(header) && !is_signed(header)) return false;
  }
  return std::ranges::all_of(names, [&](std::string_view name) {
    return std::ranges::any_of(request.headers,
                               [&](const HeaderField& header) { return IsNamed(header, name); });
  });
}

bool IsTimely(std::string_view amz_date, std::string_view day, std::int64_t wall_nanos) {
  const std::optional<std::int64_t> time = ParseAmzDate(amz_date);
  return time && amz_date.substr(0, kDayBytes) == day && *time >= wall_nanos - kClockSkewNanosMax &&
         *time <= wall_nanos + kClockSkewNanosMax;
}

// The hash that the signature must cover, or nothing when the stated one is not that of the body.
std::optional<std::string> PayloadHash(const Request& request, const Single& stated,
                                       const VerifyOptions& options) {
  const std::string_view value = Trim(stated.value);
  if (stated.count == 1 && value == kUnsignedPayload) {
    if (!options.allow_unsigned_payload) return std::nullopt;
    return std::string(kUnsignedPayload);
  }
  std::string hash = ToHex(ComputeSha256(request.body));
  if (stated.count == 1 && !ConstantTimeEqual(value, hash)) return std::nullopt;
  return hash;
}

// A secret that nobody has: an unknown access key id is checked against it.
const Secret& NobodysSecret() {
  static const Secret secret(RandomHex(20));
  return secret;
}

}  // namespace

bool IsSigned(const Request& request) {
  return std::ranges::any_of(request.headers, [](const HeaderField& header) {
    return IsNamed(header, kAuthorizationField) && Trim(header.value).starts_with(kAlgorithm);
  });
}

Result<Signature> Verify(const Request& received, const SecretLookup& secret_of,
                         const VerifyOptions& options, std::int64_t wall_nanos, SigningKeys& keys) {
  if (!IsUnambiguous(received) || !IsNormalPath(received.path)) return Refusal();
  const Single field = Find(received, kAuthorizationField);
  const Single date = Find(received, kDateField);
  const Single stated_hash = Find(received, kContentHashField);
  if (field.count != 1 || date.count != 1 || stated_hash.count > 1 ||
      Find(received, kTokenField).count > 1) {
    return Refusal();
  }
  const std::optional<Authorization> authorization = ParseAuthorization(field.value);
  if (!authorization) return Refusal();
  const std::optional<std::vector<HeaderField>> headers = WithSignedHost(received, *authorization);
  if (!headers) return Refusal();
  Request request = received;
  request.headers = *headers;
  if (!CoversHeaders(*authorization, request)) return Refusal();
  if (authorization->service != options.service) return Refusal();
  if (!options.region.empty() && authorization->region != options.region) return Refusal();
  const std::string_view amz_date = Trim(date.value);
  if (!IsTimely(amz_date, authorization->day, wall_nanos)) return Refusal();

  const std::optional<std::string> hash = PayloadHash(request, stated_hash, options);
  if (!hash) return Refusal();
  const Secret canonical(CanonicalRequest(request, authorization->signed_names, *hash));
  const std::string scope =
      ScopeOf(authorization->day, authorization->region, authorization->service);
  const std::string text = StringToSign(amz_date, scope, canonical.Reveal());
  const Secret* known = secret_of(authorization->access_key_id);
  const bool is_known = known != nullptr && !known->empty();
  const std::string expected = keys.Sign(is_known ? *known : NobodysSecret(), authorization->day,
                                         authorization->region, authorization->service, text);
  const bool holds = ConstantTimeEqual(expected, authorization->signature);
  if (!holds || !is_known) return Refusal();
  return Signature{authorization->access_key_id, authorization->region, *hash != kUnsignedPayload};
}

}  // namespace tidegate::protocols::aws_sigv4
