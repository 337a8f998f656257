#include "protocols/media_field.h"

#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace tidegate::protocols {
namespace {

using core::Capability;
using core::CapabilitySet;

core::Part MediaPart(core::PartKind kind, std::string_view text, core::MediaSource source) {
  core::Part part;
  part.kind = kind;
  part.text = text;
  part.source = source;
  return part;
}

struct Asked {
  std::string body;
  core::Request request;

  // An image and a sound, each the text of that name in the body.
  explicit Asked(std::string text) : body(std::move(text)) {
    request.body = body;
    core::Message message;
    message.parts.push_back(
        MediaPart(core::PartKind::kImage, At("IMAGE"), core::MediaSource::kBase64));
    message.parts.push_back(
        MediaPart(core::PartKind::kAudio, At("SOUND"), core::MediaSource::kUrl));
    request.messages.push_back(std::move(message));
  }
  std::string_view At(std::string_view word) const {
    return std::string_view(body).substr(body.find(word), word.size());
  }
};

constexpr auto kBody =
    R"({"messages":[{"content":[{"image_url":{"url":"data:image/png;base64,IMAGE"}},)"
    R"({"x":"SOUND"}]}]})";

TEST(MediaField, IsThatOfTheFirstPartWhichNeedsWhatIsMissing) {
  const Asked asked(kBody);
  EXPECT_EQ(MediaField(asked.request, CapabilitySet().With(Capability::kVision)),
            "messages[0].content[0].image_url.url");
  EXPECT_EQ(MediaField(asked.request, CapabilitySet().With(Capability::kAudio)),
            "messages[0].content[1].x");
  EXPECT_EQ(MediaField(asked.request, CapabilitySet().With(Capability::kMediaUrl)),
            "messages[0].content[1].x")
      << "the image is no URL";
  EXPECT_EQ(MediaField(asked.request, CapabilitySet().With(Capability::kTools)), "");
}

TEST(MediaField, LooksIntoToolResults) {
  Asked asked(kBody);
  core::Part result;
  result.kind = core::PartKind::kToolResult;
  result.content = std::exchange(asked.request.messages[0].parts, {});
  asked.request.messages[0].parts.push_back(std::move(result));
  for (const Capability missing : {Capability::kVision, Capability::kMediaInResults}) {
    EXPECT_EQ(MediaField(asked.request, CapabilitySet().With(missing)),
              "messages[0].content[0].image_url.url");
  }
}

TEST(MediaField, IsUnknownForWhatTheBodyDoesNotHold) {
  Asked asked(kBody);
  const std::string elsewhere = "IMAGE";
  asked.request.messages[0].parts[0].text = elsewhere;
  EXPECT_EQ(MediaField(asked.request, CapabilitySet().With(Capability::kVision)), "");
}

}  // namespace
}  // namespace tidegate::protocols
