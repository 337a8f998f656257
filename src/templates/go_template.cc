#include "templates/go_template.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "base/utf8.h"

namespace tidegate::templates {
namespace {

constexpr std::string_view kOpen = "{{", kClose = "}}";
constexpr std::string_view kSpaces = " \t\r\n";

bool IsSpace(char c) { return kSpaces.find(c) != kSpaces.npos; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || IsDigit(c) || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

struct Token {
  enum class Kind : std::uint8_t {
    kEnd,       // of the action
    kWord,      // a function, a keyword, true, false, nil
    kField,     // ".Name"; `text` is "Name"
    kDot,       // "." alone
    kVariable,  // "$name"; `text` is "name"
    kText,      // what a string says
    kNumber,
    kSymbol,  // ( ) | , = :=
  };
  Kind kind = Kind::kEnd;
  std::string text = {};
  bool spaced = false;  // white space stands in front of it
};

// The text between the braces of one action, as tokens.
class Lexer {
 public:
  explicit Lexer(std::string_view action) : rest_(action) {}

  // Nothing where it ends; the message where something in it is nothing.
  std::optional<std::string> Next(Token& token) {
    const std::size_t spaces = std::min(rest_.find_first_not_of(kSpaces), rest_.size());
    rest_.remove_prefix(spaces);
    token = Token{.kind = Token::Kind::kEnd, .text = {}, .spaced = spaces > 0};
    if (rest_.empty()) return std::nullopt;
    const char first = rest_.front();
    if (first == '"') return String(token);
    if (first == '`') return RawString(token);
    if (first == '\'') return "a character in single quotes is not understood; use a string";
    if (first == '.' || first == '$') return Name(token);
    if (IsDigit(first) || first == '-' || first == '+') return Number(token);
    if (IsWordChar(first)) {
      token.kind = Token::Kind::kWord;
      token.text = Word();
      return std::nullopt;
    }
    token.kind = Token::Kind::kSymbol;
    const std::size_t size = rest_.starts_with(":=") ? 2 : 1;
    token.text = std::string(rest_.substr(0, size));
    rest_.remove_prefix(size);
    if (std::string_view("()|,=:=").find(token.text) == std::string_view::npos ||
        token.text == ":") {
      return "unexpected " + token.text;
    }
    return std::nullopt;
  }

 private:
  std::string Word() {
    std::size_t size = 0;
    while (size < rest_.size() && IsWordChar(rest_[size])) ++size;
    std::string word(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return word;
  }

  std::optional<std::string> Name(Token& token) {
    const bool variable = rest_.front() == '$';
    rest_.remove_prefix(1);
    token.text = Word();
    if (variable) {
      token.kind = Token::Kind::kVariable;
    } else {
      token.kind = token.text.empty() ? Token::Kind::kDot : Token::Kind::kField;
    }
    if (!variable && !token.text.empty() && IsDigit(token.text.front())) {
      return "a number needs a digit in front of its point";
    }
    return std::nullopt;
  }

  // Decimal ones: more, no template has.
  std::optional<std::string> Number(Token& token) {
    token.kind = Token::Kind::kNumber;
    std::size_t size = rest_.front() == '-' || rest_.front() == '+' ? 1 : 0;
    const std::size_t digits = size;
    while (size < rest_.size() && IsDigit(rest_[size])) ++size;
    const bool whole = size > digits;
    if (whole && size + 1 < rest_.size() && rest_[size] == '.' && IsDigit(rest_[size + 1])) {
      ++size;
      while (size < rest_.size() && IsDigit(rest_[size])) ++size;
    }
    token.text = std::string(rest_.substr(rest_.front() == '+' ? 1 : 0, size));
    const bool ends = size == rest_.size() || !IsWordChar(rest_[size]);
    if (!whole || !ends) return "a number that is not understood";
    rest_.remove_prefix(size);
    return std::nullopt;
  }

  std::optional<std::string> RawString(Token& token) {
    const std::size_t end = rest_.find('`', 1);
    if (end == rest_.npos) return "a string without an end";
    token.kind = Token::Kind::kText;
    token.text = std::string(rest_.substr(1, end - 1));
    std::erase(token.text, '\r');  // as Go reads them
    rest_.remove_prefix(end + 1);
    return std::nullopt;
  }

  std::optional<std::string> String(Token& token) {
    token.kind = Token::Kind::kText;
    rest_.remove_prefix(1);
    while (!rest_.empty() && rest_.front() != '"' && rest_.front() != '\n') {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c != '\\') {
        token.text += c;
      } else if (const std::optional<std::string> wrong = Escape(token.text)) {
        return wrong;
      }
    }
    if (rest_.empty() || rest_.front() != '"') return "a string without an end";
    rest_.remove_prefix(1);
    return std::nullopt;
  }

  std::optional<std::string> Escape(std::string& out) {
    constexpr std::string_view kLetters = "abfnrtv\\\"", kMeanings = "\a\b\f\n\r\t\v\\\"";
    const char letter = rest_.empty() ? '\0' : rest_.front();
    if (!rest_.empty()) rest_.remove_prefix(1);
    const std::size_t known = kLetters.find(letter);
    if (known != kLetters.npos && letter != '\0') {
      out += kMeanings[known];
      return std::nullopt;
    }
    const std::size_t digits = letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
    std::uint32_t code = 0;
    if (digits == 0 || rest_.size() < digits) return "an escape that is not understood";
    for (const char digit : rest_.substr(0, digits)) {
      constexpr std::string_view kHex = "0123456789abcdef";
      const auto value =
          kHex.find(static_cast<char>(std::tolower(static_cast<unsigned char>(digit))));
      if (value == kHex.npos) return "an escape that is not understood";
      code = code << 4U | static_cast<std::uint32_t>(value);
    }
    rest_.remove_prefix(digits);
    // A byte of its own would be no text.
    const bool character = code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
    if (!character || (letter == 'x' && code >= 0x80)) return "an escape that is no character";
    AppendUtf8(out, code);
    return std::nullopt;
  }

  std::string_view rest_;
};

// One action's tokens, read from the front.
class ActionParser {
 public:
  explicit ActionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& peek(std::size_t ahead = 0) const {
    return at_ + ahead < tokens_.size() ? tokens_[at_ + ahead] : end_;
  }
  Token Take() {
    Token token = peek();
    if (at_ < tokens_.size()) ++at_;
    return token;
  }
  bool IsSymbol(std::string_view symbol, std::size_t ahead = 0) const {
    return peek(ahead).kind == Token::Kind::kSymbol && peek(ahead).text == symbol;
  }
  bool TakeWord(std::string_view word) {
    if (peek().kind != Token::Kind::kWord || peek().text != word) return false;
    ++at_;
    return true;
  }
  bool AtEnd() const { return peek().kind == Token::Kind::kEnd; }

  // command { "|" command }: what comes before is the last argument of what comes behind.
  Result<GoExpression> Pipeline(int depth) {
    TIDEGATE_ASSIGN(GoExpression value, Command(depth));
    while (IsSymbol("|")) {
      Take();
      TIDEGATE_ASSIGN(GoExpression next, Command(depth));
      if (next.kind != GoExpression::Kind::kCall || !next.fields.empty()) {
        return Wrong("what stands behind a | must be a function");
      }
      next.arguments.push_back(std::move(value));
      value = std::move(next);
    }
    return value;
  }

  static Error Wrong(std::string message) { return InvalidArgument("", std::move(message)); }

 private:
  bool AtOperand() const {
    const Token& token = peek();
    switch (token.kind) {
      case Token::Kind::kEnd:
        return false;
      case Token::Kind::kSymbol:
        return token.text == "(";
      default:
        return true;
    }
  }

  Result<GoExpression> Command(int depth) {
    if (!AtOperand()) return Wrong(AtEnd() ? "a value is missing" : "unexpected " + peek().text);
    TIDEGATE_ASSIGN(GoExpression first, Operand(depth));
    const bool calls = first.kind == GoExpression::Kind::kCall && !in_parentheses_;
    while (AtOperand()) {
      if (!calls) return Wrong("a value that is no function cannot have arguments");
      TIDEGATE_ASSIGN(GoExpression argument, Operand(depth));
      first.arguments.push_back(std::move(argument));
    }
    return first;
  }

  Result<GoExpression> Operand(int depth) {
    if (depth >= kGoTemplateDepthMax) return Wrong("too many parentheses in each other");
    const Token token = Take();
    GoExpression value;
    in_parentheses_ = false;
    switch (token.kind) {
      case Token::Kind::kDot:
        break;
      case Token::Kind::kField:
        value.fields.push_back(token.text);
        break;
      case Token::Kind::kVariable:
        value.kind = GoExpression::Kind::kVariable;
        value.text = token.text;
        break;
      case Token::Kind::kText:
        value.kind = GoExpression::Kind::kText;
        value.text = token.text;
        return value;
      case Token::Kind::kNumber:
        value.kind = GoExpression::Kind::kNumber;
        value.text = token.text;
        return value;
      case Token::Kind::kWord:
        value.text = token.text;
        value.kind = token.text == "nil"                             ? GoExpression::Kind::kNil
                     : token.text == "true" || token.text == "false" ? GoExpression::Kind::kBoolean
                                                                     : GoExpression::Kind::kCall;
        return value;
      default: {
        TIDEGATE_ASSIGN(value, Pipeline(depth + 1));
        if (!IsSymbol(")")) return Wrong("a ) is missing");
        Take();
        in_parentheses_ = true;
      }
    }
    while (peek().kind == Token::Kind::kField && !peek().spaced) {
      value.fields.push_back(Take().text);
    }
    return value;
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  bool in_parentheses_ = false;  // the operand that was read last stood in them
  const Token end_;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : all_(text), rest_(text) {}

  Result<std::vector<GoNode>> Parse() {
    TIDEGATE_ASSIGN(std::vector<GoNode> nodes, List(0, false));
    if (ended_by_ != Ending::kText)
      return Wrong("{{ " + Word(ended_by_) + " }} belongs to no block");
    return nodes;
  }

 private:
  enum class Ending : std::uint8_t { kText, kEnd, kElse };
  static std::string Word(Ending ending) { return ending == Ending::kElse ? "else" : "end"; }

  Error Wrong(const std::string& message) const {
    const std::string_view read = all_.substr(0, all_.size() - rest_.size());
    return InvalidArgument(
        "template",
        "line " + std::to_string(1 + std::count(read.begin(), read.end(), '\n')) + ": " + message);
  }
  // An error of an action, with its line.
  Error At(const Error& error) const { return Wrong(error.message); }

  // Everything up to the text's end, or to an {{end}} or {{else}}, which ended_by_ tells.
  Result<std::vector<GoNode>> List(int depth, bool in_range) {
    if (depth > kGoTemplateDepthMax) return Wrong("too many blocks in each other");
    std::vector<GoNode> nodes;
    while (true) {
      const std::size_t open = rest_.find(kOpen);
      std::string_view text = rest_.substr(0, open);
      rest_.remove_prefix(text.size());
      if (trims_) {
        text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
      }
      trims_ = false;
      const bool trims_before = rest_.size() > 3 && rest_[2] == '-' && IsSpace(rest_[3]);
      if (trims_before) text = text.substr(0, text.find_last_not_of(kSpaces) + 1);
      if (!text.empty()) {
        nodes.push_back({.kind = GoNode::Kind::kText, .text = std::string(text)});
      }
      if (rest_.empty()) {
        ended_by_ = Ending::kText;
        return nodes;
      }
      rest_.remove_prefix(trims_before ? 3 : 2);
      TIDEGATE_ASSIGN(ActionParser action, Action());
      if (action.AtEnd()) continue;  // a comment
      if (EndsList(action)) return nodes;
      TIDEGATE_ASSIGN(GoNode node, Node(action, depth, in_range));
      nodes.push_back(std::move(node));
    }
  }

  bool EndsList(ActionParser& action) {
    const bool otherwise = action.TakeWord("else");
    if (!otherwise && !action.TakeWord("end")) return false;
    ended_by_ = otherwise ? Ending::kElse : Ending::kEnd;
    ended_with_.emplace(std::move(action));
    return true;
  }

  // Up to the closing braces, which are passed over.
  Result<ActionParser> Action() {
    std::string_view comment = rest_;
    comment.remove_prefix(std::min(comment.find_first_not_of(kSpaces), comment.size()));
    if (comment.starts_with("/*")) return Comment();
    const std::size_t size = ActionBytes();
    if (size == rest_.npos) return Wrong("an action without }}");
    std::string_view inside = rest_.substr(0, size);
    // "-" trims only where white space stands in front of it.
    trims_ = inside.size() > 1 && inside.back() == '-' && IsSpace(inside[inside.size() - 2]);
    if (trims_) inside.remove_suffix(1);
    Lexer lexer(inside);
    std::vector<Token> tokens;
    while (true) {
      Token token;
      if (const std::optional<std::string> wrong = lexer.Next(token)) return Wrong(*wrong);
      if (token.kind == Token::Kind::kEnd) break;
      tokens.push_back(std::move(token));
    }
    if (tokens.empty()) return Wrong("an action that says nothing");
    rest_.remove_prefix(size + kClose.size());
    return ActionParser(std::move(tokens));
  }

  Result<ActionParser> Comment() {
    const std::size_t end = rest_.find("*/");
    if (end == rest_.npos) return Wrong("a comment without an end");
    rest_.remove_prefix(end + 2);
    const std::size_t close = rest_.find(kClose);
    const std::string_view between = rest_.substr(0, close);
    trims_ = between.size() > 1 && between.back() == '-';
    if (close == rest_.npos || between.find_first_not_of(" \t\r\n-") != between.npos) {
      return Wrong("a comment must be all of its action");
    }
    rest_.remove_prefix(close + kClose.size());
    return ActionParser({});
  }

  // How far the closing braces are; those inside strings are none.
  std::size_t ActionBytes() const {
    char quote = '\0';
    for (std::size_t at = 0; at < rest_.size(); ++at) {
      const char c = rest_[at];
      if (quote == '\0') {
        if (rest_.substr(at).starts_with(kClose)) return at;
        if (c == '"' || c == '`') quote = c;
      } else if (c == '\\' && quote == '"') {
        ++at;
      } else if (c == quote) {
        quote = '\0';
      }
    }
    return rest_.npos;
  }

  Result<GoNode> Node(ActionParser& action, int depth, bool in_range) {
    GoNode node;
    node.kind = GoNode::Kind::kOutput;
    for (const auto& [word, kind] : {std::pair("if", GoNode::Kind::kIf),
                                     {"range", GoNode::Kind::kRange},
                                     {"with", GoNode::Kind::kWith}}) {
      if (action.TakeWord(word)) {
        node.kind = kind;
        return Block(action, std::move(node), depth, in_range);
      }
    }
    for (const auto& [word, kind] :
         {std::pair("break", GoNode::Kind::kBreak), {"continue", GoNode::Kind::kContinue}}) {
      if (!action.TakeWord(word)) continue;
      node.kind = kind;
      if (!in_range) return Wrong(std::string("{{ ") + word + " }} outside of a range");
      TIDEGATE_TRY(CheckEnd(action));
      return node;
    }
    for (const char* word : {"define", "template", "block"}) {
      if (action.TakeWord(word)) {
        return Wrong(std::string("{{ ") + word + " }} is not understood: named templates are not");
      }
    }
    TIDEGATE_TRY(Value(action, node));
    if (!node.variable.empty()) node.kind = GoNode::Kind::kAssign;
    return node;
  }

  // [ "$index" "," ] [ "$variable" ":=" ] pipeline
  Result<void> Value(ActionParser& action, GoNode& node) {
    const bool names = action.peek().kind == Token::Kind::kVariable;
    if (names && action.IsSymbol(",", 1)) {
      node.index = action.Take().text;
      action.Take();
      if (node.kind != GoNode::Kind::kRange || node.index.empty() ||
          action.peek().kind != Token::Kind::kVariable || !action.IsSymbol(":=", 1)) {
        return Wrong("only a range has two variables, as in {{ range $index, $element := .X }}");
      }
    }
    const bool declares = action.IsSymbol(":=", 1);
    if (action.peek().kind == Token::Kind::kVariable && (declares || action.IsSymbol("=", 1))) {
      node.declares = declares;
      node.variable = action.Take().text;
      if (node.variable.empty()) return Wrong("$ cannot be given another value");
      action.Take();
    }
    Result<GoExpression> value = action.Pipeline(0);
    if (!value.ok()) return At(value.error());
    node.value = *std::move(value);
    return CheckEnd(action);
  }

  Result<void> CheckEnd(const ActionParser& action) const {
    return action.AtEnd() ? Result<void>()
                          : Result<void>(Wrong("unexpected " + action.peek().text));
  }

  Result<GoNode> Block(ActionParser& action, GoNode node, int depth, bool in_range) {
    TIDEGATE_TRY(Value(action, node));
    if (!node.variable.empty() && !node.declares) {
      return Wrong("a block's variable is declared with :=");
    }
    const bool loops = node.kind == GoNode::Kind::kRange;
    TIDEGATE_ASSIGN(node.body, List(depth + 1, in_range || loops));
    if (ended_by_ == Ending::kElse) {
      TIDEGATE_TRY(Otherwise(node, depth, in_range));
    } else if (ended_by_ == Ending::kEnd) {
      TIDEGATE_TRY(CheckEnd(*ended_with_));
    }
    if (ended_by_ != Ending::kEnd) return Wrong("an {{ end }} is missing");
    return node;
  }

  // What follows {{else}}, or the block that {{else if …}} begins, which has the same {{end}}.
  Result<void> Otherwise(GoNode& node, int depth, bool in_range) {
    ActionParser action = *std::move(ended_with_);
    if (action.AtEnd()) {
      TIDEGATE_ASSIGN(node.otherwise, List(depth + 1, in_range));
      if (ended_by_ == Ending::kEnd) return CheckEnd(*ended_with_);
      if (ended_by_ == Ending::kElse) return Wrong("a second {{ else }}");
      return {};
    }
    GoNode::Kind kind = GoNode::Kind::kIf;
    if (action.TakeWord("with")) {
      kind = GoNode::Kind::kWith;
    } else if (!action.TakeWord("if")) {
      return Wrong("unexpected " + action.peek().text + " behind else");
    }
    if (depth >= kGoTemplateDepthMax) return Wrong("too many blocks in each other");
    GoNode inner;
    inner.kind = kind;
    TIDEGATE_ASSIGN(GoNode block, Block(action, std::move(inner), depth + 1, in_range));
    node.otherwise.push_back(std::move(block));
    return {};
  }

  std::string_view all_, rest_;
  bool trims_ = false;  // the action before ends with "-": what follows loses its white space
  Ending ended_by_ = Ending::kText;
  std::optional<ActionParser> ended_with_;  // the rest of that action
};

}  // namespace

Result<std::vector<GoNode>> ParseGoTemplate(std::string_view text) {
  if (text.size() > kGoTemplateBytesMax) {
    return Error{ErrorCode::kTooLarge, ErrorSource::kGateway, Retry::kNever,
                 "template: has more than " + std::to_string(kGoTemplateBytesMax) + " bytes"};
  }
  return Parser(text).Parse();
}

}  // namespace tidegate::templates
