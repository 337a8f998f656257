// Where a request carries its key, and whether it is the right one.
#pragma once

#include <span>
#include <string_view>

#include "emulator/model.h"
#include "net/http_head.h"

namespace tidegate::emulator {

// The key that `head` carries in that place; empty = none.
std::string_view GivenKey(const net::HttpHead& head, KeyPlace place);

// Whether the key of `model` stands in one of `places`, or in the one place that the model's
// configuration names. A model without a key takes any request.
bool HasKey(const net::HttpHead& head, const Model& model, std::span<const KeyPlace> places);

}  // namespace tidegate::emulator
