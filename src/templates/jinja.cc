#include "templates/jinja.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "templates/go_template.h"
#include "templates/ollama_template.h"
#include "templates/scopes.h"

namespace tidegate::templates {
namespace {

using ExpressionKind = GoExpression::Kind;
using NodeKind = GoNode::Kind;

struct Name {
  std::string_view go, jinja;
};

// What the values that a template gets are called in ours; see Frame.
constexpr std::array kRootNames = std::to_array<Name>({{"System", "tg_system"},
                                                       {"Prompt", "tg_prompt"},
                                                       {"Response", "tg_response"},
                                                       {"Suffix", "''"},
                                                       {"Messages", "messages"},
                                                       {"Tools", "tg_tools"},
                                                       {"Think", "tg_think"},
                                                       {"ThinkLevel", "tg_think_level"},
                                                       {"IsThinkSet", "tg_think_set"}});

// The members of messages, of tools and of calls of tools.
constexpr std::array kMemberNames = std::to_array<Name>({{"Role", "role"},
                                                         {"Content", "content"},
                                                         {"Thinking", "reasoning_content"},
                                                         {"ToolCalls", "tool_calls"},
                                                         {"ToolName", "name"},
                                                         {"ToolCallID", "tool_call_id"},
                                                         {"ID", "id"},
                                                         {"Function", "function"},
                                                         {"Name", "name"},
                                                         {"Arguments", "arguments"},
                                                         {"Description", "description"},
                                                         {"Parameters", "parameters"},
                                                         {"Type", "type"},
                                                         {"Required", "required"},
                                                         {"Properties", "properties"},
                                                         {"Items", "items"},
                                                         {"Enum", "enum"}});

std::optional<std::string_view> Find(std::span<const Name> names, std::string_view go) {
  const auto found =
      std::find_if(names.begin(), names.end(), [go](const Name& name) { return name.go == go; });
  return found == names.end() ? std::nullopt : std::optional(found->jinja);
}

Error CannotSay(std::string what) {
  return Unavailable(ErrorSource::kGateway,
                     "it uses " + std::move(what) + ", which is not known here");
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
      case '\\':
        out += '\\';
        out += c;
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += c;
    }
  }
  return out + '"';
}

// Writes nodes as Jinja. Between tags stands nothing, and all text stands in strings, so that no
// rule about white space matters.
class Writer {
 public:
  Result<std::string> Write(const std::vector<GoNode>& nodes) {
    out_ = "{% set v = namespace() %}";
    TIDEGATE_TRY(WriteList(nodes));
    return std::move(out_);
  }

 private:
  void Tag(const std::string& text) { out_ += "{% " + text + " %}"; }
  std::string NewName(char letter) { return letter + std::to_string(++names_); }

  std::string Declare(const std::string& go) {
    std::string jinja = "v." + NewName('x');
    variables_.Declare(go, jinja);
    return jinja;
  }

  Result<void> WriteList(const std::vector<GoNode>& nodes) {
    variables_.Enter();
    for (const GoNode& node : nodes) TIDEGATE_TRY(WriteNode(node));
    variables_.Leave();
    return {};
  }

  Result<void> WriteNode(const GoNode& node) {
    switch (node.kind) {
      case NodeKind::kText:
        out_ += "{{ " + Quoted(node.text) + " }}";
        return {};
      case NodeKind::kOutput:
        return WriteOutput(node.value);
      case NodeKind::kAssign:
        return WriteAssign(node);
      case NodeKind::kIf:
      case NodeKind::kWith:
        return WriteBranch(node);
      case NodeKind::kRange:
        return WriteRange(node);
      case NodeKind::kBreak:
        Tag("break");
        return {};
      case NodeKind::kContinue:
        Tag("continue");
        return {};
    }
    return {};
  }

  Result<void> WriteOutput(const GoExpression& value) {
    TIDEGATE_ASSIGN(const std::string text, Say(value));
    out_ += "{{ " + Shown(value, text) + " }}";
    return {};
  }

  Result<void> WriteAssign(const GoNode& node) {
    TIDEGATE_ASSIGN(const std::string value, Say(node.value));
    std::string name;
    if (node.declares) {
      name = Declare(node.variable);
    } else {
      const std::string* const known = variables_.Find(node.variable);
      if (known == nullptr) return CannotSay("$" + node.variable + " before it is declared");
      name = *known;
    }
    Tag("set " + name + " = " + value);
    return {};
  }

  Result<void> WriteBranch(const GoNode& node) {
    TIDEGATE_ASSIGN(std::string value, Say(node.value));
    variables_.Enter();  // of the variable: both branches see it
    const bool with = node.kind == NodeKind::kWith;
    if (with || !node.variable.empty()) {
      const std::string name = node.variable.empty() ? "v." + NewName('x') : Declare(node.variable);
      Tag("set " + name + " = " + value);
      value = name;
    }
    Tag("if " + value);
    if (with) dots_.push_back(value);
    TIDEGATE_TRY(WriteList(node.body));
    if (with) dots_.pop_back();
    if (!node.otherwise.empty()) {
      Tag("else");
      TIDEGATE_TRY(WriteList(node.otherwise));
    }
    Tag("endif");
    variables_.Leave();
    return {};
  }

  // The arguments of a call and the properties of a schema have keys, all else is a list.
  Result<void> WriteRange(const GoNode& node) {
    TIDEGATE_ASSIGN(const std::string value, Say(node.value));
    const std::vector<std::string>& fields = node.value.fields;
    const bool keyed =
        !fields.empty() && (fields.back() == "Arguments" || fields.back() == "Properties");
    const std::string element = NewName('e'), key = NewName('k');
    Tag("for " +
        (keyed ? key + ", " + element + " in " + value + ".items()" : element + " in " + value));
    variables_.Enter();
    if (!node.index.empty()) {
      Tag("set " + Declare(node.index) + " = " + (keyed ? key : "loop.index0"));
    }
    if (!node.variable.empty()) Tag("set " + Declare(node.variable) + " = " + element);
    dots_.push_back(element);
    TIDEGATE_TRY(WriteList(node.body));
    dots_.pop_back();
    variables_.Leave();
    if (!node.otherwise.empty()) {
      Tag("else");
      TIDEGATE_TRY(WriteList(node.otherwise));
    }
    Tag("endfor");
    return {};
  }

  // As Go writes a value: text as it is, nothing for what is not there, a list of words with blanks
  // between, and the rest as JSON, which is what Ollama's tools, calls and arguments write
  // themselves as.
  static std::string Shown(const GoExpression& value, const std::string& text) {
    return value.fields.empty() && IsText(value) ? text : "tg_show(" + text + ")";
  }

  Result<std::string> Say(const GoExpression& value) {
    std::string text;
    std::span<const std::string> fields = value.fields;
    const bool of_root = value.kind == ExpressionKind::kVariable
                             ? value.text.empty()
                             : value.kind == ExpressionKind::kDot && dots_.empty();
    switch (value.kind) {
      case ExpressionKind::kDot:
      case ExpressionKind::kVariable: {
        if (of_root) {
          if (fields.empty()) return CannotSay("all that it is given as one value");
          const std::optional<std::string_view> known = Find(kRootNames, fields.front());
          if (!known) return CannotSay("." + fields.front());
          text = *known;
          fields = fields.subspan(1);
        } else if (value.kind == ExpressionKind::kDot) {
          text = dots_.back();
        } else {
          const std::string* const known = variables_.Find(value.text);
          if (known == nullptr) return CannotSay("$" + value.text + " before it is declared");
          text = *known;
        }
        break;
      }
      case ExpressionKind::kText:
        text = Quoted(value.text);
        break;
      case ExpressionKind::kNumber:
      case ExpressionKind::kBoolean:
        text = value.text;
        break;
      case ExpressionKind::kNil:
        text = "none";
        break;
      case ExpressionKind::kCall: {
        TIDEGATE_ASSIGN(text, Call(value));
        break;
      }
    }
    for (const std::string& field : fields) {
      const std::optional<std::string_view> known = Find(kMemberNames, field);
      if (!known) return CannotSay("." + field);
      text += "['" + std::string(*known) + "']";
    }
    return text;
  }

  Result<std::string> Call(const GoExpression& call) {
    std::vector<std::string> said;
    for (const GoExpression& argument : call.arguments) {
      TIDEGATE_ASSIGN(std::string text, Say(argument));
      said.push_back(std::move(text));
    }
    const std::string& name = call.text;
    const std::size_t count = said.size();
    if ((name == "and" || name == "or") && count > 0) return Joined(said, " " + name + " ");
    if (name == "not" && count == 1) return "(not " + said[0] + ")";
    if (name == "len" && count == 1) return "(" + said[0] + "|length)";
    if (name == "json" && count == 1) return "(" + said[0] + "|tojson(separators=(',', ':')))";
    if (name == "currentDate" && count == 0) return std::string("strftime_now('%Y-%m-%d')");
    if (name == "eq" && count >= 2) return AnyEquals(said);
    for (const auto& [word, sign] :
         {std::pair("ne", " != "), {"lt", " < "}, {"le", " <= "}, {"gt", " > "}, {"ge", " >= "}}) {
      if (name != word || count != 2) continue;
      // llama-server's Jinja has no order of texts, and does not start with a template that asks.
      const bool order = name != "ne";
      if (order && std::any_of(call.arguments.begin(), call.arguments.end(), IsText)) {
        return CannotSay("the order of texts");
      }
      return Joined(said, sign);
    }
    if (name == "index" && count >= 2) {
      std::string text = said[0];
      for (std::size_t i = 1; i < count; ++i) text += "[" + said[i] + "]";
      return text;
    }
    if (name == "slice" && count >= 1 && count <= 3) {
      return said[0] + "[" + (count > 1 ? said[1] : "") + ":" + (count > 2 ? said[2] : "") + "]";
    }
    if (name == "print" && count > 0) return Shown(call.arguments, said);
    if (name == "printf" && count > 0) return Formatted(call, said);
    return CannotSay("the function " + name + " with " + std::to_string(count) + " arguments");
  }

  static bool IsText(const GoExpression& value) {
    constexpr std::array kTexts = std::to_array<std::string_view>(
        {"System", "Prompt", "Response", "Suffix", "ThinkLevel", "Role", "Content", "Thinking",
         "ToolName", "ToolCallID", "ID", "Name", "Description"});
    if (!value.fields.empty()) {
      return std::find(kTexts.begin(), kTexts.end(), value.fields.back()) != kTexts.end();
    }
    return value.kind == ExpressionKind::kText ||
           (value.kind == ExpressionKind::kCall &&
            (value.text == "json" || value.text.starts_with("print") ||
             value.text == "currentDate"));
  }
  static std::string Joined(const std::vector<std::string>& texts, const std::string& between) {
    std::string out = "(";
    for (std::size_t i = 0; i < texts.size(); ++i) out += (i == 0 ? "" : between) + texts[i];
    return out + ")";
  }
  // eq a b c: a is b or c.
  static std::string AnyEquals(const std::vector<std::string>& said) {
    std::vector<std::string> tests;
    for (std::size_t i = 1; i < said.size(); ++i) tests.push_back(said[0] + " == " + said[i]);
    return Joined(tests, " or ");
  }
  static std::string Shown(const std::vector<GoExpression>& values,
                           const std::vector<std::string>& said) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < values.size(); ++i) texts.push_back(Shown(values[i], said[i]));
    return Joined(texts, " ~ ");
  }

  // printf with verbs that write a value as it is.
  static Result<std::string> Formatted(const GoExpression& call,
                                       const std::vector<std::string>& said) {
    const GoExpression& format = call.arguments[0];
    if (format.kind != ExpressionKind::kText) return CannotSay("printf with a made format");
    std::vector<std::string> texts;
    std::string text;
    std::size_t next = 1;
    for (std::size_t at = 0; at < format.text.size(); ++at) {
      if (format.text[at] != '%') {
        text += format.text[at];
        continue;
      }
      const char verb = ++at < format.text.size() ? format.text[at] : '\0';
      if (verb == '%') {
        text += '%';
      } else if ((verb == 's' || verb == 'v' || verb == 'd') && next < said.size()) {
        texts.push_back(Quoted(std::exchange(text, {})));
        texts.push_back(Shown(call.arguments[next], said[next]));
        ++next;
      } else {
        return CannotSay("printf with the format " + Quoted(format.text));
      }
    }
    if (next != said.size()) return CannotSay("printf with the format " + Quoted(format.text));
    texts.push_back(Quoted(text));
    return Joined(texts, " ~ ");
  }

  std::string out_;
  Scopes<std::string> variables_;  // what each is called in Jinja
  std::vector<std::string> dots_;  // what "." is, outermost first; none: the template's own values
  int names_ = 0;
};

// What every translation begins with: the values that Ollama gives a template.
constexpr std::string_view kFrame =
    "{% macro tg_show(x) %}{% if x is string %}{{ x }}{% elif x is none or x is undefined %}"
    "{% elif x is not mapping and x is iterable and x and x[0] is string %}"
    "{{ '[' ~ x|join(' ') ~ ']' }}"
    "{% else %}{{ x|tojson(separators=(',', ':')) }}{% endif %}{% endmacro %}"
    "{% set tg_tools = tools if tools else [] %}"
    "{% set tg_think_set = enable_thinking is defined %}"
    "{% set tg_think = enable_thinking if enable_thinking is defined else false %}"
    "{% set tg_think_level = reasoning_effort if reasoning_effort is defined else '' %}";

// All that instructs stands in .System, wherever it was said.
constexpr std::string_view kMessagesFrame =
    "{% set f = namespace(system='') %}"
    "{% for m in messages %}{% if m['role'] == 'system' %}"
    "{% set f.system = f.system ~ '\\n\\n' ~ m['content'] if f.system else m['content'] %}"
    "{% endif %}{% endfor %}"
    "{% set tg_system = f.system %}{% set tg_prompt = '' %}{% set tg_response = '' %}";

// Turn by turn: one ends where something is said that comes before what it has already.
constexpr std::string_view kTurnsFrame =
    "{% set f = namespace(system='', prompt='', response='') %}"
    "{% for m in messages %}"
    "{% if m['role'] == 'system' and (f.prompt or f.response) or m['role'] == 'user' and "
    "f.response %}"
    "{{ tg_turn(f.system, f.prompt, f.response) }}"
    "{% set f.system = '' %}{% set f.prompt = '' %}{% set f.response = '' %}"
    "{% endif %}"
    "{% if m['role'] == 'system' %}"
    "{% set f.system = f.system ~ '\\n\\n' ~ m['content'] if f.system else m['content'] %}"
    "{% elif m['role'] == 'assistant' %}"
    "{% set f.response = f.response ~ '\\n\\n' ~ m['content'] if f.response else m['content'] %}"
    "{% else %}"
    "{% set f.prompt = f.prompt ~ '\\n\\n' ~ m['content'] if f.prompt else m['content'] %}"
    "{% endif %}"
    "{% endfor %}"
    "{{ tg_last(f.system, f.prompt, f.response) }}";

std::string Macro(std::string_view name, const std::string& body) {
  return "{% macro " + std::string(name) + "(tg_system, tg_prompt, tg_response) %}" + body +
         "{% endmacro %}";
}

Result<std::string> Translated(const OllamaTemplate& ollama) {
  TIDEGATE_ASSIGN(const std::string body, Writer().Write(ollama.nodes));
  std::string text(kFrame);
  if (!ollama.by_turn) return text + std::string(kMessagesFrame) + body;
  TIDEGATE_ASSIGN(const std::string last, Writer().Write(ollama.last));
  return text + Macro("tg_turn", body) + Macro("tg_last", last) + std::string(kTurnsFrame);
}

}  // namespace

Result<JinjaTemplate> SayInJinja(const OllamaTemplate& ollama) {
  TIDEGATE_ASSIGN(std::string jinja, Translated(ollama));
  if (jinja.size() > kJinjaTemplateBytesMax) {
    return Unavailable(ErrorSource::kGateway, "it is too long to be given to the engine");
  }
  return JinjaTemplate{std::move(jinja), ollama.uses_tools, ollama.uses_thinking};
}

Result<JinjaTemplate> JinjaOfGoTemplate(std::string_view text) {
  TIDEGATE_ASSIGN(const OllamaTemplate ollama, ReadOllamaTemplate(text));
  return SayInJinja(ollama);
}

}  // namespace tidegate::templates
