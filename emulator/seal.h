// Seals: the opaque texts that providers attach to a model's thoughts and want back unchanged.
//
// A seal holds a payload and a code over it and over what it was made for. So the emulator keeps
// nothing, and yet sees when a thought comes back altered, without its seal, or in another place.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tidegate::emulator {

// Base64. `kind` keeps the seals of different protocols apart; `bound` is what must be the same
// when the seal comes back.
std::string MakeSeal(std::string_view kind, std::span<const std::string_view> bound,
                     std::string_view payload = {});
// The payload; nothing unless MakeSeal made `seal` for this kind and these parts.
std::optional<std::string> OpenSeal(std::string_view kind, std::span<const std::string_view> bound,
                                    std::string_view seal);

}  // namespace tidegate::emulator
