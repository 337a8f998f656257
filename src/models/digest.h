// What identifies a piece of a model: the SHA-256 of its bytes.
//
// Digests come from registries, manifests and callers, and end up in paths. So there is one type
// that only a well-formed digest becomes, and paths are made from the type and nothing else (see
// blobs.h): a text with "../" in it never gets that far.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/result.h"

namespace tidegate::models {

class Digest {
 public:
  explicit Digest(const Sha256& sha256) : sha256_(sha256) {}
  // "sha256:" or "sha256-" and 64 hexadecimal digits. Errors: kInvalidArgument with `field`.
  static Result<Digest> Parse(std::string_view text, std::string field);

  const Sha256& sha256() const { return sha256_; }
  std::string Hex() const { return ToHex(sha256_); }
  std::string ToString() const { return "sha256:" + Hex(); }
  // The first 12 digits, as people are shown.
  std::string Short() const { return Hex().substr(0, 12); }
  friend auto operator<=>(const Digest&, const Digest&) = default;

 private:
  Sha256 sha256_;
};

}  // namespace tidegate::models
