// What Ollama's templates make of a chat, once the real llama-server renders what we made of them:
// letter for letter what Go makes of them (src/templates/testdata).
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/testing/read_bytes.h"
#include "engine/testing/engine_fixture.h"
#include "json/reader.h"
#include "templates/jinja.h"

namespace tidegate::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolder = TIDEGATE_SOURCE_DIR "/src/templates/testdata";

// The members of the object in a file, as JSON.
std::map<std::string, std::string> MembersOf(const std::string& text) {
  std::map<std::string, std::string> members;
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(text, std::size_t{1} << 20U);
  EXPECT_TRUE(root.ok());
  for (const json::Member& member : *root->Object()) {
    members.emplace(member.key, member.value.raw());
  }
  return members;
}

std::string TextOf(const std::string& json, std::string_view key) {
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(json, std::size_t{1} << 20U);
  EXPECT_TRUE(root.ok()) << json;
  for (const json::Member& member : *root->Object()) {
    if (member.key == key) return std::string(*member.value.String());
  }
  return "no " + std::string(key) + " in " + json;
}

class TemplateTest : public testing::EngineFixture {};

TEST_F(TemplateTest, IsRenderedAsGoDoes) {
  std::vector<models::LocalModel> models;
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".gotmpl") continue;
    const auto jinja = templates::JinjaOfGoTemplate(ReadBytes(entry.path()));
    ASSERT_TRUE(jinja.ok()) << entry.path() << Describe(jinja.error());
    models.push_back(testing::Model(entry.path().stem()));
    models.back().jinja_template = jinja->text;
  }
  ASSERT_GE(models.size(), 10U);
  const auto chats = MembersOf(ReadBytes(fs::path(kFolder) / "chats.json"));
  const auto expected = MembersOf(ReadBytes(fs::path(kFolder) / "expected.json"));
  ASSERT_EQ(expected.size(), models.size());
  Create(models);
  std::size_t compared = 0;
  for (const auto& [name, answers] : expected) {
    Result<Lease> lease = Acquire(name);
    ASSERT_TRUE(lease.ok()) << name << Describe(lease.error());
    for (const auto& [chat, answer] : MembersOf(answers)) {
      const net::SimpleResponse rendered =
          Post(lease->endpoint(), "/apply-template", chats.at(chat));
      ASSERT_EQ(rendered.status, 200) << name << " " << chat << " " << rendered.body;
      EXPECT_EQ(TextOf(rendered.body, "prompt"), TextOf(answers, chat)) << name << " " << chat;
      ++compared;
    }
  }
  EXPECT_GE(compared, 30U);
}

TEST_F(TemplateTest, ToolsAreCalledInItsWords) {
  models::LocalModel model = testing::Model("tools");
  const auto jinja =
      templates::JinjaOfGoTemplate(ReadBytes(fs::path(kFolder) / "tool_tags.gotmpl"));
  model.jinja_template = jinja->text;
  Create({model});
  Result<Lease> lease = Acquire("tools");
  ASSERT_TRUE(lease.ok()) << Describe(lease.error());
  const net::SimpleResponse answer =
      Post(lease->endpoint(), "/v1/chat/completions",
           R"({"messages":[{"role":"user","content":"Weather?"}],"max_tokens":4,"tools":[{"type":)"
           R"("function","function":{"name":"weather","parameters":{"type":"object",)"
           R"("properties":{"city":{"type":"string"}}}}}]})");
  EXPECT_EQ(answer.status, 200) << answer.body;
}

}  // namespace
}  // namespace tidegate::engine
