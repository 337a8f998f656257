// The verbs that work on the store of models without a gate, as whole commands.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cli/exit_code.h"
#include "cli/fake_gate.h"

namespace tidegate::cli {
namespace {

const std::string kLayer =
    "sha256:8eeb52dfb3bb9aefdf9d1ef24b3bdbcfbe82238798c4b918278320b6fcef18fe";

using StoreVerbsTest = CliTest;

TEST_F(StoreVerbsTest, VerifyNamesWhatIsDamaged) {
  services_.verify_models = [](const VerifyOptions& options, const TransferFunction& progress) {
    EXPECT_EQ(options.model, "m");
    EXPECT_FALSE(options.repair);
    progress({"verifying 8eeb52dfb3bb", kLayer, 10, 10});
    return Result<std::vector<VerifiedBlob>>(std::vector<VerifiedBlob>{
        {{"m", "n"}, kLayer, 4'700'000'000, BlobState::kGood, ""},
        {{"m", "n"}, "sha256:ff", 3, BlobState::kDamaged, "its digest is another"},
        {{}, "", 0, BlobState::kUnreadable, "cannot be read", "/store/manifests/x"}});
  };
  Outcome outcome = Run({"verify", "m"});
  EXPECT_EQ(outcome.code, kExitFailure);
  EXPECT_EQ(outcome.err, "verifying 8eeb52dfb3bb: 100% 10 B\n");
  EXPECT_EQ(outcome.out,
            "MODEL  FILE                STATE       PROBLEM\n"
            "m, n   sha256:ff           damaged     its digest is another\n"
            "-      /store/manifests/x  unreadable  cannot be read\n"
            "1 file, 4.7 GB, as their digests say\n");
  outcome = Run({"verify", "m", "--json"});
  EXPECT_TRUE(
      outcome.out.starts_with(R"({"ok":false,"files":[{"model":"m","models":["m","n"],"digest":)"))
      << outcome.out;
  EXPECT_NE(outcome.out.find(R"("path":"/store/manifests/x")"), std::string::npos);
  services_.verify_models = [](const VerifyOptions&, const TransferFunction&) {
    return Result<std::vector<VerifiedBlob>>(NotFound("no model 'm' here"));
  };
  EXPECT_EQ(Run({"verify", "m"}).code, kExitNoInput);
}

TEST_F(StoreVerbsTest, VerifyTellsWhatHasNoDigestFromWhatIsWrong) {
  services_.verify_models = [](const VerifyOptions& options, const TransferFunction&) {
    EXPECT_EQ(options.config_path, "/etc/t.toml");
    EXPECT_TRUE(options.repair);
    return Result<std::vector<VerifiedBlob>>(std::vector<VerifiedBlob>{
        {{"m"}, kLayer, 1'000, BlobState::kUnknown, "it has that", "/m.gguf"}});
  };
  const Outcome outcome = Run({"verify", "m", "--repair", "--config", "/etc/t.toml"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_EQ(outcome.out,
            "MODEL  FILE     STATE    PROBLEM\n"
            "m      /m.gguf  unknown  it has that\n"
            "1 file, 1.0 kB, without a digest to compare with\n");
}

TEST_F(StoreVerbsTest, PruneShowsWhatItFrees) {
  services_.prune_store = [](const PruneOptions& options) {
    EXPECT_EQ(options.config_path, "");
    PruneReport report;
    if (!options.all) return Result<PruneReport>(report);
    report.files = {{"sha256-ff-partial", "of a transfer that did not end", 4'700'000'000}};
    report.bytes = 4'700'000'000;
    report.in_use = 1;
    report.held_back = options.dry_run ? "" : "a manifest cannot be read";
    return Result<PruneReport>(report);
  };
  EXPECT_EQ(Run({"prune"}).out, "there was nothing to remove\n");
  Outcome outcome = Run({"prune", "--all", "--dry-run"});
  EXPECT_EQ(outcome.code, kExitOk);
  EXPECT_EQ(outcome.out,
            "FILE                 SIZE  WHY\n"
            "sha256-ff-partial  4.7 GB  of a transfer that did not end\n"
            "would free 4.7 GB\n");
  outcome = Run({"prune", "--all"});
  EXPECT_EQ(outcome.code, kExitFailure);
  EXPECT_TRUE(outcome.out.ends_with("\nfreed 4.7 GB\n")) << outcome.out;
  EXPECT_EQ(outcome.err, "1 file is in use and stays\na manifest cannot be read\n");
  EXPECT_EQ(Run({"prune", "--all", "--dry-run", "--json"}).out,
            R"({"dry_run":true,"files":[{"name":"sha256-ff-partial","bytes":4700000000,)"
            R"("why":"of a transfer that did not end"}],"bytes":4700000000,"in_use":1,)"
            "\"held_back\":\"\"}\n");
}

TEST_F(StoreVerbsTest, ImportAndExportAreThoseOfTheStore) {
  std::string signer;
  services_.import_model = [&signer](const ImportOptions& options, const TransferFunction&) {
    EXPECT_EQ(options.path, "x.gguf");
    EXPECT_EQ(options.name, "mine");
    EXPECT_EQ(options.signer, signer);
    return Result<ImportedModel>(ImportedModel{"mine:latest", kLayer, 12});
  };
  services_.export_model = [](const ExportOptions& options, const TransferFunction&) {
    EXPECT_EQ(options.model, "m");
    return Result<ExportedModel>(ExportedModel{2'000'000'000});
  };
  EXPECT_EQ(Run({"import", "x.gguf", "--name", "mine"}).out, "imported 'mine:latest'\n");
  EXPECT_EQ(Run({"import", "x.gguf", "--name", "mine", "--json"}).out,
            R"({"name":"mine:latest","digest":")" + kLayer + "\",\"bytes\":12}\n");
  signer = "ann";
  EXPECT_EQ(Run({"import", "x.gguf", "--name", "mine", "--signer", "ann"}).code, kExitOk);
  EXPECT_EQ(Run({"export", "m", "m.tar"}).out, "exported 'm' to 'm.tar', 2.0 GB\n");
  EXPECT_EQ(Run({"export", "m"}).code, kExitUsage);
}

}  // namespace
}  // namespace tidegate::cli
