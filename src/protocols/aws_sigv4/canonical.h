// The one text that a request is reduced to before it is signed (AWS Signature Version 4, "Create a
// canonical request"), so that whatever a proxy may rightly change on the way changes no signature.
//
//   method
//   path: segments normalised, then percent-encoded once more than on the wire
//   query: parameters decoded, percent-encoded in one way, sorted
//   "name:value" of each signed header: lower case, blanks trimmed and collapsed, sorted
//   (an empty line)
//   names of the signed headers, joined by ";"
//   SHA-256 of the body
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/digest.h"

namespace tidegate::protocols::aws_sigv4 {

inline constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
inline constexpr std::string_view kScopeEnd = "aws4_request";
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

inline constexpr std::string_view kHostField = "host";
inline constexpr std::string_view kAuthorityField = ":authority";  // the host in HTTP/2
inline constexpr std::string_view kDateField = "x-amz-date";
inline constexpr std::string_view kTokenField = "x-amz-security-token";
inline constexpr std::string_view kContentHashField = "x-amz-content-sha256";

struct HeaderField {
  std::string_view name, value;
};

// A request as it stands, or will stand, on the wire. Only views.
struct Request {
  std::string_view method;  // "POST"
  std::string_view path;    // of the request line, percent-encoded, without the query
  std::string_view query;   // behind '?'
  std::span<const HeaderField> headers;
  std::span<const std::string_view> body;  // its pieces, one behind the other
};

// Whether a header has this name. REQUIRES: `lower` is in lower case.
bool IsNamed(const HeaderField& header, std::string_view lower);

// The path as every service but S3 signs it: empty segments and dot segments are resolved, then
// each byte but unreserved ones and '/' is percent-encoded, also the '%' that encodes on the wire
// ("/model/a%3A0" is signed as "/model/a%253A0").
std::string CanonicalPath(std::string_view path);
// Whether resolving segments leaves the path as it is.
bool IsNormalPath(std::string_view path);

// A '+' stands for itself; a '%' that begins no valid escape, too.
std::string CanonicalQuery(std::string_view query);

// `signed_names`: lower case, sorted, none twice. Values of a header that stands more than once are
// joined by commas. `payload_hash`: hexadecimal, or kUnsignedPayload.
std::string CanonicalRequest(const Request& request, std::span<const std::string_view> signed_names,
                             std::string_view payload_hash);

// "20150830/us-east-1/iam/aws4_request".
std::string ScopeOf(std::string_view day, std::string_view region, std::string_view service);

// What the signature is a code of.
std::string StringToSign(std::string_view amz_date, std::string_view scope,
                         std::string_view canonical_request);

}  // namespace tidegate::protocols::aws_sigv4
