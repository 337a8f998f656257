// The OpenAI Chat protocol as its many vendors speak it, with the quirks by which they differ.
#pragma once

#include <string>
#include <string_view>

#include "emulator/chat.h"
#include "emulator/model.h"
#include "emulator/shape.h"
#include "json/value.h"
#include "json/writer.h"

namespace tidegate::emulator {

inline constexpr std::int64_t kChoicesMax = 16;
inline constexpr std::int64_t kTopLogprobsMax = 20;
inline constexpr std::size_t kStopSequencesMax = 4;
inline constexpr std::string_view kContentFilter = "content_filter";  // reason of an Azure refusal

// Errors: kInvalidArgument with the path of the field.
Result<ChatRequest> ParseOpenAiChat(const json::Value& body, const Quirks& quirks,
                                    bool model_in_path = false);

// Appends the body of a complete answer.
void WriteOpenAiAnswer(const Reply& reply, std::string& out);
void WriteOpenAiUsage(json::Writer& writer, const Usage& true_usage, const Faults& faults);

class OpenAiChatFrames final : public Frames {
 public:
  explicit OpenAiChatFrames(const Reply& reply)
      : answer_(reply.answer),
        request_(reply.request),
        faults_(reply.faults),
        quirks_(reply.model.quirks) {}

  void Open(std::size_t choice, std::string& out) override;
  void Tokens(std::size_t choice, std::size_t begin, std::size_t end, std::string& out) override;
  void Finish(std::size_t choice, std::string& out) override;
  // Usage, if it is due, and [DONE].
  void End(std::string& out) override;
  void Fail(std::string& out) override;
  void Malformed(std::string& out) override;

 private:
  void BeginFrame(std::string& out, json::Writer& writer) const;
  void EndFrame(std::string& out, json::Writer& writer) const;
  void WriteRun(std::size_t choice, std::size_t begin, std::size_t end, std::string& out) const;
  void WriteWholeToolCall(std::size_t choice, std::size_t name, std::string& out) const;
  bool UsageDue() const;
  const Answer& answer_;
  const ChatRequest& request_;
  const Faults& faults_;
  const Quirks& quirks_;
};

// Appends the body of an error answer.
void WriteOpenAiError(const Refusal& refusal, std::string& out,
                      ErrorStyle style = ErrorStyle::kOpenAi);
// Whether the key of `model` came in one of OpenAI's ways; its refusal otherwise.
std::optional<Refusal> CheckOpenAiKey(const Received& received, const Model& model);
std::string OpenAiHeadFields(const HeadFacts& facts);
int OpenAiInvalidStatus(const Model* model);
// What Azure's filters say of a text: nothing bad, unless it was `filtered`.
void WriteAzureFilters(json::Writer& writer, bool filtered);
// Appends the answer to GET /v1/models; speeds, prices and limits stand in the extension object
// "emulated".
void WriteOpenAiModels(const std::vector<const Model*>& models, std::string& out);

}  // namespace tidegate::emulator
