#include "profile/difficulty.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string>

#include "profile/byte_blocks.h"

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

// Nineteen words of a text in twenty are told apart from all of kWords by their first letter, last
// letter and length: here stand the lengths of kWords, one bit each, by those two.
constexpr std::size_t FilterRow(char first, char last) {
  constexpr unsigned kLetterBits = 0x1F;
  return (static_cast<unsigned char>(first) & kLetterBits) * (kLetterBits + 1) +
         (static_cast<unsigned char>(last) & kLetterBits);
}
constexpr std::array<std::uint16_t, 1024> MakeFilter() {
  std::array<std::uint16_t, 1024> filter{};
  for (const TellingWord& telling : kWords) {
    auto& lengths = filter[FilterRow(telling.word.front(), telling.word.back())];
    lengths = static_cast<std::uint16_t>(lengths | (1U << telling.word.size()));
  }
  return filter;
}
constexpr std::array<std::uint16_t, 1024> kFilter = MakeFilter();

double Doublings(double value, double free) { return value > free ? std::log2(value / free) : 0; }

// Collects signs word by word and mark by mark over the parts of the text that are read.
class Reading {
 public:
  // Words are runs of word bytes from their first letter on; a run may go through several blocks.
  void Read(std::string_view text) {
    constexpr std::size_t kNone = std::string_view::npos;
    std::size_t open = kNone;  // where the run begins that reaches the end of the last block
    for (std::size_t base = 0; base < text.size(); base += kBlockBytes) {
      const BlockMasks masks = MasksOf(text.substr(base));
      for (std::uint64_t marks = masks.marks; marks != 0; marks &= marks - 1) {
        Mark(text.substr(base + Lowest(marks)));
      }
      std::uint64_t words = masks.words;
      if (open != kNone) {
        const std::size_t size = Lowest(~words);
        if (size == kBlockBytes) continue;
        Run(text.data() + open, base + size - open);
        open = kNone;
        words &= words + 1;  // the lowest run is gone
      }
      const char* const block = text.data() + base;
      while (words != 0) {
        const std::size_t begin = Lowest(words);
        const std::uint64_t behind = words + (words & -words);  // its lowest bit: behind the run
        if (behind == 0) {
          open = base + begin;
          break;
        }
        Run(block + begin, Lowest(behind) - begin);
        words &= behind;
      }
    }
    if (open != kNone) Run(text.data() + open, text.size() - open);
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
  static std::size_t Lowest(std::uint64_t bits) {
    return static_cast<std::size_t>(std::countr_zero(bits));
  }

  void Run(const char* run, std::size_t size) {
    const char first = run[0];
    const char last = run[size - 1];
    if (first >= 'A' && last >= 'A') [[likely]] {  // neither is a mark
      ++signs_.words;
      if (IsListed(first, last, size)) LookUp({run, size});
    } else {
      RunWithMarks({run, size});
    }
  }

  static bool IsListed(char first, char last, std::size_t size) {
    return size <= kWordBytesMax && (kFilter[FilterRow(first, last)] >> size & 1U) != 0;
  }

  [[gnu::noinline]] void RunWithMarks(std::string_view run) {
    const std::size_t letter = run.find_first_not_of("-+/");  // what begins a word is no mark
    if (letter == std::string_view::npos) return;
    ++signs_.words;
    run.remove_prefix(letter);
    run.remove_suffix(run.size() - 1 - run.find_last_not_of("'-/"));
    if (run.empty() || run.front() == '\'') return;
    if (IsListed(run.front(), run.back(), run.size())) LookUp(run);
  }

  // Not inlined: the array would cost every word a guarded stack frame.
  [[gnu::noinline]] void LookUp(std::string_view word) {
    std::array<char, kWordBytesMax> lower;
    std::transform(word.begin(), word.end(), lower.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
    const std::string_view key(lower.data(), word.size());
    const auto letter = static_cast<std::size_t>(key.front() - 'a');
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
  Signs signs = reading.Finish(kReadBytesMax);
  signs.words = signs.words * static_cast<std::int64_t>(text.size()) /
                static_cast<std::int64_t>(kReadBytesMax);
  return signs;
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
  if (request.reasoning.mode == core::Reasoning::Mode::kOn &&
      request.reasoning.effort != "minimal") {
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
