#include "models/pull_request.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "models/manifest.h"
#include "models/stored_model.h"
#include "net/http_head.h"

namespace tidegate::models {
namespace {

constexpr std::string_view kSuffix = ".gguf";
constexpr std::string_view kFilesNamespace = "files";

bool IsFileUrl(const DownloadTarget& target) {
  const std::string_view path = std::string_view(target.path).substr(0, target.path.find('?'));
  const std::string_view file = path.substr(path.rfind('/') + 1);
  return file.size() > kSuffix.size() &&
         EqualsIgnoreCase(file.substr(file.size() - kSuffix.size()), kSuffix);
}

// The file's name without its suffix, in the alphabet of names.
std::string ModelPartOf(const DownloadTarget& target) {
  std::string path = target.path.substr(0, target.path.find('?'));
  path.resize(path.size() - kSuffix.size());
  const std::string decoded = net::PercentDecode(path).value_or(path);
  std::string part = decoded.substr(decoded.rfind('/') + 1).substr(0, kNamePartBytesMax);
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  std::replace_if(
      part.begin(), part.end(), [&](char c) { return !allowed(c); }, '-');
  if (part.empty() || part[0] == '-' || part[0] == '.') part.insert(0, 1, '_');
  part.resize(std::min(part.size(), kNamePartBytesMax));
  return part;
}

// What stands behind the '#' of a URL. A checksum that is mistyped must not be taken for none.
Result<std::optional<Digest>> DigestOfFragment(std::string_view text, const std::string& field) {
  const std::size_t mark = text.find('#');
  if (mark == std::string_view::npos) return std::optional<Digest>();
  std::string fragment = ToLower(text.substr(mark + 1));
  if (fragment.starts_with("sha256=")) fragment[6] = ':';
  const Result<Digest> digest = Digest::Parse(fragment, field);
  if (digest.ok() && fragment.starts_with("sha256:")) return std::optional<Digest>(*digest);
  return InvalidArgument(field,
                         "what stands behind the '#' of a URL is the file's checksum, as "
                         "#sha256= with 64 hexadecimal digits");
}

}  // namespace

Result<PullRequest> ParsePullRequest(std::string_view text, std::string field) {
  PullRequest request;
  if (text.starts_with("https://")) {
    Result<DownloadTarget> target = ParseTarget(text, field);
    if (target.ok() && IsFileUrl(*target)) {
      std::string name = target->origin.HostField();
      name.append("/").append(kFilesNamespace).append("/").append(ModelPartOf(*target));
      TIDEGATE_ASSIGN(request.digest, DigestOfFragment(text, field));
      TIDEGATE_ASSIGN(request.name, ModelName::Parse(name, std::move(field)));
      request.url = *std::move(target);
      return request;
    }
  }
  TIDEGATE_ASSIGN(request.name, ModelName::Parse(text, std::move(field)));
  return request;
}

Result<GgufMetadata> CheckModelFile(const std::string& path) {
  Result<GgufMetadata> metadata = ReadGgufFile(path);
  if (!metadata.ok()) {
    return InvalidArgument("model",
                           "what the URL names is no model in GGUF: " + metadata.error().message);
  }
  if (metadata->split_count > 1) {
    return InvalidArgument("model", "this file is one of " + std::to_string(metadata->split_count) +
                                        " parts of a model; pull it from its repository instead");
  }
  if (metadata->type != "model") {
    return InvalidArgument("model", "this file is no model but of type '" + metadata->type + "'");
  }
  return metadata;
}

Result<std::string> MakeFileManifest(Blobs& blobs, const Digest& file, std::uint64_t size,
                                     const GgufMetadata& metadata) {
  std::vector<Layer> layers = {{std::string(kModelLayer), file, size}};
  const std::string config = WriteModelConfig(ConfigOf(metadata), layers);
  TIDEGATE_ASSIGN(const Digest digest, blobs.Put(config));
  return WriteManifest(
      {.config = {std::string(kConfigType), digest, config.size()}, .layers = std::move(layers)});
}

}  // namespace tidegate::models
