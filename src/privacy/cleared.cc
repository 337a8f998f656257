#include "privacy/cleared.h"

#include <string>
#include <utility>

namespace tidegate::privacy {
namespace {

Error Forbidden(const Label& label, core::Place place) {
  Error error;
  error.code = ErrorCode::kPermissionDenied;
  error.source = ErrorSource::kGateway;
  error.retry = Retry::kOtherTarget;
  error.reason = "privacy_" + std::string(core::ToString(label.level));
  error.message = "a request marked '" + std::string(core::ToString(label.level)) +
                  "' must not go to place '" + std::string(core::ToString(place)) + "'";
  if (label.level == core::Privacy::kMasked)
    error.message += ": it cannot be masked yet, so it stays on the device";
  return error;
}

}  // namespace

std::size_t Cleared::size() const {
  std::size_t sum = 0;
  for (const std::string_view piece : pieces_) sum += piece.size();
  return sum;
}

Result<Cleared> Clear(const Label& label, core::Place place, std::vector<std::string_view> pieces) {
  // Both are asked, so that a label with a wrong set of places still cannot let private bytes out.
  const bool allowed = label.places.Has(place) && core::PlacesFor(label.level).Has(place);
  const bool masking_missing =
      label.level == core::Privacy::kMasked && place != core::Place::kDevice;
  if (!allowed || masking_missing) return Forbidden(label, place);
  const core::Egress egress =
      place == core::Place::kDevice ? core::Egress::kNone : core::Egress::kRaw;
  return Cleared(std::move(pieces), place, egress);
}

}  // namespace tidegate::privacy
