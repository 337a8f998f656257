#include "protocols/aws_sigv4/signing_keys.h"

#include "protocols/aws_sigv4/canonical.h"
#include "protocols/aws_sigv4/limits.h"

namespace tidegate::protocols::aws_sigv4 {
namespace {

Secret Derive(const Secret& secret, std::string_view day, std::string_view region,
              std::string_view service) {
  std::string first;
  first.reserve(4 + secret.Reveal().size());
  first += "AWS4";
  first += secret.Reveal();
  const Secret begin(std::move(first));
  Sha256 key = ComputeHmacSha256(begin.Reveal(), day);
  for (const std::string_view part : {region, service, kScopeEnd}) {
    key = ComputeHmacSha256(AsBytes(key), part);
  }
  return Secret(std::string(AsBytes(key)));
}

}  // namespace

const Secret& SigningKeys::Find(const Secret& secret, std::string_view day, std::string_view region,
                                std::string_view service) {
  std::string scope = ScopeOf(day, region, service);
  for (const Entry& entry : entries_) {
    if (entry.scope == scope && ConstantTimeEqual(entry.secret.Reveal(), secret.Reveal())) {
      return entry.key;
    }
  }
  Entry entry{std::move(scope), secret, Derive(secret, day, region, service)};
  if (entries_.size() < kSigningKeysMax) return entries_.emplace_back(std::move(entry)).key;
  Entry& replaced = entries_[next_];
  next_ = (next_ + 1) % kSigningKeysMax;
  replaced = std::move(entry);
  return replaced.key;
}

std::string SigningKeys::Sign(const Secret& secret, std::string_view day, std::string_view region,
                              std::string_view service, std::string_view text) {
  const Secret& key = Find(secret, day, region, service);
  return ToHex(ComputeHmacSha256(key.Reveal(), text));
}

}  // namespace tidegate::protocols::aws_sigv4
