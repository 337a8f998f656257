// The facts of the running gate as JSON: models, engine, status, spend, policy words. Pure: values
// in, text out. docs/admin_api.md lists the members.
#pragma once

#include <string>
#include <vector>

#include "admin/api.h"
#include "base/result.h"

namespace tidegate::admin {

std::string EncodeModels(const std::vector<ModelRow>& rows);
std::string EncodeEngineModels(const std::vector<engine::ModelStatus>& statuses);
std::string EncodeSpend(const ledger::SpendQuery& query, const std::vector<ledger::SpendRow>& rows);
std::string EncodePolicyFields(const std::vector<PolicyField>& fields);

struct StatusFacts {
  GateFacts gate;
  BookFacts books;
  std::size_t models = 0;
  std::int64_t now_wall_nanos = 0;
};
std::string EncodeStatus(const StatusFacts& facts, const Result<engine::EngineBinary>& engine);

// {"error":{"code","message"}} with "field" and "reason" where they are known.
std::string EncodeError(const Error& error);

}  // namespace tidegate::admin
