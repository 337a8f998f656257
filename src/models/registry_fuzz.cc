// What a registry may answer, and what a disk may have made of our own notes: refused with a
// sentence, or within its bounds. The first byte chooses.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/check.h"
#include "models/download_parts.h"
#include "models/download_target.h"
#include "models/pull_request.h"
#include "models/registry.h"
#include "models/upload.h"

namespace {

using namespace tidegate::models;

bool IsPrintable(std::string_view text) {
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7f) return false;
  }
  return true;
}

void Pieces(std::string_view input) {
  const auto pieces = ParseManifestPieces(input);
  if (!pieces.ok()) {
    CHECK(pieces.error().code == tidegate::ErrorCode::kProtocol && !pieces.error().message.empty());
    return;
  }
  std::set<Digest> seen;
  for (const RemotePiece& piece : *pieces) {
    CHECK(piece.size <= kLayerBytesMax && seen.insert(piece.digest).second);
  }
  CHECK(!seen.empty() && seen.size() <= kManifestLayersMax + 1);
}

void Location(std::string_view input) {
  const DownloadTarget from = *ParseTarget("https://host:8443/a?b", "");
  const auto target = FollowLocation(from, input);
  if (!target.ok()) {
    CHECK(target.error().code == tidegate::ErrorCode::kProtocol);
    return;
  }
  CHECK(target->origin.scheme != tidegate::net::Scheme::kUnix && !target->origin.host.empty());
  CHECK(target->path.starts_with('/') && IsPrintable(target->path));
  const auto again = FollowLocation(from, target->origin.ToString() + target->path);
  CHECK(again.ok() && *again == *target);
}

void State(std::string_view input) {
  constexpr std::uint64_t kSize = 1'000;
  auto parts = DownloadParts::Parse(input, kSize);
  if (!parts) return;
  CHECK(parts->written() <= kSize && parts->contiguous() <= parts->written());
  CHECK(parts->complete() == (parts->contiguous() == kSize));
  while (const auto part = parts->Take()) {
    CHECK(parts->next(*part) < parts->end(*part) && parts->end(*part) <= kSize);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 7) {
    case 0:
      Pieces(input);
      break;
    case 1:
      Location(input);
      break;
    case 2:
      State(input);
      break;
    case 3:
      if (const auto challenge = ParseBearerChallenge(input); challenge.ok()) {
        CHECK(!challenge->realm.empty());
      }
      break;
    case 4:
      if (const auto range = ParseContentRange(input)) {
        CHECK(range->first <= range->last && range->last < range->total);
      }
      break;
    case 5:
      if (const auto has = ParseUploadRange(input)) CHECK(*has <= kLayerBytesMax);
      break;
    default:
      if (const auto request = ParsePullRequest(input, "model"); request.ok()) {
        CHECK(ModelName::Parse(request->name.Full(), "").ok());
      } else {
        CHECK(request.error().field == "model");
      }
  }
  return 0;
}
