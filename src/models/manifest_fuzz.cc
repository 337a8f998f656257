// Any bytes: refused with a sentence, or a manifest within its bounds that reads back as the same
// one. The same bytes as a configuration, options and messages.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/check.h"
#include "models/layer_texts.h"
#include "models/manifest.h"

namespace {

using namespace tidegate::models;

void CheckRefusal(const tidegate::Error& error) {
  CHECK(error.code == tidegate::ErrorCode::kInvalidArgument ||
        error.code == tidegate::ErrorCode::kTooLarge);
  CHECK(!error.message.empty());
}

void CheckManifest(std::string_view bytes) {
  const auto parsed = ParseManifest(bytes);
  if (!parsed.ok()) return CheckRefusal(parsed.error());
  if (const auto* list = std::get_if<ManifestList>(&*parsed)) {
    CHECK(list->manifests.size() <= kManifestListMax);
    return;
  }
  const Manifest& manifest = std::get<Manifest>(*parsed);
  CHECK(manifest.layers.size() <= kManifestLayersMax);
  CHECK(manifest.Blobs().size() <= manifest.layers.size() + 1);
  const auto again = ParseManifest(WriteManifest(manifest));
  CHECK(again.ok() && std::get<Manifest>(*again) == manifest);
}

void CheckConfig(std::string_view bytes) {
  const auto config = ParseModelConfig(bytes);
  if (!config.ok()) return CheckRefusal(config.error());
  const std::string written = WriteModelConfig(*config, {});
  const auto again = ParseModelConfig(written);
  CHECK(again.ok() && WriteModelConfig(*again, {}) == written);
}

void CheckTexts(std::string_view bytes) {
  if (const auto options = ParseOptions(bytes); options.ok()) {
    const auto again = ParseOptions(WriteOptions(*options));
    CHECK(again.ok() && *again == *options);
  }
  if (const auto messages = ParseMessages(bytes); messages.ok()) {
    CHECK(ParseMessages(WriteMessages(*messages)).ok());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckManifest(bytes);
  CheckConfig(bytes);
  CheckTexts(bytes);
  return 0;
}
