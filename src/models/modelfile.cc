#include "models/modelfile.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "base/utf8.h"

namespace tidegate::models {
namespace {

using Kind = ModelfileCommand::Kind;

struct Word {
  std::string_view word;
  Kind kind;
};
constexpr std::array kWords = {
    Word{"from", Kind::kFrom},           Word{"license", Kind::kLicense},
    Word{"template", Kind::kTemplate},   Word{"system", Kind::kSystem},
    Word{"adapter", Kind::kAdapter},     Word{"draft", Kind::kDraft},
    Word{"renderer", Kind::kRenderer},   Word{"parser", Kind::kParser},
    Word{"parameter", Kind::kParameter}, Word{"message", Kind::kMessage},
    Word{"requires", Kind::kRequires},
};
constexpr std::array<std::string_view, 3> kRoles = {"system", "user", "assistant"};
constexpr std::string_view kQuote = "\"";
constexpr std::string_view kTripleQuote = "\"\"\"";

bool IsBlank(char c) { return c == ' ' || c == '\t'; }
bool IsNewline(char c) { return c == '\n' || c == '\r'; }
bool IsSpace(char c) { return IsBlank(c) || IsNewline(c); }
bool IsLetter(char c) { return ToLower(c) >= 'a' && ToLower(c) <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

Error AtLine(std::uint32_t line, const std::string& what) {
  return InvalidArgument("modelfile", "(line " + std::to_string(line) + "): " + what);
}

Error UnknownCommand(std::uint32_t line) {
  std::string words;
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    words += i == 0 ? "\"" : i + 1 < kWords.size() ? ", \"" : ", or \"";
    words += std::string(kWords[i].word) + "\"";
  }
  return AtLine(line, "command must be one of " + words);
}

// --- the characters ---

Result<std::string> FromUtf16(std::string_view bytes, bool big_endian) {
  const auto unit = [&](std::size_t at) {
    const auto first = static_cast<std::uint8_t>(bytes[at]);
    const auto second = static_cast<std::uint8_t>(bytes[at + 1]);
    return static_cast<std::uint32_t>(big_endian ? first << 8U | second : second << 8U | first);
  };
  const Error broken = AtLine(1, "the file is broken UTF-16; save it as UTF-8");
  if (bytes.size() % 2 != 0) return broken;
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 2) {
    std::uint32_t code = unit(at);
    if (code >= 0xD800 && code < 0xE000) {
      at += 2;
      const std::uint32_t low = at < bytes.size() ? unit(at) : 0;
      if (code >= 0xDC00 || low < 0xDC00 || low >= 0xE000) return broken;
      code = 0x10000U + ((code - 0xD800U) << 10U) + (low - 0xDC00U);
    }
    AppendUtf8(text, code);
  }
  return text;
}

// The length of the UTF-8 sequence that begins here, or 0.
std::size_t SequenceAt(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return at + i < text.size() ? static_cast<std::uint8_t>(text[at + i]) : 0U;
  };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
  }
  // Overlong, surrogates, beyond Unicode.
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) >= 0xA0) ||
      (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) >= 0x90)) {
    return 0;
  }
  return size;
}

bool IsControl(std::string_view sequence) {
  const auto first = static_cast<std::uint8_t>(sequence[0]);
  if (sequence.size() == 1) return (first < 0x20 || first == 0x7F) && !IsSpace(sequence[0]);
  return first == 0xC2 && static_cast<std::uint8_t>(sequence[1]) < 0xA0;  // U+0080 … U+009F
}

// The text without control characters, if it is UTF-8.
Result<std::string> WithoutControls(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  std::uint32_t line = 1;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = SequenceAt(text, at);
    if (size == 0) return AtLine(line, "the file is not UTF-8; save it as UTF-8");
    const std::string_view sequence = text.substr(at, size);
    if (sequence == "\n") ++line;
    if (!IsControl(sequence)) clean += sequence;
    at += size;
  }
  return clean;
}

Result<std::string> Decode(std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    TIDEGATE_ASSIGN(const std::string decoded, FromUtf16(text.substr(2), text[0] == '\xFE'));
    return WithoutControls(decoded);
  }
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  return WithoutControls(text);
}

// --- values ---

// Collects a value character by character and knows, without looking back, whether it could end.
class ValueText {
 public:
  explicit ValueText(std::string_view all, std::size_t begin)
      : all_(all), begin_(begin), end_(begin) {}

  // Takes the next character in. REQUIRES: they come in order.
  void Take(std::size_t at) {
    if (IsSpace(all_[at])) return;
    if (end_ == begin_) begin_ = at;
    end_ = at + 1;
  }

  // Whether what was taken, without blanks around it, is a whole value.
  bool IsWhole() const {
    const std::string_view text = Trimmed();
    if (text.starts_with(kTripleQuote)) {
      return text.size() >= 2 * kTripleQuote.size() && text.ends_with(kTripleQuote);
    }
    return !text.starts_with(kQuote) || (text.size() >= 2 && text.ends_with(kQuote));
  }
  std::string Unquoted() const {
    std::string_view text = Trimmed();
    const std::size_t mark = MarkBytes();
    return std::string(text.substr(mark, text.size() - 2 * mark));
  }
  std::size_t MarkBytes() const {
    const std::string_view text = Trimmed();
    return text.starts_with(kTripleQuote) ? kTripleQuote.size()
           : text.starts_with(kQuote)     ? kQuote.size()
                                          : 0;
  }

 private:
  std::string_view Trimmed() const { return all_.substr(begin_, end_ - begin_); }

  std::string_view all_;
  std::size_t begin_, end_;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Modelfile> Parse() && {
    while (SkipToCommand()) {
      if (file_.commands.size() == kModelfileCommandsMax) {
        return AtLine(line_,
                      "there are more than " + std::to_string(kModelfileCommandsMax) + " commands");
      }
      ModelfileCommand command{Kind::kFrom, "", "", line_};
      TIDEGATE_TRY(ReadWord(command));
      if (command.kind == Kind::kParameter) TIDEGATE_TRY(ReadKey(command));
      if (command.kind == Kind::kMessage) TIDEGATE_TRY(ReadRole(command));
      TIDEGATE_TRY(ReadValue(command));
      file_.commands.push_back(std::move(command));
    }
    const bool based = std::any_of(file_.commands.begin(), file_.commands.end(),
                                   [](const auto& command) { return command.kind == Kind::kFrom; });
    if (!based) {
      return InvalidArgument("modelfile",
                             "no FROM line: name the model or file to begin with, as FROM llama3");
    }
    return std::move(file_);
  }

 private:
  bool AtEnd() const { return at_ == text_.size(); }
  void Step() {
    const char c = text_[at_++];
    // "\r\n" is one line.
    if (c == '\n' || (c == '\r' && (AtEnd() || text_[at_] != '\n'))) ++line_;
  }

  // False at the end of the file.
  bool SkipToCommand() {
    for (; !AtEnd(); Step()) {
      if (IsSpace(text_[at_])) continue;
      if (text_[at_] != '#') return true;
      while (!AtEnd() && !IsNewline(text_[at_])) Step();
      if (AtEnd()) return false;
    }
    return false;
  }

  // As far as `belongs` goes, and not too far.
  template <typename Predicate>
  std::string_view Take(Predicate belongs) {
    const std::size_t begin = at_;
    while (!AtEnd() && at_ - begin < kModelfileWordBytesMax && belongs(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  bool AtBlank() const { return !AtEnd() && IsBlank(text_[at_]); }
  void SkipBlanks() {
    while (AtBlank()) ++at_;
  }

  Result<void> ReadWord(ModelfileCommand& command) {
    std::string word(Take(IsLetter));
    word = ToLower(word);
    const auto found = std::find_if(kWords.begin(), kWords.end(),
                                    [&](const Word& known) { return known.word == word; });
    if (found == kWords.end()) return UnknownCommand(command.line);
    command.kind = found->kind;
    if (AtBlank()) return {};
    if (AtEnd() || IsNewline(text_[at_])) {
      return AtLine(command.line, word + " needs a value behind it, on the same line");
    }
    return UnknownCommand(command.line);
  }

  Result<void> ReadKey(ModelfileCommand& command) {
    SkipBlanks();
    command.key = Take([](char c) { return IsLetter(c) || IsDigit(c) || c == '_'; });
    if (!command.key.empty() && AtBlank()) return {};
    return AtLine(command.line,
                  "a parameter is a name of letters, digits and _ and a value, as PARAMETER "
                  "temperature 0.7");
  }

  Result<void> ReadRole(ModelfileCommand& command) {
    SkipBlanks();
    command.key = Take(IsLetter);
    if (std::find(kRoles.begin(), kRoles.end(), command.key) == kRoles.end()) {
      return AtLine(command.line,
                    R"(message role must be one of "system", "user", or "assistant")");
    }
    if (AtBlank()) return {};
    return AtLine(command.line, "a message is a role and a text, as MESSAGE user Hello");
  }

  Result<void> ReadValue(ModelfileCommand& command) {
    ValueText value(text_, at_);
    for (; !AtEnd(); Step()) {
      if (IsNewline(text_[at_]) && value.IsWhole()) break;
      value.Take(at_);
    }
    if (!value.IsWhole()) {
      return AtLine(command.line, "unexpected EOF: the value that begins here has no closing " +
                                      std::string(value.MarkBytes() == 1 ? kQuote : kTripleQuote) +
                                      " at the end of a line");
    }
    command.value = value.Unquoted();
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  Modelfile file_;
};

// --- writing ---

// Whether it reads back from between these marks.
bool FitsBetween(std::string_view mark, std::string_view value) {
  const std::string text = std::string(mark) + std::string(value) + std::string(mark);
  ValueText read(text, 0);
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (IsNewline(text[at]) && read.IsWhole()) return false;
    read.Take(at);
  }
  return read.IsWhole() && read.MarkBytes() == mark.size() && read.Unquoted() == value;
}

Result<void> WriteValue(std::string& out, std::string_view value) {
  const Result<std::string> clean = WithoutControls(value);
  if (clean.ok() && *clean == value) {
    for (const std::string_view mark : {std::string_view(), kQuote, kTripleQuote}) {
      // An empty value is easily overlooked.
      if ((mark.empty() && value.empty()) || !FitsBetween(mark, value)) continue;
      out.append(mark).append(value).append(mark) += '\n';
      return {};
    }
  }
  return InvalidArgument("modelfile",
                         "a value has quotation marks or characters that no Modelfile can hold");
}

}  // namespace

Result<Modelfile> ParseModelfile(std::string_view text) {
  if (text.size() > kModelfileBytesMax) {
    return Error{ErrorCode::kTooLarge, ErrorSource::kCaller, Retry::kNever,
                 "a Modelfile may have " + std::to_string(kModelfileBytesMax) + " bytes"};
  }
  TIDEGATE_ASSIGN(const std::string clean, Decode(text));
  return Parser(clean).Parse();
}

Result<std::string> WriteModelfile(const Modelfile& modelfile) {
  std::string out;
  for (const ModelfileCommand& command : modelfile.commands) {
    const auto known = std::find_if(kWords.begin(), kWords.end(),
                                    [&](const Word& word) { return word.kind == command.kind; });
    for (const char c : known->word) out += static_cast<char>(c - 'a' + 'A');
    out += ' ';
    if (!command.key.empty()) out += command.key + " ";
    TIDEGATE_TRY(WriteValue(out, command.value));
  }
  return out;
}

Result<std::string> ExpandPath(std::string_view value, const std::string& folder,
                               const HomeLookup& home) {
  if (value.starts_with('/')) return std::string(value);
  if (!value.starts_with('~')) return folder + "/" + std::string(value);
  const std::size_t slash = std::min(value.find('/'), value.size());
  const std::string user(value.substr(1, slash - 1));
  const std::optional<std::string> directory = home(user);
  if (!directory) {
    return InvalidArgument(
        "modelfile", user.empty() ? "~ has no meaning here: HOME is not set"
                                  : "there is no user " + user + "; write the path without ~");
  }
  return *directory + std::string(value.substr(slash));
}

}  // namespace tidegate::models
