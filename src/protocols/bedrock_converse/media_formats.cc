#include "protocols/bedrock_converse/media_formats.h"

#include <array>

namespace tidegate::protocols::bedrock_converse {
namespace {

using core::PartKind;

struct Format {
  PartKind kind;
  std::string_view word, media_type;
};

// Where a type has several words, or a word several types, the first is the one that is written.
constexpr std::array<Format, 45> kFormats = {{
    {PartKind::kImage, "png", "image/png"},
    {PartKind::kImage, "jpeg", "image/jpeg"},
    {PartKind::kImage, "jpeg", "image/jpg"},
    {PartKind::kImage, "gif", "image/gif"},
    {PartKind::kImage, "webp", "image/webp"},
    {PartKind::kFile, "pdf", "application/pdf"},
    {PartKind::kFile, "csv", "text/csv"},
    {PartKind::kFile, "doc", "application/msword"},
    {PartKind::kFile, "docx",
     "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {PartKind::kFile, "xls", "application/vnd.ms-excel"},
    {PartKind::kFile, "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {PartKind::kFile, "html", "text/html"},
    {PartKind::kFile, "txt", "text/plain"},
    {PartKind::kFile, "md", "text/markdown"},
    {PartKind::kFile, "md", "text/x-markdown"},
    {PartKind::kVideo, "mp4", "video/mp4"},
    {PartKind::kVideo, "mov", "video/quicktime"},
    {PartKind::kVideo, "mkv", "video/x-matroska"},
    {PartKind::kVideo, "webm", "video/webm"},
    {PartKind::kVideo, "flv", "video/x-flv"},
    {PartKind::kVideo, "mpeg", "video/mpeg"},
    {PartKind::kVideo, "mpg", "video/mpeg"},
    {PartKind::kVideo, "wmv", "video/x-ms-wmv"},
    {PartKind::kVideo, "three_gp", "video/3gpp"},
    {PartKind::kAudio, "wav", "audio/wav"},
    {PartKind::kAudio, "wav", "audio/x-wav"},
    {PartKind::kAudio, "wav", "audio/wave"},
    {PartKind::kAudio, "mp3", "audio/mpeg"},
    {PartKind::kAudio, "mp3", "audio/mp3"},
    {PartKind::kAudio, "mpeg", "audio/mpeg"},
    {PartKind::kAudio, "mpga", "audio/mpeg"},
    {PartKind::kAudio, "flac", "audio/flac"},
    {PartKind::kAudio, "ogg", "audio/ogg"},
    {PartKind::kAudio, "opus", "audio/opus"},
    {PartKind::kAudio, "aac", "audio/aac"},
    {PartKind::kAudio, "x-aac", "audio/aac"},
    {PartKind::kAudio, "m4a", "audio/mp4"},
    {PartKind::kAudio, "m4a", "audio/m4a"},
    {PartKind::kAudio, "mp4", "audio/mp4"},
    {PartKind::kAudio, "pcm", "audio/pcm"},
    {PartKind::kAudio, "pcm", "audio/l16"},
    {PartKind::kAudio, "webm", "audio/webm"},
    {PartKind::kAudio, "mka", "audio/x-matroska"},
    {PartKind::kAudio, "mkv", "audio/x-matroska"},
    {PartKind::kAudio, "x-aac", "audio/x-aac"},
}};

}  // namespace

std::string_view MediaTypeOf(PartKind kind, std::string_view format) {
  for (const Format& each : kFormats) {
    if (each.kind == kind && each.word == format) return each.media_type;
  }
  return {};
}

std::string_view FormatOf(PartKind kind, std::string_view media_type) {
  for (const Format& each : kFormats) {
    if (each.kind == kind && each.media_type == media_type) return each.word;
  }
  return {};
}

}  // namespace tidegate::protocols::bedrock_converse
