#include "protocols/media.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/ascii.h"
#include "base/base64.h"

namespace tidegate::protocols {
namespace {

constexpr std::string_view kBase64 = ";base64";

// And something behind it.
bool BeginsWith(std::string_view text, std::string_view prefix) {
  return text.size() > prefix.size() && StartsWithIgnoreCase(text, prefix);
}

struct AudioWord {
  std::string_view format, media_type;
};
constexpr std::array<AudioWord, 8> kAudio = {{{"wav", "audio/wav"},
                                              {"mp3", "audio/mpeg"},
                                              {"flac", "audio/flac"},
                                              {"ogg", "audio/ogg"},
                                              {"opus", "audio/opus"},
                                              {"aac", "audio/aac"},
                                              {"m4a", "audio/mp4"},
                                              {"pcm16", "audio/pcm"}}};

constexpr std::size_t kSniffedBytes = 12;

bool IsRiff(std::string_view bytes, std::string_view form) {
  return bytes.starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8, 4) == form;
}
struct Ending {
  std::string_view ending, media_type;
};
constexpr std::array<Ending, 12> kEndings = {{{"png", "image/png"},
                                              {"jpg", "image/jpeg"},
                                              {"jpeg", "image/jpeg"},
                                              {"webp", "image/webp"},
                                              {"gif", "image/gif"},
                                              {"heic", "image/heic"},
                                              {"pdf", "application/pdf"},
                                              {"txt", "text/plain"},
                                              {"mp4", "video/mp4"},
                                              {"webm", "video/webm"},
                                              {"mp3", "audio/mpeg"},
                                              {"wav", "audio/wav"}}};

}  // namespace

SniffedMedia SniffBase64(std::string_view base64) {
  const std::optional<std::string> head = DecodeBase64(base64.substr(0, kSniffedBytes / 3 * 4));
  if (!head) return {};
  const std::string_view bytes = *head;
  if (bytes.starts_with("\x89PNG")) return {core::PartKind::kImage, "image/png"};
  if (bytes.starts_with("\xFF\xD8\xFF")) return {core::PartKind::kImage, "image/jpeg"};
  if (bytes.starts_with("GIF8")) return {core::PartKind::kImage, "image/gif"};
  if (IsRiff(bytes, "WEBP")) return {core::PartKind::kImage, "image/webp"};
  if (bytes.starts_with("BM")) return {core::PartKind::kImage, "image/bmp"};
  if (IsRiff(bytes, "WAVE")) return {core::PartKind::kAudio, "audio/wav"};
  const bool mpeg_frame = bytes.size() >= 2 && bytes[0] == '\xFF' && (bytes[1] & 0xE0) == 0xE0;
  if (bytes.starts_with("ID3") || mpeg_frame) return {core::PartKind::kAudio, "audio/mpeg"};
  return {};
}

Result<void> ReadMediaUrl(const json::Value& at, std::string_view url, core::Part& part) {
  if (BeginsWith(url, "https://") || BeginsWith(url, "http://")) {
    part.source = core::MediaSource::kUrl;
    part.text = url;
    return {};
  }
  constexpr std::string_view kData = "data:";
  if (!BeginsWith(url, kData)) return at.Invalid("must be an http(s): or data: URL");
  const std::string_view rest = url.substr(kData.size());
  const std::size_t comma = rest.find(',');
  const std::string_view head = rest.substr(0, comma == std::string_view::npos ? 0 : comma);
  if (!head.ends_with(kBase64)) return at.Invalid("must be a base64 data: URL with its media type");
  part.source = core::MediaSource::kBase64;
  part.media_type = head.substr(0, head.find(';'));
  part.text = rest.substr(comma + 1);
  return {};
}

std::string MediaUrl(const core::Part& part) {
  if (part.source != core::MediaSource::kBase64) return std::string(part.text);
  std::string url = "data:";
  url += part.media_type;
  url += kBase64;
  url += ',';
  url += part.text;
  return url;
}

std::string_view MediaTypeOfUrl(std::string_view url) {
  const std::string_view path = url.substr(0, url.find_first_of("?#"));
  const std::size_t dot = path.find_last_of("./");
  if (dot == std::string_view::npos || path[dot] == '/') return {};
  const std::string ending = ToLower(path.substr(dot + 1));
  for (const Ending& known : kEndings) {
    if (known.ending == ending) return known.media_type;
  }
  return {};
}

std::string_view AudioMediaType(std::string_view format) {
  for (const AudioWord& word : kAudio) {
    if (word.format == format) return word.media_type;
  }
  return {};
}

std::string_view AudioFormat(std::string_view media_type) {
  for (const AudioWord& word : kAudio) {
    if (word.media_type == media_type) return word.format;
  }
  if (media_type == "audio/x-wav" || media_type == "audio/wave") return "wav";
  if (media_type == "audio/mp3") return "mp3";
  const std::size_t slash = media_type.find('/');
  return slash == std::string_view::npos ? media_type : media_type.substr(slash + 1);
}

}  // namespace tidegate::protocols
