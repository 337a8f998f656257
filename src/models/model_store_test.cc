#include "models/model_store.h"

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "base/testing/read_bytes.h"

namespace tidegate::models {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kNow = 4'000'000'000;  // long after any file of this test

ModelName Name(std::string_view text) { return *ModelName::Parse(text, "model"); }
Digest DigestOf(std::string_view bytes) { return Digest(ComputeSha256(bytes)); }

class ModelStoreTest : public testing::Test {
 protected:
  ModelStoreTest() {
    std::string pattern = testing::TempDir() + "store-XXXXXX";
    root_ = mkdtemp(pattern.data());
  }
  ~ModelStoreTest() override { fs::remove_all(root_); }

  Layer Blob(std::string_view type, std::string_view bytes) {
    Result<PartialBlob> partial = Store().blobs().Create();
    EXPECT_TRUE(partial->Append(bytes).ok());
    const Result<Digest> digest = (*std::move(partial)).Commit(bytes.size(), std::nullopt);
    EXPECT_TRUE(digest.ok());
    return Layer{std::string(type), *digest, bytes.size()};
  }
  // A model of a configuration and these weights; its manifest.
  std::string Manifest1(std::string_view weights) {
    return WriteManifest(Manifest{Blob(kConfigType, "{}"), {Blob(kModelLayer, weights)}});
  }
  void Put(std::string_view name, const std::string& manifest) {
    const Result<void> put = Store().Put(Name(name), manifest, {"https://example.com/x", {}, 7});
    EXPECT_TRUE(put.ok()) << put.error().message;
  }
  bool Has(std::string_view bytes) { return Store().blobs().SizeOf(DigestOf(bytes)).has_value(); }
  std::string Path(const std::string& below) const { return root_ + "/" + below; }
  void Write(const std::string& below, std::string_view bytes) const {
    fs::create_directories(fs::path(Path(below)).parent_path());
    std::ofstream(Path(below), std::ios::binary) << bytes;
  }
  // A new one for each call: nothing may depend on what one of them remembers.
  ModelStore& Store() {
    instance_ = std::make_unique<ModelStore>(root_);
    return *instance_;
  }

  std::string root_;
  std::unique_ptr<ModelStore> instance_;
};

TEST_F(ModelStoreTest, KeepsModelsUnderTheirNamesInOllamasLayout) {
  const std::string manifest = Manifest1("weights");
  Put("ann/notes:v1", manifest);
  EXPECT_EQ(ReadBytes(Path("manifests/registry.ollama.ai/ann/notes/v1")), manifest);
  EXPECT_EQ(ReadBytes(Path("blobs/sha256-" + DigestOf("weights").Hex())), "weights");
  const Result<StoredModel> found = Store().Find(Name("ann/notes:v1"));
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_EQ(found->digest, DigestOf(manifest));
  EXPECT_EQ(found->manifest.Find(kModelLayer)->size, 7U);
  EXPECT_GT(found->modified_s, 0);
  EXPECT_EQ(*Store().ManifestBytes(Name("ann/notes:v1")), manifest);
  const StoreListing listing = Store().List();
  ASSERT_EQ(listing.models.size(), 1U);
  EXPECT_TRUE(listing.problems.empty());
  EXPECT_EQ(listing.models[0].name.Short(), "ann/notes:v1");
}

TEST_F(ModelStoreTest, KeepsTheBytesOfAManifestSoThatItsIdStays) {
  // With blanks and a member that nobody here knows.
  std::string manifest = Manifest1("weights");
  manifest.insert(1, " \"annotations\" : {\"a\":[1, 2]},\n");
  Put("m", manifest);
  EXPECT_EQ(*Store().ManifestBytes(Name("m")), manifest);
  EXPECT_EQ(Store().Find(Name("m"))->digest, DigestOf(manifest));
}

TEST_F(ModelStoreTest, TakesANameAndItsLatestForOne) {
  Put("llama3", Manifest1("weights"));
  EXPECT_TRUE(Store().Find(Name("llama3:latest")).ok());
  EXPECT_TRUE(Store().Find(Name("registry.ollama.ai/library/llama3")).ok());
  const Result<StoredModel> other = Store().Find(Name("llama3:8b"));
  EXPECT_EQ(other.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(other.error().message, "model 'llama3:8b' not found");
}

TEST_F(ModelStoreTest, IsEmptyBeforeItsFolderIsMade) {
  ModelStore store(Path("none"));
  EXPECT_TRUE(store.List().models.empty());
  EXPECT_TRUE(store.List().problems.empty());
  EXPECT_EQ(store.Find(Name("m")).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(store.Verify({}, {}).ok());
  EXPECT_FALSE(fs::exists(Path("none")));
}

TEST_F(ModelStoreTest, TakesNoModelWhoseBlobsAreNotThere) {
  const Layer config = Blob(kConfigType, "{}");
  Manifest manifest{config, {Layer{std::string(kModelLayer), DigestOf("absent"), 6}}};
  const auto put = [&] { return Store().Put(Name("m"), WriteManifest(manifest), {}); };
  EXPECT_EQ(put().error().reason, "blob_missing");
  manifest.layers[0] = Blob(kModelLayer, "weights");
  manifest.layers[0].size = 8;
  EXPECT_EQ(put().error().reason, "blob_damaged");
  EXPECT_EQ(Store().Find(Name("m")).error().code, ErrorCode::kNotFound);
  manifest.layers[0].size = 7;
  EXPECT_TRUE(put().ok());
  EXPECT_EQ(Store().Put(Name("m"), "{}", {}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Store()
                .Put(Name("m"),
                     R"({"schemaVersion":2,"mediaType":")" + std::string(kManifestListType) +
                         R"(","manifests":[]})",
                     {})
                .error()
                .field,
            "manifests");
  EXPECT_TRUE(Store().Find(Name("m")).ok());
}

TEST_F(ModelStoreTest, ForgetsWhatANameMeantBeforeAndNothingElseNeeds) {
  Put("m", Manifest1("old"));
  Put("m", Manifest1("new"));
  EXPECT_FALSE(Has("old"));
  EXPECT_TRUE(Has("new"));
  EXPECT_TRUE(Has("{}"));  // both
}

TEST_F(ModelStoreTest, RemovesAModelWithTheBlobsThatNoOtherNeeds) {
  Put("a", Manifest1("one"));
  Put("b", Manifest1("two"));
  const Result<CollectReport> removed = Store().Remove(Name("a"));
  ASSERT_TRUE(removed.ok()) << removed.error().message;
  EXPECT_EQ(removed->blobs, 1U);
  EXPECT_EQ(removed->bytes, 3U);
  EXPECT_FALSE(Has("one"));
  EXPECT_TRUE(Has("two"));
  EXPECT_TRUE(Has("{}"));
  EXPECT_EQ(Store().Remove(Name("a")).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(Store().Remove(Name("b")).ok());
  EXPECT_FALSE(Has("{}"));
  EXPECT_FALSE(fs::exists(Path("manifests")));
  EXPECT_FALSE(fs::exists(Path("provenance")));
}

TEST_F(ModelStoreTest, CopiesANameWithItsOrigin) {
  Put("a", Manifest1("one"));
  ASSERT_TRUE(Store().Copy(Name("a"), Name("hf.co/x/y:q4")).ok());
  EXPECT_EQ(Store().Find(Name("hf.co/x/y:q4"))->digest, Store().Find(Name("a"))->digest);
  EXPECT_EQ((*Store().ProvenanceOf(Name("hf.co/x/y:q4")))->source, "https://example.com/x");
  EXPECT_TRUE(Store().Copy(Name("a"), Name("a")).ok());
  ASSERT_TRUE(Store().Remove(Name("a")).ok());
  EXPECT_TRUE(Has("one"));
  EXPECT_EQ(Store().Copy(Name("a"), Name("b")).error().code, ErrorCode::kNotFound);
}

TEST_F(ModelStoreTest, KnowsWhereAModelCameFromUntilItIsAnother) {
  const std::string manifest = Manifest1("one");
  Provenance provenance{"https://hf.co/x", {}, 1'764'000'000, "Apache-2.0", "somebody"};
  ASSERT_TRUE(Store().Put(Name("m"), manifest, provenance).ok());
  provenance.manifest = DigestOf(manifest);
  EXPECT_EQ(*Store().ProvenanceOf(Name("m")), provenance);
  // As Ollama would, which knows nothing of it.
  Write("manifests/registry.ollama.ai/library/m/latest", Manifest1("two"));
  EXPECT_EQ(*Store().ProvenanceOf(Name("m")), std::nullopt);
}

// --- what others did to the folder ---

TEST_F(ModelStoreTest, ReadsTheManifestsThatOllamaLinksToBlobs) {
  const std::string manifest = Manifest1("linked");
  const Layer blob = Blob("manifest", manifest);
  Put("m", Manifest1("older"));
  const std::string link = Path("manifests-v2/registry.ollama.ai/library/m/latest");
  fs::create_directories(fs::path(link).parent_path());
  fs::create_symlink("../../../../blobs/sha256-" + blob.digest.Hex(), link);
  EXPECT_EQ(Store().Find(Name("m"))->digest, blob.digest);
  ASSERT_EQ(Store().List().models.size(), 1U);
  EXPECT_EQ(Store().Collect(kNow)->blobs, 1U);  // what the name meant in the older tree
  EXPECT_TRUE(Has("linked"));
  EXPECT_TRUE(Has(manifest));
  // What is put counts, also for a program that looks there first.
  const std::string newer = Manifest1("newer");
  Put("m", newer);
  EXPECT_EQ(Store().Find(Name("m"))->digest, DigestOf(newer));
  EXPECT_FALSE(fs::exists(fs::symlink_status(link)));
  EXPECT_FALSE(Has("linked"));
}

TEST_F(ModelStoreTest, ChoosesTheFormOfAListThatItCanRun) {
  const std::string ours = Manifest1("gguf weights");
  const Layer form = Blob("manifest", ours);
  const Layer other = Blob(kTensorLayer, "mlx weights");
  const std::string mlx = WriteManifest(Manifest{Blob(kConfigType, "{}"), {other}, "mlx"});
  Write("manifests-v2/registry.ollama.ai/library/m/latest",
        R"({"schemaVersion":2,"mediaType":")" + std::string(kManifestListType) +
            R"(","manifests":[)" + mlx + R"(,{"digest":")" + form.digest.ToString() +
            R"(","runner":"ollama"}]})");
  const Result<StoredModel> model = Store().Find(Name("m"));
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->manifest.Find(kModelLayer)->digest, DigestOf("gguf weights"));
  EXPECT_EQ(Store().Collect(kNow)->blobs, 0U);  // neither form's
  EXPECT_TRUE(Store().Verify({}, {})->unreferenced.empty());
}

TEST_F(ModelStoreTest, FollowsNoLinkOutOfTheFolder) {
  const std::string manifest = Manifest1("weights");
  const std::string outside = root_ + "-outside";
  fs::create_directories(outside + "/library/m");
  std::ofstream(outside + "/library/m/latest") << manifest;
  fs::create_directories(Path("manifests"));
  fs::create_directory_symlink(outside, Path("manifests/registry.ollama.ai"));
  EXPECT_FALSE(Store().Find(Name("m")).ok());
  EXPECT_TRUE(Store().List().models.empty());
  EXPECT_EQ(Store().List().problems.size(), 1U);
  EXPECT_FALSE(Store().Put(Name("m"), manifest, {}).ok());
  EXPECT_FALSE(Store().Remove(Name("m")).ok());
  EXPECT_TRUE(fs::exists(outside + "/library/m/latest"));
  fs::remove(Path("manifests/registry.ollama.ai"));

  fs::create_directories(Path("manifests/registry.ollama.ai/library/m"));
  fs::create_symlink(outside + "/library/m/latest",
                     Path("manifests/registry.ollama.ai/library/m/latest"));
  EXPECT_FALSE(Store().Find(Name("m")).ok());
  ASSERT_EQ(Store().List().problems.size(), 1U);
  EXPECT_TRUE(Store().Remove(Name("m")).ok());  // the link, not what it leads to
  EXPECT_TRUE(fs::exists(outside + "/library/m/latest"));

  // A blob that is a link is no blob.
  const std::string blob = Path("blobs/sha256-" + DigestOf("weights").Hex());
  fs::rename(blob, outside + "/weights");
  fs::create_symlink(outside + "/weights", blob);
  EXPECT_EQ(Store().Put(Name("m"), manifest, {}).error().reason, "blob_missing");
  EXPECT_EQ(Store().PinBlobs(std::vector{DigestOf("weights")}).error().reason, "blob_missing");
  ASSERT_TRUE(Store().Collect(kNow).ok());
  EXPECT_TRUE(fs::exists(outside + "/weights"));
  fs::remove_all(outside);
}

TEST_F(ModelStoreTest, ReportsWhatItCannotRead) {
  Put("good", Manifest1("weights"));
  Write("manifests/registry.ollama.ai/library/bad/latest", "{\"schemaVersion\":2");
  Write("manifests/registry.ollama.ai/library/-odd/latest", Manifest1("weights"));
  Write("manifests/registry.ollama.ai/file", "x");
  Write("manifests/.DS_Store", "x");
  fs::create_directories(Path("manifests/registry.ollama.ai/library/folder/latest"));
  const StoreListing listing = Store().List();
  ASSERT_EQ(listing.models.size(), 1U);
  EXPECT_EQ(listing.models[0].name.Short(), "good:latest");
  EXPECT_EQ(listing.problems.size(), 4U);
}

// --- garbage ---

TEST_F(ModelStoreTest, CollectsOldBlobsThatNoManifestNames) {
  Put("m", Manifest1("weights"));
  Blob(kModelLayer, "stray");
  EXPECT_EQ(Store().Collect(std::time(nullptr))->blobs, 0U);  // a pull may be under way
  EXPECT_TRUE(Has("stray"));
  const Result<CollectReport> report = Store().Collect(kNow);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report->blobs, 1U);
  EXPECT_EQ(report->bytes, 5U);
  EXPECT_FALSE(Has("stray"));
  EXPECT_TRUE(Has("weights"));
}

TEST_F(ModelStoreTest, RemovesNoBlobWhileAManifestCannotBeRead) {
  Blob(kModelLayer, "stray");
  Put("m", Manifest1("weights"));
  Write("manifests/registry.ollama.ai/library/bad/latest", "damaged");
  Write("blobs/sha256-" + DigestOf("left").Hex() + "-partial", "le");
  const Result<CollectReport> report = Store().Collect(kNow);
  ASSERT_TRUE(report.ok()) << report.error().message;
  ASSERT_TRUE(report->held_back.has_value());
  EXPECT_EQ(report->held_back->reason, "manifest_unreadable");
  EXPECT_NE(report->held_back->message.find("library/bad/latest"), std::string::npos);
  EXPECT_EQ(report->partials, 1U);  // which no manifest names anyway
  EXPECT_TRUE(Has("stray"));
  const Result<CollectReport> removed = Store().Remove(Name("m"));
  ASSERT_TRUE(removed.ok()) << removed.error().message;
  ASSERT_TRUE(removed->held_back.has_value()) << "whoever asked hears that its files stay";
  EXPECT_EQ(removed->held_back->reason, "manifest_unreadable");
  EXPECT_TRUE(Has("weights"));  // whose it might be
  EXPECT_TRUE(Store().Remove(Name("bad")).ok());
  EXPECT_EQ(Store().Collect(kNow)->blobs, 3U);
}

TEST_F(ModelStoreTest, RemovesNothingThatIsPinned) {
  Put("m", Manifest1("weights"));
  Blob(kModelLayer, "coming");
  const std::vector<Digest> digests = {DigestOf("weights"), DigestOf("coming")};
  {
    const Result<Pin> pin = Store().PinBlobs(digests);
    ASSERT_TRUE(pin.ok()) << pin.error().message;
    const Result<Pin> second = Store().PinBlobs(digests);
    EXPECT_TRUE(second.ok());
    const Result<CollectReport> removed = Store().Remove(Name("m"));
    EXPECT_EQ(removed->in_use, 1U);
    EXPECT_EQ(removed->blobs, 1U);  // the configuration
    EXPECT_EQ(Store().Collect(kNow)->in_use, 2U);
    EXPECT_TRUE(Has("weights"));
    EXPECT_TRUE(Has("coming"));
  }
  EXPECT_EQ(Store().Collect(kNow)->blobs, 2U);
  EXPECT_EQ(Store().PinBlobs(digests).error().reason, "blob_missing");
}

TEST_F(ModelStoreTest, WhatWasHeldGoesWhenItIsLetGo) {
  ModelStore store(root_);
  Put("m", Manifest1("weights"));
  Put("replaced", Manifest1("old weights"));
  Put("other", Manifest1("needed again"));
  auto pin = std::make_unique<Result<Pin>>(store.PinBlobs(
      std::vector{DigestOf("weights"), DigestOf("old weights"), DigestOf("needed again")}));
  ASSERT_TRUE((*pin)->size() == 3);
  ASSERT_TRUE(store.Remove(Name("m")).ok());
  ASSERT_TRUE(store.Put(Name("replaced"), Manifest1("new weights"), {}).ok());
  ASSERT_TRUE(store.Remove(Name("other")).ok());
  EXPECT_EQ(store.DropReleased()->in_use, 3U);
  EXPECT_TRUE(Has("weights"));
  ASSERT_TRUE(store.Put(Name("other"), Manifest1("needed again"), {}).ok());
  pin.reset();
  const Result<CollectReport> dropped = store.DropReleased();
  ASSERT_TRUE(dropped.ok()) << dropped.error().message;
  EXPECT_EQ(dropped->blobs, 2U);
  EXPECT_FALSE(Has("weights"));
  EXPECT_FALSE(Has("old weights"));
  EXPECT_TRUE(Has("needed again"));
  EXPECT_EQ(store.DropReleased()->blobs, 0U);
}

TEST_F(ModelStoreTest, RemovesNothingThatAnotherProcessPins) {
  Blob(kModelLayer, "running");
  int ready[2];
  int done[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(done), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const Result<Pin> pin = ModelStore(root_).PinBlobs(std::vector{DigestOf("running")});
    char byte = pin.ok() ? 'y' : 'n';
    close(done[1]);
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    (void)!read(done[0], &byte, 1);
    _exit(0);  // as by kill -9: nothing is released but by the kernel
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  EXPECT_EQ(Store().Collect(kNow)->in_use, 1U);
  EXPECT_TRUE(Has("running"));
  for (const int fd : {ready[0], ready[1], done[0], done[1]}) close(fd);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(Store().Collect(kNow)->blobs, 1U);
}

TEST_F(ModelStoreTest, KeepsPartialFilesThatAreNewOrHeld) {
  const Digest held = DigestOf("held");
  const Digest left = DigestOf("left");
  Result<PartialBlob> writing = Store().blobs().Continue(held);
  ASSERT_TRUE(writing->Append("he").ok());
  Write("blobs/sha256-" + held.Hex() + "-partial-state", "2");
  ASSERT_TRUE(Store().blobs().Continue(left)->Append("le").ok());
  Write("blobs/sha256-" + left.Hex() + "-partial-0", "{}");  // Ollama's
  Write("blobs/notes.txt", "x");
  Write(".tidegate-0123456789abcdef", "draft");
  const Result<CollectReport> early = Store().Collect(std::time(nullptr));
  EXPECT_EQ(early->partials, 0U);
  EXPECT_EQ(early->unknown, std::vector<std::string>{"notes.txt"});
  const Result<CollectReport> late = Store().Collect(kNow);
  EXPECT_EQ(late->partials, 2U);
  EXPECT_EQ(late->in_use, 2U);
  EXPECT_TRUE(fs::exists(Path("blobs/notes.txt")));
  EXPECT_FALSE(fs::exists(Path(".tidegate-0123456789abcdef")));
  ASSERT_TRUE(writing->Append("ld").ok());
  EXPECT_TRUE((*std::move(writing)).Commit(4, held).ok());
}

TEST_F(ModelStoreTest, ABlobCanBePinnedAsSoonAsItIsCommitted) {
  Result<PartialBlob> partial = Store().blobs().Create();
  ASSERT_TRUE(partial->Append("fresh").ok());
  ASSERT_TRUE((*std::move(partial)).Commit(5, std::nullopt).ok());
  const Result<Pin> pin = Store().PinBlobs(std::vector{DigestOf("fresh")});
  EXPECT_TRUE(pin.ok());
}

// --- verification ---

TEST_F(ModelStoreTest, FindsWhatADiskDidToIt) {
  Put("good", Manifest1("good weights"));
  Put("damaged", Manifest1("damaged weights"));
  Put("short", Manifest1("short weights"));
  Put("missing", Manifest1("missing weights"));
  Blob(kModelLayer, "stray");
  Write("manifests/registry.ollama.ai/library/bad/latest", "damaged");
  Write("blobs/sha256-" + DigestOf("damaged weights").Hex(), "demaged weights");
  Write("blobs/sha256-" + DigestOf("short weights").Hex(), "short");
  fs::remove(Path("blobs/sha256-" + DigestOf("missing weights").Hex()));
  std::uint64_t last = 0;
  std::uint64_t total = 0;
  const Result<VerifyReport> report = Store().Verify(
      [&](const VerifyProgress& progress) {
        EXPECT_GT(progress.bytes_done, last);
        last = progress.bytes_done;
        total = progress.bytes_total;
      },
      {});
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(last, total);
  EXPECT_EQ(report->bytes, total);
  EXPECT_EQ(report->models, 4U);
  EXPECT_EQ(report->blobs, 5U);
  ASSERT_EQ(report->manifests.size(), 1U);
  EXPECT_EQ(report->damaged.size(), 2U);
  for (const VerifyReport::Fault& fault : report->damaged) {
    ASSERT_EQ(fault.models.size(), 1U);
    EXPECT_EQ(fault.models[0].model,
              fault.digest == DigestOf("short weights") ? "short" : "damaged");
  }
  ASSERT_EQ(report->missing.size(), 1U);
  EXPECT_EQ(report->missing[0].digest, DigestOf("missing weights"));
  EXPECT_EQ(report->missing[0].models[0].model, "missing");
  EXPECT_EQ(report->unreferenced, std::vector{DigestOf("stray")});
}

TEST_F(ModelStoreTest, VerifiesOneModelAndNamesAllThatShareItsBlobs) {
  Put("a", Manifest1("shared weights"));
  Put("b", Manifest1("shared weights"));
  Put("c", Manifest1("other weights"));
  Write("manifests/registry.ollama.ai/library/bad/latest", "damaged");
  const VerifyReport report = *Store().Verify({}, {}, Name("a"));
  EXPECT_EQ(report.blobs, 2U);
  EXPECT_EQ(report.bytes, std::string("{}shared weights").size()) << "only its own were read";
  EXPECT_TRUE(report.unreferenced.empty());
  EXPECT_TRUE(report.manifests.empty()) << "another's";
  ASSERT_EQ(report.intact.size(), 2U);
  for (const VerifyReport::Fault& blob : report.intact) {
    EXPECT_EQ(blob.models.size(), blob.digest == DigestOf("{}") ? 3U : 2U);
  }
  const VerifyReport bad = *Store().Verify({}, {}, Name("bad"));
  ASSERT_EQ(bad.manifests.size(), 1U);
  EXPECT_TRUE(bad.manifests[0].path.ends_with("/library/bad/latest"));
  EXPECT_EQ(Store().Verify({}, {}, Name("none")).error().code, ErrorCode::kNotFound);
}

TEST_F(ModelStoreTest, TellsDamagedBytesFromAManifestThatIsWrongAboutTheirNumber) {
  Layer weights = Blob(kModelLayer, "weights");
  weights.size = 5;
  Write("manifests/registry.ollama.ai/library/wrong/latest",
        WriteManifest(Manifest{Blob(kConfigType, "{}"), {weights}}));
  const VerifyReport report = *Store().Verify({}, {});
  ASSERT_EQ(report.damaged.size(), 1U);
  EXPECT_TRUE(report.damaged[0].misstated);
}

TEST_F(ModelStoreTest, ADamagedBlobThatIsSetAsideIsMissingAndNotLost) {
  Put("m", Manifest1("weights"));
  Write("blobs/" + Blobs::FileName(DigestOf("weights")), "wEights");
  const VerifyReport report = *Store().Verify({}, {});
  ASSERT_EQ(report.damaged.size(), 1U);
  const std::vector<Digest> damaged = {report.damaged[0].digest};
  {
    const Result<Pin> running = Store().PinBlobs(damaged);
    const Result<SetAsideReport> held = Store().SetAside(damaged);
    ASSERT_TRUE(held.ok()) << held.error().message;
    EXPECT_EQ(held->in_use, damaged);
    EXPECT_TRUE(Has("weights"));
  }
  EXPECT_EQ(Store().SetAside(damaged)->moved, damaged);
  EXPECT_FALSE(Has("weights"));
  EXPECT_EQ(Store().Verify({}, {})->missing.size(), 1U);
  const std::string aside = Path("blobs/" + Blobs::FileName(damaged[0]) + "-damaged");
  EXPECT_EQ(ReadBytes(aside), "wEights");
  // It was set aside just now, however old its bytes are.
  fs::last_write_time(aside, fs::file_time_type::clock::now() - std::chrono::hours(24 * 365));
  EXPECT_EQ(Store().Collect(std::time(nullptr))->partials, 0U);
  EXPECT_EQ(Store().Collect(kNow)->partials, 1U);
  EXPECT_FALSE(fs::exists(aside));
}

TEST_F(ModelStoreTest, ClearsAwayAtOnceWhatItIsToldTo) {
  Put("m", Manifest1("weights"));
  Blob(kModelLayer, "stray");
  const Digest left = DigestOf("left");
  const Digest others = DigestOf("others");
  ASSERT_TRUE(Store().blobs().Continue(left)->Append("le").ok());
  ASSERT_TRUE(Store().blobs().Continue(others)->Append("ot").ok());
  Write("blobs/" + Blobs::FileName(others) + "-partial-0", "{}");  // as Ollama does
  CollectRules rules;
  rules.partials_keep_s = 0;
  rules.only_tell = true;
  const std::int64_t now_s = std::time(nullptr) + 1;
  const CollectReport told = *Store().Collect(now_s, rules);
  EXPECT_EQ(told.partials, 1U);
  EXPECT_EQ(told.bytes, 2U);
  ASSERT_EQ(told.removed.size(), 1U);
  EXPECT_EQ(told.removed[0].name, Blobs::FileName(left) + "-partial");
  EXPECT_TRUE(fs::exists(Path("blobs/" + told.removed[0].name)));
  rules.only_tell = false;
  EXPECT_EQ(Store().Collect(now_s, rules)->partials, 1U);
  EXPECT_TRUE(Has("stray"));
  rules.blobs_keep_s = rules.others_partials_keep_s = 0;
  const CollectReport all = *Store().Collect(now_s, rules);
  EXPECT_EQ(all.partials, 2U);
  EXPECT_EQ(all.blobs, 1U);
  EXPECT_FALSE(Has("stray"));
  EXPECT_TRUE(Has("weights"));
}

TEST_F(ModelStoreTest, WhatAnImportLeftIsGarbageAsSoonAsNobodyHoldsIt) {
  std::optional<PartialBlob> upload = *Store().blobs().Create();
  ASSERT_TRUE(upload->Append("half").ok());
  const std::int64_t later_s = std::time(nullptr) + kUploadKeepSeconds + 1;
  EXPECT_EQ(Store().Collect(later_s)->in_use, 1U);
  upload.reset();  // as by kill -9
  EXPECT_EQ(Store().Collect(std::time(nullptr))->partials, 0U);
  EXPECT_EQ(Store().Collect(later_s)->partials, 1U);
}

TEST_F(ModelStoreTest, StopsVerifyingWhenAsked) {
  Put("m", Manifest1("weights"));
  std::stop_source stop;
  const Result<VerifyReport> report =
      Store().Verify([&](const VerifyProgress&) { stop.request_stop(); }, stop.get_token());
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ErrorCode::kCancelled);
}

TEST(ProvenanceText, IsReadStrictly) {
  const Provenance provenance{"https://hf.co/x", DigestOf("m"),    9, "MIT", "me",
                              DigestOf("w"),     "llama.cpp 0.7.0"};
  EXPECT_EQ(*ParseProvenance(WriteProvenance(provenance)), provenance);
  EXPECT_EQ(ParseProvenance(R"({"manifest":"../x"})").error().field, "manifest");
  EXPECT_EQ(ParseProvenance(R"({"quantised_from":"../x"})").error().field, "quantised_from");
  EXPECT_EQ(ParseProvenance(R"({"time_s":"now"})").error().field, "time_s");
  EXPECT_EQ(ParseProvenance(R"({"source":1})").error().field, "source");
  EXPECT_FALSE(ParseProvenance(R"({"source":"a","source":"b"})").ok());
  EXPECT_EQ(ParseProvenance(std::string(kProvenanceBytesMax + 1, ' ')).error().code,
            ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace tidegate::models
