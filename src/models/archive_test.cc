#include "models/archive.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "models/gguf_builder.h"

namespace tidegate::models {
namespace {

namespace fs = std::filesystem;

ModelName Name(std::string_view text) { return *ModelName::Parse(text, "model"); }
Digest DigestOf(std::string_view bytes) { return Digest(ComputeSha256(bytes)); }

// Hands out the bytes in pieces.
ReadBytes From(const std::string& bytes, std::size_t piece = 7'000) {
  return [&bytes, piece, at = std::size_t{0}](std::span<char> into) mutable {
    const std::size_t size = std::min({into.size(), piece, bytes.size() - at});
    std::memcpy(into.data(), bytes.data() + at, size);
    at += size;
    return Result<std::size_t>(size);
  };
}

std::string File(std::string_view name, std::string_view bytes) {
  return TarHeader(name, bytes.size(), 0) + std::string(bytes) + TarPadding(bytes.size());
}

// --- the format ---

std::string Refusal(const std::string& archive) {
  TarReader reader(From(archive, 100));
  for (;;) {
    const Result<std::optional<TarReader::Entry>> entry = reader.Next();
    if (!entry.ok()) return entry.error().message;
    if (!*entry) return "accepted";
    std::string into(1000, '\0');
    for (std::size_t got = 1; got != 0;) {
      const Result<std::size_t> read = reader.Read(into);
      if (!read.ok()) return read.error().message;
      got = *read;
    }
  }
}

// The header with another field, and a checksum that is right again.
std::string Forged(std::string header, std::size_t offset, std::string_view field) {
  header.replace(offset, field.size(), field);
  header.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (const char c : header.substr(0, kTarBlockBytes)) sum += static_cast<unsigned char>(c);
  for (int i = 5; i >= 0; --i, sum /= 8)
    header[148 + static_cast<std::size_t>(i)] = static_cast<char>('0' + sum % 8);
  header[154] = '\0';
  return header;
}

TEST(Tar, ReadsWhatItWrites) {
  const std::string archive =
      File("a", "") + File("b/c", std::string(512, 'x')) + File("d", "yy") + TarEnd();
  EXPECT_EQ(archive.size() % kTarBlockBytes, 0U);
  TarReader reader(From(archive, 1));
  std::string into(600, '\0');
  EXPECT_EQ((**reader.Next()).name, "a");
  EXPECT_EQ(*reader.Read(into), 0U);
  const TarReader::Entry second = **reader.Next();
  EXPECT_EQ(second.name, "b/c");
  EXPECT_EQ(second.size, 512U);
  std::string read;
  while (const std::size_t got = *reader.Read(into)) read.append(into, 0, got);
  EXPECT_EQ(read, std::string(512, 'x'));
  EXPECT_EQ((**reader.Next()).size, 2U);
  while (*reader.Read(into) != 0) continue;
  EXPECT_FALSE(*reader.Next());
}

TEST(Tar, StatesLargeSizesInPaxRecords) {
  const std::uint64_t size = 077777777777ULL + 1;  // 8 GiB
  const std::string header = TarHeader("big", size, 0);
  EXPECT_EQ(header.size(), 3 * kTarBlockBytes);
  EXPECT_EQ(header.substr(kTarBlockBytes, 19), "19 size=8589934592\n");
  TarReader reader(From(header));
  const TarReader::Entry entry = **reader.Next();
  EXPECT_EQ(entry.name, "big");
  EXPECT_EQ(entry.size, size);
  EXPECT_EQ((**TarReader(From(TarHeader("largest", kTarFileBytesMax, 0))).Next()).size,
            kTarFileBytesMax);
  EXPECT_EQ(TarHeader("small", size - 1, 0).size(), kTarBlockBytes);
}

TEST(Tar, RefusesWhatIsNoPlainFile) {
  const std::string good = TarHeader("a", 0, 0);
  EXPECT_EQ(Refusal(good + TarEnd()), "accepted");
  for (const char type : {'1', '2', '3', '4', '5', '6', 'g', 'L', 'K', 'S', 'Z'}) {
    EXPECT_EQ(Refusal(Forged(good, 156, std::string_view(&type, 1)) + TarEnd()),
              "the archive holds something else than files; export it again")
        << type;
  }
  EXPECT_NE(Refusal(Forged(good, 157, "target") + TarEnd()), "accepted");
  for (const std::string_view name :
       {"/etc/passwd", "../x", "a/../b", ".hidden", "a/.b", "a//b", "a/", "a b", "a\\b", "a\n"}) {
    EXPECT_EQ(Refusal(Forged(good, 0, name) + TarEnd()),
              "the archive holds a file of a name that it may not have; export it again")
        << name;
  }
  EXPECT_NE(Refusal(Forged(good, 0, std::string(100, 'a')) + TarEnd()), "accepted");
  EXPECT_NE(Refusal(Forged(good, 345, "prefix") + TarEnd()), "accepted");
}

TEST(Tar, RefusesWhatIsDamaged) {
  const std::string good = File("a", "xyz");
  std::string flipped = good;
  flipped[0] = 'b';
  EXPECT_NE(Refusal(flipped + TarEnd()), "accepted");
  EXPECT_NE(Refusal(Forged(good, 257, "ustar  ") + TarEnd()), "accepted");
  for (const std::string_view size : {"99999999999", "-0000000001", "0x000000001", "\x80"}) {
    EXPECT_NE(Refusal(Forged(good, 124, size) + TarEnd()), "accepted") << size;
  }
  const std::string whole = good + TarEnd();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(Refusal(whole.substr(0, size)), "the archive ends too early; export it again");
  }
  EXPECT_EQ(Refusal(good + std::string(512, '\0') + good),
            "the archive goes on behind its end; export it again");
}

TEST(Tar, RefusesPaxRecordsThatSayMoreThanASize) {
  const auto with_pax = [](const std::string& records, std::size_t claimed = 0) {
    std::string header = TarHeader("pax", claimed == 0 ? records.size() : claimed, 0);
    return Forged(header, 156, "x") + records + TarPadding(records.size()) + File("a", "x") +
           TarEnd();
  };
  EXPECT_EQ(Refusal(with_pax("9 size=1\n")), "accepted");
  EXPECT_EQ(Refusal(with_pax("12 mtime=12\n")), "accepted");
  for (const std::string& records :
       {std::string("14 path=../xy\n"), std::string("14 linkpath=x\n"),
        std::string("21 GNU.sparse.size=1\n"), std::string("8 size=1\n"), std::string("size=1\n"),
        std::string("99 size=1\n"), std::string("0 size=1\n"), std::string("9 size=x\n"),
        std::string("9 size=1\n9 size=1\n"), std::string("29 size=999999999999999999999\n"),
        std::string("23 size=99999999999999\n"), std::string("2 \n"), std::string("6 size\n")}) {
    EXPECT_NE(Refusal(with_pax(records)), "accepted") << records;
  }
  EXPECT_NE(Refusal(with_pax("9 size=1\n", kTarPaxBytesMax + 1)), "accepted");
  const std::string pax = "9 size=1\n";
  const std::string header =
      Forged(TarHeader("pax", pax.size(), 0), 156, "x") + pax + TarPadding(9);
  EXPECT_NE(Refusal(header + header + File("a", "x") + TarEnd()), "accepted");  // of what?
  EXPECT_NE(Refusal(header + TarEnd()), "accepted");
}

// --- models ---

class ArchiveTest : public testing::Test {
 protected:
  ArchiveTest() {
    std::string pattern = testing::TempDir() + "archive-XXXXXX";
    root_ = mkdtemp(pattern.data());
    source_.emplace(root_ + "/source");
    target_.emplace(root_ + "/target");
  }
  ~ArchiveTest() override { fs::remove_all(root_); }

  static Layer Blob(ModelStore& store, std::string_view type, std::string_view bytes) {
    Result<PartialBlob> partial = store.blobs().Create();
    EXPECT_TRUE(partial->Append(bytes).ok());
    const Result<Digest> digest = (*std::move(partial)).Commit(bytes.size(), std::nullopt);
    return Layer{std::string(type), *digest, bytes.size()};
  }
  // Puts a model into the source and exports it.
  std::string Export() {
    const Manifest manifest{Blob(*source_, kConfigType, "{}"),
                            {Blob(*source_, kModelLayer, weights_), Blob(*source_, "s", "Hi")}};
    manifest_ = WriteManifest(manifest) + "\n";
    Provenance provenance{"https://hf.co/ann/notes", {}, 1'764'000'000, "MIT", "ann"};
    EXPECT_TRUE(source_->Put(Name("ann/notes:v1"), manifest_, provenance).ok());
    return ExportAgain();
  }
  std::string ExportAgain() {
    std::string archive;
    const Result<void> exported = ExportModel(*source_, Name("ann/notes:v1"),
                                              [&](std::string_view bytes) {
                                                archive += bytes;
                                                return Result<void>();
                                              },
                                              {});
    EXPECT_TRUE(exported.ok()) << exported.error().message;
    return archive;
  }
  // The message of the refusal. Whatever it is, nothing may be left of the archive.
  std::string RefusalOf(const std::string& archive) {
    const std::set<std::string> before = Files();
    const Result<ModelName> imported = ImportModel(*target_, From(archive), {}, {});
    if (imported.ok()) return "accepted";
    EXPECT_EQ(Files(), before) << imported.error().message;
    return imported.error().message;
  }
  // All files of the target, but for its lock.
  std::set<std::string> Files() const {
    std::set<std::string> files;
    if (!fs::exists(target_->root())) return files;
    for (const auto& entry : fs::recursive_directory_iterator(target_->root())) {
      if (entry.is_regular_file() && entry.path().filename() != "tidegate.lock")
        files.insert(entry.path().string());
    }
    return files;
  }
  std::string IndexOf(std::string_view manifest) const {
    return R"({"format":1,"name":"ann/notes:v1","manifest":")" + DigestOf(manifest).ToString() +
           R"("})";
  }
  std::string BlobFile(std::string_view bytes) const {
    return File("blobs/sha256-" + DigestOf(bytes).Hex(), bytes);
  }

  std::string root_, manifest_;
  const std::string weights_ = std::string(3'000'000, 'w');
  std::optional<ModelStore> source_, target_;
};

TEST_F(ArchiveTest, CarriesAModelWithItsIdAndOrigin) {
  const std::string archive = Export();
  const Result<ModelName> name = ImportModel(*target_, From(archive), {}, {});
  ASSERT_TRUE(name.ok()) << name.error().message;
  EXPECT_EQ(name->Short(), "ann/notes:v1");
  EXPECT_EQ(*target_->ManifestBytes(*name), manifest_);
  EXPECT_EQ(target_->Find(*name)->digest, DigestOf(manifest_));
  EXPECT_EQ(*target_->blobs().Read(DigestOf(weights_), weights_.size()), weights_);
  const std::optional<Provenance> provenance = *target_->ProvenanceOf(*name);
  ASSERT_TRUE(provenance);
  EXPECT_EQ(provenance->source, "https://hf.co/ann/notes");
  EXPECT_EQ(provenance->time_s, 1'764'000'000);
  EXPECT_EQ(provenance->licence, "MIT");
  EXPECT_EQ(provenance->signer, "");  // nobody has checked it here
  EXPECT_TRUE(target_->Verify({}, {})->damaged.empty());
  // Once more, under another name: the blobs are there already.
  EXPECT_EQ(ImportModel(*target_, From(archive, 1'000'000), {Name("mine"), "ann@example.org"}, {})
                ->Short(),
            "mine:latest");
  EXPECT_EQ((*target_->ProvenanceOf(Name("mine")))->signer, "ann@example.org");
  EXPECT_EQ(target_->List().models.size(), 2U);
}

TEST_F(ArchiveTest, OfOneModelIsAlwaysTheSame) {
  const std::string first = Export();
  EXPECT_TRUE(ExportAgain() == first);
}

TEST_F(ArchiveTest, IsNotWrittenOfADamagedModel) {
  Export();
  const auto export_again = [&] {
    return ExportModel(*source_, Name("ann/notes:v1"),
                       [](std::string_view) { return Result<void>(); }, {});
  };
  const std::string path = source_->blobs().PathOf(DigestOf("Hi"));
  fs::resize_file(path, 1);
  EXPECT_EQ(export_again().error().reason, "blob_damaged");
  fs::resize_file(path, 2);  // "H\0"
  EXPECT_EQ(export_again().error().reason, "blob_damaged");
  fs::remove(path);
  EXPECT_EQ(export_again().error().reason, "blob_missing");
  EXPECT_EQ(ExportModel(*source_, Name("other"), {}, {}).error().code, ErrorCode::kNotFound);
}

TEST_F(ArchiveTest, LeavesNothingBehindWhereverItIsCut) {
  const std::string archive = Export();
  for (std::size_t size = 0; size < archive.size(); size += size < 8'000 ? 257 : 500'123) {
    EXPECT_EQ(RefusalOf(archive.substr(0, size)), "the archive ends too early; export it again");
  }
  EXPECT_NE(RefusalOf(archive.substr(0, archive.size() - 1)), "accepted");
}

TEST_F(ArchiveTest, IsRefusedWhenItsBytesAreNotWhatTheyAreCalled) {
  std::string archive = Export();
  const std::size_t at = archive.find(weights_);
  archive[at + 1'000'000] = 'v';
  EXPECT_TRUE(RefusalOf(archive).starts_with("the archive is damaged: digest mismatch"));
  // Also where the store needs them no more.
  Blob(*target_, kModelLayer, weights_);
  EXPECT_TRUE(RefusalOf(archive).starts_with("the archive is damaged: sha256:"));
  EXPECT_TRUE(target_->blobs().SizeOf(DigestOf(weights_)));
  archive[at + 1'000'000] = 'w';
  const std::size_t manifest = archive.find(manifest_);
  archive[manifest + manifest_.size() - 1] = ' ';
  EXPECT_TRUE(RefusalOf(archive).starts_with("the archive's manifest is damaged"));
}

TEST_F(ArchiveTest, IsRefusedWhenItIsNotExactlyAModel) {
  const std::string layer =
      R"({"mediaType":"m","digest":")" + DigestOf("abc").ToString() + R"(","size":3})";
  const std::string manifest =
      R"({"schemaVersion":2,"config":)" + layer + R"(,"layers":[)" + layer + "]}";
  const std::string head =
      File("tidegate-model.json", IndexOf(manifest)) + File("manifest.json", manifest);
  ASSERT_EQ(RefusalOf(head + BlobFile("abc") + TarEnd()), "accepted");
  ASSERT_TRUE(target_->Remove(Name("ann/notes:v1")).ok());
  const std::string provenance = File("provenance.json", R"({"source":"x"})");
  ASSERT_EQ(RefusalOf(head + provenance + BlobFile("abc") + TarEnd()), "accepted");
  ASSERT_TRUE(target_->Remove(Name("ann/notes:v1")).ok());

  const std::vector<std::pair<std::string, std::string>> cases = {
      {"does not hold sha256:", head + TarEnd()},
      {"twice", head + BlobFile("abc") + BlobFile("abc") + TarEnd()},
      {"twice", head + BlobFile("other") + TarEnd()},
      {"has 4 bytes and its manifest says 3",
       head + File("blobs/sha256-" + DigestOf("abc").Hex(), "abcd") + TarEnd()},
      {"no part of a model", head + BlobFile("abc") + File("extra", "x") + TarEnd()},
      {"no part of a model", head + provenance + provenance + BlobFile("abc") + TarEnd()},
      {"no part of a model", head + BlobFile("abc") + provenance + TarEnd()},
      {"hexadecimal", head + File("blobs/sha256-" + std::string(63, 'a') + "g", "abc") + TarEnd()},
      {"tidegate-model.json is not where", File("manifest.json", manifest) + TarEnd()},
      {"tidegate-model.json is not where", TarEnd()},
      {"manifest.json is not where",
       File("tidegate-model.json", IndexOf(manifest)) + BlobFile("abc") + TarEnd()},
      {"is too large",
       File("tidegate-model.json", std::string(kArchiveIndexBytesMax + 1, ' ')) + TarEnd()},
      {"of format 2", File("tidegate-model.json", R"({"format":2})") + TarEnd()},
      {"a model's name is",
       File("tidegate-model.json", R"({"format":1,"name":"../x","manifest":""})") + TarEnd()},
      {"expected", head + File("provenance.json", R"({"source":1})") + TarEnd()},
  };
  for (const auto& [expected, archive] : cases) {
    const std::string refusal = RefusalOf(archive);
    EXPECT_NE(refusal.find(expected), std::string::npos) << refusal;
  }
}

TEST_F(ArchiveTest, TakesNoMoreThanItsManifestNames) {
  // Endless: whoever sends it could go on for ever.
  const std::string manifest = R"({"schemaVersion":2,"config":{"mediaType":"m","digest":")" +
                               DigestOf("abc").ToString() + R"(","size":3}})";
  const std::string head =
      File("tidegate-model.json", IndexOf(manifest)) + File("manifest.json", manifest);
  std::uint64_t served = 0;
  const Result<ModelName> imported = ImportModel(
      *target_,
      [&](std::span<char> into) -> Result<std::size_t> {
        static const std::string more = BlobFile("abc");
        for (char& c : into) {
          c = served < head.size() ? head[served] : more[(served - head.size()) % more.size()];
          ++served;
        }
        return into.size();
      },
      {}, {});
  ASSERT_FALSE(imported.ok());
  EXPECT_LT(served, head.size() + 10'000);
  EXPECT_TRUE(Files().empty());
}

TEST_F(ArchiveTest, CanBeStoppedBothWays) {
  const std::string archive = Export();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(ExportModel(
                *source_, Name("ann/notes:v1"), [](std::string_view) { return Result<void>(); },
                stop.get_token())
                .error()
                .code,
            ErrorCode::kCancelled);
  EXPECT_EQ(ImportModel(*target_, From(archive), {}, stop.get_token()).error().code,
            ErrorCode::kCancelled);
  EXPECT_TRUE(Files().empty());
}

TEST_F(ArchiveTest, PassesOnWhatItsEndsSay) {
  const std::string archive = Export();
  const Result<void> exported = ExportModel(
      *source_, Name("ann/notes:v1"),
      [](std::string_view) { return Result<void>(Unavailable(ErrorSource::kGateway, "full")); },
      {});
  EXPECT_EQ(exported.error().message, "full");
  std::size_t calls = 0;
  const ReadBytes source = From(archive);
  const Result<ModelName> imported =
      ImportModel(*target_,
                  [&](std::span<char> into) -> Result<std::size_t> {
                    if (++calls > 50) return Unavailable(ErrorSource::kGateway, "unplugged");
                    return source(into);
                  },
                  {}, {});
  EXPECT_EQ(imported.error().message, "unplugged");
  EXPECT_TRUE(Files().empty());
}

// --- models outside of stores ---

class LooseArchiveTest : public ArchiveTest {
 protected:
  LooseArchiveTest() {
    Write("x.gguf", SmallModel().bytes());
    Write("mmproj.gguf", "a projector");
    model_ = *ReadLocalModel(root_ + "/x.gguf", "ann/x");
    model_.projector_path = root_ + "/mmproj.gguf";
  }
  void Write(const std::string& name, std::string_view bytes) const {
    std::ofstream(root_ + "/" + name, std::ios::binary) << bytes;
  }
  // `after`: what happens once the files have been read for their digests.
  Result<std::string> ExportLoose(
      const std::function<void()>& after = [] {}, const std::stop_token& stop = {}) {
    std::string archive;
    const Result<void> exported = ExportFiles(
        model_, Name("ann/x"),
        [&](std::string_view bytes) {
          if (archive.empty()) after();
          archive += bytes;
          return Result<void>();
        },
        [&](std::uint64_t bytes) { hashed_ += bytes; }, stop);
    if (!exported.ok()) return exported.error();
    return archive;
  }

  LocalModel model_;
  std::uint64_t hashed_ = 0;
};

TEST_F(LooseArchiveTest, IsOneThatCanBeTakenIn) {
  const Result<std::string> archive = ExportLoose();
  ASSERT_TRUE(archive.ok()) << archive.error().message;
  const std::uint64_t projector = std::string_view("a projector").size();
  EXPECT_EQ(hashed_, SmallModel().bytes().size() + projector);
  const Result<ModelName> name = ImportModel(*target_, From(*archive), {}, {});
  ASSERT_TRUE(name.ok()) << name.error().message;
  EXPECT_EQ(name->Short(), "ann/x:latest");
  const Manifest manifest = target_->Find(*name)->manifest;
  const Digest weights(ComputeSha256(SmallModel().bytes()));
  EXPECT_EQ(manifest.Find(kModelLayer)->digest, weights);
  EXPECT_EQ(manifest.Find(kProjectorLayer)->size, projector);
  EXPECT_EQ(*target_->blobs().Read(weights, 1 << 20), SmallModel().bytes());
}

TEST_F(LooseArchiveTest, IsRefusedWhereAFileChangesMeanwhile) {
  std::string changed = SmallModel().bytes();
  changed.back() = static_cast<char>(changed.back() + 1);
  EXPECT_EQ(ExportLoose([&] { Write("x.gguf", changed); }).error().reason, "file_changed");
  EXPECT_EQ(ExportLoose([&] { Write("x.gguf", "short"); }).error().reason, "file_changed");
}

TEST_F(LooseArchiveTest, IsRefusedForASplitModelAndEndsWhenItShould) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(ExportLoose([] {}, stop.get_token()).error().code, ErrorCode::kCancelled);
  model_.metadata.split_count = 2;
  EXPECT_NE(ExportLoose().error().message.find("--merge"), std::string::npos);
}

}  // namespace
}  // namespace tidegate::models
