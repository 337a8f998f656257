#include "models/licence.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/utf8.h"
#include "models/gguf.h"
#include "models/layer_texts.h"

namespace tidegate::models {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// Whole characters of UTF-8 only, and none that moves a terminal's cursor.
std::string Printable(std::string_view line) {
  std::string out;
  while (!line.empty()) {
    const auto byte = static_cast<unsigned char>(line[0]);
    const Utf8Sequence next =
        byte < 0x80 ? Utf8Sequence{1, byte >= 0x20 && byte != 0x7f} : FirstUtf8Sequence(line);
    const bool control =
        next.bytes == 2 && byte == 0xC2 && static_cast<unsigned char>(line[1]) < 0xA0;  // C1
    if (next.valid && !control) {
      if (out.size() + next.bytes > kLicenceNameBytesMax) break;
      out += line.substr(0, next.bytes);
    }
    line.remove_prefix(next.bytes);
  }
  return out;
}

std::string OfWeights(const Blobs& blobs, const Manifest& manifest) {
  const Layer* const weights = manifest.Find(kModelLayer);
  if (weights == nullptr) return "";
  const Result<GgufMetadata> read = ReadGgufFile(blobs.PathOf(weights->digest));
  return read.ok() ? FirstLineOf(read->license) : "";
}

std::string OfText(const Blobs& blobs, const Manifest& manifest) {
  const Layer* const layer = manifest.Find(kLicenseLayer);
  if (layer == nullptr) return "";
  const Result<std::string> text = blobs.Read(layer->digest, kTextLayerBytesMax);
  return text.ok() ? FirstLineOf(*text) : "";
}

}  // namespace

std::string FirstLineOf(std::string_view text) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    while (!line.empty() && IsBlank(line.front())) line.remove_prefix(1);
    while (!line.empty() && IsBlank(line.back())) line.remove_suffix(1);
    if (std::string out = Printable(line); !out.empty()) return out;
  }
  return "";
}

std::string LicenceName(const Blobs& blobs, const Manifest& manifest) {
  std::string name = OfWeights(blobs, manifest);
  // What people write who have a licence of their own, and that stands beside it.
  if (!name.empty() && !EqualsIgnoreCase(name, "other")) return name;
  const std::string text = OfText(blobs, manifest);
  return text.empty() ? name : text;
}

}  // namespace tidegate::models
