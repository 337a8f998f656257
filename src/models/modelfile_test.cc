#include "models/modelfile.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::models {
namespace {

using Kind = ModelfileCommand::Kind;
using Commands = std::vector<ModelfileCommand>;

Commands Parse(std::string_view text) {
  Result<Modelfile> file = ParseModelfile(text);
  EXPECT_TRUE(file.ok()) << file.error().message;
  return file.ok() ? std::move(file->commands) : Commands();
}
std::string Refusal(std::string_view text) {
  const Result<Modelfile> file = ParseModelfile(text);
  return file.ok() ? "accepted" : file.error().message;
}
// The value of the SYSTEM that this is written behind.
std::string Value(std::string_view text) {
  const Commands commands = Parse("FROM x\nSYSTEM " + std::string(text));
  return commands.size() == 2 ? commands[1].value : "not one value";
}

TEST(Modelfile, IsReadCommandByCommand) {
  const Commands commands = Parse(
      "# comment\n"
      "\n"
      "FROM llama3:8b\n"
      "  parameter temperature 0.7\n"
      "PARAMETER stop <|end|>\n"
      "TEMPLATE \"\"\"{{ .System }}\n"
      "{{ .Prompt }}\"\"\"\n"
      "SYSTEM Be brief.   \n"
      "Message user Hello # no comment\n"
      "MESSAGE assistant \"Hi\n"
      "there\"\n"
      "ADAPTER ./a.gguf\n"
      "LICENSE MIT");
  EXPECT_EQ(commands, (Commands{{Kind::kFrom, "llama3:8b"},
                                {Kind::kParameter, "0.7", "temperature"},
                                {Kind::kParameter, "<|end|>", "stop"},
                                {Kind::kTemplate, "{{ .System }}\n{{ .Prompt }}"},
                                {Kind::kSystem, "Be brief."},
                                {Kind::kMessage, "Hello # no comment", "user"},
                                {Kind::kMessage, "Hi\nthere", "assistant"},
                                {Kind::kAdapter, "./a.gguf"},
                                {Kind::kLicense, "MIT"}}));
  EXPECT_EQ(commands[0].line, 3U);
  EXPECT_EQ(commands[3].line, 6U);
  EXPECT_EQ(commands[8].line, 13U);
}

TEST(Modelfile, HasValuesThatEndWhereOllamasDo) {
  EXPECT_EQ(Value("plain  text\t"), "plain  text");
  EXPECT_EQ(Value("\"quoted\""), "quoted");
  EXPECT_EQ(Value("\" kept \"  "), " kept ");
  EXPECT_EQ(Value("\"\""), "");
  EXPECT_EQ(Value("\"\"\"\"\"\""), "");
  EXPECT_EQ(Value("\"a\" b\nc\""), "a\" b\nc");  // a mark inside of a line is text
  EXPECT_EQ(Value("\"\"\"a\n\"b\"\n\"\"\""), "a\n\"b\"\n");
  EXPECT_EQ(Value("\"\"\"a\"\"\" b\n\"\"\""), "a\"\"\" b\n");
  EXPECT_EQ(Value("no \"quotes\" around"), "no \"quotes\" around");
  EXPECT_EQ(Value("'single'"), "'single'");
  EXPECT_EQ(Value("\n"), "");
  EXPECT_EQ(Value("a\\nb"), "a\\nb");
}

TEST(Modelfile, MayBeWrittenOnAnySystem) {
  const Commands expected{{Kind::kFrom, "x"}, {Kind::kSystem, "\xC3\xA4\xF0\x9F\x8C\x8A"}};
  const std::string text = "FROM x\nSYSTEM \xC3\xA4\xF0\x9F\x8C\x8A\n";
  EXPECT_EQ(Parse(text), expected);
  EXPECT_EQ(Parse("\xEF\xBB\xBF" + text), expected);
  std::string little = "\xFF\xFE";
  std::string big = "\xFE\xFF";
  for (const char16_t unit : std::u16string(u"FROM x\r\nSYSTEM \u00E4\U0001F30A\r\n")) {
    little += {static_cast<char>(unit & 0xFF), static_cast<char>(unit >> 8)};
    big += {static_cast<char>(unit >> 8), static_cast<char>(unit & 0xFF)};
  }
  EXPECT_EQ(Parse(little), expected);
  EXPECT_EQ(Parse(big), expected);
  EXPECT_EQ(Parse("FROM x\r\nFROM y\r\n")[1].line, 2U);
  EXPECT_EQ(Parse("FROM x\rFROM y\r")[1].line, 2U);
  EXPECT_EQ(Value(std::string("a\x01\x7F") + "b\xC2\x85" + "c"), "abc");  // control characters
  EXPECT_EQ(Value("\xE2\x80\x8D"), "\xE2\x80\x8D");                       // joins emoji
}

TEST(Modelfile, IsRefusedWithTheLineAndTheRemedy) {
  const std::string words =
      R"("from", "license", "template", "system", "adapter", "draft", "renderer", "parser", )"
      R"("parameter", "message", or "requires")";
  EXPECT_EQ(Refusal("FROM x\n\nBOGUS y"), "(line 3): command must be one of " + words);
  EXPECT_EQ(Refusal("FROM x\nSYSTEM1 y"), "(line 2): command must be one of " + words);
  EXPECT_EQ(Refusal("1 x"), "(line 1): command must be one of " + words);
  EXPECT_EQ(Refusal(std::string(100'000, 'A') + " x"), "(line 1): command must be one of " + words);
  EXPECT_EQ(Refusal("FROM"), "(line 1): from needs a value behind it, on the same line");
  EXPECT_EQ(Refusal("FROM\nx"), "(line 1): from needs a value behind it, on the same line");
  EXPECT_EQ(Refusal("SYSTEM x"),
            "no FROM line: name the model or file to begin with, as FROM llama3");
  EXPECT_EQ(Refusal(""), Refusal("# only a comment"));
  EXPECT_EQ(Refusal("FROM x\nMESSAGE robot Hi"),
            R"((line 2): message role must be one of "system", "user", or "assistant")");
  EXPECT_EQ(Refusal("FROM x\nMESSAGE user"),
            "(line 2): a message is a role and a text, as MESSAGE user Hello");
  for (const char* text :
       {"PARAMETER stop", "PARAMETER ", "PARAMETER a-b 1", "PARAMETER stop\nx"}) {
    EXPECT_TRUE(Refusal("FROM x\n" + std::string(text)).starts_with("(line 2): a parameter is"))
        << text;
  }
  EXPECT_EQ(Refusal("FROM x\nSYSTEM \"\"\"a\nb\n"),
            "(line 2): unexpected EOF: the value that begins here has no closing \"\"\" at the end "
            "of a line");
  EXPECT_EQ(Refusal("FROM x\nSYSTEM \"a"),
            "(line 2): unexpected EOF: the value that begins here has no closing \" at the end of "
            "a line");
  for (const char* text : {"\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82"}) {
    EXPECT_EQ(Refusal("FROM x\n\n# " + std::string(text)),
              "(line 3): the file is not UTF-8; save it as UTF-8");
  }
  EXPECT_EQ(Refusal("\xFF\xFE"
                    "F"),
            "(line 1): the file is broken UTF-16; save it as UTF-8");
  EXPECT_EQ(Refusal(std::string("\xFF\xFE\x00\xDC", 4)),
            "(line 1): the file is broken UTF-16; save it as UTF-8");
}

TEST(Modelfile, IsBounded) {
  EXPECT_EQ(ParseModelfile(std::string(kModelfileBytesMax + 1, '\n')).error().code,
            ErrorCode::kTooLarge);
  std::string many;
  for (std::size_t i = 0; i <= kModelfileCommandsMax; ++i) many += "FROM x\n";
  EXPECT_EQ(Refusal(many), "(line 4097): there are more than 4096 commands");
  // A value is looked at once, however many of its lines could be its end.
  std::string lines = "FROM x\nSYSTEM \"\"\"";
  while (lines.size() < kModelfileBytesMax - 100) lines += "\"\" \n";
  EXPECT_TRUE(Refusal(lines).starts_with("(line 2): unexpected EOF"));
}

TEST(Modelfile, IsWrittenSoThatItReadsTheSame) {
  const Modelfile file{{{Kind::kFrom, "llama3"},
                        {Kind::kParameter, "0.7", "temperature"},
                        {Kind::kParameter, " leading", "stop"},
                        {Kind::kSystem, ""},
                        {Kind::kTemplate, "two\nlines"},
                        {Kind::kTemplate, "\"quoted\"\nline"},
                        {Kind::kSystem, "\"begins so"},
                        {Kind::kSystem, "inside \"quotes\""},
                        {Kind::kMessage, "Hi\r\nthere ", "user"},
                        {Kind::kSystem, "\xEF\xBB\xBFmarked"},
                        {Kind::kRequires, "0.14.0"}}};
  const Result<std::string> text = WriteModelfile(file);
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(*text,
            "FROM llama3\n"
            "PARAMETER temperature 0.7\n"
            "PARAMETER stop \" leading\"\n"
            "SYSTEM \"\"\n"
            "TEMPLATE \"two\nlines\"\n"
            "TEMPLATE \"\"\"\"quoted\"\nline\"\"\"\n"
            "SYSTEM \"\"begins so\"\n"
            "SYSTEM inside \"quotes\"\n"
            "MESSAGE user \"Hi\r\nthere \"\n"
            "SYSTEM \xEF\xBB\xBFmarked\n"
            "REQUIRES 0.14.0\n");
  EXPECT_EQ(Parse(*text), file.commands);
}

TEST(Modelfile, IsNotWrittenWithWhatItCannotHold) {
  const auto write = [](const std::string& value) {
    return WriteModelfile({{{Kind::kFrom, "x"}, {Kind::kSystem, value}}});
  };
  EXPECT_FALSE(write("ends a line with \"\"\"\nand goes on").ok());
  EXPECT_FALSE(write("a\x01").ok());
  EXPECT_FALSE(write("\xFF").ok());
  EXPECT_TRUE(write("ends a line with \"\nand goes on").ok());
}

TEST(ModelfileParts, AreCollected) {
  const Result<Modelfile> file = ParseModelfile(
      "FROM a\nFROM b\nADAPTER x\nADAPTER y\nDRAFT d\nSYSTEM first\nSYSTEM second\n"
      "TEMPLATE t\nRENDERER r\nPARSER p\nREQUIRES v0.14.0\nLICENSE one\nLICENSE two\n"
      "MESSAGE user Hi\nMESSAGE assistant Hello\n"
      "PARAMETER stop a\nPARAMETER temperature 1\nPARAMETER temperature 0.25\n"
      "PARAMETER stop \" b\"\nPARAMETER num_ctx 8192\nPARAMETER use_mmap false\n"
      "PARAMETER seed -1\nPARAMETER mirostat 2\n");
  const Result<ModelfileParts> parts = TakeApart(*file);
  ASSERT_TRUE(parts.ok()) << parts.error().message;
  EXPECT_EQ(parts->from, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(parts->adapters, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(parts->drafts, (std::vector<std::string>{"d"}));
  EXPECT_EQ(parts->system, "second");
  EXPECT_EQ(parts->go_template, "t");
  EXPECT_EQ(parts->renderer, "r");
  EXPECT_EQ(parts->parser, "p");
  EXPECT_EQ(parts->required_version, "0.14.0");
  EXPECT_EQ(parts->licences, (std::vector<std::string>{"one", "two"}));
  ASSERT_EQ(parts->messages.size(), 2U);
  EXPECT_EQ(parts->messages[1].role, "assistant");
  EXPECT_EQ(parts->messages[1].content, "Hello");
  EXPECT_EQ(parts->parameters, (ModelOptions{{"temperature", "0.25"},
                                             {"num_ctx", "8192"},
                                             {"use_mmap", "false"},
                                             {"seed", "-1"},
                                             {"stop", R"(["a"," b"])"}}));
  EXPECT_EQ(
      parts->warnings,
      (std::vector<std::string>{"(line 23): parameter mirostat is obsolete and has no effect"}));
}

TEST(ModelfileParts, AreRefusedWhenTheyMeanNothing) {
  const auto refusal = [](const std::string& line) {
    const Result<ModelfileParts> parts = TakeApart(*ParseModelfile("FROM x\n" + line));
    return parts.ok() ? "accepted" : parts.error().message;
  };
  EXPECT_EQ(refusal("PARAMETER bogus 1"), "(line 2): unknown parameter 'bogus'");
  EXPECT_EQ(refusal("PARAMETER num_ctx many"),
            "(line 2): parameter 'num_ctx' must be a whole number");
  EXPECT_EQ(refusal("PARAMETER num_ctx 1.5"),
            "(line 2): parameter 'num_ctx' must be a whole number");
  EXPECT_EQ(refusal("PARAMETER seed 99999999999999999999"),
            "(line 2): parameter 'seed' must be a whole number");
  EXPECT_EQ(refusal("PARAMETER temperature warm"),
            "(line 2): parameter 'temperature' must be a number");
  EXPECT_EQ(refusal("PARAMETER temperature nan"),
            "(line 2): parameter 'temperature' must be a number");
  EXPECT_EQ(refusal("PARAMETER use_mmap perhaps"),
            "(line 2): parameter 'use_mmap' must be true or false");
  for (const char* version : {"soon", "1.", "1..2", "1.2.3.4", "v", "-1"}) {
    EXPECT_EQ(refusal("REQUIRES " + std::string(version)),
              "(line 2): requires must be a version, as 0.14.0")
        << version;
  }
  EXPECT_EQ(refusal("REQUIRES 0.14.0-rc1"), "accepted");
}

TEST(ModelfilePaths, AreExpandedFromWhereTheFileLies) {
  const HomeLookup home = [](const std::string& user) -> std::optional<std::string> {
    if (user.empty()) return "/users/me";
    if (user == "ann") return "/users/ann";
    return std::nullopt;
  };
  const auto expand = [&](std::string_view value) { return *ExpandPath(value, "/folder", home); };
  EXPECT_EQ(expand("/abs/x.gguf"), "/abs/x.gguf");
  EXPECT_EQ(expand("x.gguf"), "/folder/x.gguf");
  EXPECT_EQ(expand("./x.gguf"), "/folder/./x.gguf");
  EXPECT_EQ(expand("~/x.gguf"), "/users/me/x.gguf");
  EXPECT_EQ(expand("~"), "/users/me");
  EXPECT_EQ(expand("~ann/x.gguf"), "/users/ann/x.gguf");
  EXPECT_EQ(ExpandPath("~bob/x", "/folder", home).error().message,
            "there is no user bob; write the path without ~");
}

}  // namespace
}  // namespace tidegate::models
