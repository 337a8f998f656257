#include "protocols/ollama/encode_parts.h"

#include <algorithm>

#include "base/clock.h"
#include "protocols/arguments.h"

namespace tidegate::protocols::ollama {
namespace {}  // namespace

std::string_view DoneReason(core::FinishReason reason) {
  return reason == core::FinishReason::kLength ? "length" : "stop";
}

void WriteCall(json::Writer& out, const RequestId& id, std::int64_t index, const Call& call) {
  out.BeginObject().Key("id");
  out.String(call.id.empty() ? "call_" + id.ToString() + "_" + std::to_string(index) : call.id);
  out.Key("function").BeginObject().Key("index").Integer(index).Key("name").String(call.name);
  out.Key("arguments");
  const Result<std::string_view> object = ObjectArguments(call.arguments, "");
  if (object.ok()) {
    out.Raw(OneLine(*object));
  } else {
    out.BeginObject().Key("raw_arguments").String(call.arguments).EndObject();
  }
  out.EndObject().EndObject();
}

// The prompt was read when the first content came, and what came behind it was generated.
void WriteEnd(json::Writer& out, core::FinishReason reason, const Timing& timing,
              const std::optional<core::Usage>& usage) {
  const std::int64_t taken = timing.now.taken_nanos;
  const std::int64_t first = timing.first_nanos.value_or(taken);
  out.Key("done").Bool(true).Key("done_reason").String(DoneReason(reason));
  out.Key("total_duration").Integer(timing.now.waited_nanos + taken);
  out.Key("load_duration").Integer(timing.now.waited_nanos);
  if (usage) out.Key("prompt_eval_count").Integer(usage->input_tokens);
  out.Key("prompt_eval_duration").Integer(first);
  if (usage) out.Key("eval_count").Integer(usage->output_tokens);
  out.Key("eval_duration").Integer(taken - first);
}

std::string OneLine(std::string_view json) {
  std::string line(json);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return line;
}

std::string TimeText(std::int64_t seconds) { return FormatUtc(seconds * kNanosPerSecond); }

}  // namespace tidegate::protocols::ollama
