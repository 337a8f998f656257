#include "profile/difficulty.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "profile/tokens.h"

namespace tidegate::profile {
namespace {

enum class Sign : std::uint8_t { kNone, kAsksForText, kAsksBriefly, kQuestion };

struct TellingWord {
  std::string_view word;  // lower case
  double weight;          // added to z once, however often it stands there
  Sign sign = Sign::kNone;
};

// Words that make a request harder (or, below zero, easier) than its length says, or that tell what
// kind of answer is asked for. Sorted.
// clang-format off
constexpr std::array kWords = {
    TellingWord{"algorithm", 0.7},
    TellingWord{"algorithms", 0.7},
    TellingWord{"analyse", 0.7},
    TellingWord{"analysis", 0.7},
    TellingWord{"analyze", 0.7},
    TellingWord{"architecture", 0.7},
    TellingWord{"asymptotic", 0.8},
    TellingWord{"benchmark", 0.4},
    TellingWord{"brief", 0, Sign::kAsksBriefly},
    TellingWord{"briefly", 0, Sign::kAsksBriefly},
    TellingWord{"build", 0, Sign::kAsksForText},
    TellingWord{"c++", 0.6},
    TellingWord{"calculate", 0.4},
    TellingWord{"compare", 0.4},
    TellingWord{"complexity", 0.7},
    TellingWord{"compose", 0, Sign::kAsksForText},
    TellingWord{"concurrency", 0.8},
    TellingWord{"concurrent", 0.8},
    TellingWord{"constraints", 0.4},
    TellingWord{"contract", 0.3},
    TellingWord{"counterexample", 0.9},
    TellingWord{"create", 0, Sign::kAsksForText},
    TellingWord{"critique", 0.5},
    TellingWord{"debug", 0.7},
    TellingWord{"derive", 1.0},
    TellingWord{"describe", 0, Sign::kAsksForText},
    TellingWord{"design", 0.6, Sign::kAsksForText},
    TellingWord{"diagnose", 0.6},
    TellingWord{"differential", 0.7},
    TellingWord{"distributed", 0.7},
    TellingWord{"draft", 0, Sign::kAsksForText},
    TellingWord{"eigenvalue", 0.9},
    TellingWord{"evaluate", 0.5},
    TellingWord{"explain", 0.2, Sign::kAsksForText},
    TellingWord{"formal", 0.5},
    TellingWord{"generate", 0, Sign::kAsksForText},
    TellingWord{"goodbye", -0.5},
    TellingWord{"hello", -0.5},
    TellingWord{"hi", -0.5},
    TellingWord{"how", 0, Sign::kQuestion},
    TellingWord{"implement", 0.8, Sign::kAsksForText},
    TellingWord{"implementation", 0.8},
    TellingWord{"induction", 0.8},
    TellingWord{"inequality", 0.7},
    TellingWord{"integral", 0.8},
    TellingWord{"invariant", 0.8},
    TellingWord{"invariants", 0.8},
    TellingWord{"is", 0, Sign::kQuestion},
    TellingWord{"justify", 0.6},
    TellingWord{"kernel", 0.5},
    TellingWord{"legal", 0.4},
    TellingWord{"lemma", 1.0},
    TellingWord{"matrix", 0.5},
    TellingWord{"migrate", 0.5},
    TellingWord{"migration", 0.5},
    TellingWord{"one-line", 0, Sign::kAsksBriefly},
    TellingWord{"one-word", 0, Sign::kAsksBriefly},
    TellingWord{"optimal", 0.6},
    TellingWord{"optimise", 0.7},
    TellingWord{"optimize", 0.7},
    TellingWord{"philosophical", 0.4},
    TellingWord{"polynomial", 0.7},
    TellingWord{"probability", 0.6},
    TellingWord{"proof", 1.1},
    TellingWord{"protocol", 0.4},
    TellingWord{"prove", 1.2, Sign::kAsksForText},
    TellingWord{"python", 0.3},
    TellingWord{"race", 0.3},
    TellingWord{"reason", 0.3},
    TellingWord{"recursive", 0.6},
    TellingWord{"refactor", 0.7, Sign::kAsksForText},
    TellingWord{"regression", 0.5},
    TellingWord{"rigorous", 0.8},
    TellingWord{"rust", 0.4},
    TellingWord{"schema", 0.3},
    TellingWord{"security", 0.4},
    TellingWord{"short", 0, Sign::kAsksBriefly},
    TellingWord{"shortly", 0, Sign::kAsksBriefly},
    TellingWord{"step", 0.3},
    TellingWord{"steps", 0.3},
    TellingWord{"strategy", 0.4},
    TellingWord{"synthesize", 0.5},
    TellingWord{"thanks", -0.5},
    TellingWord{"theorem", 1.1},
    TellingWord{"thread", 0.4},
    TellingWord{"trade-offs", 0.6},
    TellingWord{"tradeoffs", 0.6},
    TellingWord{"translate", -0.2},
    TellingWord{"verify", 0.5},
    TellingWord{"vulnerability", 0.7},
    TellingWord{"what", 0, Sign::kQuestion},
    TellingWord{"what's", 0, Sign::kQuestion},
    TellingWord{"when", 0, Sign::kQuestion},
    TellingWord{"where", 0, Sign::kQuestion},
    TellingWord{"which", 0, Sign::kQuestion},
    TellingWord{"who", 0, Sign::kQuestion},
    TellingWord{"write", 0, Sign::kAsksForText},
    TellingWord{"yes/no", 0, Sign::kAsksBriefly},
};
// clang-format on
constexpr std::size_t kWordBytesMax = 14;

// Where the words of each first letter begin in kWords: most words of a text are looked up among
// very few.
constexpr std::array<std::uint8_t, 27> MakeFirstOf() {
  std::array<std::uint8_t, 27> first{};
  for (std::size_t letter = 0; letter < first.size(); ++letter) {
    while (first[letter] < kWords.size() &&
           kWords[first[letter]].word.front() <
               static_cast<char>('a' + static_cast<char>(letter))) {
      ++first[letter];
    }
  }
  return first;
}
constexpr std::array<std::uint8_t, 27> kFirstOf = MakeFirstOf();

constexpr std::int64_t kShortQuestionWords = 12;

// The logistic's other weights.
constexpr double kBias = -1.9;
constexpr double kPerDoublingOfWords = 0.22;  // above kWordsForFree
constexpr double kWordsForFree = 16;
constexpr double kCode = 0.7;
constexpr double kMaths = 0.7;
constexpr double kShortQuestion = -0.4;
constexpr double kTools = 0.4;
constexpr double kSchema = 0.3;
constexpr double kReasoningEffort = 0.8;
constexpr double kPerDoublingOfTurns = 0.15;
constexpr double kPerDoublingOfContext = 0.1;  // of all input beyond kContextForFreeBytes
constexpr double kContextForFreeBytes = 2048;
constexpr double kWordWeightMax = 4.0;

// Output tokens, before the caller's limit.
constexpr std::int64_t kBriefTokens = 30;
constexpr std::int64_t kShortAnswerTokens = 80;
constexpr std::int64_t kAnswerTokens = 250;
constexpr std::int64_t kTextTokens = 500;
constexpr std::int64_t kTokensPerDifficulty = 1200;  // added, times difficulty squared
constexpr std::int64_t kJsonTokens = 200;
constexpr std::int64_t kReasoningTokens = 1500;

// The lengths of the words of each first letter, one bit each: nine words of a text in ten are
// told apart from all of kWords by these two alone.
constexpr std::array<std::uint16_t, 26> MakeLengthsOf() {
  std::array<std::uint16_t, 26> lengths{};
  for (const TellingWord& telling : kWords) {
    auto& of_letter = lengths[static_cast<std::size_t>(telling.word.front() - 'a')];
    of_letter = static_cast<std::uint16_t>(of_letter | (1U << telling.word.size()));
  }
  return lengths;
}
constexpr std::array<std::uint16_t, 26> kLengthsOf = MakeLengthsOf();

// What a byte can be part of.
enum class ByteClass : std::uint8_t { kOther, kLetter, kWordMark, kMark };

constexpr std::array<ByteClass, 256> MakeClasses() {
  std::array<ByteClass, 256> classes{};
  for (std::size_t letter = 0; letter < 26; ++letter) {
    classes['a' + letter] = classes['A' + letter] = ByteClass::kLetter;
  }
  classes['\''] = ByteClass::kLetter;  // begins and continues words
  for (const char c : {'-', '+', '/'}) {
    classes[static_cast<unsigned char>(c)] = ByteClass::kWordMark;  // continues words only
  }
  for (const char c : {'`', '{', '}', ';', '[', ']', '^', '=', '\\', '<', '>', '\xE2'}) {
    classes[static_cast<unsigned char>(c)] = ByteClass::kMark;
  }
  return classes;
}
constexpr std::array<ByteClass, 256> kClasses = MakeClasses();

ByteClass ClassOf(char c) { return kClasses[static_cast<unsigned char>(c)]; }
bool IsWordByte(char c) {
  return ClassOf(c) == ByteClass::kLetter || ClassOf(c) == ByteClass::kWordMark;
}

double Doublings(double value, double free) { return value > free ? std::log2(value / free) : 0; }

// Collects signs word by word and mark by mark over the parts of the text that are read.
class Reading {
 public:
  void Read(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
      const ByteClass kind = ClassOf(text[at]);
      if (kind == ByteClass::kLetter) {
        std::size_t end = at + 1;
        while (end < text.size() && IsWordByte(text[end])) ++end;
        Word(text.substr(at, end - at));
        at = end;
      } else {
        if (kind == ByteClass::kMark) Mark(text.substr(at));
        ++at;
      }
    }
  }

  Signs Finish(std::size_t bytes) {
    constexpr std::size_t kBytesPerBracket = 40;  // prose has fewer
    signs_.code = fences_ > 0 || (brackets_ >= 4 && brackets_ * kBytesPerBracket > bytes);
    signs_.maths = maths_marks_ >= 2;
    signs_.short_question = question_ && signs_.words <= kShortQuestionWords;
    signs_.word_weight = std::clamp(signs_.word_weight, -kWordWeightMax, kWordWeightMax);
    return signs_;
  }

 private:
  void Word(std::string_view word) {
    ++signs_.words;
    while (!word.empty() && (word.back() == '\'' || word.back() == '-' || word.back() == '/'))
      word.remove_suffix(1);
    if (word.empty() || word.size() > kWordBytesMax || word.front() == '\'') return;
    const auto letter = static_cast<std::size_t>((word.front() | 0x20) - 'a');
    if ((kLengthsOf[letter] >> word.size() & 1U) == 0) return;
    std::array<char, kWordBytesMax> lower;
    std::transform(word.begin(), word.end(), lower.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
    const std::string_view key(lower.data(), word.size());
    for (std::size_t i = kFirstOf[letter]; i < kFirstOf[letter + 1]; ++i) {
      if (kWords[i].word == key) return Note(i);
    }
  }

  void Note(std::size_t i) {
    const TellingWord& word = kWords[i];
    if (word.sign == Sign::kAsksForText) signs_.asks_for_text = true;
    if (word.sign == Sign::kAsksBriefly) signs_.asks_briefly = true;
    if (word.sign == Sign::kQuestion && signs_.words == 1) question_ = true;
    if (!seen_[i]) signs_.word_weight += word.weight;
    seen_[i] = true;
  }

  void Mark(std::string_view rest) {
    switch (rest.front()) {
      case '`':
        fences_ += rest.starts_with("```");
        return;
      case '{':
      case '}':
      case ';':
      case '[':
      case ']':
        ++brackets_;
        return;
      case '^':
      case '=':
      case '\\':
      case '<':
      case '>':
        ++maths_marks_;
        return;
      case '\xE2':
        maths_marks_ += rest.size() > 1 && (rest[1] == '\x88' || rest[1] == '\x89');
        return;  // U+2200 block
      default:
        return;
    }
  }

  Signs signs_;
  bool question_ = false;
  std::int64_t fences_ = 0;
  std::size_t brackets_ = 0;
  std::int64_t maths_marks_ = 0;
  std::array<bool, kWords.size()> seen_{};
};
static_assert(std::is_sorted(kWords.begin(), kWords.end(),
                             [](const TellingWord& a, const TellingWord& b) {
                               return a.word < b.word;
                             }));

}  // namespace

Signs ReadSigns(std::string_view text) {
  Reading reading;
  if (text.size() <= kReadBytesMax) {
    reading.Read(text);
    return reading.Finish(text.size());
  }
  // The task usually stands at the beginning or the end of a long prompt.
  constexpr std::size_t kHeadBytes = kReadBytesMax * 2 / 3;
  reading.Read(text.substr(0, kHeadBytes));
  reading.Read(text.substr(text.size() - (kReadBytesMax - kHeadBytes)));
  return reading.Finish(kReadBytesMax);
}

std::string_view LastUserText(const core::Request& request) {
  for (auto message = request.messages.rbegin(); message != request.messages.rend(); ++message) {
    if (message->role != core::Role::kUser) continue;
    for (const core::Part& part : message->parts) {
      if (part.kind == core::PartKind::kText) return part.text;
    }
  }
  return {};
}

double Difficulty(const core::Request& request, const Signs& signs) {
  double z = kBias + signs.word_weight;
  z += kPerDoublingOfWords * Doublings(static_cast<double>(signs.words), kWordsForFree);
  z += kPerDoublingOfTurns * Doublings(static_cast<double>(request.messages.size()), 2);
  z += kPerDoublingOfContext *
       Doublings(static_cast<double>(request.text_bytes), kContextForFreeBytes);
  if (signs.code) z += kCode;
  if (signs.maths) z += kMaths;
  if (signs.short_question) z += kShortQuestion;
  if (!request.tools.empty()) z += kTools;
  if (request.response_format == core::ResponseFormat::kJsonSchema) z += kSchema;
  if (!request.reasoning_effort.empty() && request.reasoning_effort != "none" &&
      request.reasoning_effort != "minimal") {
    z += kReasoningEffort;
  }
  return 1 / (1 + std::exp(-z));
}

std::int64_t ExpectedOutputTokens(const core::Request& request, const Signs& signs,
                                  double difficulty) {
  std::int64_t tokens = signs.asks_for_text    ? kTextTokens
                        : signs.short_question ? kShortAnswerTokens
                                               : kAnswerTokens;
  if (signs.asks_briefly) tokens = kBriefTokens;
  if (request.response_format == core::ResponseFormat::kJsonSchema ||
      request.response_format == core::ResponseFormat::kJsonObject) {
    tokens = std::min(tokens, kJsonTokens);
  }
  if (!signs.asks_briefly) {
    tokens += static_cast<std::int64_t>(static_cast<double>(kTokensPerDifficulty) * difficulty *
                                        difficulty);
  }
  if (request.needs.Has(core::Capability::kReasoning)) tokens += kReasoningTokens;
  return tokens;
}

}  // namespace tidegate::profile
