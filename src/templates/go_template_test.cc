#include "templates/go_template.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "templates/jinja.h"

namespace tidegate::templates {
namespace {

std::string Describe(const GoExpression& value) {
  using Kind = GoExpression::Kind;
  std::string text;
  if (value.kind == Kind::kVariable) text = "$" + value.text;
  if (value.kind == Kind::kText) text = "'" + value.text + "'";
  if (value.kind == Kind::kNumber || value.kind == Kind::kBoolean) text = value.text;
  if (value.kind == Kind::kNil) text = "nil";
  if (value.kind == Kind::kCall) {
    text = value.text + "(";
    for (const GoExpression& argument : value.arguments) {
      text += (text.back() == '(' ? "" : ", ") + Describe(argument);
    }
    text += ")";
  }
  for (const std::string& field : value.fields) text += "." + field;
  return text.empty() ? "." : text;
}

std::string Describe(const std::vector<GoNode>& nodes) {
  using Kind = GoNode::Kind;
  std::string text;
  for (const GoNode& node : nodes) {
    if (!text.empty()) text += ' ';
    const std::string name = node.variable.empty() ? "" : "$" + node.variable + " = ";
    const std::string index = node.index.empty() ? "" : "$" + node.index + ", ";
    const std::string branches =
        " [" + Describe(node.body) + "]" +
        (node.otherwise.empty() ? "" : " else [" + Describe(node.otherwise) + "]");
    switch (node.kind) {
      case Kind::kText:
        text += '"' + node.text + '"';
        break;
      case Kind::kOutput:
        text += "out " + Describe(node.value);
        break;
      case Kind::kAssign:
        text += (node.declares ? "new " : "set ") + name + Describe(node.value);
        break;
      case Kind::kIf:
        text += "if " + name + Describe(node.value) + branches;
        break;
      case Kind::kRange:
        text += "range " + index + name + Describe(node.value) + branches;
        break;
      case Kind::kWith:
        text += "with " + name + Describe(node.value) + branches;
        break;
      case Kind::kBreak:
        text += "break";
        break;
      case Kind::kContinue:
        text += "continue";
        break;
    }
  }
  return text;
}

std::string Parsed(std::string_view text) {
  const Result<std::vector<GoNode>> nodes = ParseGoTemplate(text);
  return nodes.ok() ? Describe(*nodes) : nodes.error().field + ": " + nodes.error().message;
}

TEST(GoTemplate, IsTextAndActions) {
  EXPECT_EQ(Parsed(""), "");
  EXPECT_EQ(Parsed("a } b\n"), "\"a } b\n\"");
  EXPECT_EQ(Parsed("{{.A.B}}{{ . }}{{ $ }}{{$.C}}"), "out .A.B out . out $ out $.C");
  EXPECT_EQ(Parsed(R"({{ "a}}\n\"\\\x41\u00e9\U0001F4A1" }}{{ `\n}}` }}{{ -1.5 }}{{ nil }})"),
            "out 'a}}\n\"\\A\u00e9\U0001F4A1' out '\\n}}' out -1.5 out nil");
  EXPECT_EQ(Parsed("{{ $x := 1 }}{{ $x = .Y }}"), "new $x = 1 set $x = .Y");
}

TEST(GoTemplate, TrimsWhereAMinusStandsBesideASpace) {
  EXPECT_EQ(Parsed("a \n{{- .A -}}\n b"), "\"a\" out .A \"b\"");
  EXPECT_EQ(Parsed("a {{ .A }} b"), "\"a \" out .A \" b\"");
  EXPECT_EQ(Parsed("a {{-1}} b"), "\"a \" out -1 \" b\"") << "a number";
  EXPECT_EQ(Parsed("a {{/* c }} */}} b {{- /* d */ -}} e"), "\"a \" \" b\" \"e\"");
  EXPECT_EQ(Parsed("a \t{{- \"\" -}}\r\n "), "\"a\" out ''");
}

TEST(GoTemplate, HasPipelines) {
  EXPECT_EQ(Parsed("{{ and .A (not .B) }}"), "out and(.A, not(.B))");
  EXPECT_EQ(Parsed("{{ eq (len (slice $.Messages $i)) 1 }}"),
            "out eq(len(slice($.Messages, $i)), 1)");
  EXPECT_EQ(Parsed("{{ .A | json | printf \"%s %s\" .B }}"), "out printf('%s %s', .B, json(.A))");
  EXPECT_EQ(Parsed("{{ (index .A 0).B.C }}"), "out index(.A, 0).B.C");
  EXPECT_EQ(Parsed("{{ f .A .B.C }}"), "out f(.A, .B.C)");
}

TEST(GoTemplate, HasBlocks) {
  EXPECT_EQ(Parsed("{{ if .A }}a{{ else if .B }}b{{ else }}c{{ end }}d"),
            "if .A [\"a\"] else [if .B [\"b\"] else [\"c\"]] \"d\"");
  EXPECT_EQ(Parsed("{{ range $i, $m := .M }}{{ break }}{{ continue }}{{ else }}none{{ end }}"),
            "range $i, $m = .M [break continue] else [\"none\"]");
  EXPECT_EQ(Parsed("{{ range .M }}{{ if . }}{{ continue }}{{ end }}{{ end }}"),
            "range .M [if . [continue]]");
  EXPECT_EQ(Parsed("{{ with $x := .A }}{{ . }}{{ else with .B }}b{{ end }}"),
            "with $x = .A [out .] else [with .B [\"b\"]]");
}

TEST(GoTemplate, IsRefusedWithTheLine) {
  struct Case {
    const char *text, *message;
  };
  for (const Case& c : std::vector<Case>{
           {"{{ .A", "line 1: an action without }}"},
           {"a\nb{{ }}", "line 2: an action that says nothing"},
           {"{{ if .A }}", "line 1: an {{ end }} is missing"},
           {"{{ if .A }}{{ else }}{{ else }}{{ end }}", "line 1: a second {{ else }}"},
           {"{{ end }}", "line 1: {{ end }} belongs to no block"},
           {"\n\n{{ else }}", "line 3: {{ else }} belongs to no block"},
           {"{{ break }}", "line 1: {{ break }} outside of a range"},
           {"{{ range .A }}{{ else }}{{ continue }}{{ end }}",
            "line 1: {{ continue }} outside of a range"},
           {"{{ template \"x\" }}",
            "line 1: {{ template }} is not understood: named templates are not"},
           {"{{ .A .B }}", "line 1: a value that is no function cannot have arguments"},
           {"{{ .A | .B }}", "line 1: what stands behind a | must be a function"},
           {"{{ (.A }}", "line 1: a ) is missing"},
           {"{{ .A ) }}", "line 1: unexpected )"},
           {"{{ | f }}", "line 1: unexpected |"},
           {"{{ \"a }}", "line 1: an action without }}"},
           {"{{ \"\\q\" }}", "line 1: an escape that is not understood"},
           {"{{ \"\\ud800\" }}", "line 1: an escape that is no character"},
           {"{{ 'a' }}", "line 1: a character in single quotes is not understood; use a string"},
           {"{{ 1x }}", "line 1: a number that is not understood"},
           {"{{ .1 }}", "line 1: a number needs a digit in front of its point"},
           {"{{ a; }}", "line 1: unexpected ;"},
           {"{{ $ = 1 }}", "line 1: $ cannot be given another value"},
           {"{{ if $a, $b := .C }}{{ end }}",
            "line 1: only a range has two variables, as in {{ range $index, $element := .X }}"},
           {"{{ if $a = .C }}{{ end }}", "line 1: a block's variable is declared with :="},
           {"{{ if .A }}{{ end .B }}", "line 1: unexpected B"},
           {"{{/* a", "line 1: a comment without an end"},
           {"{{/* a */ .B }}", "line 1: a comment must be all of its action"}}) {
    EXPECT_EQ(Parsed(c.text), "template: " + std::string(c.message)) << c.text;
  }
}

TEST(GoTemplate, IsBounded) {
  const auto repeated = [](const std::string& text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
  };
  EXPECT_EQ(Parsed(repeated("{{ if .A }}", 60) + repeated("{{ end }}", 60)).substr(0, 5), "if .A");
  EXPECT_EQ(Parsed(repeated("{{ if .A }}", 5'000)),
            "template: line 1: too many blocks in each other");
  EXPECT_EQ(Parsed("{{ if .A }}" + repeated("{{ else if .A }}", 5'000)),
            "template: line 1: too many blocks in each other");
  EXPECT_EQ(Parsed("{{ " + repeated("(", 5'000) + " }}"),
            "template: line 1: too many parentheses in each other");
  EXPECT_EQ(ParseGoTemplate(std::string(kGoTemplateBytesMax + 1, 'x')).error().code,
            ErrorCode::kTooLarge);
  const Result<JinjaTemplate> much = JinjaOfGoTemplate(std::string(kJinjaTemplateBytesMax, 'x'));
  ASSERT_FALSE(much.ok());
  EXPECT_EQ(much.error().message, "it is too long to be given to the engine");
}

TEST(GoTemplateJinja, KnowsWhatTheTemplateCanShow) {
  const auto uses = [](std::string_view text) {
    const Result<JinjaTemplate> jinja = JinjaOfGoTemplate(text);
    EXPECT_TRUE(jinja.ok()) << text;
    return std::string(jinja->uses_tools ? "tools " : "") +
           (jinja->uses_thinking ? "thinking" : "");
  };
  EXPECT_EQ(uses("{{ .Prompt }}"), "");
  EXPECT_EQ(uses("{{ range .Messages }}{{ .Content }}{{ end }}{{ json $.Tools }}"), "tools ");
  EXPECT_EQ(uses("{{ range .Messages }}{{ .Thinking }}{{ end }}"), "thinking");
  EXPECT_EQ(uses("{{ .Prompt }}<think>"), "thinking");
}

TEST(GoTemplateJinja, SaysWhatCannotBeSaid) {
  struct Case {
    const char *text, *what;
  };
  for (const Case& c : std::vector<Case>{
           {"{{ .Nope }}", ".Nope"},
           {"{{ range .Messages }}{{ .Nope }}{{ end }}", ".Nope"},
           {"{{ . }}", "all that it is given as one value"},
           {"{{ $x }}", "$x before it is declared"},
           {"{{ $x = 1 }}", "$x before it is declared"},
           {"{{ if .Prompt }}{{ $x := 1 }}{{ end }}{{ $x }}", "$x before it is declared"},
           {"{{ yesterdayDate }}", "the function yesterdayDate with 0 arguments"},
           {"{{ lt .Prompt \"a\" }}", "the order of texts"},
           {"{{ range .Messages }}{{ ge .Role 1 }}{{ end }}", "the order of texts"},
           {"{{ len }}", "the function len with 0 arguments"},
           {"{{ printf \"%q\" .Prompt }}", "printf with the format \"%q\""},
           {"{{ printf \"%s\" }}", "printf with the format \"%s\""},
           {"{{ printf \"a\" .Prompt }}", "printf with the format \"a\""},
           {"{{ printf .Prompt }}", "printf with a made format"}}) {
    const Result<JinjaTemplate> jinja = JinjaOfGoTemplate(c.text);
    ASSERT_FALSE(jinja.ok()) << c.text;
    EXPECT_EQ(jinja.error().code, ErrorCode::kUnavailable) << c.text;
    EXPECT_EQ(jinja.error().message,
              "it uses " + std::string(c.what) + ", which is not known here");
  }
}

}  // namespace
}  // namespace tidegate::templates
