// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

#include "base/money.h"

namespace tidegate::cli {

// "420 µs", "340 ms", "1.24 s", "2 m 05 s", "3 h 10 m".
std::string FormatDuration(std::int64_t micros);
// As Go writes it: "1m19.5s", "1.234s", "4.9275ms", "0s".
std::string FormatGoDuration(std::int64_t nanos);
// "131,072".
std::string FormatCount(std::int64_t count);
// "4.7 GB", "637 MB", "12 kB": decimal units, one decimal under 10.
std::string FormatBytes(std::int64_t bytes);
// "$0.00234".
std::string FormatDollars(Money money);
// "52.31 tokens/s". REQUIRES: nanos > 0.
std::string FormatRate(std::int64_t tokens, std::int64_t nanos);
// "30/37 (81 %)": of what a draft guessed. REQUIRES: drafted > 0.
std::string FormatAccepted(std::int64_t accepted, std::int64_t drafted);

}  // namespace tidegate::cli
