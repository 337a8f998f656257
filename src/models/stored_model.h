// A stored model as one that can be run: its manifest's layers become paths and texts.
#pragma once

#include <optional>

#include "base/result.h"
#include "models/blobs.h"
#include "models/gguf.h"
#include "models/local_model.h"
#include "models/manifest.h"
#include "models/manifest_files.h"
#include "models/provenance.h"

namespace tidegate::models {

// Blocks on the disk: reads the header of the weights and all of the texts, whose digests are
// checked. Errors: kInvalidArgument when it is not a model in GGUF that can be run here, with what
// to do about it; kConflict with reason "blob_missing" or "blob_damaged"; those of ReadLocalModel.
Result<LocalModel> MakeLocalModel(const Blobs& blobs, const StoredModel& stored,
                                  ModelOrigin origin);

// The model's files, if it is one of our store, until the pin goes; others are not ours to hold.
// Errors: kConflict with reason "blob_missing" when one of them is gone; those of the disk.
Result<Pin> HoldFiles(const LocalModel& model);

// What is known of where a model of our store came from. Blocks on the disk. Nothing for others,
// and where nothing can be read.
std::optional<Provenance> ProvenanceOf(const LocalModel& model);

// What a config says of these weights.
ModelConfig ConfigOf(const GgufMetadata& weights);

}  // namespace tidegate::models
