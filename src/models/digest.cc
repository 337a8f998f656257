#include "models/digest.h"

#include <optional>
#include <utility>

namespace tidegate::models {

Result<Digest> Digest::Parse(std::string_view text, std::string field) {
  constexpr std::string_view kAlgorithm = "sha256";
  std::optional<Sha256> sha256;
  if (text.starts_with(kAlgorithm)) {
    const std::string_view rest = text.substr(kAlgorithm.size());
    if (rest.starts_with(':') || rest.starts_with('-')) sha256 = ParseSha256(rest.substr(1));
  }
  if (sha256) return Digest(*sha256);
  return InvalidArgument(std::move(field), "a digest is \"sha256:\" and 64 hexadecimal digits");
}

}  // namespace tidegate::models
