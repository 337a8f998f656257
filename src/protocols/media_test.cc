#include "protocols/media.h"

#include <string>

#include <gtest/gtest.h>

#include "base/base64.h"

namespace tidegate::protocols {
namespace {

TEST(SniffBase64, TellsWhatModelsTakeByItsFirstBytes) {
  struct Case {
    std::string bytes;
    core::PartKind kind;
    std::string_view type;
  };
  const std::string size("\x24\0\0\0", 4);
  for (const Case& c :
       {Case{"\x89PNG\r\n\x1A\n", core::PartKind::kImage, "image/png"},
        Case{"\xFF\xD8\xFF\xE0 and more than twelve", core::PartKind::kImage, "image/jpeg"},
        Case{"GIF89a", core::PartKind::kImage, "image/gif"},
        Case{"BM", core::PartKind::kImage, "image/bmp"},
        Case{"RIFF" + size + "WEBPVP8 ", core::PartKind::kImage, "image/webp"},
        Case{"RIFF" + size + "WAVEfmt ", core::PartKind::kAudio, "audio/wav"},
        Case{"ID3\x04", core::PartKind::kAudio, "audio/mpeg"},
        Case{"\xFF\xFB\x90", core::PartKind::kAudio, "audio/mpeg"},
        Case{"RIFF" + size, core::PartKind::kImage, ""},
        Case{"%PDF-1.7", core::PartKind::kImage, ""}, Case{"", core::PartKind::kImage, ""}}) {
    const SniffedMedia found = SniffBase64(EncodeBase64(c.bytes));
    EXPECT_EQ(found.media_type, c.type) << c.bytes;
    EXPECT_EQ(found.kind, c.kind) << c.bytes;
  }
  EXPECT_EQ(SniffBase64("not base64!").media_type, "");
}

}  // namespace
}  // namespace tidegate::protocols
