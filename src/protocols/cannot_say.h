// The refusal of a request encoder whose protocol lacks something: another target may do better.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace tidegate::protocols {

inline Error CannotSay(std::string field, std::string_view what) {
  Error error = InvalidArgument(std::move(field),
                                "this target's protocol has no place for " + std::string(what));
  error.retry = Retry::kOtherTarget;
  return error;
}

}  // namespace tidegate::protocols
