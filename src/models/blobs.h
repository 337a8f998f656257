// The pieces of models on disk: one file a piece, under the digest of its bytes.
//
// What stands under a final name is complete and is what its name says, always: bytes are written
// to a "-partial" file, hashed, made durable, compared, and only then renamed. Whoever dies on the
// way leaves a partial file at most, which is continued or cleared away later. The layout is
// Ollama's (blobs/sha256-<hex>), so that either program reads what the other wrote.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "models/digest.h"

namespace tidegate::models {

// A piece that is being written. Move-only; one thread at a time, but for WriteAt, which any may
// call beside another for other bytes. Destroying it keeps the file and unlocks it: a later
// Continue finds what was written.
class PartialBlob {
 public:
  PartialBlob(PartialBlob&&) noexcept = default;
  PartialBlob& operator=(PartialBlob&&) noexcept = default;

  const std::string& path() const { return path_; }
  // Where whoever continues it may keep what that takes; it goes when this goes.
  std::string state_path() const { return path_ + "-state"; }
  // Errors: kUnavailable (the disk is full or fails).
  Result<void> WriteAt(std::uint64_t offset, std::string_view bytes);
  // Behind what was appended before; hashed on the way, so that Commit need not read it again.
  Result<void> Append(std::string_view bytes);
  // Hashes the file from where hashing stopped up to `offset`, reading it back. Use it as the part
  // without holes grows; Commit does what is left. REQUIRES: the bytes up to there are written.
  Result<void> HashUpTo(std::uint64_t offset);
  std::uint64_t hashed_bytes() const { return hashed_; }
  // Empty again: what was written and hashed is forgotten.
  Result<void> Restart();
  // What was written so far is on the disk when it returns.
  Result<void> Sync();

  // The file of exactly `size` bytes becomes the blob of its digest. Blocks on hashing and on the
  // disk. Errors: kProtocol with reason "digest_mismatch" when `expected` is another, and then the
  // file is gone; kUnavailable. REQUIRES: no call before it failed.
  Result<Digest> Commit(std::uint64_t size, const std::optional<Digest>& expected) &&;
  // Removes the file.
  void Discard() &&;

 private:
  friend class Blobs;
  PartialBlob(std::string folder, std::string path, UniqueFd file)
      : folder_(std::move(folder)), path_(std::move(path)), file_(std::move(file)) {}

  std::string folder_, path_;
  UniqueFd file_;  // holds the lock
  Sha256Stream stream_;
  std::uint64_t hashed_ = 0;
};

// Keeps blobs from being removed, by any process, as long as it lives: a shared lock (flock) on
// each blob's own file, that ends with its holder, however that ends. Move-only; one thread at a
// time.
class Pin {
 public:
  std::size_t size() const { return locks_.size(); }

 private:
  friend class Blobs;
  std::vector<UniqueFd> locks_;
};

// Behind the name of a blob that was found damaged.
inline constexpr std::string_view kSetAside = "-damaged";

// One folder of blobs. Thread-safe, and safe beside other processes that use this class.
class Blobs {
 public:
  // `folder` is made by the first write.
  explicit Blobs(std::string folder) : folder_(std::move(folder)) {}

  const std::string& folder() const { return folder_; }
  // The only place where the name of a file is made of a digest, and its path here.
  static std::string FileName(const Digest& digest);
  std::string PathOf(const Digest& digest) const;
  // The digest that a file is named after; nothing for any name that FileName does not make.
  static std::optional<Digest> DigestOf(std::string_view file_name);
  // Its size; nothing when there is none, or a link in its place. What is there was verified when
  // it came; `tidegate verify` looks for what a disk did to it since.
  std::optional<std::uint64_t> SizeOf(const Digest& digest) const;

  // Adds the blob to `pin`. Errors: kConflict with reason "blob_missing"; those of the disk.
  Result<void> Hold(const Digest& digest, Pin& pin) const;
  // Takes its name away from a blob that is not what that says; the bytes stay beside it, as
  // FileName + kSetAside, for whoever wants to rescue some of them. False when somebody holds it.
  // Errors: those of the disk. REQUIRES: names do not change meanwhile (ModelStore's lock).
  Result<bool> SetAside(const Digest& digest) const;

  // For reading. Errors: those of the disk.
  Result<UniqueFd> OpenBlob(const Digest& digest) const;

  // All of a small one, whose digest is checked. Errors: kConflict with reason "blob_damaged" when
  // the bytes have another; kTooLarge; kNotFound; kUnavailable.
  Result<std::string> Read(const Digest& digest, std::size_t bytes_max) const;

  // A small text becomes a blob. Errors: kUnavailable, and nothing is left then.
  Result<Digest> Put(std::string_view text);
  // A new partial file for bytes whose digest is not known yet, or is only claimed by whoever sends
  // them. Errors: kUnavailable.
  Result<PartialBlob> Create();
  // The partial file of a digest that is known beforehand, as far as it came last time. Errors:
  // kConflict (somebody else is writing it), kUnavailable.
  Result<PartialBlob> Continue(const Digest& digest);
  // The same for bytes whose digest nobody knows, by where they come from.
  Result<PartialBlob> ContinueFrom(std::string_view url);

 private:
  Result<PartialBlob> Open(std::string path, const std::string& what);
  std::string folder_;
};

}  // namespace tidegate::models
