// One model in all that is known of it: the blocks of `show`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/chat.h"
#include "cli/console.h"
#include "cli/gate_client.h"

namespace tidegate::cli {

// What POST /api/show says.
struct ShownModel {
  std::string license, modelfile, parameters, model_template, system;
  std::vector<ChatMessage> messages;  // that it begins with
  bool local = false;                 // its weights are on the gate's machine
  std::string unfit;                  // why it cannot be loaded there; empty: it can
  std::string info;                   // the blocks, for people
};
Result<ShownModel> ReadShownModel(std::string_view answer, bool verbose);
Result<ShownModel> FetchShownModel(GateClient& client, const std::string& model);

// For a model that has just been got: says so where it cannot be loaded.
void WarnIfUnfit(Console& console, GateClient& client, const std::string& model);

// {"model":…,"verbose"?}.
std::string ShowBody(const std::string& model, bool verbose);

}  // namespace tidegate::cli
