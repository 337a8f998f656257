// One stored model as one file, to be carried to a machine that has no network, or to be kept.
//
// A tar archive of, in this order: "tidegate-model.json" (the format's number, the name, the
// manifest's digest), "manifest.json" (the bytes whose digest is the model's id), where it is known
// "provenance.json", and "blobs/sha256-<hex>" for each blob. Both ways stream: no more than a MiB
// is in memory, but for the manifest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "models/file_digest.h"
#include "models/local_model.h"
#include "models/model_name.h"
#include "models/model_store.h"
#include "models/tar.h"

namespace tidegate::models {

inline constexpr std::int64_t kArchiveFormat = 1;
inline constexpr std::size_t kArchiveIndexBytesMax = std::size_t{64} << 10U;

using WriteBytes = std::function<Result<void>(std::string_view)>;

// Writes the archive. Every blob is hashed on the way. Errors: kNotFound; kConflict with reason
// "blob_missing" or "blob_damaged", and then what was written is of no use; kInvalidArgument for a
// model of more than kPinnedBlobsMax blobs; kCancelled after `stop`; those of `write`.
Result<void> ExportModel(const ModelStore& store, const ModelName& name, const WriteBytes& write,
                         const std::stop_token& stop);

// The same of a model that lies outside of stores, as what creating it here would make of it. All
// of it is read twice, since digests stand in front of the bytes; `hashed` hears of the first time.
// Errors: kInvalidArgument for a split model, with what to do; kConflict with reason "file_changed"
// when somebody wrote to it meanwhile; kCancelled; those of `write` and of the disk.
Result<void> ExportFiles(const LocalModel& model, const ModelName& name, const WriteBytes& write,
                         const TellRead& hashed, const std::stop_token& stop);

struct ImportAs {
  std::optional<ModelName> name = {};  // or else the name that it had
  std::string signer = {};             // who signed it, as whoever imports it has found; or empty
};

// Takes the model of an archive into the store. Every
// blob is hashed while it is written, and the model has its name only when all of it is there.
// Whatever goes wrong, nothing is left behind that was not there before. What it says of a
// signer is not believed, since it was not checked here; where it came from is kept as what the
// archive says. Errors: kInvalidArgument with what is wrong with the archive; kCancelled; those of
// the source and of the store. Returns the name.
Result<ModelName> ImportModel(ModelStore& store, const ReadBytes& read, const ImportAs& as,
                              const std::stop_token& stop);

}  // namespace tidegate::models
