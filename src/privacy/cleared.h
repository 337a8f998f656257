// The proof that privacy has seen the bytes which are about to leave.
//
// The function that sends to an upstream takes a Cleared and nothing else, and only Clear makes
// one. So a path that forgets the check does not compile, and the check judges the final bytes of
// each attempt, after context and tools were added.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/place.h"
#include "privacy/label.h"

namespace tidegate::privacy {

// Permission to send these bytes to this place, once. Move-only; views the bytes, which must
// outlive it unchanged. Not thread-safe.
class Cleared {
 public:
  Cleared(Cleared&&) noexcept = default;
  Cleared& operator=(Cleared&&) noexcept = default;
  Cleared(const Cleared&) = delete;
  Cleared& operator=(const Cleared&) = delete;

  std::span<const std::string_view> pieces() const { return pieces_; }
  std::size_t size() const;  // bytes
  core::Place place() const { return place_; }
  // What the record says left the machine: none to the device, raw to every other place.
  core::Egress egress() const { return egress_; }

 private:
  friend Result<Cleared> Clear(const Label& label, core::Place place,
                               std::vector<std::string_view> pieces);
  Cleared(std::vector<std::string_view> pieces, core::Place place, core::Egress egress)
      : pieces_(std::move(pieces)), place_(place), egress_(egress) {}

  std::vector<std::string_view> pieces_;
  core::Place place_;
  core::Egress egress_;
};

// Errors: kPermissionDenied when the label forbids the place, with reason "privacy_local",
// "privacy_attested" or "privacy_masked" (nothing can mask yet, so such a request stays on the
// device).
Result<Cleared> Clear(const Label& label, core::Place place, std::vector<std::string_view> pieces);

}  // namespace tidegate::privacy
