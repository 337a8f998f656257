// The API's words for the formats of media, and the media types they stand for.
#pragma once

#include <string_view>

#include "core/part.h"

namespace tidegate::protocols::bedrock_converse {

// "png" of an image -> "image/png"; empty for a word that is not known here.
std::string_view MediaTypeOf(core::PartKind kind, std::string_view format);
// Back; empty for a type that the API has no word for.
std::string_view FormatOf(core::PartKind kind, std::string_view media_type);

}  // namespace tidegate::protocols::bedrock_converse
