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

Keyring::Keyring() { local_.name = "local"; }

Result<Keyring> Keyring::Make(std::vector<Principal> principals) {
  if (principals.size() > kKeysMax) {
    return InvalidArgument("keys", "there are more than " + std::to_string(kKeysMax) + " keys");
  }
  std::set<std::string_view> names;
  std::set<Sha256> digests;
  for (const Principal& principal : principals) {
    const std::string path = "keys." + principal.name;
    if (!names.insert(principal.name).second) return InvalidArgument(path, "stands more than once");
    if (!digests.insert(principal.key_sha256).second) {
      return InvalidArgument(path + ".sha256",
                             "another key has the same digest; every key needs its own");
    }
  }
  Keyring keyring;
  keyring.principals_ = std::move(principals);
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
    if (ConstantTimeEqual(Bytes(principal.key_sha256), Bytes(digest))) found = &principal;
  }
  if (found == nullptr) return Unauthenticated("this key is not known here");
  return found;
}

}  // namespace tidegate::policy
