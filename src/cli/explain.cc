#include "cli/explain.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/display_text.h"
#include "cli/units.h"

namespace tidegate::cli {
namespace {

constexpr std::int64_t kMicrosPerMs = 1'000;

std::string InPlace(const std::string& place) {
  if (place == "device") return "on this device";
  if (place == "edge") return "on a machine of your network";
  if (place == "attested") return "in an attested cloud";
  return "in the cloud";
}

const AttemptView* Answered(const DecisionView& decision) {
  for (const AttemptView& attempt : decision.attempts) {
    if (attempt.outcome == "ok" || attempt.outcome == "cut") return &attempt;
  }
  return nullptr;
}

std::size_t Eligible(const DecisionView& decision) {
  return static_cast<std::size_t>(
      std::count_if(decision.candidates.begin(), decision.candidates.end(),
                    [](const CandidateView& candidate) { return !candidate.rejected; }));
}

bool IsAuto(const std::string& model) { return model.empty() || model.starts_with("auto"); }

// The main reason for `model`, as the end of a sentence that began "… because".
std::string Because(const DecisionView& decision, const std::string& model) {
  const AttemptView* answered = Answered(decision);
  const bool another = answered != nullptr && answered->model != decision.attempts.front().model;
  if (another) {
    const AttemptView& first = decision.attempts.front();
    return first.model + " was tried first and did not answer (" +
           (first.error.empty() ? first.outcome : first.error) + ")";
  }
  if (!IsAuto(decision.asked_model)) return "you asked for " + decision.asked_model;
  const std::size_t eligible = Eligible(decision);
  if (eligible == 1 && decision.privacy == "local") {
    return "its privacy label is 'local', and " + model + " is what may run it here";
  }
  if (eligible == 1) return "nothing else may or can run it";
  return fmt::format("it scored best of the {} models that may run it", eligible);
}

std::string WhatLeft(const DecisionView& decision) {
  if (decision.egress == "masked")
    return "The prompt left this machine with private values masked.";
  if (decision.egress == "raw") return "The prompt left this machine as it was.";
  return "Nothing left this machine.";
}

std::string CostOf(const DecisionView& decision) {
  return "It cost " + FormatDollars(decision.cost) + ".";
}

std::string DryRunHeadline(const DecisionView& decision) {
  const auto best = std::find_if(decision.candidates.begin(), decision.candidates.end(),
                                 [](const CandidateView& one) { return !one.rejected; });
  if (best == decision.candidates.end()) {
    return "Nothing may run this request" +
           (decision.error.empty() ? std::string(".") : ": " + decision.error + ".");
  }
  return fmt::format("It would run {} ({}), because {}. Expected cost {}, at most {}.",
                     InPlace(best->place), best->model, Because(decision, best->model),
                     FormatDollars(best->estimated_cost), FormatDollars(best->worst_case_cost));
}

std::string Milliseconds(std::int64_t ms) {
  return ms == 0 ? "-" : FormatDuration(ms * kMicrosPerMs);
}

Ink InkOfPlace(const std::string& place) { return place == "device" ? Ink::kGood : Ink::kPlain; }

// "A title" and its table, or nothing for an empty one.
std::string Section(std::string_view title, const Table& table, Layout layout) {
  if (table.empty()) return "";
  layout.indent = 2;
  return "\n" + layout.paint(Ink::kBold, title) + "\n" + table.Render(layout);
}

std::string EligibleTable(const DecisionView& decision, const Layout& layout) {
  Table table({{"MODEL", Align::kLeft, Overflow::kCut},
               {"PLACE"},
               {"SCORE", Align::kRight},
               {"COST", Align::kRight},
               {"AT MOST", Align::kRight},
               {"1ST TOKEN", Align::kRight},
               {"TOTAL", Align::kRight},
               {"QUALITY", Align::kRight}});
  for (const CandidateView& one : decision.candidates) {
    if (one.rejected) continue;
    table.Row({{one.model, Ink::kAccent},
               {one.place, InkOfPlace(one.place)},
               fmt::format("{:.3f}", one.score),
               FormatDollars(one.estimated_cost),
               FormatDollars(one.worst_case_cost),
               Milliseconds(one.estimated_ttft_ms),
               Milliseconds(one.estimated_total_ms),
               fmt::format("{:.0f} %", one.estimated_quality * 100)});
  }
  return Section("Candidates, best first", table, layout);
}

std::string RejectedTable(const DecisionView& decision, const Layout& layout) {
  Table table({{"MODEL", Align::kLeft, Overflow::kCut},
               {"PLACE"},
               {"REASON"},
               {"WHY", Align::kLeft, Overflow::kWrap}});
  for (const CandidateView& one : decision.candidates) {
    if (!one.rejected) continue;
    table.Row({one.model, one.place, {one.reason, Ink::kWarning}, one.detail});
  }
  return Section("Rejected", table, layout);
}

std::string AttemptTable(const DecisionView& decision, const Layout& layout) {
  Table table({{"MODEL", Align::kLeft, Overflow::kCut},
               {"END"},
               {"STARTED", Align::kRight},
               {"1ST TOKEN", Align::kRight},
               {"TOOK", Align::kRight},
               {"IN/OUT", Align::kRight},
               {"HELD", Align::kRight},
               {"COST", Align::kRight},
               {"LEFT"}});
  for (const AttemptView& one : decision.attempts) {
    const std::string tokens =
        fmt::format("{}{}/{}", one.usage_estimated ? "~" : "", one.input_tokens, one.output_tokens);
    table.Row({{one.model, Ink::kAccent},
               {one.outcome, one.outcome == "ok" ? Ink::kGood : Ink::kBad},
               "+" + FormatDuration(one.started_us),
               one.ttft_us == 0 ? "-" : FormatDuration(one.ttft_us),
               FormatDuration(one.total_us),
               tokens,
               FormatDollars(one.reserved),
               FormatDollars(one.cost),
               one.egress == "none" ? std::string("nothing")
                                    : one.egress + ", " + FormatBytes(one.bytes_sent)});
  }
  std::string out = Section("Attempts", table, layout);
  for (const AttemptView& one : decision.attempts) {
    if (one.dropped_messages > 0) {
      out += fmt::format("  left out to fit the window: the {} oldest messages\n",
                         one.dropped_messages);
    }
    if (one.cut_texts > 0) {
      out += fmt::format("  cut to fit the window: {} texts\n", one.cut_texts);
    }
  }
  for (const AttemptView& one : decision.attempts) {
    if (one.error.empty()) continue;
    std::string text = Printable(one.error);
    if (text.find(one.model) == std::string::npos) text = one.model + ": " + text;
    if (one.assumed) {
      text += "; nobody knows whether it was charged, so all that was held counts as spent";
    }
    for (const std::string& line :
         Wrap(text, layout.columns == 0 ? text.size() + 2 : layout.columns - 2)) {
      out += "  " + layout.paint(Ink::kBad, line) + "\n";
    }
  }
  return out;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out.empty() ? "none" : out;
}

std::string Facts(const DecisionView& decision, const Layout& layout) {
  std::vector<std::pair<std::string, std::string>> facts = {
      {"decision", decision.id},
      {"when", decision.time},
      {"caller", decision.principal},
      {"asked for", decision.asked_model.empty() ? "auto" : decision.asked_model},
      {"privacy", decision.privacy + ", places allowed: " + Joined(decision.allowed_places)},
      {"estimated", fmt::format("{} tokens in, {} out, difficulty {:.2f}",
                                FormatCount(decision.input_tokens_estimate),
                                FormatCount(decision.output_tokens_estimate), decision.difficulty)},
      {"took", FormatDuration(decision.total_us) + ", of which planning " +
                   FormatDuration(decision.plan_us)},
  };
  if (decision.status != 0) facts.emplace_back("status", std::to_string(decision.status));
  std::string out;
  for (const auto& [name, value] : facts) {
    const std::string padded = name + std::string(11 - name.size(), ' ');
    const std::size_t room = layout.columns == 0 ? std::string::npos : layout.columns - 13;
    out += "  " + layout.paint(Ink::kDim, padded) + Cut(Printable(value), room) + "\n";
  }
  return out;
}

}  // namespace

std::string Headline(const DecisionView& decision) {
  if (decision.dry_run) return DryRunHeadline(decision) + " Nothing was sent.";
  const AttemptView* answered = Answered(decision);
  if (answered == nullptr) {
    const bool tried = !decision.attempts.empty();
    // A count of tokens that nobody could be asked for, a model that was only to be loaded.
    const std::string what = decision.status == 200   ? "The gate answered it itself"
                             : decision.status == 499 ? "It was cancelled by its caller"
                             : tried                  ? "It failed"
                                                      : "It was refused";
    return what + (decision.error.empty() ? "" : " (" + decision.error + ")") + ". " +
           WhatLeft(decision) + " " + CostOf(decision);
  }
  const std::string cut = answered->outcome == "cut" ? " Its answer was cut off." : "";
  return fmt::format("It ran {} ({}), because {}.{} {} {}", InPlace(answered->place),
                     answered->model, Because(decision, answered->model), cut, WhatLeft(decision),
                     CostOf(decision));
}

std::string ExplainDecision(const DecisionView& decision, const Layout& layout) {
  std::string out;
  const std::string headline = Printable(Headline(decision));
  const std::size_t room = layout.columns == 0 ? headline.size() + 2 : layout.columns;
  for (const std::string& line : Wrap(headline, room)) {
    out += layout.paint(Ink::kBold, line) + "\n";
  }
  out += "\n" + Facts(decision, layout);
  out += EligibleTable(decision, layout);
  out += RejectedTable(decision, layout);
  out += AttemptTable(decision, layout);
  return out;
}

std::string ShortOutcome(const DecisionView& decision) {
  if (decision.model.empty()) return "no answer";
  std::string left = "nothing left this machine";
  if (decision.egress == "masked") left = "left masked";
  if (decision.egress == "raw") left = "left as it was";
  return fmt::format("{} {}, {}, {}", decision.model, InPlace(decision.place),
                     FormatDollars(decision.cost), left);
}

}  // namespace tidegate::cli
