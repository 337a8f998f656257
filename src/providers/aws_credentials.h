// Credentials of AWS: from the configuration, or from the variables that all of AWS's programs
// read.
//
// Only long-lived keys and tokens that somebody has set: profiles, roles and the metadata services
// of AWS's machines are not asked.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocols/aws_sigv4/signer.h"
#include "providers/catalogue.h"
#include "providers/provider.h"

namespace tidegate::providers {

// The configured region, or the environment's. Errors: kInvalidArgument below `path` where there is
// none, or where it could not stand in a host's name.
Result<std::string> AwsRegion(const AwsConfig& config, const Environment& environment,
                              std::string_view path);

// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; what is empty is not set.
AwsConfig AwsFromEnvironment(const Environment& environment);

// Whether the environment has all that signing takes.
bool CanSignFromEnvironment(const Environment& environment);

// Errors: kInvalidArgument below `path`, for what is missing or malformed.
Result<std::shared_ptr<const protocols::aws_sigv4::Signer>> MakeAwsSigner(const AwsConfig& config,
                                                                          std::string region,
                                                                          std::string service,
                                                                          std::string_view path);

}  // namespace tidegate::providers
