#include "protocols/gemini/path.h"

#include <algorithm>
#include <array>

namespace tidegate::protocols::gemini {
namespace {

constexpr std::string_view kNone = {};
constexpr std::string_view kSharedVersion = "/v1/";  // OpenAI's and Anthropic's too
constexpr std::array<std::string_view, 3> kOwnVersions = {"/v1beta/", "/v1beta1/", "/v1alpha/"};
constexpr std::string_view kModels = "models/";
constexpr std::string_view kProjects = "projects/";
constexpr std::string_view kPublishers = "publishers/";
constexpr std::string_view kGoogle = "google";
// In the order of Method.
constexpr std::array<std::string_view, 5> kMethods = {"generateContent", "streamGenerateContent",
                                                      "embedContent", "batchEmbedContents",
                                                      "countTokens"};

// What stands behind the version; empty when there is none. `own`: no other protocol has it.
std::string_view BehindVersion(std::string_view path, bool& own) {
  own = true;
  for (const std::string_view version : kOwnVersions) {
    if (path.starts_with(version)) return path.substr(version.size());
  }
  own = false;
  return path.starts_with(kSharedVersion) ? path.substr(kSharedVersion.size()) : kNone;
}

// Takes "a/" off, and returns "a"; empty when there is no such thing.
std::string_view TakeSegment(std::string_view& rest) {
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return {};
  const std::string_view segment = rest.substr(0, slash);
  rest.remove_prefix(slash + 1);
  return segment;
}

// Takes Vertex's "projects/p/locations/l/" off if it is there.
bool TakeProject(std::string_view& rest) {
  if (!rest.starts_with(kProjects)) return true;
  rest.remove_prefix(kProjects.size());
  if (TakeSegment(rest).empty() || TakeSegment(rest) != "locations") return false;
  return !TakeSegment(rest).empty();
}

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~' || c == '/' || c == '@';
}

}  // namespace

std::string MethodPath::ModelName() const {
  if (publisher.empty() || publisher == kGoogle) return std::string(model);
  return std::string(publisher) + '/' + std::string(model);
}

std::optional<MethodPath> ParseMethodPath(std::string_view path) {
  bool own = false;
  std::string_view rest = BehindVersion(path, own);
  const std::size_t colon = rest.rfind(':');  // a model's name may have one too
  if (colon == std::string_view::npos) return std::nullopt;
  const auto method = std::find(kMethods.begin(), kMethods.end(), rest.substr(colon + 1));
  if (method == kMethods.end()) return std::nullopt;
  rest = rest.substr(0, colon);
  MethodPath found;
  found.method = static_cast<Method>(method - kMethods.begin());
  const bool vertex = rest.starts_with(kProjects) || rest.starts_with(kPublishers);
  if (!TakeProject(rest)) return std::nullopt;
  if (vertex) {
    if (!rest.starts_with(kPublishers)) return std::nullopt;
    rest.remove_prefix(kPublishers.size());
    found.publisher = TakeSegment(rest);
    if (found.publisher.empty()) return std::nullopt;
  }
  if (rest.starts_with(kModels)) {
    rest.remove_prefix(kModels.size());
  } else if (vertex || !own || rest.find('/') == std::string_view::npos) {
    return std::nullopt;  // a name with a slash is one without the prefix: so Vercel's SDK has it
  }
  found.model = rest;
  if (found.model.empty()) return std::nullopt;
  return found;
}

bool IsOwnPath(std::string_view path) {
  bool own = false;
  const std::string_view rest = BehindVersion(path, own);
  if (own) return true;
  if (rest.starts_with(kProjects) || rest.starts_with(kPublishers)) return true;
  const bool method = rest.ends_with("Content") || rest.ends_with(":batchEmbedContents") ||
                      rest.ends_with(":countTokens");
  return rest.starts_with(kModels) && method && rest.find(':') != std::string_view::npos;
}

std::optional<ModelsPath> ParseModelsPath(std::string_view path) {
  bool own = false;
  const std::string_view rest = BehindVersion(path, own);
  if (rest == kModels.substr(0, kModels.size() - 1)) return ModelsPath{{}, !own};
  if (!rest.starts_with(kModels) || rest.size() == kModels.size()) return std::nullopt;
  return ModelsPath{rest.substr(kModels.size()), !own};
}

std::string ResourceName(std::string_view model) {
  const bool full = model.starts_with(kModels) || model.starts_with("tunedModels/");
  return full ? std::string(model) : std::string(kModels) + std::string(model);
}

std::string UpstreamPath(std::string_view model, Method method) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string path = "/";
  for (const char c : ResourceName(model)) {
    if (IsUnreserved(c)) {
      path += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    path += '%';
    path += kHex[byte >> 4U];
    path += kHex[byte & 0xFU];
  }
  path += ':';
  path += kMethods[static_cast<std::size_t>(method)];
  if (method == Method::kStream) path += "?alt=sse";
  return path;
}

}  // namespace tidegate::protocols::gemini
