// The names that the gate gives to responses and their items.
//
// They say by how they begin that no upstream made them: an upstream that is sent a thought under a
// name it never gave answers that there is no such thing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace tidegate::protocols::openai_responses {

inline constexpr std::string_view kOwnReasoningPrefix = "rs_tg_";

// `kind`: "resp", "msg", "fc", "ctc", "rs".
inline std::string MakeId(std::string_view kind, const RequestId& id) {
  return std::string(kind) + "_tg_" + id.ToString();
}
inline std::string MakeId(std::string_view kind, const RequestId& id, std::int64_t index) {
  return MakeId(kind, id) + "_" + std::to_string(index);
}

}  // namespace tidegate::protocols::openai_responses
