#include "policy/region.h"

#include <algorithm>
#include <array>

namespace tidegate::policy {
namespace {

constexpr std::array<std::string_view, 27> kEuropeanUnion = {
    "at", "be", "bg", "cy", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hr", "hu",
    "ie", "it", "lt", "lu", "lv", "mt", "nl", "pl", "pt", "ro", "se", "si", "sk"};
static_assert(std::is_sorted(kEuropeanUnion.begin(), kEuropeanUnion.end()));

}  // namespace

bool RegionWithin(std::string_view region, std::string_view allowed) {
  if (region.empty()) return false;
  if (region == allowed) return true;
  return allowed == "eu" &&
         std::binary_search(kEuropeanUnion.begin(), kEuropeanUnion.end(), region);
}

std::vector<std::string> IntersectRegions(const std::vector<std::string>& a,
                                          const std::vector<std::string>& b) {
  std::vector<std::string> both;
  for (const std::string& x : a) {
    for (const std::string& y : b) {
      if (RegionWithin(x, y)) {
        both.push_back(x);
      } else if (RegionWithin(y, x)) {
        both.push_back(y);
      }
    }
  }
  std::sort(both.begin(), both.end());
  both.erase(std::unique(both.begin(), both.end()), both.end());
  return both;
}

}  // namespace tidegate::policy
