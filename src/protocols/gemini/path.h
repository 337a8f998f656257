// The paths of the API: of Google's own service, and of Vertex.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidegate::protocols::gemini {

// Of a streamed answer, and of a request to count tokens that stands in "generateContentRequest".
enum Form : int { kEvents = 0, kArray = 1, kNested = 2 };

// What is asked of a model.
enum class Method : std::uint8_t { kGenerate, kStream, kEmbed, kBatchEmbed, kCountTokens };

// A path below "/v1", "/v1beta", "/v1beta1" or "/v1alpha" that names a model and a method.
struct MethodPath {
  std::string_view publisher;  // of Vertex's paths; empty in the others
  std::string_view model;
  Method method = Method::kGenerate;
  // The name as a caller of any protocol writes it. Vertex's paths have a model's provider as its
  // publisher.
  std::string ModelName() const;
};
// Nothing for another path, and for methods that are not served.
std::optional<MethodPath> ParseMethodPath(std::string_view path);

// What stands behind "/v1/" and its like that only this protocol has; nothing for other paths.
bool IsOwnPath(std::string_view path);

// The path of a model or of the list of them: the name, which is empty for the list. Nothing for
// another path. `shared` = the path may be another protocol's too ("/v1/models").
struct ModelsPath {
  std::string_view model;
  bool shared = false;
};
std::optional<ModelsPath> ParseModelsPath(std::string_view path);

// The path for an upstream, below its base address: "/models/gemini-x:generateContent".
std::string UpstreamPath(std::string_view model, Method method);
// "models/gemini-x", as bodies name a model and paths do.
std::string ResourceName(std::string_view model);

}  // namespace tidegate::protocols::gemini
