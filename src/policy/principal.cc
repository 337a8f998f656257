#include "policy/principal.h"

#include <set>
#include <utility>

#include "base/secret.h"

namespace tidegate::policy {
namespace {

std::string_view Bytes(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Error Unauthenticated(std::string message) {
  Error error;
  error.code = ErrorCode::kUnauthenticated;
  error.source = ErrorSource::kCaller;
  error.message = std::move(message);
  return error;
}

}  // namespace

Result<void> RequireScope(const Principal& caller, Scope scope) {
  if (caller.scopes.Has(scope)) return {};
  const std::string word(ToString(scope));
  Error error{ErrorCode::kPermissionDenied, ErrorSource::kCaller, Retry::kNever,
              "the key '" + caller.name + "' has no scope '" + word + "'; add it to keys." +
                  caller.name + ".scopes in the configuration, or use another key"};
  error.reason = "scope_required";
  return error;
}

Keyring::Keyring() {
  local_.name = "local";
  local_.scopes = ScopeSet::All();
}

Result<Keyring> Keyring::Make(std::vector<Principal> principals) {
  if (principals.size() > kKeysMax) {
    return InvalidArgument("keys", "there are more than " + std::to_string(kKeysMax) + " keys");
  }
  std::set<std::string_view> names;
  std::set<Sha256> digests;
  std::set<std::string_view> ids;
  bool has_aws_keys = false;
  for (const Principal& principal : principals) {
    const std::string path = "keys." + principal.name;
    if (!names.insert(principal.name).second) return InvalidArgument(path, "stands more than once");
    if (principal.key_sha256 && !digests.insert(*principal.key_sha256).second) {
      return InvalidArgument(path + ".sha256",
                             "another key has the same digest; every key needs its own");
    }
    const bool signs = !principal.aws_access_key_id.empty();
    if (signs == principal.aws_secret_access_key.empty()) {
      return InvalidArgument(path, "needs aws_access_key_id and aws_secret_access_key together");
    }
    if (!signs && !principal.key_sha256) return InvalidArgument(path, "has no key");
    if (signs && !ids.insert(principal.aws_access_key_id).second) {
      return InvalidArgument(path + ".aws_access_key_id",
                             "another key has the same id; every key needs its own");
    }
    has_aws_keys |= signs;
  }
  Keyring keyring;
  keyring.principals_ = std::move(principals);
  keyring.has_aws_keys_ = has_aws_keys;
  return keyring;
}

Result<const Principal*> Keyring::Authenticate(std::string_view presented,
                                               bool from_loopback) const {
  if (principals_.empty()) {
    if (from_loopback) return &local_;
    return Unauthenticated(
        "no keys are configured, so only callers on this machine are served; add one with "
        "[keys.<name>] in the configuration");
  }
  if (presented.empty()) {
    return Unauthenticated("a key is needed: send it as 'Authorization: Bearer <key>'");
  }
  const Sha256 digest = ComputeSha256(presented);
  const Principal* found = nullptr;
  for (const Principal& principal : principals_) {
    // Every key is compared, whichever matches.
    const bool same =
        principal.key_sha256 && ConstantTimeEqual(Bytes(*principal.key_sha256), Bytes(digest));
    if (same) found = &principal;
  }
  if (found == nullptr) return Unauthenticated("this key is not known here");
  return found;
}

const Principal* Keyring::FindAwsKey(std::string_view access_key_id) const {
  if (access_key_id.empty()) return nullptr;
  for (const Principal& principal : principals_) {
    if (principal.aws_access_key_id == access_key_id) return &principal;
  }
  return nullptr;
}

}  // namespace tidegate::policy
