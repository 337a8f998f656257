#include "protocols/aws_sigv4/signer.h"

#include <algorithm>
#include <vector>

#include "base/ascii.h"
#include "base/check.h"
#include "protocols/aws_sigv4/amz_date.h"
#include "protocols/aws_sigv4/limits.h"

namespace tidegate::protocols::aws_sigv4 {
namespace {

bool IsWordCharacter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

bool IsVisible(char c) { return c > ' ' && c < '\x7F'; }

Result<void> CheckText(std::string_view field, std::string_view text, std::size_t size_max,
                       bool (*allowed)(char)) {
  if (text.empty()) return InvalidArgument(std::string(field), "is required to sign requests");
  if (text.size() > size_max || !std::ranges::all_of(text, allowed)) {
    return InvalidArgument(std::string(field),
                           "is not of the form that AWS gives out; is there a "
                           "blank or a line end in it?");
  }
  return {};
}

std::size_t Count(const Request& request, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::count_if(
      request.headers, [&](const HeaderField& header) { return IsNamed(header, name); }));
}

void CheckFields(const Request& request) {
  CHECK(Count(request, kHostField) == 1);
  for (const std::string_view name :
       {kDateField, kTokenField, kContentHashField, std::string_view("authorization")}) {
    CHECK(Count(request, name) == 0);
  }
}

// The names of these fields as they are signed.
std::vector<std::string> NamesOf(const std::vector<HeaderField>& fields) {
  std::vector<std::string> names;
  names.reserve(fields.size());
  for (const HeaderField& field : fields) names.push_back(ToLower(field.name));
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

void AppendLine(std::string& out, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) out += part;
  out += "\r\n";
}

}  // namespace

Result<Signer> Signer::Make(Credentials credentials, std::string region, std::string service) {
  TIDEGATE_TRY(
      CheckText("access_key_id", credentials.access_key_id, kAccessKeyIdBytesMax, IsWordCharacter));
  TIDEGATE_TRY(CheckText("secret_access_key", credentials.secret_access_key.Reveal(),
                         kSecretBytesMax, IsVisible));
  if (!credentials.session_token.empty()) {
    TIDEGATE_TRY(CheckText("session_token", credentials.session_token.Reveal(),
                           kSessionTokenBytesMax, IsVisible));
  }
  TIDEGATE_TRY(CheckText("region", region, kScopeWordBytesMax, IsWordCharacter));
  TIDEGATE_TRY(CheckText("service", service, kScopeWordBytesMax, IsWordCharacter));
  return Signer(std::move(credentials), std::move(region), std::move(service));
}

Secret Signer::Sign(const Request& request, std::int64_t wall_nanos, SigningKeys& keys,
                    const SignOptions& options) const {
  CheckFields(request);
  const std::string date = FormatAmzDate(wall_nanos);
  const std::string_view day = std::string_view(date).substr(0, kDayBytes);
  const std::string payload_hash = ToHex(ComputeSha256(request.body));

  std::vector<HeaderField> added = {{kDateField, date}};
  if (!credentials_.session_token.empty()) {
    added.push_back({kTokenField, credentials_.session_token.Reveal()});
  }
  if (options.content_hash_field) added.push_back({kContentHashField, payload_hash});

  std::vector<HeaderField> fields(request.headers.begin(), request.headers.end());
  fields.insert(fields.end(), added.begin(), added.end());
  const std::vector<std::string> names = NamesOf(fields);
  const std::vector<std::string_view> signed_names(names.begin(), names.end());

  Request whole = request;
  whole.headers = fields;
  const Secret canonical(CanonicalRequest(whole, signed_names, payload_hash));
  const std::string scope = ScopeOf(day, region_, service_);
  const std::string signature = keys.Sign(credentials_.secret_access_key, day, region_, service_,
                                          StringToSign(date, scope, canonical.Reveal()));

  std::string joined;
  for (const std::string& name : names) {
    if (!joined.empty()) joined.push_back(';');
    joined += name;
  }
  std::string lines;
  // All at once: a string that grows leaves copies of the token behind.
  lines.reserve(512 + joined.size() + scope.size() + credentials_.access_key_id.size() +
                credentials_.session_token.Reveal().size());
  for (const HeaderField& field : added) AppendLine(lines, {field.name, ": ", field.value});
  AppendLine(lines, {"authorization: ", kAlgorithm, " Credential=", credentials_.access_key_id, "/",
                     scope, ", SignedHeaders=", joined, ", Signature=", signature});
  return Secret(std::move(lines));
}

}  // namespace tidegate::protocols::aws_sigv4
