#include "cli/measuring.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/json_fields.h"
#include "cli/line_splitter.h"
#include "cli/table.h"
#include "cli/transfer_screen.h"
#include "cli/units.h"
#include "json/reader.h"

namespace tidegate::cli {
namespace {

constexpr std::int64_t kMicrosPerMs = 1'000;

std::string Ms(double ms) {
  return FormatDuration(static_cast<std::int64_t>(ms * static_cast<double>(kMicrosPerMs)));
}

std::string Speed(double tokens_per_s) {
  return fmt::format("{:.{}f}", tokens_per_s, tokens_per_s < 100 ? 1 : 0);
}

// "+12.3 %".
std::string Percent(double share) { return fmt::format("{:+.1f} %", 100 * share); }

Layout LayoutOf(const Console& console) {
  return {console.out_terminal ? console.columns : 0, 0, console.OutPaint()};
}

std::string PointsText(JsonFields& fields, const Console& console, bool& disturbed) {
  Table table({{"PROMPT", Align::kRight},
               {"AT ONCE", Align::kRight},
               {"TTFT p50", Align::kRight},
               {"TTFT p95", Align::kRight},
               {"READS tok/s", Align::kRight},
               {"WRITES tok/s", Align::kRight},
               {"IN TOTAL", Align::kRight}});
  for (const json::Value item : fields.Items("points")) {
    JsonFields point(item);
    const bool marked = point.Flag("disturbed");
    disturbed = disturbed || marked;
    table.Row({FormatCount(point.Integer("prompt_tokens")),
               FormatCount(point.Integer("concurrency")), Ms(point.Number("ttft_ms_p50")),
               Ms(point.Number("ttft_ms_p95")), Speed(point.Number("prompt_tokens_per_s")),
               Speed(point.Number("tokens_per_s")),
               Speed(point.Number("tokens_per_s_total")) + (marked ? " *" : "")});
    fields.Absorb(point.status());
  }
  return table.Render(LayoutOf(console));
}

// "threads=3 ubatch=256", as the gate writes a tuning.
std::string SettingsText(const std::optional<json::Value>& value, JsonFields& fields) {
  if (!value) return "?";
  const Result<json::Object> object = value->Object();
  if (!object.ok()) {
    fields.Absorb(object.error());
    return "?";
  }
  std::string text;
  for (const json::Member& member : *object) {
    const Result<std::string_view> word = member.value.String();
    if (!text.empty()) text += ' ';
    text += std::string(member.key) + "=" + std::string(word.ok() ? *word : member.value.raw());
  }
  return text.empty() ? "the usual settings" : text;
}

std::string TrialsText(JsonFields& fields, const Console& console) {
  Table table({{"SETTINGS", Align::kLeft, Overflow::kCut},
               {"GAIN", Align::kRight},
               {"TTFT", Align::kRight},
               {"WRITES tok/s", Align::kRight},
               {"IN TOTAL", Align::kRight}});
  for (const json::Value item : fields.Items("trials")) {
    JsonFields trial(item);
    const std::string settings = SettingsText(trial.Find("settings"), trial);
    const std::string problem = trial.Text("problem");
    const std::vector<json::Value> points = trial.Items("points");
    if (points.empty()) {
      table.Row({settings, Cell(problem.empty() ? "?" : problem, Ink::kBad), "-", "-", "-"});
    } else {
      JsonFields alone(points.front());
      JsonFields together(points.back());
      const double gain = trial.Number("gain");
      table.Row({settings, Cell(Percent(gain), gain > 0 ? Ink::kGood : Ink::kDim),
                 Ms(alone.Number("ttft_ms_p50")), Speed(alone.Number("tokens_per_s")),
                 Speed(together.Number("tokens_per_s_total"))});
      trial.Absorb(alone.status());
      trial.Absorb(together.status());
    }
    fields.Absorb(trial.status());
  }
  return table.Render(LayoutOf(console));
}

}  // namespace

Result<std::string> RunMeasuring(Context& context, GateClient& client, std::string path,
                                 std::string body, const std::string& what) {
  json::Reader reader;
  LineSplitter lines;
  std::optional<std::string> result;
  std::optional<TransferScreen> screen;
  const LineSplitter::Handler on_line = [&](std::string_view line) -> Result<void> {
    const Result<json::Value> root = reader.ParseCopy(line, kAnswerBytesMax);
    if (!root.ok()) return UnexpectedAnswer(root.error());
    if (const std::optional<json::Value> found = JsonFields(*root).Find("result")) {
      result = found->raw();
      return {};
    }
    TIDEGATE_ASSIGN(const TransferStatus status, ReadTransferLine(reader, line));
    if (!screen) screen.emplace(context.console);
    screen->Take(status);
    return {};
  };
  StreamHandlers handlers;
  handlers.on_head = [](const AnswerHead&) {};
  handlers.on_bytes = [&](std::string_view bytes) { return lines.Feed(bytes, on_line); };
  Result<void> received = client.Stream(std::move(path), std::move(body), handlers);
  if (received.ok()) received = lines.Finish(on_line);
  if (screen) screen->End(received.ok() && result.has_value());
  TIDEGATE_TRY(std::move(received));
  if (result) return *std::move(result);
  return Error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kSameTarget,
               "the " + what + " ended before it was complete; nothing of it was kept"};
}

Result<std::string> BenchText(std::string_view result, const Console& console) {
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(result, kAnswerBytesMax);
  if (!root.ok()) return UnexpectedAnswer(root.error());
  JsonFields fields(*root);
  const std::optional<json::Value> value = fields.Find("profile");
  if (!value) return UnexpectedAnswer(InvalidArgument("profile", "is required"));
  JsonFields profile(*value);
  bool disturbed = false;
  std::string text = PointsText(profile, console, disturbed);
  text += "\n" + profile.Text("settings") + "\n";
  if (disturbed) {
    text += "* others used the model meanwhile, or not all requests ran at once\n";
  }
  const std::size_t left_out = fields.Items("left_out").size();
  if (left_out > 0) {
    text += fmt::format("{} not measured: the time was up (--seconds-max allows more)\n", left_out);
  }
  fields.Absorb(profile.status());
  TIDEGATE_TRY(fields.status());
  return text;
}

Result<std::string> TuneText(std::string_view result, const Console& console) {
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(result, kAnswerBytesMax);
  if (!root.ok()) return UnexpectedAnswer(root.error());
  JsonFields fields(*root);
  const std::string model = fields.Text("model");
  if (fields.Find("reset")) {
    const bool forgotten = fields.Flag("reset");
    TIDEGATE_TRY(fields.status());
    return model + (forgotten ? " has the usual settings again\n" : " had the usual settings\n");
  }
  std::string text = TrialsText(fields, console) + "\n";
  const std::string before = SettingsText(fields.Find("before"), fields);
  const std::string after = SettingsText(fields.Find("after"), fields);
  const std::string gain = Percent(fields.Number("gain"));
  const double noise = 100 * fields.Number("noise");
  if (fields.Flag("changed")) {
    text += fmt::format("kept: {} ({} against {}, measuring wavers by {:.1f} %)\n", after, gain,
                        before, noise);
  } else {
    text += "nothing that was tried beats " + before +
            " by more than measuring wavers; nothing changed\n";
  }
  if (!fields.Flag("complete")) {
    text += "the time was up before all was tried (--seconds-max allows more)\n";
  }
  TIDEGATE_TRY(fields.status());
  return text;
}

Result<std::int64_t> ParseCount(std::string_view text, const std::string& option) {
  std::int64_t count = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (ec == std::errc() && end == text.data() + text.size() && count > 0) return count;
  return UsageError(option + ": \"" + std::string(text) + "\" is no whole number above 0");
}

Result<std::vector<std::int64_t>> ParseCounts(std::string_view text, const std::string& option) {
  std::vector<std::int64_t> counts;
  while (true) {
    const std::size_t comma = text.find(',');
    TIDEGATE_ASSIGN(const std::int64_t count, ParseCount(text.substr(0, comma), option));
    counts.push_back(count);
    if (comma == text.npos) return counts;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace tidegate::cli
