// Replicate's predictions: what its files share.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "emulator/chat.h"
#include "emulator/job_store.h"
#include "emulator/shape.h"
#include "json/value.h"

namespace tidegate::emulator::replicate {

enum Operation { kCreate, kGet, kStream, kCancel };

struct Extra : RequestExtra {
  std::string job;       // its id
  std::string origin;    // of the addresses that are told
  bool started = false;  // only begun: its output is asked for afterwards
};

// The inputs of a language model. Errors: kInvalidArgument with the path of the input.
Result<ChatRequest> ParseInput(const json::Object& input);

// A prediction that has not ended, or was cancelled.
void WriteState(const Job& job, std::string_view status, std::string_view origin, std::string& out);
void WriteWhole(const Reply& reply, std::string& out);
std::unique_ptr<Frames> MakeFrames(const Reply& reply);

}  // namespace tidegate::emulator::replicate
