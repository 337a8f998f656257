// Taking an Authorization header of AWS Signature Version 4 apart. Private to this folder.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace tidegate::protocols::aws_sigv4 {

// "AWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/iam/aws4_request,
// SignedHeaders=host;x-amz-date, Signature=5d67…". Views the header.
struct Authorization {
  std::string_view access_key_id, day, region, service;
  std::vector<std::string_view> signed_names;  // lower case, sorted, none twice
  std::string_view signature;                  // 64 hexadecimal digits, lower case
};

// Nothing unless the text is exactly of that form, with each part once, in any order, behind commas
// with or without blanks.
std::optional<Authorization> ParseAuthorization(std::string_view text);

}  // namespace tidegate::protocols::aws_sigv4
