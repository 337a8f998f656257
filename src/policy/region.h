// Jurisdictions: "eu" contains its member states, every other name stands for itself. Lower case.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tidegate::policy {

// Whether data in `region` is within the jurisdiction `allowed`. An unknown (empty) region is
// within none.
bool RegionWithin(std::string_view region, std::string_view allowed);

// The jurisdictions within both lists, sorted, without repetition. Empty when the lists have
// nothing in common.
std::vector<std::string> IntersectRegions(const std::vector<std::string>& a,
                                          const std::vector<std::string>& b);

}  // namespace tidegate::policy
