// One request and its answer, as they are kept.
#pragma once

#include <string>
#include <vector>

#include "core/constraints.h"

namespace tidegate::conversations {

// The texts are the protocol's; nobody here reads them.
struct Turn {
  std::string id;           // the client's name for the answer
  std::string previous_id;  // of the answer that was continued, or empty
  std::string input;        // what the request added
  std::string body;         // the answer
  // Names under which its items may be asked for; only for Put.
  std::vector<std::string> items = {};
  // Where what was said may go: it binds whatever continues it. Only privacy, place, retention,
  // region and the providers that may or must not have it are kept.
  core::Constraints bound;
};

}  // namespace tidegate::conversations
