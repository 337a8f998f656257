// Images, sounds and files: their URLs and types.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "core/part.h"
#include "json/value.h"

namespace tidegate::protocols {

// Sets source, text and media type of `part` from an http(s) or data URL. file: and other schemes
// would make an upstream on this machine read for the caller what the caller may not: an error at
// `at`.
Result<void> ReadMediaUrl(const json::Value& at, std::string_view url, core::Part& part);

// The part as a URL: what it is, or "data:image/png;base64,…". REQUIRES: kUrl or kBase64.
std::string MediaUrl(const core::Part& part);

// What the first bytes say, where a protocol carries base64 without its type: PNG, JPEG, GIF, WebP,
// BMP, WAV or MP3.
struct SniffedMedia {
  core::PartKind kind = core::PartKind::kImage;
  std::string_view media_type;  // empty: it is none of them
};
SniffedMedia SniffBase64(std::string_view base64);
// What the ending of an address says it is: "image/png" for "https://a/b.png?c"; empty when it says
// nothing.
std::string_view MediaTypeOfUrl(std::string_view url);

// "wav" -> "audio/wav"; empty for a word that is not known here, and back.
std::string_view AudioMediaType(std::string_view format);
std::string_view AudioFormat(std::string_view media_type);

}  // namespace tidegate::protocols
