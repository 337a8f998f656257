// Where a model runs, and how much protection a request needs: the two scales that everything else
// obeys.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tidegate::core {

// From nearest to farthest. kDevice: a process that we started, or a loopback server verified to
// hold no remote model.
enum class Place : std::uint8_t { kDevice, kEdge, kAttested, kCloud };
inline constexpr int kPlaces = 4;

// A set of places as bits.
class PlaceSet {
 public:
  constexpr PlaceSet() = default;
  static constexpr PlaceSet All() { return PlaceSet(0b1111); }
  static constexpr PlaceSet Of(Place place) { return PlaceSet(Bit(place)); }
  constexpr PlaceSet With(Place place) const {
    return PlaceSet(static_cast<std::uint8_t>(bits_ | Bit(place)));
  }
  constexpr bool Has(Place place) const { return (bits_ & Bit(place)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr PlaceSet Intersect(PlaceSet other) const {
    return PlaceSet(static_cast<std::uint8_t>(bits_ & other.bits_));
  }
  friend constexpr bool operator==(PlaceSet, PlaceSet) = default;

 private:
  explicit constexpr PlaceSet(std::uint8_t bits) : bits_(bits) {}
  static constexpr std::uint8_t Bit(Place place) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(place));
  }
  std::uint8_t bits_ = 0;
};

// The least protection that is acceptable, in rising order. A label is only ever raised.
enum class Privacy : std::uint8_t {
  kOpen,      // may leave as it is
  kMasked,    // may leave with private values masked
  kAttested,  // only to a place that proves what it runs
  kLocal,     // never leaves the device
};

// What left the machine with a request.
enum class Egress : std::uint8_t { kNone, kMasked, kRaw };

// The places that `privacy` allows. kLocal allows the device only; kMasked allows all places (the
// bytes are masked).
constexpr PlaceSet PlacesFor(Privacy privacy) {
  switch (privacy) {
    case Privacy::kOpen:
    case Privacy::kMasked:
      return PlaceSet::All();
    case Privacy::kAttested:
      return PlaceSet::Of(Place::kDevice).With(Place::kAttested);
    case Privacy::kLocal:
      return PlaceSet::Of(Place::kDevice);
  }
  return PlaceSet();
}

std::string_view ToString(Place place);      // "device", "edge", "attested", "cloud"
std::string_view ToString(Privacy privacy);  // "open", "masked", "attested", "local"
std::string_view ToString(Egress egress);    // "none", "masked", "raw"
std::optional<Place> ParsePlace(std::string_view text);
std::optional<Privacy> ParsePrivacy(std::string_view text);

}  // namespace tidegate::core
