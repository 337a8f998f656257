#include "cli/modelfile.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "cli/arguments.h"
#include "cli/chat_options.h"

namespace tidegate::cli {
namespace {

constexpr std::array<const char*, 11> kCommands = {"from",    "parameter", "template", "system",
                                                   "adapter", "message",   "license",  "renderer",
                                                   "parser",  "draft",     "requires"};

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// Reads one command after the other.
class ModelfileReader {
 public:
  explicit ModelfileReader(std::string_view text) : rest_(text) {}

  Result<Modelfile> Run() {
    while (SkipToCommand()) TIDEGATE_TRY(Command());
    if (file_.from.empty()) {
      return InvalidArgument("",
                             "the Modelfile has no FROM line: it must say what the model is "
                             "made of, a model's name or a file's path");
    }
    for (auto& [name, values] : texts_) {
      TIDEGATE_ASSIGN(file_.parameters_json[name], ParameterJson(name, values));
    }
    return std::move(file_);
  }

 private:
  Error Wrong(const std::string& message) const {
    return InvalidArgument("", "Modelfile line " + std::to_string(line_) + ": " + message);
  }

  void Drop(std::size_t bytes) {
    bytes = std::min(bytes, rest_.size());
    line_ += static_cast<std::size_t>(
        std::count(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(bytes), '\n'));
    rest_.remove_prefix(bytes);
  }

  // False at the end. Comments are whole lines.
  bool SkipToCommand() {
    while (!rest_.empty()) {
      const std::string_view line = rest_.substr(0, rest_.find('\n'));
      const std::string_view trimmed = Trim(line);
      if (!trimmed.empty() && trimmed.front() != '#') {
        Drop(static_cast<std::size_t>(trimmed.data() - rest_.data()));
        return true;
      }
      Drop(line.size() + 1);
    }
    return false;
  }

  // Up to the next blank of this line, and the blanks behind it.
  std::string_view Word() {
    const std::size_t end = std::min(rest_.find_first_of(" \t\r\n"), rest_.size());
    const std::string_view word = rest_.substr(0, end);
    Drop(end);
    Drop(std::min(rest_.find_first_not_of(" \t"), rest_.size()));
    return word;
  }

  // """several lines""", "in quotes, which may hold line breaks", or the rest of the line.
  Result<std::string> Value() {
    for (const std::string_view quote : {std::string_view("\"\"\""), std::string_view("\"")}) {
      if (!rest_.starts_with(quote)) continue;
      const std::size_t end = rest_.find(quote, quote.size());
      if (end == std::string_view::npos) return Wrong("the value's quotes are never closed");
      std::string value(rest_.substr(quote.size(), end - quote.size()));
      Drop(end + quote.size());
      const std::string_view behind = Trim(rest_.substr(0, rest_.find('\n')));
      if (!behind.empty()) return Wrong("unexpected text behind the closing quotes");
      return value;
    }
    const std::string_view line = rest_.substr(0, rest_.find('\n'));
    const std::string value(Trim(line));
    Drop(line.size());
    if (value.empty()) return Wrong("a value is missing");
    return value;
  }

  Result<void> Command() {
    const std::string typed(Word());
    const std::string name = ToLower(typed);
    const std::vector<std::string> known(kCommands.begin(), kCommands.end());
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string nearest = NearestWord(name, known);
      return Wrong("'" + typed.substr(0, 40) + "' is no instruction" +
                   (nearest.empty() ? "; use from, parameter, template, system, adapter, message, "
                                      "license, renderer, parser, draft or requires"
                                    : "; did you mean '" + nearest + "'?"));
    }
    if (name == "parameter") return Parameter();
    if (name == "message") return Message();
    TIDEGATE_ASSIGN(std::string value, Value());
    if (name == "from")
      file_.from.push_back(std::move(value));
    else if (name == "adapter")
      file_.adapters.push_back(std::move(value));
    else if (name == "draft")
      file_.drafts.push_back(std::move(value));
    else if (name == "license")
      file_.licenses.push_back(std::move(value));
    else if (name == "template")
      file_.model_template = std::move(value);
    else if (name == "system")
      file_.system = std::move(value);
    else if (name == "renderer")
      file_.renderer = std::move(value);
    else if (name == "parser")
      file_.parser = std::move(value);
    else
      file_.requires_version = std::move(value);
    return Result<void>();
  }

  Result<void> Parameter() {
    const std::string name = ToLower(Word());
    TIDEGATE_ASSIGN(std::string value, Value());
    if (ParameterAccumulates(name)) {
      texts_[name].push_back(std::move(value));
      return Result<void>();
    }
    Result<std::string> json = ParameterJson(name, {value});
    if (!json.ok()) return Wrong(json.error().message);
    file_.parameters_json[name] = *std::move(json);
    return Result<void>();
  }

  Result<void> Message() {
    const std::string role = ToLower(Word());
    if (role != "system" && role != "user" && role != "assistant") {
      return Wrong("a message is from system, user or assistant, not '" + role.substr(0, 40) + "'");
    }
    TIDEGATE_ASSIGN(std::string value, Value());
    file_.messages.emplace_back(role, std::move(value));
    return Result<void>();
  }

  std::string_view rest_;
  std::size_t line_ = 1;
  Modelfile file_;
  std::map<std::string, std::vector<std::string>> texts_;  // of parameters that accumulate
};

}  // namespace

Result<Modelfile> ParseModelfile(std::string_view text) { return ModelfileReader(text).Run(); }

}  // namespace tidegate::cli
