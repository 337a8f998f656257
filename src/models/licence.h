// The licence that a model is given under, as a short name: what there is to see at a glance, and
// no judgement on it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "models/blobs.h"
#include "models/manifest.h"

namespace tidegate::models {

inline constexpr std::size_t kLicenceNameBytesMax = 120;

// The first line of a text that says anything, without what cannot be printed; at most
// kLicenceNameBytesMax.
std::string FirstLineOf(std::string_view text);

// What the weights' header says ("apache-2.0"), or else the first line of the licence that lies
// beside them; empty where neither says anything or can be read. Blocks on the disk.
std::string LicenceName(const Blobs& blobs, const Manifest& manifest);

}  // namespace tidegate::models
