// A conversation at the terminal.
#pragma once

#include "base/result.h"
#include "cli/answer_screen.h"
#include "cli/chat.h"
#include "cli/command.h"
#include "cli/gate_client.h"

namespace tidegate::cli {

struct ChatSetup {
  ChatRequest request;  // the model and its knobs; no messages
  AnswerStyle style;
  bool insecure = false;  // when the model must be pulled
};

// Runs until the person leaves. Pulls the model first when the gate does not have it. The exit
// code, or why the chat could not begin. REQUIRES: standard input is a terminal.
Result<int> RunChatSession(Context& context, GateClient& client, ChatSetup setup);

}  // namespace tidegate::cli
