#include "gateway/authenticate.h"

#include <vector>

#include "base/ascii.h"
#include "gateway/call.h"
#include "gateway/limits.h"
#include "protocols/aws_sigv4/verifier.h"
#include "protocols/query.h"

namespace tidegate::gateway {
namespace {

namespace sigv4 = protocols::aws_sigv4;

constexpr std::string_view kService = "bedrock";  // of AWS, that its clients take us for

// The key as the SDKs send it: a bearer token, one of three header fields, or, as Google's clients
// may, a parameter of the query. `decoded` keeps what must be decoded first.
std::string_view PresentedKey(const net::HttpHead& head, std::string& decoded) {
  constexpr std::string_view kBearer = "bearer ";
  if (const auto field = head.Find("authorization")) {
    if (field->size() > kBearer.size() &&
        EqualsIgnoreCase(field->substr(0, kBearer.size()), kBearer)) {
      return net::Trim(field->substr(kBearer.size()));
    }
    return *field;
  }
  for (const std::string_view name : {"x-api-key", "api-key", "x-goog-api-key"}) {
    if (const auto field = head.Find(name)) return *field;
  }
  if (head.query().empty() || IsAdminPath(head.path())) return {};
  const std::string_view key =
      protocols::FindParameter(head.query(), "key").value_or(std::string_view());
  if (key.find('%') == std::string_view::npos) return key;
  decoded = net::PercentDecode(key).value_or(std::string());
  return decoded;
}

std::vector<sigv4::HeaderField> FieldsOf(const net::HttpHead& head) {
  std::vector<sigv4::HeaderField> fields;
  fields.reserve(head.fields());
  for (std::size_t i = 0; i < head.fields(); ++i) fields.push_back({head.name(i), head.value(i)});
  return fields;
}

bool IsSigned(const net::HttpHead& head) {
  const auto field = head.Find("authorization");
  if (!field) return false;
  const sigv4::HeaderField fields[] = {{"authorization", *field}};
  return sigv4::IsSigned({head.method(), {}, {}, fields, {}});
}

// One body that is read for a caller nobody knows yet.
class UnprovenBody {
 public:
  explicit UnprovenBody(ShardState& shard) : shard_(shard) { ++shard_.unproven_bodies; }
  ~UnprovenBody() { --shard_.unproven_bodies; }
  UnprovenBody(const UnprovenBody&) = delete;
  UnprovenBody& operator=(const UnprovenBody&) = delete;

 private:
  ShardState& shard_;
};

Error TooManyUnproven() {
  Error error{ErrorCode::kUnavailable, ErrorSource::kGateway, Retry::kSameTarget,
              "the gate is reading too many signed requests at once; try again in a moment"};
  error.reason = "overloaded";
  error.retry_after_s = kOverloadRetryAfterSeconds;
  return error;
}

Error NoSignedCallers() {
  Error error{ErrorCode::kUnauthenticated, ErrorSource::kCaller, Retry::kNever,
              "this request is signed for AWS, and no key of this gate can sign: set "
              "aws_access_key_id and aws_secret_access_key of a [keys.<name>] in the "
              "configuration, or send a key as 'Authorization: Bearer <key>'"};
  error.reason = "invalid_signature";
  return error;
}

}  // namespace

bool IsProvenByItsBody(const GatewayParts& parts, const net::HttpHead& head) {
  return parts.keyring.has_aws_keys() && IsSigned(head);
}

Result<Caller> Authenticate(const GatewayParts& parts, ShardState& shard,
                            const net::HttpHead& head) {
  std::string decoded;
  const std::string_view key = PresentedKey(head, decoded);
  auto& last = shard.last_caller;
  if (last.principal != nullptr && ConstantTimeEqual(last.key.Reveal(), key)) {
    return Caller{last.principal, {}};
  }
  if (!parts.keyring.empty() && IsSigned(head)) return NoSignedCallers();
  TIDEGATE_ASSIGN(const policy::Principal* const principal,
                  parts.keyring.Authenticate(key, parts.trust_callers_without_key));
  if (!key.empty()) {
    last.key = Secret(std::string(key));
    last.principal = principal;
  }
  return Caller{principal, {}};
}

net::Task<Result<Caller>> AuthenticateSigned(const GatewayParts& parts, ShardState& shard,
                                             net::Exchange& exchange) {
  if (shard.unproven_bodies >= kUnprovenBodiesPerShardMax) co_return TooManyUnproven();
  const UnprovenBody reading(shard);
  const Result<std::string_view> body = co_await exchange.ReadBody(parts.body_bytes_max);
  if (!body.ok()) co_return body.error();
  const net::HttpHead& head = exchange.head();
  const std::vector<sigv4::HeaderField> fields = FieldsOf(head);
  const std::string_view pieces[] = {*body};
  const sigv4::Request request{head.method(), head.path(), head.query(), fields, pieces};
  const policy::Principal* principal = nullptr;
  const sigv4::SecretLookup secret_of = [&](std::string_view access_key_id) -> const Secret* {
    principal = parts.keyring.FindAwsKey(access_key_id);
    return principal == nullptr ? nullptr : &principal->aws_secret_access_key;
  };
  const Result<sigv4::Signature> signature = sigv4::Verify(
      request, secret_of, {.service = kService}, parts.clock.WallNanos(), shard.signing_keys);
  if (!signature.ok()) co_return signature.error();
  co_return Caller{principal, *body};
}

}  // namespace tidegate::gateway
