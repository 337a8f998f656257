// What a model of this device takes of it, and whether that is there: decided before it is loaded,
// for people and clients that ask.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tidegate::core {

struct MemoryFit {
  bool fits = true;
  std::string why_not;                  // one sentence with numbers, and what would fit
  std::int64_t context_tokens = 0;      // of one request, as it is loaded
  std::int64_t context_tokens_max = 0;  // the most that it can be loaded again with
  int slots = 0;                        // requests at once
  int layers = 0, device_layers = 0;    // of all, those on graphics devices; the head is one
  std::vector<std::string> devices;     // that it uses: "CUDA0"
  // False: its architecture is not known, so that all but its weights is a guess.
  bool estimated = true;
  // What it gets less of than was asked for, each a sentence with the numbers and why; empty for
  // nothing: layers on graphics devices, and the window that it was made to have.
  std::string layers_note, window_note;
  // Bytes. What is neither weights nor cache nor compute: projector, draft, copies of prompts,
  // code.
  std::uint64_t weights = 0, cache = 0, compute = 0, other = 0;
  std::uint64_t host = 0, device = 0;  // where these are
  // What all local models together may have there; 0 = no limit is known, or there is no device.
  std::uint64_t host_budget = 0, device_budget = 0;
};

}  // namespace tidegate::core
