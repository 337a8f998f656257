#include "engine/child_sandbox.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/runtime_folder.h"
#include "process/run.h"

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

class ChildSandboxTest : public testing::Test {
 protected:
  ChildSandboxTest() {
    std::string pattern = "/tmp/tidegate-child-sandbox-test-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~ChildSandboxTest() override { fs::remove_all(folder_); }

  std::string Make(const std::string& name) {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "x";
    return path.string();
  }
  process::SandboxOptions Options(const std::string& program, const std::string& model) {
    EngineBinary binary;
    binary.path = program;
    models::LocalModel local;
    local.path = model;
    process::SpawnOptions options;
    protection_.Apply(binary, local, {"/run/child.sock", "/run/child.key"}, options);
    EXPECT_TRUE(options.sandbox.has_value());
    return options.sandbox.value_or(process::SandboxOptions());
  }
  static bool Has(const std::vector<std::string>& paths, const std::string& path) {
    return std::find(paths.begin(), paths.end(), path) != paths.end();
  }

  fs::path folder_;
  ChildProtection protection_;
};

TEST_F(ChildSandboxTest, ReadsItsModelAndItsKeyAndMakesItsSocket) {
  const std::string model = Make("models/a.gguf");
  const process::SandboxOptions options = Options(Make("bin/llama-server"), model);
  EXPECT_TRUE(Has(options.readable, model));
  EXPECT_TRUE(Has(options.readable, "/run/child.key"));
  EXPECT_FALSE(Has(options.readable, "/run"));
  EXPECT_EQ(options.socket_folders, std::vector<std::string>{"/run"});
  EXPECT_FALSE(Has(options.readable, (folder_ / "models").string()));
}

TEST_F(ChildSandboxTest, WritesToTheFilesForItsSlotsAndReadsThoseItIsGiven) {
  EngineBinary binary;
  binary.path = Make("bin/llama-server");
  models::LocalModel model;
  model.path = Make("a.gguf");
  ChildFiles files{"/run/child.sock", "/run/child.key"};
  process::SpawnOptions without;
  protection_.Apply(binary, model, files, without);
  EXPECT_TRUE(without.sandbox->writable.empty());
  EXPECT_EQ(without.limits.file_bytes_max, std::nullopt);
  files.slots_in = {"/slots/in-0"};
  files.slots_out = {"/slots/out-0", "/slots/out-1"};
  files.slot_bytes_max = 1'000;
  process::SpawnOptions options;
  protection_.Apply(binary, model, files, options);
  EXPECT_EQ(options.sandbox->writable, files.slots_out);
  EXPECT_TRUE(Has(options.sandbox->readable, "/slots/in-0"));
  EXPECT_FALSE(Has(options.sandbox->readable, "/slots"));
  EXPECT_EQ(options.limits.file_bytes_max, 1'000U);
}

TEST_F(ChildSandboxTest, ASplitModelIsAllItsParts) {
  const std::string first = Make("m-00001-of-00003.gguf");
  const std::string second = Make("m-00002-of-00003.gguf");
  const std::string third = Make("m-00003-of-00003.gguf");
  const std::string other = Make("m-00004-of-00005.gguf");
  const process::SandboxOptions options = Options(Make("bin/llama-server"), first);
  EXPECT_TRUE(Has(options.readable, first));
  EXPECT_TRUE(Has(options.readable, second));
  EXPECT_TRUE(Has(options.readable, third));
  EXPECT_FALSE(Has(options.readable, other));
}

TEST_F(ChildSandboxTest, OfTheFolderOfTheProgramOnlyLibrariesAreRead) {
  const std::string program = Make("home/llama-server");
  const std::string library = Make("home/libggml-cpu.so.0");
  const std::string secret = Make("home/secret");
  const process::SandboxOptions options = Options(program, Make("a.gguf"));
  EXPECT_TRUE(Has(options.readable, library));
  EXPECT_FALSE(Has(options.readable, secret));
  EXPECT_FALSE(Has(options.readable, (folder_ / "home").string()));
  EXPECT_TRUE(Has(options.listable, (folder_ / "home").string()));
}

TEST_F(ChildSandboxTest, AFolderCalledLibBesideTheProgramsIsTheEnginesIfItHoldsLibraries) {
  const std::string program = Make("engine/bin/llama-server");
  Make("engine/lib/notes.txt");
  const std::string libraries = (folder_ / "engine/lib").string();
  EXPECT_FALSE(Has(Options(program, Make("a.gguf")).readable, libraries));
  Make("engine/lib/libllama.so.0");
  EXPECT_TRUE(Has(Options(program, Make("a.gguf")).readable, libraries));
}

TEST_F(ChildSandboxTest, LibrariesThatTheEnvironmentNamesAreReadAndNothingBesideThem) {
  const std::string library = Make("cuda/libcudart.so.12");
  const std::string note = Make("cuda/notes.txt");
  const std::string back_end = Make("ends/libggml-own.so");
  const std::string folders = "/nowhere:relative:" + (folder_ / "cuda").string();
  const process::SandboxOptions options = SandboxFor(
      Make("bin/llama-server"), {"LD_LIBRARY_PATH=" + folders, "GGML_BACKEND_PATH=" + back_end});
  EXPECT_TRUE(Has(options.readable, library));
  EXPECT_TRUE(Has(options.readable, back_end));
  EXPECT_FALSE(Has(options.readable, note));
  EXPECT_FALSE(Has(options.readable, (folder_ / "cuda").string()));
  EXPECT_FALSE(Has(SandboxFor(Make("bin/llama-server"), {}).readable, library));
}

TEST_F(ChildSandboxTest, ALinkToTheProgramIsFollowedToItsLibraries) {
  const std::string program = Make("builds/1/bin/llama-server");
  Make("builds/1/lib/libllama.so.0");
  fs::create_directories(folder_ / "bin");
  fs::create_symlink(program, folder_ / "bin/llama-server");
  const process::SandboxOptions options =
      Options((folder_ / "bin/llama-server").string(), Make("a.gguf"));
  EXPECT_TRUE(Has(options.readable, (folder_ / "builds/1/lib").string()));
}

// Tried with a real program in the place of the engine, which is told what to remove.
class HostileChildTest : public ChildSandboxTest {
 protected:
  HostileChildTest() : run_(RuntimeFolder::Open((folder_ / "run").string())) {
    EXPECT_TRUE(run_.ok());
  }
  void SetUp() override {
    const char* without = std::getenv("TIDEGATE_NO_SANDBOX");
    if (without != nullptr && std::string(without) == "1") GTEST_SKIP() << "TIDEGATE_NO_SANDBOX=1";
  }
  // Whether the child of model "own" can remove `path`.
  bool Removes(const std::string& path, bool in_sandbox = true) {
    EngineBinary binary;
    binary.path = "/bin/rm";
    models::LocalModel model;
    model.path = Make("a.gguf");
    process::SpawnOptions options;
    options.argv = {binary.path, path};
    protection_.Apply(binary, model, {run_->SocketPath("own"), run_->KeyPath("own")}, options);
    if (!in_sandbox) options.sandbox.reset();
    const auto run = process::RunProgram(options, {20'000'000'000, 64 * 1024});
    EXPECT_TRUE(run.ok());
    return run.ok() && run->status.ok() && !fs::exists(path);
  }
  std::string Socket(const std::string& model) {
    const std::string path = run_->SocketPath(model);
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << "";
    return path;
  }

  Result<RuntimeFolder> run_;
};

TEST_F(HostileChildTest, RemovesItsOwnSocketAndNobodyElses) {
  const std::string own = Socket("own");
  const std::string other = Socket("other");
  const std::string lock = run_->path() + "/lock";
  std::ofstream(run_->KeyPath("other")) << "key";
  EXPECT_FALSE(Removes(other));
  EXPECT_FALSE(Removes(lock));
  EXPECT_FALSE(Removes(run_->KeyPath("other")));
  EXPECT_TRUE(Removes(own));
  EXPECT_TRUE(Removes(other, false));  // so that the attempt is one
}

TEST_F(ChildSandboxTest, SwitchedOffItOnlyLimitsMemory) {
  protection_.enabled = false;
  protection_.data_bytes_max = 1'000;
  process::SpawnOptions options;
  protection_.Apply({}, {}, {}, options);
  EXPECT_FALSE(options.sandbox.has_value());
  EXPECT_EQ(options.limits.data_bytes_max, 1'000U);
}

}  // namespace
}  // namespace tidegate::engine
