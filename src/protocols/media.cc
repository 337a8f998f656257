#include "protocols/media.h"

#include <algorithm>
#include <array>

namespace tidegate::protocols {
namespace {

constexpr std::string_view kBase64 = ";base64";

bool StartsWithIgnoringCase(std::string_view text, std::string_view lower) {
  return text.size() > lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(), [](char a, char b) {
           return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
         });
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

}  // namespace

Result<void> ReadMediaUrl(const json::Value& at, std::string_view url, core::Part& part) {
  if (StartsWithIgnoringCase(url, "https://") || StartsWithIgnoringCase(url, "http://")) {
    part.source = core::MediaSource::kUrl;
    part.text = url;
    return {};
  }
  constexpr std::string_view kData = "data:";
  if (!StartsWithIgnoringCase(url, kData)) return at.Invalid("must be an http(s): or data: URL");
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
