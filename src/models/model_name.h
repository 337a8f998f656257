// How models are called, here and in registries: [host/[namespace/]]model[:tag].
//
// Names come from callers, registries and folders, and end up in paths, URLs and command lines.
// Every part is checked against the alphabet that Ollama uses before it is anything else; a part
// begins with a letter, a digit or "_", so that none is "..", and none looks like an option.
#pragma once

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidegate::models {

inline constexpr std::string_view kDefaultHost = "registry.ollama.ai";
inline constexpr std::string_view kDefaultNamespace = "library";
inline constexpr std::string_view kDefaultTag = "latest";
inline constexpr std::size_t kHostBytesMax = 350;
inline constexpr std::size_t kNamePartBytesMax = 80;

struct ModelName {
  std::string host, space, model, tag;

  // Absent parts get the defaults above; "https://" in front is accepted and says nothing new.
  // "http://" is refused: whether plain HTTP may be used is not for a name to say. Errors:
  // kInvalidArgument with `field`.
  static Result<ModelName> Parse(std::string_view text, std::string field);

  // Without what is default but always with the tag: "llama3:latest", "ann/notes:v1",
  // "hf.co/user/repo:Q4_K_M".
  std::string Short() const;
  // All four parts: "registry.ollama.ai/library/llama3:latest".
  std::string Full() const;
  // The same as a relative path: "registry.ollama.ai/library/llama3/latest".
  std::string Path() const;
  friend auto operator<=>(const ModelName&, const ModelName&) = default;
};

// What all spellings of one name have in common: all of its parts. A text that is no name is
// itself.
std::string CanonicalName(const std::string& name);

}  // namespace tidegate::models
