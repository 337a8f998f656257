#include "protocols/openai_completions/answer_reader.h"

#include <limits>
#include <optional>
#include <string_view>
#include <variant>

#include "protocols/json_members.h"
#include "protocols/openai_chat/answer_reader.h"
#include "protocols/openai_completions/limits.h"
#include "protocols/openai_completions/logprobs.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::openai_completions {
namespace {

core::FinishReason ParseFinishReason(std::string_view word) {
  if (word == "stop" || word == "eos") return core::FinishReason::kStop;
  if (word == "length") return core::FinishReason::kLength;
  if (word == "content_filter") return core::FinishReason::kContentFilter;
  return core::FinishReason::kOther;
}

core::StartEvent ReadStart(const json::Object& chunk) {
  core::StartEvent start;
  start.id = StringOrEmpty(chunk, "id");
  start.model = StringOrEmpty(chunk, "model");
  start.system_fingerprint = StringOrEmpty(chunk, "system_fingerprint");
  if (const std::optional<json::Value> created = FindSet(chunk, "created")) {
    // Informative: a strange value is no reason to refuse an answer.
    const Result<std::int64_t> seconds =
        created->IntegerIn(0, std::numeric_limits<std::int64_t>::max());
    if (seconds.ok()) start.created_s = *seconds;
  }
  return start;
}

}  // namespace

Result<void> AnswerReader::ReadChunk(const json::Value& root, bool named_error,
                                     std::vector<core::Event>& out) {
  if (!named_error && !root.is_object()) return MalformedAnswer(root.Mismatch("an object"));
  if (named_error || FindSet(*root.Object(), "error")) {
    out.push_back(core::ErrorEvent{JudgeFault(ReadFaultBody(root), 0)});
    return {};
  }
  const json::Object chunk = *root.Object();
  chunk_had_choices_ = false;
  if (const std::optional<json::Value> choices = FindSet(chunk, "choices")) {
    if (!choices->is_array()) return MalformedAnswer(choices->Mismatch("an array"));
    const json::Array all = *choices->Array();
    if (!all.empty() && !started_) out.push_back(ReadStart(chunk));
    started_ |= !all.empty();
    std::int64_t position = 0;
    for (const json::Value choice : all) {
      if (!choice.is_object()) return MalformedAnswer(choice.Mismatch("an object"));
      TIDEGATE_TRY(ReadChoice(*choice.Object(), position++, out));
      chunk_had_choices_ = true;
    }
  }
  if (const std::optional<json::Value> usage = FindSet(chunk, "usage")) {
    core::Usage read = openai_chat::ReadUsage(*usage);
    if (const auto timings = FindSet(chunk, "timings")) openai_chat::ReadDrafts(*timings, read);
    out.push_back(core::UsageEvent{read});
  }
  return {};
}

Result<void> AnswerReader::ReadWhole(const json::Value& root, std::vector<core::Event>& out) {
  TIDEGATE_TRY(ReadChunk(root, false, out));
  const bool is_error = !out.empty() && std::holds_alternative<core::ErrorEvent>(out.back());
  if (!said_anything_ && !is_error) return MalformedAnswer("is empty");
  return {};
}

Result<void> AnswerReader::ReadChoice(const json::Object& choice, std::int64_t position,
                                      std::vector<core::Event>& out) {
  std::int64_t index = position;
  if (const std::optional<json::Value> value = FindSet(choice, "index")) {
    const Result<std::int64_t> number = value->IntegerIn(0, kChoicesMax - 1);
    if (!number.ok()) return MalformedAnswer(number.error());
    index = *number;
  }
  const auto [known, is_new] = finished_.try_emplace(index, false);
  if (is_new) ++unfinished_;
  if (const std::optional<json::Value> logprobs = FindSet(choice, "logprobs")) {
    TIDEGATE_ASSIGN(const std::string_view entries, ReadLogprobs(*logprobs));
    if (!entries.empty())
      out.emplace_back(core::LogprobsEvent{.choice = index, .content = entries});
  }
  if (const std::optional<json::Value> text = FindSet(choice, "text")) {
    if (!text->is_string()) return MalformedAnswer(text->Mismatch("a string"));
    if (!text->String()->empty()) out.emplace_back(core::TextEvent{index, *text->String()});
    said_anything_ |= !text->String()->empty();
  }
  const std::optional<json::Value> reason = FindSet(choice, "finish_reason");
  if (!reason || known->second) return {};
  if (!reason->is_string()) return MalformedAnswer(reason->Mismatch("a string"));
  if (reason->String()->empty()) return {};
  known->second = true;
  --unfinished_;
  said_anything_ = true;
  out.emplace_back(core::FinishEvent{index, ParseFinishReason(*reason->String()), {}});
  return {};
}

}  // namespace tidegate::protocols::openai_completions
