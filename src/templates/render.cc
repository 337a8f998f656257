#include "templates/render.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "json/writer.h"
#include "templates/scopes.h"

namespace tidegate::templates {
namespace {

using ExpressionKind = GoExpression::Kind;
using NodeKind = GoNode::Kind;

constexpr std::size_t kBytesOfAStep = 256;

Error CannotDo(std::string what) {
  return Unavailable(ErrorSource::kGateway,
                     "it uses " + std::move(what) + ", which is not known here");
}

Error TooMuch(std::string_view what) {
  return {ErrorCode::kTooLarge, ErrorSource::kGateway, Retry::kNever,
          "the template makes too much of this request: " + std::string(what)};
}

// A chat of texts has no other values; whatever else a template may name is not there.
struct Value {
  enum class Kind : std::uint8_t { kNothing, kText, kNumber, kBoolean, kTurn, kTurns };
  Kind kind = Kind::kNothing;
  std::string_view text = {};  // of the chat, of the template, or made and kept by the renderer
  double number = 0;
  bool truth = false;
  std::span<const Turn> turns = {};  // kTurn: of one

  static Value Text(std::string_view text) { return {.kind = Kind::kText, .text = text}; }
  static Value Number(double number) { return {.kind = Kind::kNumber, .number = number}; }
  static Value Boolean(bool truth) { return {.kind = Kind::kBoolean, .truth = truth}; }
  static Value Turns(std::span<const Turn> turns) { return {.kind = Kind::kTurns, .turns = turns}; }
};
using ValueKind = Value::Kind;

bool Truth(const Value& value) {
  switch (value.kind) {
    case ValueKind::kNothing:
      return false;
    case ValueKind::kText:
      return !value.text.empty();
    case ValueKind::kNumber:
      return value.number != 0;
    case ValueKind::kBoolean:
      return value.truth;
    case ValueKind::kTurn:
    case ValueKind::kTurns:
      return !value.turns.empty();
  }
  return false;
}

std::string NumberText(double number) {
  std::string text = std::to_string(number);
  if (text.find('.') == text.npos) return text;
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

Result<std::string> Shown(const Value& value) {
  switch (value.kind) {
    case ValueKind::kNothing:
      return std::string();
    case ValueKind::kText:
      return std::string(value.text);
    case ValueKind::kNumber:
      return NumberText(value.number);
    case ValueKind::kBoolean:
      return std::string(value.truth ? "true" : "false");
    case ValueKind::kTurn:
    case ValueKind::kTurns:
      if (value.turns.empty()) return std::string("[]");
      return CannotDo("messages as text");
  }
  return std::string();
}

bool Equal(const Value& a, const Value& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case ValueKind::kText:
      return a.text == b.text;
    case ValueKind::kNumber:
      return a.number == b.number;
    case ValueKind::kBoolean:
      return a.truth == b.truth;
    default:
      return a.kind == ValueKind::kNothing;
  }
}

std::optional<bool> Less(const Value& a, const Value& b) {
  if (a.kind != b.kind) return std::nullopt;
  if (a.kind == ValueKind::kNumber) return a.number < b.number;
  if (a.kind == ValueKind::kText) return a.text < b.text;
  return std::nullopt;
}

std::size_t SizeOf(const Value& value) {
  return value.kind == ValueKind::kText ? value.text.size() : value.turns.size();
}

// What the template is given.
struct Given {
  std::span<const Turn> messages;
  std::string system, prompt, response;
};

class Renderer {
 public:
  Renderer(std::string_view today, std::string& out) : today_(today), out_(out) {}

  Result<void> Run(const std::vector<GoNode>& nodes, const Given& given) {
    given_ = &given;
    TIDEGATE_ASSIGN(const Flow flow, List(nodes));
    (void)flow;  // a range takes whatever ends it
    return {};
  }

 private:
  enum class Flow : std::uint8_t { kOn, kBreak, kContinue };

  Result<void> Step() {
    return ++steps_ > kRenderStepsMax ? Result<void>(TooMuch("it goes on and on")) : Result<void>();
  }
  // What is compared costs time, too.
  Result<void> Spend(std::size_t bytes) {
    steps_ += bytes / kBytesOfAStep;
    return Step();
  }
  Result<Value> Made(std::string text) {
    made_bytes_ += text.size();
    if (made_bytes_ > kRenderedBytesMax) return TooMuch("its text has no end");
    return Value::Text(made_.emplace_back(std::move(text)));
  }
  Result<void> Put(std::string_view text) {
    if (out_.size() + text.size() > kRenderedBytesMax) return TooMuch("its text has no end");
    out_ += text;
    return {};
  }
  Result<Flow> List(const std::vector<GoNode>& nodes) {
    variables_.Enter();
    Flow flow = Flow::kOn;
    for (const GoNode& node : nodes) {
      TIDEGATE_TRY(Step());
      TIDEGATE_ASSIGN(flow, One(node));
      if (flow != Flow::kOn) break;
    }
    variables_.Leave();
    return flow;
  }

  Result<Flow> One(const GoNode& node) {
    switch (node.kind) {
      case NodeKind::kText:
        TIDEGATE_TRY(Put(node.text));
        return Flow::kOn;
      case NodeKind::kOutput: {
        TIDEGATE_ASSIGN(const Value value, Eval(node.value));
        if (value.kind == ValueKind::kText) {
          TIDEGATE_TRY(Put(value.text));
        } else {
          TIDEGATE_ASSIGN(const std::string text, Shown(value));
          TIDEGATE_TRY(Put(text));
        }
        return Flow::kOn;
      }
      case NodeKind::kAssign: {
        TIDEGATE_ASSIGN(Value value, Eval(node.value));
        Value* const known = node.declares ? nullptr : variables_.Find(node.variable);
        if (known != nullptr) {
          *known = std::move(value);
        } else if (node.declares) {
          variables_.Declare(node.variable, std::move(value));
        } else {
          return CannotDo("$" + node.variable + " before it is declared");
        }
        return Flow::kOn;
      }
      case NodeKind::kIf:
      case NodeKind::kWith:
        return Branch(node);
      case NodeKind::kRange:
        return Range(node);
      case NodeKind::kBreak:
        return Flow::kBreak;
      case NodeKind::kContinue:
        return Flow::kContinue;
    }
    return Flow::kOn;
  }

  Result<Flow> Branch(const GoNode& node) {
    TIDEGATE_ASSIGN(Value value, Eval(node.value));
    const bool truth = Truth(value);
    const bool with = truth && node.kind == NodeKind::kWith;
    variables_.Enter();
    if (!node.variable.empty()) variables_.Declare(node.variable, value);
    if (with) dots_.push_back(std::move(value));
    TIDEGATE_ASSIGN(const Flow flow, List(truth ? node.body : node.otherwise));
    if (with) dots_.pop_back();
    variables_.Leave();
    return flow;
  }

  Result<Flow> Range(const GoNode& node) {
    TIDEGATE_ASSIGN(const Value value, Eval(node.value));
    if (value.kind != ValueKind::kTurns && value.kind != ValueKind::kNothing) {
      return CannotDo("a range over what is no list");
    }
    if (value.turns.empty()) return List(node.otherwise);
    for (std::size_t i = 0; i < value.turns.size(); ++i) {
      const Value turn{.kind = ValueKind::kTurn, .turns = value.turns.subspan(i, 1)};
      variables_.Enter();
      if (!node.index.empty()) {
        variables_.Declare(node.index, Value::Number(static_cast<double>(i)));
      }
      if (!node.variable.empty()) variables_.Declare(node.variable, turn);
      dots_.push_back(turn);
      TIDEGATE_ASSIGN(const Flow flow, List(node.body));
      dots_.pop_back();
      variables_.Leave();
      if (flow == Flow::kBreak) break;
    }
    return Flow::kOn;
  }

  Value OfRoot(std::string_view name) const {
    if (name == "Tools") return Value::Turns({});
    if (name == "Messages") return Value::Turns(given_->messages);
    if (name == "System") return Value::Text(given_->system);
    if (name == "Prompt") return Value::Text(given_->prompt);
    if (name == "Response") return Value::Text(given_->response);
    if (name == "Think" || name == "IsThinkSet") return Value::Boolean(false);
    return {};
  }
  static Value Member(const Value& value, std::string_view name) {
    if (value.kind != ValueKind::kTurn || value.turns.empty()) return {};
    if (name == "Role") return Value::Text(value.turns.front().role);
    if (name == "Content") return Value::Text(value.turns.front().text);
    if (name == "ToolCalls") return Value::Turns({});
    return {};
  }

  Result<Value> Eval(const GoExpression& expression) {
    TIDEGATE_TRY(Step());
    std::span<const std::string> fields = expression.fields;
    Value value;
    switch (expression.kind) {
      case ExpressionKind::kDot:
      case ExpressionKind::kVariable: {
        const bool dot = expression.kind == ExpressionKind::kDot;
        const bool root = dot ? dots_.empty() : expression.text.empty();
        if (root) {
          if (fields.empty()) return CannotDo("all that it is given as one value");
          value = OfRoot(fields.front());
          fields = fields.subspan(1);
        } else if (dot) {
          value = dots_.back();
        } else if (const Value* const known = variables_.Find(expression.text)) {
          value = *known;
        } else {
          return CannotDo("$" + expression.text + " before it is declared");
        }
        break;
      }
      case ExpressionKind::kText:
        value = Value::Text(expression.text);
        break;
      case ExpressionKind::kNumber:
        value = Value::Number(std::strtod(expression.text.c_str(), nullptr));
        break;
      case ExpressionKind::kBoolean:
        value = Value::Boolean(expression.text == "true");
        break;
      case ExpressionKind::kNil:
        break;
      case ExpressionKind::kCall: {
        TIDEGATE_ASSIGN(value, Call(expression));
        break;
      }
    }
    for (const std::string& field : fields) value = Member(value, field);
    return value;
  }

  Result<Value> Call(const GoExpression& call) {
    const std::string& name = call.text;
    // As in Go, they look no further than they have to.
    if (name == "and" || name == "or") return AndOr(call, name == "or");
    std::vector<Value> given;
    for (const GoExpression& argument : call.arguments) {
      TIDEGATE_ASSIGN(Value value, Eval(argument));
      given.push_back(std::move(value));
    }
    const std::size_t count = given.size();
    if (name == "not" && count == 1) return Value::Boolean(!Truth(given[0]));
    if (name == "len" && count == 1) return Value::Number(static_cast<double>(SizeOf(given[0])));
    if (name == "currentDate" && count == 0) return Value::Text(today_);
    if (name == "json" && count == 1) return Json(given[0]);
    if (count >= 2) TIDEGATE_TRY(Spend(given[0].text.size() * (count - 1)));
    if (name == "eq" && count >= 2) {
      return Value::Boolean(std::any_of(given.begin() + 1, given.end(), [&](const Value& value) {
        return Equal(given[0], value);
      }));
    }
    if (name == "ne" && count == 2) return Value::Boolean(!Equal(given[0], given[1]));
    if (count == 2 && (name == "lt" || name == "le" || name == "gt" || name == "ge")) {
      const bool turned = name == "gt" || name == "le";
      const std::optional<bool> less = turned ? Less(given[1], given[0]) : Less(given[0], given[1]);
      if (!less) return CannotDo("the function " + name + " of what has no order");
      return Value::Boolean(name == "le" || name == "ge" ? !*less : *less);
    }
    if (name == "index" && count == 2) return Slice(given, true);
    if (name == "slice" && count >= 1 && count <= 3) return Slice(given, false);
    if (name == "print" && count > 0) return Print(given);
    if (name == "printf" && count > 0) return Format(given);
    return CannotDo("the function " + name + " with " + std::to_string(count) + " arguments");
  }

  Result<Value> AndOr(const GoExpression& call, bool until) {
    Value value;
    for (const GoExpression& argument : call.arguments) {
      TIDEGATE_ASSIGN(value, Eval(argument));
      if (Truth(value) == until) break;
    }
    return value;
  }

  Result<Value> Json(const Value& value) {
    if (value.kind == ValueKind::kNothing) return Value::Text("null");
    TIDEGATE_ASSIGN(std::string text, Shown(value));
    if (value.kind != ValueKind::kText) return Made(std::move(text));
    std::string quoted = "\"";
    json::EscapeInto(quoted, text);
    return Made(quoted + '"');
  }

  // Of `given[0]`, from the second to before the third; `one` element of it.
  static Result<Value> Slice(const std::vector<Value>& given, bool one) {
    const Value& from = given[0];
    const auto at = [&](std::size_t i, std::size_t otherwise) -> std::optional<std::size_t> {
      if (i >= given.size()) return otherwise;
      const double number = given[i].number;
      if (given[i].kind != ValueKind::kNumber || !(number >= 0) || number > 1e9) return {};
      return static_cast<std::size_t>(number);
    };
    const std::optional<std::size_t> begin = at(1, 0);
    const std::optional<std::size_t> end =
        one ? (begin ? std::optional(*begin + 1) : begin) : at(2, SizeOf(from));
    if (!begin || !end || *begin > *end || *end > SizeOf(from)) {
      return CannotDo("what lies outside of a list");
    }
    if (from.kind == ValueKind::kTurns) {
      Value part = Value::Turns(from.turns.subspan(*begin, *end - *begin));
      if (one) part.kind = ValueKind::kTurn;
      return part;
    }
    if (from.kind != ValueKind::kText || one) return CannotDo("a part of what is no list");
    return Value::Text(from.text.substr(*begin, *end - *begin));
  }

  Result<Value> Print(const std::vector<Value>& given) {
    std::string all;
    for (const Value& value : given) {
      TIDEGATE_ASSIGN(const std::string text, Shown(value));
      all += text;
    }
    return Made(std::move(all));
  }

  // JinjaOfGoTemplate knows which formats there are.
  Result<Value> Format(const std::vector<Value>& given) {
    const std::string_view format = given[0].text;
    std::string all;
    std::size_t next = 1;
    for (std::size_t at = 0; at < format.size(); ++at) {
      if (format[at] != '%') {
        all += format[at];
      } else if (++at < format.size() && format[at] == '%') {
        all += '%';
      } else if (next < given.size()) {
        TIDEGATE_ASSIGN(const std::string text, Shown(given[next++]));
        all += text;
      }
    }
    return Made(std::move(all));
  }

  const std::string_view today_;
  std::string& out_;
  const Given* given_ = nullptr;
  Scopes<Value> variables_;
  std::vector<Value> dots_;
  std::deque<std::string> made_;
  std::size_t made_bytes_ = 0;
  std::size_t steps_ = 0;
};

void Join(std::string& all, std::string_view more) {
  if (!all.empty()) all += "\n\n";
  all += more;
}

}  // namespace

Result<std::string> Render(const OllamaTemplate& ollama, std::span<const Turn> chat,
                           std::string_view today) {
  std::string out;
  Renderer renderer(today, out);
  Given given;
  if (!ollama.by_turn) {
    given.messages = chat;
    for (const Turn& turn : chat) {
      if (turn.role == "system") Join(given.system, turn.text);
    }
    TIDEGATE_TRY(renderer.Run(ollama.nodes, given));
    return out;
  }
  for (const Turn& turn : chat) {
    const bool system = turn.role == "system", answer = turn.role == "assistant";
    const bool begins = system ? !given.prompt.empty() || !given.response.empty()
                               : !answer && !given.response.empty();
    if (begins) {
      TIDEGATE_TRY(renderer.Run(ollama.nodes, given));
      given = {};
    }
    Join(system ? given.system : answer ? given.response : given.prompt, turn.text);
  }
  TIDEGATE_TRY(renderer.Run(ollama.last, given));
  return out;
}

}  // namespace tidegate::templates
