#include "providers/aws_credentials.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace tidegate::providers {
namespace {

constexpr std::size_t kRegionBytesMax = 32;

std::optional<std::string> Variable(const Environment& environment, std::string_view name) {
  std::optional<std::string> value = environment(name);
  if (value && value->empty()) value.reset();
  return value;
}

std::optional<std::string> RegionOf(const Environment& environment) {
  std::optional<std::string> region = Variable(environment, "AWS_REGION");
  return region ? region : Variable(environment, "AWS_DEFAULT_REGION");
}

std::optional<Secret> SecretVariable(const Environment& environment, std::string_view name) {
  std::optional<std::string> value = Variable(environment, name);
  return value ? std::optional(Secret(*std::move(value))) : std::nullopt;
}

}  // namespace

Result<std::string> AwsRegion(const AwsConfig& config, const Environment& environment,
                              std::string_view path) {
  const std::optional<std::string> region = config.region ? config.region : RegionOf(environment);
  const std::string at = std::string(path) + ".aws_region";
  if (!region) {
    return InvalidArgument(at, "is required: set AWS_REGION in the environment, or aws_region");
  }
  const bool word = std::all_of(region->begin(), region->end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (!word || region->empty() || region->size() > kRegionBytesMax) {
    return InvalidArgument(at, "is no region of AWS; an example is eu-central-1");
  }
  return *region;
}

AwsConfig AwsFromEnvironment(const Environment& environment) {
  AwsConfig config;
  config.access_key_id = Variable(environment, "AWS_ACCESS_KEY_ID");
  config.secret_access_key = SecretVariable(environment, "AWS_SECRET_ACCESS_KEY");
  config.session_token = SecretVariable(environment, "AWS_SESSION_TOKEN");
  return config;
}

bool CanSignFromEnvironment(const Environment& environment) {
  const AwsConfig config = AwsFromEnvironment(environment);
  return config.access_key_id && config.secret_access_key && RegionOf(environment);
}

Result<std::shared_ptr<const protocols::aws_sigv4::Signer>> MakeAwsSigner(const AwsConfig& config,
                                                                          std::string region,
                                                                          std::string service,
                                                                          std::string_view path) {
  using protocols::aws_sigv4::Signer;
  Result<Signer> signer =
      Signer::Make({config.access_key_id.value_or(""), config.secret_access_key.value_or(Secret()),
                    config.session_token.value_or(Secret())},
                   std::move(region), std::move(service));
  if (signer.ok()) return std::make_shared<const Signer>(*std::move(signer));
  Error error = std::move(signer).error();
  error.field = std::string(path) + ".aws_" + error.field;
  return error;
}

}  // namespace tidegate::providers
