// What tests of downloads have in common: a folder of blobs, a shard, and registries that answer.
// Not part of the program.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "models/blobs.h"
#include "models/registry_client.h"
#include "models/testing/registry_server.h"
#include "net/cancel.h"
#include "net/shard.h"
#include "net/testing/on_shard.h"

namespace tidegate::models::testing {

class PullFixture : public ::testing::Test {
 protected:
  PullFixture() {
    std::string pattern = ::testing::TempDir() + "pulls-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    blobs_ = Blobs(folder_ + "/blobs");
  }
  ~PullFixture() override { std::filesystem::remove_all(folder_); }

  template <typename Work>
  void OnShard(Work work) {
    net::testing::OnShard(shards_[0], std::move(work));
  }
  template <typename T>
  T Run(net::Task<T> task) {
    return net::testing::RunOnShard(shards_[0], std::move(task));
  }
  static RegistryConfig ConfigOf(const RegistryServer& server) {
    RegistryConfig config;
    config.host = server.host();
    config.origin = server.origin();
    return config;
  }
  static Digest Of(std::string_view bytes) { return Digest(ComputeSha256(bytes)); }
  std::string Stored(const Digest& digest) const {
    std::ifstream file(blobs_.PathOf(digest), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::size_t Files() const {
    if (!std::filesystem::exists(blobs_.folder())) return 0;
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(blobs_.folder()), {}));
  }
  // Bytes that are not alike anywhere.
  static std::string Bytes(std::size_t size, unsigned seed = 1) {
    std::string out(size, '\0');
    std::uint64_t state = seed * 0x9e3779b97f4a7c15U;
    for (char& c : out) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      c = static_cast<char>(state >> 56U);
    }
    return out;
  }

  std::string folder_;
  Blobs blobs_{""};
  RegistryServer server_;
  net::ShardSet shards_{1};
  net::CancelToken cancel_;

 private:
};

}  // namespace tidegate::models::testing
