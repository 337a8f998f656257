#include "emulator/answer.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "emulator/schema_sample.h"
#include "emulator/seed.h"

namespace tidegate::emulator {
namespace {

constexpr std::size_t kTextTokensMin = 40;  // of a text answer whose length nobody sets
constexpr std::size_t kTextTokensMax = 120;
constexpr std::size_t kToolCallsMax = 8;
constexpr std::string_view kToolTrigger = "call the tool ";

constexpr std::array<std::string_view, 16> kAdjectives = {
    "quiet",  "broad",  "early", "distant", "patient", "narrow", "bright",  "heavy",
    "gentle", "sudden", "salty", "steady",  "hollow",  "warm",   "careful", "plain"};
constexpr std::array<std::string_view, 16> kNouns = {
    "harbour", "lantern", "current", "bridge", "gull",  "captain", "channel", "ledger",
    "signal",  "anchor",  "market",  "engine", "river", "tower",   "letter",  "garden"};
constexpr std::array<std::string_view, 16> kVerbs = {
    "carries", "follows", "answers", "crosses", "measures", "keeps", "finds", "leaves",
    "opens",   "counts",  "guards",  "greets",  "passes",   "holds", "mends", "watches"};

// "The quiet harbour carries the early letter." token by token, without end.
class Sentences {
 public:
  explicit Sentences(std::uint64_t seed) : random_(seed) {}
  std::string Next() {
    switch (place_++ % 7) {
      case 0:
        return " The";
      case 1:
      case 5:
        return Word(kAdjectives, "");
      case 2:
        return Word(kNouns, "");
      case 3:
        return Word(kVerbs, "");
      case 4:
        return " the";
      default:
        return Word(kNouns, ".");
    }
  }

 private:
  std::string Word(const std::array<std::string_view, 16>& words, std::string_view end) {
    return fmt::format(" {}{}", words[random_.Below(words.size())], end);
  }
  Random random_;
  std::size_t place_ = 0;
};

void AppendSentences(Choice& choice, TokenKind kind, std::string_view label, std::uint64_t seed,
                     std::size_t tokens) {
  Sentences sentences(seed);
  for (std::size_t i = 0; i < tokens; ++i) {
    choice.tokens.push_back({kind, 0, i == 0 ? std::string(label) : sentences.Next()});
  }
}

// A token for each kBytesPerToken bytes, and never a part of a character.
void AppendPieces(Choice& choice, TokenKind kind, std::uint32_t tool_call, std::string_view text) {
  while (!text.empty()) {
    std::size_t size = std::min(kBytesPerToken, text.size());
    while (size < text.size() && (static_cast<std::uint8_t>(text[size]) & 0xC0) == 0x80) ++size;
    choice.tokens.push_back({kind, tool_call, std::string(text.substr(0, size))});
    text.remove_prefix(size);
  }
}

const Tool* FindTool(const ChatRequest& request, std::string_view name) {
  for (const Tool& tool : request.tools) {
    if (tool.name == name) return &tool;
  }
  return nullptr;
}

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

// The tools that the last message asks for, as "call the tool NAME", in its order.
std::vector<const Tool*> TriggeredTools(const ChatRequest& request) {
  std::vector<const Tool*> tools;
  const Message& last = request.messages.back();
  if (last.role != "user") return tools;
  std::string_view text = last.text;
  for (std::size_t at = text.find(kToolTrigger); at != std::string_view::npos;
       at = text.find(kToolTrigger)) {
    text.remove_prefix(at + kToolTrigger.size());
    const auto end = std::find_if_not(text.begin(), text.end(), IsNameByte);
    const Tool* tool = FindTool(request, {text.begin(), end});
    if (tool != nullptr && tools.size() < kToolCallsMax) tools.push_back(tool);
  }
  return tools;
}

Result<std::vector<const Tool*>> ChooseTools(const ChatRequest& request) {
  std::vector<const Tool*> tools;
  if (request.tool_choice == ToolChoice::kNone) return tools;
  if (request.tool_choice == ToolChoice::kNamed) {
    const Tool* tool = FindTool(request, request.tool_name);
    if (tool == nullptr) return InvalidArgument("tool_choice", "no tool has this name");
    tools.push_back(tool);
    return tools;
  }
  tools = TriggeredTools(request);
  if (tools.empty() && request.tool_choice == ToolChoice::kRequired) {
    if (request.tools.empty()) {
      return InvalidArgument("tool_choice", "a tool is required, but there are none");
    }
    tools.push_back(&request.tools.front());
  }
  if (!request.parallel_tool_calls && tools.size() > 1) tools.resize(1);
  return tools;
}

Result<void> AppendToolCalls(Choice& choice, const std::vector<const Tool*>& tools,
                             std::string_view label, const ChatRequest& request,
                             std::uint64_t seed) {
  Random random(seed);
  for (std::uint32_t i = 0; i < tools.size(); ++i) {
    std::string arguments = "{}";
    if (!tools[i]->schema.empty()) {
      Result<std::string> sample = SampleSchema(tools[i]->schema, label);
      if (!sample) {
        Error error = std::move(sample).error();
        error.field = "tools: " + tools[i]->name + ": " + error.field;
        return error;
      }
      arguments = *std::move(sample);
    }
    const std::string id = fmt::format("{:016x}", random.Next());
    const std::size_t bytes = request.tool_call_id_bytes;
    choice.tool_call_ids.push_back(bytes > 0 ? id.substr(0, bytes)
                                             : std::string(request.tool_call_prefix) + id);
    choice.tokens.push_back({TokenKind::kToolName, i, tools[i]->name});
    AppendPieces(choice, TokenKind::kToolArguments, i, arguments);
  }
  choice.finish = Finish::kToolCalls;
  return Result<void>();
}

// Ends the text before the first stop sequence in it.
void ApplyStop(Choice& choice, const std::vector<std::string>& stops) {
  std::string text;
  for (const Token& token : choice.tokens) {
    if (token.kind == TokenKind::kText) text += token.text;
  }
  std::size_t end = std::string::npos;
  for (const std::string& stop : stops) {
    const std::size_t found = text.find(stop);
    if (found >= end) continue;
    end = found;
    choice.stop_sequence = stop;
  }
  if (end == std::string::npos) return;
  std::size_t at = 0;
  for (auto token = choice.tokens.begin(); token != choice.tokens.end(); ++token) {
    if (token->kind != TokenKind::kText) continue;
    if (at + token->text.size() < end) {
      at += token->text.size();
      continue;
    }
    token->text.resize(end - at);
    const bool keep = !token->text.empty();
    choice.tokens.erase(keep ? token + 1 : token, choice.tokens.end());
    break;
  }
  choice.finish = Finish::kStop;
}

std::string ToolResultText(const ChatRequest& request) {
  std::size_t results = 0;
  std::size_t bytes = 0;
  for (auto message = request.messages.rbegin(); message != request.messages.rend(); ++message) {
    if (message->role != "tool") break;
    ++results;
    bytes += message->text.size();
  }
  return fmt::format(" Received {} tool result{} of {} bytes for {}.", results,
                     results == 1 ? "" : "s", bytes, request.messages.back().tool_call_id);
}

Result<void> AppendContent(Choice& choice, const ChatRequest& request, const Faults& faults,
                           std::string_view label, std::uint64_t seed) {
  switch (request.format) {
    case AnswerFormat::kJsonSchema: {
      Result<std::string> sample = SampleSchema(request.schema, label);
      if (!sample) {
        Error error = std::move(sample).error();
        error.field = "response_format.json_schema.schema: " + error.field;
        return error;
      }
      AppendPieces(choice, TokenKind::kText, 0, *sample);
      return Result<void>();
    }
    case AnswerFormat::kJsonObject:
      AppendPieces(choice, TokenKind::kText, 0,
                   fmt::format(R"({{"emulated":true,"answer":"{} {:016x}"}})", label, seed));
      return Result<void>();
    case AnswerFormat::kText:
      break;
  }
  if (request.messages.back().role == "tool") {
    choice.tokens.push_back({TokenKind::kText, 0, std::string(label)});
    AppendPieces(choice, TokenKind::kText, 0, ToolResultText(request));
    return Result<void>();
  }
  const std::size_t drawn = kTextTokensMin + Random(seed).Below(kTextTokensMax - kTextTokensMin);
  const std::size_t tokens = faults.tokens ? static_cast<std::size_t>(*faults.tokens) : drawn;
  AppendSentences(choice, TokenKind::kText, label, seed, tokens);
  return Result<void>();
}

Result<Choice> MakeChoice(const ChatRequest& request, const Faults& faults, std::string_view label,
                          std::uint64_t seed) {
  Choice choice;
  AppendSentences(choice, TokenKind::kReasoning, label, seed + 1,
                  static_cast<std::size_t>(faults.reasoning.value_or(request.reasoning_tokens)));
  if (faults.refusal.value_or(false)) {
    choice.tokens.push_back({TokenKind::kRefusal, 0, std::string(label)});
    AppendPieces(choice, TokenKind::kRefusal, 0, " I will not help with that.");
    return choice;
  }
  TIDEGATE_ASSIGN(const std::vector<const Tool*> tools, ChooseTools(request));
  if (!tools.empty()) {
    TIDEGATE_TRY(AppendToolCalls(choice, tools, label, request, seed));
  } else {
    TIDEGATE_TRY(AppendContent(choice, request, faults, label, seed));
    ApplyStop(choice, request.stop);
  }
  return choice;
}

// How long an answer may be. The context holds the prompt and every choice by itself.
Result<std::size_t> OutputLimit(const ChatRequest& request, const Model& model) {
  const std::int64_t room = model.context_tokens_max - request.PromptTokens();
  if (room <= 0) {
    Error error = InvalidArgument(
        "messages", fmt::format("the prompt has {} tokens; {} takes {} with the answer",
                                request.PromptTokens(), model.name, model.context_tokens_max));
    error.reason = kContextLengthExceeded;
    return error;
  }
  if (request.output_tokens_max && *request.output_tokens_max > model.output_tokens_max) {
    return InvalidArgument(
        std::string(request.output_limit_field),
        fmt::format("{} writes {} tokens at most", model.name, model.output_tokens_max));
  }
  return static_cast<std::size_t>(
      std::min(room, request.output_tokens_max.value_or(model.output_tokens_max)));
}

std::uint64_t SeedOf(const ChatRequest& request) {
  std::uint64_t seed = Hash(request.model) + static_cast<std::uint64_t>(request.seed);
  for (const Message& message : request.messages) {
    seed = Hash(message.text, Hash(message.role, seed));
  }
  return seed;
}

}  // namespace

std::string EmulatedLabel(std::string_view model) { return fmt::format("[emulated {}]", model); }

std::int64_t ChatRequest::PromptTokens() const {
  std::int64_t tokens = kTokensPerPrompt + extra_prompt_tokens;
  for (const Message& message : messages) tokens += message.tokens;
  return tokens;
}

Result<Answer> MakeAnswer(const ChatRequest& request, const Model& model, const Faults& faults) {
  TIDEGATE_ASSIGN(const std::size_t limit, OutputLimit(request, model));
  const std::string label = EmulatedLabel(model.name);
  const std::uint64_t seed = SeedOf(request);
  Answer answer;
  answer.model = model.name;
  answer.usage.prompt = request.PromptTokens();
  if (request.task != TaskKind::kChat) return answer;
  for (std::int64_t i = 0; i < request.choices; ++i) {
    TIDEGATE_ASSIGN(Choice choice,
                    MakeChoice(request, faults, label, seed + static_cast<std::uint64_t>(i) * 97));
    if (choice.tokens.size() > limit) {
      choice.tokens.resize(limit);
      choice.finish = Finish::kLength;
      choice.stop_sequence.clear();
    }
    for (const Token& token : choice.tokens) {
      answer.usage.reasoning += token.kind == TokenKind::kReasoning ? 1 : 0;
    }
    answer.usage.completion += static_cast<std::int64_t>(choice.tokens.size());
    answer.choices.push_back(std::move(choice));
  }
  return answer;
}

}  // namespace tidegate::emulator
