// Who is calling: the keys this gate knows, and what each may do.
//
// Keys are never stored, only their SHA-256; whoever reads the configuration learns no key. A key
// is compared with every known one in constant time, so the time of an answer says nothing about
// how near a guess was. The exception are the secrets of callers that sign their requests as AWS's
// clients do: a signature can only be checked with the secret itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/money.h"
#include "base/result.h"
#include "base/secret.h"
#include "core/constraints.h"
#include "core/place.h"
#include "policy/scope.h"

namespace tidegate::policy {

inline constexpr std::size_t kKeysMax = 10'000;

struct Principal {
  std::string name;                  // the key's name in the configuration; "local" without keys
  std::optional<Sha256> key_sha256;  // of the key as presented, without "Bearer "
  std::string aws_access_key_id;     // of a caller that signs; empty = it does not
  Secret aws_secret_access_key;
  core::Constraints constraints;  // merged as the source "key <name>"
  std::string policy;  // name of the policy that applies to every request of this key, or empty
  std::optional<Money> budget_day;
  ScopeSet scopes = ScopeSet::Default();
  core::PlaceSet places = core::PlaceSet::All();  // a hard bound, told apart from `place` in
                                                  // records (RejectReason::kKeyPlace)
};

// Whether `caller` may do what wants `scope`. Errors: kPermissionDenied, naming both and the
// remedy.
Result<void> RequireScope(const Principal& caller, Scope scope);

// Immutable, so any thread may use it; a change of configuration makes a new one.
class Keyring {
 public:
  // Without keys: the principal "local" for callers from this machine, nobody else.
  Keyring();
  // Errors: kInvalidArgument for two principals of one name or one key, for one without a key, or
  // more than kKeysMax.
  static Result<Keyring> Make(std::vector<Principal> principals);

  // The principal of `presented` (the bare key; empty = none was sent). Lives as long as the
  // keyring. Errors: kUnauthenticated, with what to do.
  Result<const Principal*> Authenticate(std::string_view presented, bool from_loopback) const;

  // The principal that signs under this id, with its secret; nullptr when there is none.
  const Principal* FindAwsKey(std::string_view access_key_id) const;
  bool has_aws_keys() const { return has_aws_keys_; }

  bool empty() const { return principals_.empty(); }
  const std::vector<Principal>& principals() const { return principals_; }

 private:
  std::vector<Principal> principals_;
  Principal local_;
  bool has_aws_keys_ = false;
};

}  // namespace tidegate::policy
