#include "models/archive.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <map>
#include <string>
#include <unistd.h>
#include <utility>
#include <variant>
#include <vector>

#include "json/reader.h"
#include "json/writer.h"
#include "models/disk.h"
#include "models/licence.h"
#include "models/stored_model.h"

namespace tidegate::models {
namespace {

constexpr std::string_view kIndexName = "tidegate-model.json";
constexpr std::string_view kManifestName = "manifest.json";
constexpr std::string_view kProvenanceName = "provenance.json";
constexpr std::string_view kBlobPrefix = "blobs/";
constexpr std::size_t kPieceBytes = std::size_t{1} << 20U;

Error Stopped() {
  return Error{ErrorCode::kCancelled, ErrorSource::kCaller, Retry::kNever, "it was stopped"};
}

Error Wrong(const std::string& what) { return InvalidArgument("archive", what); }

std::vector<Digest> DigestsOf(const std::vector<Layer>& layers) {
  std::vector<Digest> digests;
  for (const Layer& layer : layers) digests.push_back(layer.digest);
  return digests;
}

Result<void> CheckCount(const std::vector<Layer>& blobs) {
  if (blobs.size() <= kPinnedBlobsMax) return {};
  return Wrong("a model of " + std::to_string(blobs.size()) +
               " blobs is no model in GGUF; only "
               "those of at most " +
               std::to_string(kPinnedBlobsMax) + " can be carried");
}

// --- out ---

Result<void> WriteText(const WriteBytes& write, std::string_view name, std::string_view text,
                       std::int64_t modified_s) {
  TIDEGATE_TRY(write(TarHeader(name, text.size(), modified_s)));
  TIDEGATE_TRY(write(text));
  return write(TarPadding(text.size()));
}

// The blob of a layer, of the file that has its bytes. `wrong`: what it means that it has not.
Result<void> WriteBlob(const UniqueFd& file, const std::string& path, const Layer& layer,
                       const Error& wrong, const WriteBytes& write, std::int64_t modified_s,
                       const std::stop_token& stop) {
  const std::optional<FileFacts> facts = FactsOf(file);
  if (!facts || facts->size != layer.size) return wrong;
  TIDEGATE_TRY(write(
      TarHeader(std::string(kBlobPrefix) + Blobs::FileName(layer.digest), layer.size, modified_s)));
  Sha256Stream stream;
  std::string piece(kPieceBytes, '\0');
  for (std::uint64_t done = 0; done < layer.size;) {
    if (stop.stop_requested()) return Stopped();
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), layer.size - done));
    const ssize_t got = pread(file.get(), piece.data(), wanted, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return DiskError("read", path, errno);
    if (got == 0) return wrong;
    const std::string_view bytes(piece.data(), static_cast<std::size_t>(got));
    stream.Update(bytes);
    TIDEGATE_TRY(write(bytes));
    done += bytes.size();
  }
  if (Digest(stream.Finish()) != layer.digest) return wrong;
  return write(TarPadding(layer.size));
}

Result<void> WriteStored(const Blobs& blobs, const Layer& layer, const WriteBytes& write,
                         std::int64_t modified_s, const std::stop_token& stop) {
  const std::string path = blobs.PathOf(layer.digest);
  TIDEGATE_ASSIGN(const UniqueFd file, blobs.OpenBlob(layer.digest));
  Error damaged{ErrorCode::kConflict, ErrorSource::kGateway, Retry::kNever,
                path +
                    " is damaged: it is not what its name says; `tidegate verify` says what "
                    "to do"};
  damaged.reason = "blob_damaged";
  return WriteBlob(file, path, layer, damaged, write, modified_s, stop);
}

Result<void> WriteLoose(const std::string& path, const Layer& layer, const WriteBytes& write,
                        std::int64_t modified_s, const std::stop_token& stop) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return DiskError("open", path, errno);
  Error changed{ErrorCode::kConflict, ErrorSource::kCaller, Retry::kNever,
                path + " was written to meanwhile; try again when it is whole"};
  changed.reason = "file_changed";
  return WriteBlob(file, path, layer, changed, write, modified_s, stop);
}

std::string IndexText(const ModelName& name, const Digest& manifest) {
  std::string text;
  json::Writer out(text);
  out.BeginObject().Key("format").Integer(kArchiveFormat);
  out.Key("name").String(name.Full());
  out.Key("manifest").String(manifest.ToString()).EndObject();
  return text;
}

// --- in ---

struct Index {
  ModelName name;
  Digest manifest;
};

Result<Index> ParseIndex(std::string_view text) {
  json::Reader reader;
  TIDEGATE_ASSIGN(const json::Value root, reader.ParseCopy(text, kArchiveIndexBytesMax));
  TIDEGATE_ASSIGN(const json::Object object, root.Object());
  TIDEGATE_TRY(object.RequireUniqueKeys());
  TIDEGATE_ASSIGN(const json::Value format_value, object.Get("format"));
  TIDEGATE_ASSIGN(const std::int64_t format, format_value.Integer());
  if (format != kArchiveFormat) {
    return Wrong("the archive is of format " + std::to_string(format) +
                 "; this version reads format " + std::to_string(kArchiveFormat));
  }
  TIDEGATE_ASSIGN(const json::Value name_value, object.Get("name"));
  TIDEGATE_ASSIGN(const std::string_view name_text, name_value.String());
  TIDEGATE_ASSIGN(ModelName name, ModelName::Parse(name_text, "name"));
  TIDEGATE_ASSIGN(const json::Value manifest_value, object.Get("manifest"));
  TIDEGATE_ASSIGN(const std::string_view manifest_text, manifest_value.String());
  TIDEGATE_ASSIGN(const Digest manifest, Digest::Parse(manifest_text, "manifest"));
  return Index{std::move(name), manifest};
}

class Import {
 public:
  Import(ModelStore& store, const ReadBytes& read, const std::stop_token& stop)
      : store_(store), tar_(read), stop_(stop), piece_(kPieceBytes, '\0') {}

  Result<ModelName> Run(const ImportAs& as) {
    TIDEGATE_ASSIGN(const std::string index_text, ReadText(kIndexName, kArchiveIndexBytesMax));
    TIDEGATE_ASSIGN(const Index index, ParseIndex(index_text));
    TIDEGATE_ASSIGN(const std::string manifest_bytes, ReadText(kManifestName, kManifestBytesMax));
    if (Digest(ComputeSha256(manifest_bytes)) != index.manifest) {
      return Wrong("the archive's manifest is damaged: it is not the one that its index names");
    }
    TIDEGATE_ASSIGN(const auto parsed, ParseManifest(manifest_bytes));
    const Manifest* manifest = std::get_if<Manifest>(&parsed);
    if (manifest == nullptr) return Wrong("the archive holds a list of manifests and not a model");
    const std::vector<Layer> blobs = manifest->Blobs();
    TIDEGATE_TRY(CheckCount(blobs));
    for (const Layer& layer : blobs) waiting_.emplace(layer.digest, layer.size);
    Provenance provenance;
    TIDEGATE_TRY(ReadRest(provenance));
    provenance.signer = FirstLineOf(as.signer);
    const ModelName name = as.name.value_or(index.name);
    TIDEGATE_TRY(store_.Put(name, manifest_bytes, std::move(provenance)));
    return name;
  }

  // After an error: takes back what was written.
  void Undo() {
    pins_.clear();
    // Should even this fail, they are what Collect is for.
    if (!written_.empty()) (void)store_.DropUnused(written_);
  }

 private:
  // The text of the next file, which has to be this one.
  Result<std::string> ReadText(std::string_view name, std::size_t bytes_max) {
    TIDEGATE_ASSIGN(const std::optional<TarReader::Entry> entry, tar_.Next());
    if (!entry || entry->name != name) {
      return Wrong("this is no archive of a model: " + std::string(name) +
                   " is not where it has "
                   "to be; make one with `tidegate export`");
    }
    return ReadText(*entry, bytes_max);
  }
  Result<std::string> ReadText(const TarReader::Entry& entry, std::size_t bytes_max) {
    if (entry.size > bytes_max) return Wrong("the archive's " + entry.name + " is too large");
    std::string text;
    for (;;) {
      TIDEGATE_ASSIGN(const std::size_t got, tar_.Read(piece_));
      if (got == 0) return text;
      text.append(piece_, 0, got);
    }
  }

  Result<void> ReadRest(Provenance& provenance) {
    bool provenance_may_follow = true;
    while (true) {
      TIDEGATE_ASSIGN(const std::optional<TarReader::Entry> entry, tar_.Next());
      if (!entry) break;
      if (entry->name == kProvenanceName && std::exchange(provenance_may_follow, false)) {
        TIDEGATE_ASSIGN(const std::string text, ReadText(*entry, kProvenanceBytesMax));
        TIDEGATE_ASSIGN(provenance, ParseProvenance(text));
        continue;
      }
      provenance_may_follow = false;
      TIDEGATE_TRY(ReadBlob(*entry));
    }
    if (waiting_.empty()) return {};
    return Wrong("the archive does not hold " + waiting_.begin()->first.ToString() +
                 ", which its manifest names");
  }

  Result<void> ReadBlob(const TarReader::Entry& entry) {
    std::string_view name = entry.name;
    if (!name.starts_with(kBlobPrefix)) {
      return Wrong("the archive holds " + entry.name + ", which is no part of a model");
    }
    name.remove_prefix(kBlobPrefix.size());
    TIDEGATE_ASSIGN(const Digest digest, Digest::Parse(name, "archive"));
    const auto expected = waiting_.find(digest);
    if (expected == waiting_.end()) {
      return Wrong("the archive holds " + entry.name + " twice, or its manifest does not name it");
    }
    if (expected->second != entry.size) {
      return Wrong("the archive's " + entry.name + " has " + std::to_string(entry.size) +
                   " bytes and its manifest says " + std::to_string(expected->second));
    }
    waiting_.erase(expected);
    const std::optional<std::uint64_t> size = store_.blobs().SizeOf(digest);
    Result<Pin> pin = size == entry.size ? store_.PinBlobs(std::span(&digest, 1)) : Pin();
    if (size == entry.size && pin.ok()) {
      pins_.push_back(*std::move(pin));
      return CheckBytes(digest);
    }
    return WriteBytesOf(digest, entry.size);
  }

  // Of a blob that the store has: the archive has to be right all the same.
  Result<void> CheckBytes(const Digest& digest) {
    Sha256Stream stream;
    for (;;) {
      if (stop_.stop_requested()) return Stopped();
      TIDEGATE_ASSIGN(const std::size_t got, tar_.Read(piece_));
      if (got == 0) break;
      stream.Update(std::string_view(piece_).substr(0, got));
    }
    if (Digest(stream.Finish()) == digest) return {};
    return Wrong("the archive is damaged: " + digest.ToString() + " has other bytes in it");
  }

  Result<void> WriteBytesOf(const Digest& digest, std::uint64_t size) {
    TIDEGATE_ASSIGN(PartialBlob partial, store_.blobs().Create());
    const Result<void> copied = CopyInto(partial);
    if (!copied.ok()) {
      std::move(partial).Discard();
      return copied;
    }
    const std::string path = partial.path();
    const Result<Digest> committed = std::move(partial).Commit(size, digest);
    if (!committed.ok()) {
      unlink(path.c_str());  // whatever the reason was
      if (committed.error().reason != "digest_mismatch") return committed.error();
      return Wrong("the archive is damaged: " + committed.error().message);
    }
    written_.push_back(digest);
    TIDEGATE_ASSIGN(Pin pin, store_.PinBlobs(std::span(&digest, 1)));
    pins_.push_back(std::move(pin));
    return {};
  }

  Result<void> CopyInto(PartialBlob& partial) {
    for (;;) {
      if (stop_.stop_requested()) return Stopped();
      TIDEGATE_ASSIGN(const std::size_t got, tar_.Read(piece_));
      if (got == 0) return {};
      TIDEGATE_TRY(partial.Append(std::string_view(piece_).substr(0, got)));
    }
  }

  ModelStore& store_;
  TarReader tar_;
  const std::stop_token& stop_;
  std::string piece_;
  std::map<Digest, std::uint64_t> waiting_;  // that the archive still has to hold
  std::vector<Digest> written_;
  std::vector<Pin> pins_;
};

}  // namespace

Result<void> ExportModel(const ModelStore& store, const ModelName& name, const WriteBytes& write,
                         const std::stop_token& stop) {
  TIDEGATE_ASSIGN(const StoredModel model, store.Find(name));
  const std::vector<Layer> blobs = model.manifest.Blobs();
  TIDEGATE_TRY(CheckCount(blobs));
  TIDEGATE_ASSIGN(const Pin pin, store.PinBlobs(DigestsOf(blobs)));
  TIDEGATE_ASSIGN(std::string manifest, store.ManifestBytes(name));
  TIDEGATE_ASSIGN(const auto parsed, ParseManifest(manifest));
  // Of a list only the form that was chosen goes along.
  if (!std::holds_alternative<Manifest>(parsed)) manifest = WriteManifest(model.manifest);
  const Digest digest(ComputeSha256(manifest));
  TIDEGATE_TRY(WriteText(write, kIndexName, IndexText(name, digest), model.modified_s));
  TIDEGATE_TRY(WriteText(write, kManifestName, manifest, model.modified_s));
  TIDEGATE_ASSIGN(const std::optional<Provenance> provenance, store.ProvenanceOf(name));
  if (provenance) {
    TIDEGATE_TRY(WriteText(write, kProvenanceName, WriteProvenance(*provenance), model.modified_s));
  }
  for (const Layer& layer : blobs) {
    TIDEGATE_TRY(WriteStored(store.blobs(), layer, write, model.modified_s, stop));
  }
  return write(TarEnd());
}

Result<void> ExportFiles(const LocalModel& model, const ModelName& name, const WriteBytes& write,
                         const TellRead& hashed, const std::stop_token& stop) {
  if (model.metadata.split_count > 1) {
    return InvalidArgument("MODEL", model.name + " is split into " +
                                        std::to_string(model.metadata.split_count) +
                                        " files; join them with llama-gguf-split --merge first");
  }
  std::vector<std::string> paths;
  std::vector<Layer> layers;
  const auto add = [&](std::string_view type, const std::string& path) -> Result<void> {
    if (path.empty()) return {};
    TIDEGATE_ASSIGN(const FileDigest file, DigestOfFile(path, hashed, stop));
    paths.push_back(path);
    layers.push_back({std::string(type), file.digest, file.size});
    return {};
  };
  TIDEGATE_TRY(add(kModelLayer, model.path));
  TIDEGATE_TRY(add(kProjectorLayer, model.projector_path));
  TIDEGATE_TRY(add(kDraftLayer, model.draft_path));
  const std::string config = WriteModelConfig(ConfigOf(model.metadata), layers);
  const Digest config_digest(ComputeSha256(config));
  const Manifest manifest{{std::string(kConfigType), config_digest, config.size()}, layers};
  const std::string text = WriteManifest(manifest);
  const std::int64_t modified_s = model.modified_s;
  const Digest digest(ComputeSha256(text));
  TIDEGATE_TRY(WriteText(write, kIndexName, IndexText(name, digest), modified_s));
  TIDEGATE_TRY(WriteText(write, kManifestName, text, modified_s));
  TIDEGATE_TRY(WriteText(write, std::string(kBlobPrefix) + Blobs::FileName(config_digest), config,
                         modified_s));
  for (std::size_t i = 0; i < layers.size(); ++i) {
    TIDEGATE_TRY(WriteLoose(paths[i], layers[i], write, modified_s, stop));
  }
  return write(TarEnd());
}

Result<ModelName> ImportModel(ModelStore& store, const ReadBytes& read, const ImportAs& as,
                              const std::stop_token& stop) {
  Import import(store, read, stop);
  Result<ModelName> imported = import.Run(as);
  if (!imported.ok()) import.Undo();
  return imported;
}

}  // namespace tidegate::models
