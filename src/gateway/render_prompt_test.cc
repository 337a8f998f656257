#include "gateway/render_prompt.h"

#include <string>

#include <gtest/gtest.h>

namespace tidegate::gateway {
namespace {

core::Message Said(core::Role role, std::string_view text) {
  core::Message message;
  message.role = role;
  message.parts.push_back({.text = text});
  return message;
}

core::Request Asked(std::string_view prompt_template) {
  core::Request request;
  request.protocol = core::Protocol::kOllama;
  request.prompt_template = prompt_template;
  request.messages = {Said(core::Role::kSystem, "Be brief."), Said(core::Role::kUser, "Hi"),
                      Said(core::Role::kAssistant, "Ho"), Said(core::Role::kUser, "He")};
  return request;
}

TEST(RenderPrompt, MakesOneTextOfTheMessages) {
  core::Request request = Asked("<{{ .System }}|{{ .Prompt }}>{{ .Response }};");
  ASSERT_TRUE(RenderPrompt(request).ok());
  EXPECT_TRUE(request.raw);
  EXPECT_FALSE(request.same_bytes);
  EXPECT_EQ(request.prompt_template, "");
  ASSERT_EQ(request.messages.size(), 1U);
  EXPECT_EQ(request.messages[0].role, core::Role::kUser);
  EXPECT_EQ(request.messages[0].parts[0].text, "<Be brief.|Hi>Ho;<|He>");
}

TEST(RenderPrompt, SaysWhatItCannotDo) {
  core::Request odd = Asked("{{ .Prompt | nonsense }}");
  const Result<void> refused = RenderPrompt(odd);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().field, "template");
  EXPECT_NE(refused.error().message.find("the function nonsense"), std::string::npos);
  core::Request strange = Asked("{{ .Prompt }}{{ .Weather }}");
  EXPECT_EQ(RenderPrompt(strange).error().message, "it uses .Weather, which is not known here");
  core::Request endless = Asked("{{ .Messages }}");
  EXPECT_EQ(RenderPrompt(endless).error().field, "template");
  core::Request seen = Asked("{{ .Prompt }}");
  seen.messages[1].parts.push_back({.kind = core::PartKind::kImage});
  EXPECT_EQ(RenderPrompt(seen).error().field, "images");
}

TEST(RenderPrompt, IsLeftToAServerOfOllamasThatGetsTheCallersOwnBody) {
  core::Request request = Asked("{{ .Prompt }}");
  EXPECT_FALSE(NeedsRendering(request, core::Protocol::kOllama));
  EXPECT_TRUE(NeedsRendering(request, core::Protocol::kOpenAiCompletions));
  request.same_bytes = false;
  EXPECT_TRUE(NeedsRendering(request, core::Protocol::kOllama));
  request.prompt_template = {};
  EXPECT_FALSE(NeedsRendering(request, core::Protocol::kOllama));
}

}  // namespace
}  // namespace tidegate::gateway
