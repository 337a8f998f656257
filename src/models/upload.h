// Sending one blob to a registry so that neither the network nor the registry can spoil it.
//
// What the registry has already is not sent. A blob goes in parts, one after the other; after a
// broken one the registry is asked how far it came, and the rest follows. The bytes are read from
// the file as they are sent. They go to the registry's own origin only, whatever its answers say,
// and what it says it has received is compared with what was sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "models/blobs.h"
#include "models/digest.h"
#include "models/download_limit.h"
#include "models/model_name.h"
#include "models/registry.h"
#include "net/cancel.h"
#include "net/shard.h"
#include "net/worker.h"

namespace tidegate::models {

inline constexpr std::uint64_t kUploadPartBytes = 64 * 1024 * 1024;
inline constexpr std::size_t kUploadReadBytes = 1024 * 1024;

struct UploadOptions {
  std::uint64_t part_bytes = kUploadPartBytes;
  std::size_t read_bytes = kUploadReadBytes;
  RetryOptions retry = {};
};

// What all uploads of a shard share. Outlives them.
struct UploadTools {
  net::Shard& shard;
  net::Worker& worker;
  Blobs& blobs;
  Bandwidth& bandwidth;
  UploadOptions options;
};

struct UploadRequest {
  std::shared_ptr<RegistryAccess> access;
  ModelName name;  // whose repository it goes to
  RemotePiece piece;
};

// `completed` of `total` bytes are on their way; on the shard's thread.
using UploadProgress = std::function<void(std::uint64_t total, std::uint64_t completed)>;

// Afterwards the registry has the blob. On the tools' shard. Errors: kCancelled; kConflict with
// reason "blob_missing" or "blob_damaged"; those of the requests; kProtocol (the registry has
// another blob under this digest, or says things that cannot be).
net::Task<Result<void>> Upload(UploadTools& tools, UploadRequest request, net::CancelToken& cancel,
                               UploadProgress progress);

// How many bytes the Range field of a registry's answer says that it has: "0-1023". "0-0" is none,
// as the registries that say so mean it.
std::optional<std::uint64_t> ParseUploadRange(std::string_view field);

// Whether an answer names the digest of what was sent, if it names one. Errors: kProtocol with
// reason "digest_mismatch".
Result<void> CheckContentDigest(const RegistryAnswer& answer, const Digest& digest);

}  // namespace tidegate::models
