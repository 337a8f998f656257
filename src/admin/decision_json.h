// A decision as JSON: every fact of the record, once, with its unit in its name. docs/admin_api.md
// lists the members.
#pragma once

#include <string>
#include <string_view>

#include "base/money.h"
#include "core/decision.h"
#include "json/writer.h"

namespace tidegate::admin {

// One JSON object. Money is written twice: "cost_usd": "0.00234" for people and for programs that
// keep decimals, "cost_nanodollars": 2340000 for exact sums.
std::string EncodeDecision(const core::DecisionRecord& record);
void WriteDecision(json::Writer& writer, const core::DecisionRecord& record);

// The two members of an amount: NAME_usd and NAME_nanodollars.
void WriteMoney(json::Writer& writer, std::string_view name, Money money);

}  // namespace tidegate::admin
