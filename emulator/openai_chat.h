// The OpenAI Chat protocol as a provider speaks it: reading requests, writing answers, frames and
// errors.
//
// Written apart from the gateway's own codec on purpose: a mistake made in both would not show in
// any test.
#pragma once

#include <string>
#include <string_view>

#include "emulator/chat.h"
#include "emulator/model.h"
#include "json/value.h"
#include "json/writer.h"

namespace tidegate::emulator {

inline constexpr std::int64_t kChoicesMax = 16;
inline constexpr std::int64_t kTopLogprobsMax = 20;
inline constexpr std::size_t kStopSequencesMax = 4;

// Errors: kInvalidArgument with the path of the field.
Result<ChatRequest> ParseOpenAiChat(const json::Value& body);

// Appends the body of a complete answer. `faults` may spoil the usage.
void WriteOpenAiAnswer(const Answer& answer, const ChatRequest& request, const Faults& faults,
                       std::string& out);

// Appends the frames of a streamed answer, each with its blank line. Views its arguments. Not
// thread-safe.
class OpenAiChatFrames {
 public:
  OpenAiChatFrames(const Answer& answer, const ChatRequest& request, const Faults& faults)
      : answer_(answer), request_(request), faults_(faults) {}

  void WriteRole(std::size_t choice, std::string& out) const;
  // The tokens [begin, end) of a choice: one frame for each run of tokens that may share one.
  void WriteTokens(std::size_t choice, std::size_t begin, std::size_t end, std::string& out) const;
  void WriteFinish(std::size_t choice, std::string& out) const;
  // Usage, if it is due, and [DONE].
  void WriteEnd(std::string& out) const;
  void WriteError(std::string& out) const;
  void WriteMalformed(std::string& out) const;

 private:
  void BeginFrame(std::string& out, json::Writer& writer) const;
  void EndFrame(std::string& out, json::Writer& writer) const;
  void WriteRun(std::size_t choice, std::size_t begin, std::size_t end, std::string& out) const;
  void WriteWholeToolCall(std::size_t choice, std::size_t name, std::string& out) const;
  bool UsageDue() const;
  const Answer& answer_;
  const ChatRequest& request_;
  const Faults& faults_;
};

// Appends the body of an error answer.
void WriteOpenAiError(int status, const Error& error, std::string& out);
// Appends the answer to GET /v1/models; speeds, prices and limits stand in the extension object
// "emulated".
void WriteOpenAiModels(const std::vector<const Model*>& models, std::string& out);

}  // namespace tidegate::emulator
