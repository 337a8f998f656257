// A decision in words and tables, for the person whose request it was.
#pragma once

#include <string>

#include "cli/decision_view.h"
#include "cli/table.h"

namespace tidegate::cli {

// What a person wants to know first, in at most three sentences: where it ran and why, what left
// the machine, what it cost.
std::string Headline(const DecisionView& decision);

// The headline, the facts of the request, and tables of candidates, rejections and attempts.
// `layout.indent` is not used.
std::string ExplainDecision(const DecisionView& decision, const Layout& layout);

// One line for under an answer: where it ran, its cost, what left.
std::string ShortOutcome(const DecisionView& decision);

}  // namespace tidegate::cli
