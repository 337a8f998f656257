// One chat request, from its body to the last byte of its answer: admission, faults, pacing,
// billing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "emulator/openai_chat.h"
#include "emulator/pace.h"
#include "emulator/site.h"
#include "emulator/sleep.h"
#include "net/server.h"

namespace tidegate::emulator {

// Serves one request on its shard. Views its arguments, which outlive it.
class ChatExchange {
 public:
  ChatExchange(Site& site, net::Exchange& exchange, JournalTicket ticket)
      : site_(site), exchange_(exchange), ticket_(ticket), timer_(exchange.shard()) {}

  // Answers, and closes the journal's entry. Once.
  net::Task<void> Run(std::string_view body);

 private:
  struct Refusal {
    int status = 0;
    Error error;
  };
  // What stands between the request and its answer; nothing = it may be answered.
  std::optional<Refusal> Prepare(std::string_view body);
  std::optional<Refusal> CheckKey() const;
  std::optional<Refusal> ReadFaults();
  std::optional<Refusal> DrawFault();
  std::optional<Refusal> Admit();
  std::optional<Refusal> MakeAnswerAndPace();

  net::Task<void> Refuse(Refusal refusal);
  net::Task<void> Drop();
  net::Task<void> AnswerWhole();
  net::Task<void> AnswerStream();
  net::Task<void> CutWhole(std::string body, std::size_t tokens);
  net::Task<bool> StreamTokens(const OpenAiChatFrames& frames);
  net::Task<bool> EndEarly(const OpenAiChatFrames& frames);
  net::Task<bool> Flush();
  net::Task<void> Stall();
  net::Task<bool> WaitForToken(std::size_t token);
  void Cut(bool sent);

  std::string Fields(std::string_view content_type, bool drop = false) const;
  std::optional<std::size_t> TokensUntilFault() const;
  void Finish();

  Site& site_;
  net::Exchange& exchange_;
  const JournalTicket ticket_;
  SleepTimer timer_;
  ServedModel* served_ = nullptr;
  ChatRequest request_;
  Faults faults_;
  RateLimit::Decision admission_;
  std::int64_t retry_after_s_ = 0;
  Answer answer_;
  std::optional<Pace> pace_;
  std::string out_;              // frames not yet sent
  std::size_t tokens_made_ = 0;  // of the whole answer: what is billed
  Outcome outcome_;
};

}  // namespace tidegate::emulator
