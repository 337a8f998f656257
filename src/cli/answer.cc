#include "cli/answer.h"

#include <cerrno>
#include <chrono>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "base/clock.h"
#include "cli/display_text.h"
#include "cli/event_reader.h"
#include "cli/exit_code.h"
#include "cli/explain.h"
#include "cli/json_fields.h"
#include "cli/progress.h"
#include "cli/units.h"
#include "json/writer.h"

namespace tidegate::cli {
namespace {

constexpr std::size_t kPipedBytesMax = 16U << 20U;
constexpr std::int64_t kNanosPerMicro = 1'000;

Error Cut() {
  return Error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kSameTarget,
               "the answer ended before it was complete"};
}

// Puts the pieces of an answer on the screen.
class AnswerScreen {
 public:
  AnswerScreen(Context& context, Spinner& spinner) : context_(context), spinner_(spinner) {}

  void Show(const ChatDelta& delta) {
    if (context_.json) return;
    const bool terminal = context_.console.out_terminal;
    // What a model thinks is for eyes only: it is no part of the answer that a program reads.
    if (terminal && !delta.reasoning.empty()) {
      Begin();
      context_.console.out.Write(
          context_.console.OutPaint()(Ink::kDim, Printable(delta.reasoning)));
      thinking_ = true;
    }
    if (delta.text.empty()) return;
    Begin();
    if (thinking_) context_.console.out.Write("\n\n");
    thinking_ = false;
    context_.console.out.Write(terminal ? Printable(delta.text) : delta.text);
    open_line_ = !delta.text.ends_with('\n');
  }

  void End() {
    spinner_.Stop();
    if (open_line_ || thinking_) context_.console.out.Write("\n");
  }

 private:
  void Begin() { spinner_.Stop(); }
  Context& context_;
  Spinner& spinner_;
  bool thinking_ = false;
  bool open_line_ = false;
};

std::int64_t MicrosSince(std::int64_t begin_nanos) {
  return (SystemClock().MonotonicNanos() - begin_nanos) / kNanosPerMicro;
}

void Take(Answer& answer, const ChatDelta& delta, std::int64_t begin_nanos) {
  const bool content = !delta.text.empty() || !delta.reasoning.empty();
  if (content && answer.ttft_us == 0) answer.ttft_us = MicrosSince(begin_nanos);
  answer.text += delta.text;
  if (!delta.model.empty()) answer.model = delta.model;
  if (!delta.has_usage) return;
  answer.has_usage = true;
  answer.input_tokens = delta.input_tokens;
  answer.output_tokens = delta.output_tokens;
}

// When the engine had to load the model for this answer: how long that took.
std::int64_t LoadMicros(GateClient& client, const DecisionView& decision) {
  const Result<std::string> text = client.Get("/tidegate/ps");
  if (!text.ok()) return 0;
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(*text, kAnswerBytesMax);
  if (!root.ok()) return 0;
  for (const json::Value item : JsonFields(*root).Items("models")) {
    JsonFields fields(item);
    const bool same = decision.model.ends_with("/" + fields.Text("model"));
    // Times of one form, all in UTC, so their order as text is their order in time.
    if (same && fields.Text("started_at") >= decision.time) {
      return fields.Integer("last_start_ms") * 1'000;
    }
  }
  return 0;
}

}  // namespace

Answer ReceiveAnswer(Context& context, GateClient& client, std::string body) {
  Answer answer;
  Spinner spinner(context.console, "waiting for the answer");
  AnswerScreen screen(context, spinner);
  EventReader events;
  json::Reader reader;
  bool done = false;
  const std::int64_t begin = SystemClock().MonotonicNanos();
  const EventReader::Handler on_event = [&](std::string_view data) -> Result<void> {
    TIDEGATE_ASSIGN(const ChatDelta delta, ReadChatEvent(reader, data));
    Take(answer, delta, begin);
    screen.Show(delta);
    done = done || delta.done;
    return Result<void>();
  };
  StreamHandlers handlers;
  handlers.on_head = [&](const AnswerHead& head) {
    answer.head = head;
    if (!head.model.empty()) spinner.SetLabel("waiting for " + head.model);
  };
  handlers.on_bytes = [&](std::string_view bytes) { return events.Feed(bytes, on_event); };
  const Result<void> received = client.Stream("/v1/chat/completions", std::move(body), handlers);
  answer.total_us = MicrosSince(begin);
  screen.End();
  if (!received.ok()) {
    answer.interrupted = received.error().code == ErrorCode::kCancelled;
    answer.error = received.error();
  } else if (!done) {
    answer.error = Cut();
  }
  return answer;
}

Result<DecisionView> FetchDecision(GateClient& client, const std::string& id) {
  if (id.empty()) return NotFound("the answer names no decision");
  for (int left = kDecisionTries; true; --left) {
    const Result<std::string> text = client.Get("/tidegate/decisions/" + id);
    if (text.ok()) return ReadDecisionText(*text);
    if (text.error().code != ErrorCode::kNotFound || left <= 1) return text.error();
    std::this_thread::sleep_for(std::chrono::milliseconds(kDecisionRetryMs));
  }
}

std::string VerboseText(Context& context, GateClient& client, const Answer& answer) {
  std::vector<std::pair<std::string, std::string>> lines;
  const Result<DecisionView> decision = FetchDecision(client, answer.head.decision);
  lines.emplace_back("total", FormatDuration(answer.total_us));
  if (decision.ok()) {
    const std::int64_t load_us = LoadMicros(client, *decision);
    if (load_us > 0) lines.emplace_back("load", FormatDuration(load_us));
  }
  if (answer.ttft_us > 0) lines.emplace_back("first token", FormatDuration(answer.ttft_us));
  if (answer.has_usage) {
    lines.emplace_back("prompt", FormatCount(answer.input_tokens) + " tokens");
    lines.emplace_back("answer", FormatCount(answer.output_tokens) + " tokens");
    const std::string rate = FormatRate(answer.output_tokens, answer.total_us - answer.ttft_us);
    if (!rate.empty()) lines.emplace_back("rate", rate);
  }
  lines.emplace_back("ran", decision.ok() ? Printable(ShortOutcome(*decision))
                                          : "unknown: " + Printable(decision.error().message));
  if (decision.ok()) lines.emplace_back("decision", decision->id);
  const Paint paint = context.console.ErrPaint();
  std::string out = "\n";
  for (const auto& [name, value] : lines) {
    out += paint(Ink::kDim, fmt::format("{:<12}", name)) + value + "\n";
  }
  return out;
}

std::string AnswerJson(const Answer& answer, const Result<DecisionView>& decision) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject();
  writer.Key("text").String(answer.text);
  writer.Key("complete").Bool(!answer.error.has_value());
  writer.Key("decision").String(answer.head.decision);
  writer.Key("model").String(decision.ok() ? decision->model : answer.head.model);
  writer.Key("place").String(decision.ok() ? decision->place : answer.head.place);
  writer.Key("egress");
  if (decision.ok()) {
    writer.String(decision->egress);
    writer.Key("cost_usd").String(FormatUsd(decision->cost));
    writer.Key("cost_nanodollars").Integer(decision->cost.nanodollars);
  } else {
    writer.Null().Key("cost_usd").Null().Key("cost_nanodollars").Null();
  }
  writer.Key("input_tokens");
  if (answer.has_usage) {
    writer.Integer(answer.input_tokens).Key("output_tokens").Integer(answer.output_tokens);
  } else {
    writer.Null().Key("output_tokens").Null();
  }
  writer.Key("ttft_us").Integer(answer.ttft_us);
  writer.Key("total_us").Integer(answer.total_us);
  writer.EndObject();
  return out + "\n";
}

Result<int> ShowAnswer(Context& context, GateClient& client, std::string body) {
  const Answer answer = ReceiveAnswer(context, client, std::move(body));
  const bool refused = answer.error && answer.head.decision.empty();
  if (context.json && !refused) {
    context.console.out.Write(AnswerJson(answer, FetchDecision(client, answer.head.decision)));
  } else if (context.arguments.Has("--verbose") && !refused) {
    context.console.err.Write(VerboseText(context, client, answer));
  }
  if (answer.error) return *answer.error;
  return kExitOk;
}

Result<std::string> ReadPipedInput(const Console& console) {
  std::string out;
  if (console.in_terminal) return out;
  char buffer[64 * 1024];
  while (true) {
    const ssize_t got = ::read(console.in_fd, buffer, sizeof(buffer));
    if (got == 0) break;
    if (got < 0) {
      if (errno == EINTR) continue;
      break;  // closed or not readable: nothing was piped
    }
    out.append(buffer, static_cast<std::size_t>(got));
    if (out.size() > kPipedBytesMax) {
      return Error{ErrorCode::kTooLarge, ErrorSource::kCaller, Retry::kNever,
                   "standard input is larger than " + FormatBytes(kPipedBytesMax)};
    }
  }
  for (std::string_view rest = out; !rest.empty();) {
    const Glyph glyph = FirstGlyph(rest);
    if (glyph.bytes == 1 && glyph.code == 0xFFFD) {
      return InvalidArgument("", "standard input is not UTF-8 text");
    }
    rest.remove_prefix(glyph.bytes);
  }
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

std::string JoinPrompt(const std::vector<std::string>& words, const std::string& piped) {
  std::string prompt;
  for (const std::string& word : words) prompt += (prompt.empty() ? "" : " ") + word;
  if (!prompt.empty() && !piped.empty()) prompt += "\n\n";
  return prompt + piped;
}

}  // namespace tidegate::cli
