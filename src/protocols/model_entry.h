// What protocols list of the models, and what they answer without one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/capability.h"
#include "core/deployment.h"

namespace tidegate::protocols {

// A model of this device while it is in memory.
struct Residency {
  std::int64_t bytes = 0;
  std::int64_t until_wall_nanos = 0;  // when it goes if nobody asks for it; 0 = it stays
  std::int64_t device_bytes = 0;      // of these, on graphics devices
  std::int64_t context_tokens = 0;    // of the window that it has now; 0 = not known
  bool pinned = false;                // it does not even make room for others
};

struct ModelEntry {
  std::string id;  // what a caller writes in `model`
  // What clients of a server of local models call it, where that name means nothing else here;
  // empty: `id`.
  std::string plain = {};
  std::string owned_by;
  std::int64_t created_s = 0;
  const core::Deployment* deployment = nullptr;  // for the "tidegate" extension object; may be null
  // What can be had under this name, and the largest window: of the deployment, or of all that the
  // gate may choose between.
  core::CapabilitySet capabilities = {};
  std::int64_t context_tokens = 0;
  // Where requests for it go, as "https://api.example.com:443"; empty: they stay on this device, or
  // the gate decides for each.
  std::string host = {};
  std::optional<Residency> residency = {};
  // What a local model says of itself, where it is shown by itself; may be null.
  std::shared_ptr<const core::ModelCard> card = {};
};

// Which model a caller wants to see, and whether all of it.
struct ModelQuestion {
  std::string model;
  bool everything = false;  // long lists, too
};

struct FixedAnswer {
  std::string_view content_type = "application/json";
  std::string_view body = {};
};

}  // namespace tidegate::protocols
