// Encryption of what lies on a disk: a text of any length in pieces, each encrypted and
// authenticated (AES-256-GCM), so that neither side needs more than one piece in memory.
//
// Whoever opens it notices any change: a flipped bit, pieces that are missing, repeated, in another
// order or of another text, another end, another context. A key is for one text only: derive one
// with DeriveKey from a fresh random salt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace tidegate {

inline constexpr std::size_t kSealKeyBytes = 32;
inline constexpr std::size_t kSealTagBytes = 16;  // that each piece grows by

// A key of kSealKeyBytes for one purpose, from one that has others too. `purpose` tells them apart.
Secret DeriveKey(const Secret& key, std::string_view purpose);

// Move-only, not thread-safe.
class Sealer {
 public:
  // `context` is authenticated and not kept: whoever opens it has to know it. REQUIRES: `key` has
  // kSealKeyBytes.
  Sealer(const Secret& key, std::string_view context);
  Sealer(Sealer&&) noexcept;
  ~Sealer();
  // Appends the next piece to `out`. There has to be exactly one `last`, which may be empty.
  void Seal(std::string_view piece, bool last, std::string& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Opener {
 public:
  Opener(const Secret& key, std::string_view context);
  Opener(Opener&&) noexcept;
  ~Opener();
  // Appends what the next sealed piece holds to `out`, which is unchanged after an error. Errors:
  // kInvalidArgument, the same for everything that can be wrong; nothing more can be opened then.
  Result<void> Open(std::string_view sealed, bool last, std::string& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidegate
