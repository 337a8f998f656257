// The keys that signatures are made with, derived from a secret for one day, region and service.
//
// Deriving one takes four HMACs, as much as the rest of a small request's signature, and it is the
// same all day: so the last ones are kept.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/secret.h"

namespace tidegate::protocols::aws_sigv4 {

// Not thread-safe: one per shard.
class SigningKeys {
 public:
  // HMAC of `text` under the key that `secret` yields for this scope, in hexadecimal.
  std::string Sign(const Secret& secret, std::string_view day, std::string_view region,
                   std::string_view service, std::string_view text);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string scope;
    Secret secret;
    Secret key;  // 32 bytes
  };
  const Secret& Find(const Secret& secret, std::string_view day, std::string_view region,
                     std::string_view service);

  std::vector<Entry> entries_;
  std::size_t next_ = 0;  // the entry that gives way when there is no room
};

}  // namespace tidegate::protocols::aws_sigv4
