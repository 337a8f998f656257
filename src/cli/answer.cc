#include "cli/answer.h"

#include <cerrno>
#include <chrono>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "cli/explain.h"
#include "cli/line_splitter.h"
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

std::int64_t MicrosSince(std::int64_t begin_nanos) {
  return (SystemClock().MonotonicNanos() - begin_nanos) / kNanosPerMicro;
}

void Take(Answer& answer, const ChatDelta& delta, std::int64_t begin_nanos) {
  const bool content = !delta.text.empty() || !delta.thinking.empty();
  if (content && answer.ttft_us == 0) answer.ttft_us = MicrosSince(begin_nanos);
  answer.text += delta.text;
  answer.thinking += delta.thinking;
  if (!delta.model.empty()) answer.model = delta.model;
  if (delta.done) answer.metrics = delta.metrics;
}

using Facts = std::vector<std::pair<std::string, std::string>>;

void AddMetrics(Facts& facts, const ChatMetrics& metrics) {
  const auto time = [&facts](const char* name, std::int64_t nanos) {
    if (nanos > 0) facts.emplace_back(name, FormatGoDuration(nanos));
  };
  const auto rate = [&facts](const char* name, std::int64_t tokens, std::int64_t nanos) {
    if (nanos > 0) facts.emplace_back(name, FormatRate(tokens, nanos));
  };
  const auto count = [&facts](const char* name, std::int64_t tokens) {
    if (tokens > 0) facts.emplace_back(name, fmt::format("{} token(s)", tokens));
  };
  time("total duration", metrics.total_ns);
  time("load duration", metrics.load_ns);
  count("prompt eval count", metrics.prompt_tokens);
  time("prompt eval duration", metrics.prompt_ns);
  rate("prompt eval rate", metrics.prompt_tokens, metrics.prompt_ns);
  count("eval count", metrics.answer_tokens);
  time("eval duration", metrics.answer_ns);
  rate("eval rate", metrics.answer_tokens, metrics.answer_ns);
}

}  // namespace

Answer ReceiveAnswer(Context& context, GateClient& client, const ChatRequest& request,
                     const AnswerStyle& style) {
  Answer answer;
  Spinner spinner(context.console, "waiting for the answer");
  AnswerScreen screen(context, spinner, style);
  LineSplitter lines;
  json::Reader reader;
  bool done = false;
  const std::int64_t begin = SystemClock().MonotonicNanos();
  const LineSplitter::Handler on_line = [&](std::string_view line) -> Result<void> {
    TIDEGATE_ASSIGN(const ChatDelta delta, ReadChatLine(reader, line));
    Take(answer, delta, begin);
    screen.Show(delta);
    done = done || delta.done;
    return Result<void>();
  };
  StreamHandlers handlers;
  handlers.on_head = [&](const AnswerHead& head) {
    answer.answered = true;
    answer.head = head;
    if (!head.model.empty()) spinner.SetLabel("waiting for " + head.model);
  };
  handlers.on_bytes = [&](std::string_view bytes) { return lines.Feed(bytes, on_line); };
  Result<void> received = client.Stream(kChatPath, ChatBody(request), handlers);
  if (received.ok()) received = lines.Finish(on_line);
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
  Facts facts;
  AddMetrics(facts, answer.metrics);
  if (answer.ttft_us > 0) facts.emplace_back("first token", FormatDuration(answer.ttft_us));
  if (!answer.head.decision.empty()) {
    const Result<DecisionView> decision = FetchDecision(client, answer.head.decision);
    facts.emplace_back("ran", decision.ok() ? Printable(ShortOutcome(*decision))
                                            : "unknown: " + Printable(decision.error().message));
    if (decision.ok() && !decision->attempts.empty()) {
      const AttemptView& last = decision->attempts.back();
      if (last.draft_tokens > 0) {
        facts.emplace_back("drafts", FormatAccepted(last.draft_accepted_tokens, last.draft_tokens));
      }
    }
    facts.emplace_back("decision", Printable(answer.head.decision));
  }
  const Paint paint = context.console.ErrPaint();
  std::string out = "\n";
  for (const auto& [name, value] : facts) {
    out += paint(Ink::kDim, fmt::format("{:<22}", name + ":")) + value + "\n";
  }
  return out;
}

std::string AnswerJson(const Answer& answer, const Result<DecisionView>& decision) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject();
  writer.Key("text").String(answer.text);
  if (!answer.thinking.empty()) writer.Key("thinking").String(answer.thinking);
  writer.Key("complete").Bool(!answer.error.has_value());
  writer.Key("decision").String(answer.head.decision);
  const std::string& named = answer.head.model.empty() ? answer.model : answer.head.model;
  writer.Key("model").String(decision.ok() ? decision->model : named);
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
  if (answer.metrics.counted) {
    writer.Integer(answer.metrics.prompt_tokens);
    writer.Key("output_tokens").Integer(answer.metrics.answer_tokens);
  } else {
    writer.Null().Key("output_tokens").Null();
  }
  writer.Key("ttft_us").Integer(answer.ttft_us);
  writer.Key("total_us").Integer(answer.total_us);
  writer.EndObject();
  return out + "\n";
}

Result<int> ShowAnswer(Context& context, GateClient& client, const ChatRequest& request,
                       const AnswerStyle& style, const MissingModelFunction& on_missing) {
  Answer answer = ReceiveAnswer(context, client, request, style);
  const bool missing =
      !answer.answered && answer.error && answer.error->code == ErrorCode::kNotFound;
  if (missing && on_missing != nullptr) {
    TIDEGATE_TRY(on_missing(*answer.error));
    answer = ReceiveAnswer(context, client, request, style);
  }
  if (context.json && answer.answered) {
    context.console.out.Write(AnswerJson(answer, FetchDecision(client, answer.head.decision)));
  } else if (style.verbose && answer.answered) {
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
  if (!IsUtf8(out)) return InvalidArgument("", "standard input is not UTF-8 text");
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

std::string JoinWords(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string JoinPrompt(const std::string& typed, const std::string& piped) {
  return typed + (typed.empty() || piped.empty() ? "" : "\n\n") + piped;
}

}  // namespace tidegate::cli
