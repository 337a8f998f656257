#include "templates/render.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/testing/read_bytes.h"
#include "json/reader.h"
#include "templates/jinja.h"

namespace tidegate::templates {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolder = TIDEGATE_SOURCE_DIR "/src/templates/testdata";

std::string Rendered(std::string_view text, const std::vector<Turn>& chat) {
  const Result<OllamaTemplate> ollama = ReadOllamaTemplate(text);
  if (!ollama.ok()) return ollama.error().message;
  Result<std::string> out = Render(*ollama, chat, "2026-11-26");
  return out.ok() ? *std::move(out) : out.error().message;
}

json::Object ObjectIn(json::Reader& reader, const std::string& text) {
  const Result<json::Value> root = reader.ParseCopy(text, std::size_t{1} << 20U);
  EXPECT_TRUE(root.ok());
  return *root->Object();
}

// Those of the chats in `chats.json` that are of texts alone.
TEST(Render, IsWhatGoWrites) {
  json::Reader chats_reader, expected_reader;
  const std::string chats_text = ReadBytes(fs::path(kFolder) / "chats.json");
  const std::string expected_text = ReadBytes(fs::path(kFolder) / "expected.json");
  const json::Object chats = ObjectIn(chats_reader, chats_text);
  std::size_t compared = 0;
  for (const json::Member& of_template : ObjectIn(expected_reader, expected_text)) {
    const std::string name(of_template.key);
    const std::string source = ReadBytes(fs::path(kFolder) / (name + ".gotmpl"));
    const json::Object answers = *of_template.value.Object();
    for (const json::Member& answer : answers) {
      const json::Object chat = *chats.Find(answer.key)->Object();
      if (chat.Find("tools")) continue;
      std::vector<Turn> turns;
      const json::Array messages = *chat.Find("messages")->Array();
      for (const json::Value message : messages) {
        const json::Object members = *message.Object();
        turns.push_back({*members.Find("role")->String(), *members.Find("content")->String()});
      }
      EXPECT_EQ(Rendered(source, turns), *answer.value.String()) << name << " " << answer.key;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 30U);
}

TEST(Render, KnowsWhatNoChatOfTextsHas) {
  const std::vector<Turn> chat = {{"user", "Hi"}, {"assistant", "Ho"}, {"user", "He"}};
  EXPECT_EQ(Rendered("{{ currentDate }} {{ json .Prompt }}{{ .Response }}", chat),
            "2026-11-26 \"Hi\"Ho2026-11-26 \"He\"");
  EXPECT_EQ(Rendered("{{ range .Messages }}{{ .ToolCalls }}{{ .Thinking }}{{ end }}"
                     "{{ range .Tools }}{{ .Function.Name }}{{ else }}-{{ end }}"
                     "{{ .Suffix }}{{ .Think }}{{ .Messages | len }}",
                     chat),
            "[][][]-false3");
  EXPECT_EQ(Rendered("{{ (index .Messages 1).Content }}{{ slice .Messages 1 2 | len }}", chat),
            "Ho1");
  EXPECT_EQ(
      Rendered("{{ lt 1 2 }}{{ ge 2 2 }}{{ gt \"b\" \"a\" }}{{ le 2 1 }}{{ 1.5 }}{{ nil | json }}"
               "{{ range .Messages }}{{ break }}{{ end }}",
               chat),
      "truetruetruefalse1.5null");
}

TEST(Render, WritesNumbersOut) {
  const std::string text(100'000, 'x');
  EXPECT_EQ(
      Rendered("{{ if .Prompt }}{{ len .Prompt }} {{ 1.5 }} {{ -20 }}{{ end }}", {{"user", text}}),
      "100000 1.5 -20");
}

TEST(Render, RefusesWhatItCannotDo) {
  const std::vector<Turn> chat = {{"user", "Hi"}};
  for (const auto& [text, what] :
       {std::pair("{{ .Messages }}", "messages as text"),
        {"{{ range .Messages }}{{ . }}{{ end }}", "messages as text"},
        {"{{ range .Prompt }}{{ end }}", "a range over what is no list"},
        {"{{ index .Messages 1 }}", "what lies outside of a list"},
        {"{{ slice .Messages 2 }}", "what lies outside of a list"},
        {"{{ slice .Prompt 1.0 -1 }}", "what lies outside of a list"},
        {"{{ slice 1 0 }}", "a part of what is no list"},
        {"{{ lt .Prompt 1 }}", "the function lt of what has no order"},
        {"{{ $x }}", "$x before it is declared"},
        {"{{ . }}", "all that it is given as one value"},
        {"{{ nonsense 1 }}", "the function nonsense with 1 arguments"}}) {
    EXPECT_EQ(Rendered(text, chat), "it uses " + std::string(what) + ", which is not known here")
        << text;
  }
}

TEST(Render, IsBounded) {
  std::vector<Turn> chat(300, {"user", "x"});
  const std::string nested =
      "{{ range .Messages }}{{ range $.Messages }}{{ range $.Messages }}a{{ end }}{{ end }}{{ end "
      "}}";
  EXPECT_EQ(Rendered(nested, chat),
            "the template makes too much of this request: it goes on and on");
  const std::string much(1U << 20U, 'x');
  chat.assign(20, {"user", much});
  EXPECT_EQ(Rendered("{{ range .Messages }}{{ .Content }}{{ end }}", chat),
            "the template makes too much of this request: its text has no end");
  EXPECT_EQ(Rendered("{{ range .Messages }}{{ $x := json .Content }}{{ end }}", chat),
            "the template makes too much of this request: its text has no end");
  std::string compares = "{{ range .Messages }}";
  for (int i = 0; i < 5'000; ++i) compares += "{{ if eq .Content .Content }}{{ end }}";
  EXPECT_EQ(Rendered(compares + "{{ end }}", chat),
            "the template makes too much of this request: it goes on and on");
}

}  // namespace
}  // namespace tidegate::templates
