// Fetching one file over HTTP(S) so that neither the network, the server nor a crash can spoil it.
//
// Several connections fetch parts of it at once; what is on the disk is not fetched again, by this
// process or the next. Every answer is checked to be the bytes that were asked for, of a file of
// the size that was promised; a server that cannot send parts is read in one stream. The file is
// hashed as its beginning grows, and gets its name only if the digest is right (blobs.h). Writing
// and hashing happen on a worker's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "models/blobs.h"
#include "models/digest.h"
#include "models/download_limit.h"
#include "models/download_parts.h"
#include "models/download_target.h"
#include "models/registry.h"
#include "net/cancel.h"
#include "net/shard.h"
#include "net/worker.h"

namespace tidegate::models {

inline constexpr std::size_t kDownloadConnections = 4;
inline constexpr std::size_t kDownloadWriteBytes = 1024 * 1024;       // gathered for one write
inline constexpr std::uint64_t kDownloadHashBytes = 8 * 1024 * 1024;  // of one job of the worker
// Between two states, whichever comes first. A crash costs what came since the last: two seconds of
// any link. Each state is two fdatasync, milliseconds where the disk keeps up with the link; the
// bytes bound what one of them has to write where the link is fast.
inline constexpr std::uint64_t kDownloadSyncBytes = 64 * 1024 * 1024;
inline constexpr std::int64_t kDownloadSyncNanos = 2 * net::kSecond;
inline constexpr std::uint64_t kDownloadProgressBytes = 1024 * 1024;  // that make a try no failure

struct DownloadOptions {
  std::size_t connections = kDownloadConnections;
  std::uint64_t part_bytes = kDownloadPartBytes;
  std::size_t write_bytes = kDownloadWriteBytes;
  std::uint64_t sync_bytes = kDownloadSyncBytes;
  std::int64_t sync_nanos = kDownloadSyncNanos;
  RetryOptions retry = {};
};

// What all downloads of a shard share. Outlives them.
struct DownloadTools {
  net::Shard& shard;
  net::Worker& worker;
  Blobs& blobs;
  Bandwidth& bandwidth;
  DownloadOptions options;
};

struct DownloadRequest {
  std::shared_ptr<RegistryAccess> access;
  DownloadTarget target;
  std::uint64_t size = 0;
  std::optional<Digest> digest;  // absent: it is what comes
  // Whether the file is what it should be, looked at on the worker's thread before it gets its
  // name. Absent = its digest says it all.
  std::function<Result<void>(const std::string& path)> check = {};
};

// `completed` of `total` bytes are written; on the shard's thread.
using DownloadProgress = std::function<void(std::uint64_t total, std::uint64_t completed)>;

// The digest of the file, which is among the blobs. On the tools' shard. Errors: kCancelled; those
// of the requests; kProtocol (wrong ranges, another size, reason "digest_mismatch"); kConflict
// (another process is at it); kUnavailable, with reason "disk_full" where that is why; those of
// `check`. But for a wrong digest or a failed check, what has come stays, to be continued.
net::Task<Result<Digest>> Download(DownloadTools& tools, DownloadRequest request,
                                   net::CancelToken& cancel, DownloadProgress progress);

}  // namespace tidegate::models
