// One request to a model, from its body to the last byte of its answer: admission, faults, pacing,
// billing; in whatever shape it came.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "emulator/pace.h"
#include "emulator/shape.h"
#include "emulator/site.h"
#include "net/server.h"
#include "net/sleep.h"

namespace tidegate::emulator {

// Serves one request on its shard. Views its arguments, which outlive it.
class ModelExchange {
 public:
  ModelExchange(Site& site, net::Exchange& exchange, const Shape& shape, const Call& call,
                JournalTicket ticket)
      : site_(site),
        exchange_(exchange),
        shape_(shape),
        call_(call),
        ticket_(ticket),
        timer_(exchange.shard()) {}

  // Answers, and closes the journal's entry. Once.
  net::Task<void> Run(std::string_view body);

 private:
  // What stands between the request and its answer; nothing = it may be answered.
  std::optional<Refusal> Prepare(std::string_view body);
  std::optional<Refusal> FindModel(const Received& received, const json::Value& body);
  std::optional<Refusal> ReadRequest(const Received& received, const json::Value& body);
  std::optional<Refusal> ReadFaults();
  std::optional<Refusal> DrawFault();
  std::optional<Refusal> Admit();
  std::optional<Refusal> MakeAnswerAndPace();

  net::Task<void> Refuse(Refusal refusal);
  net::Task<void> Drop();
  net::Task<void> AnswerWhole();
  net::Task<void> AnswerStream();
  net::Task<void> CutWhole(std::string body, std::size_t tokens);
  net::Task<bool> StreamTokens(Frames& frames);
  net::Task<bool> EndEarly(Frames& frames);
  net::Task<bool> Flush();
  net::Task<void> Stall();
  net::Task<bool> WaitForToken(std::size_t token);
  void Cut(bool sent);

  bool streams() const { return request_.task == TaskKind::kChat && request_.stream; }
  Reply MakeReply() const;
  std::string Fields(std::string_view content_type, bool drop = false,
                     const Refusal* refusal = nullptr) const;
  std::optional<std::size_t> TokensUntilFault() const;
  void Finish();

  Site& site_;
  net::Exchange& exchange_;
  const Shape& shape_;
  const Call& call_;
  const JournalTicket ticket_;
  net::SleepTimer timer_;
  ServedModel* served_ = nullptr;
  std::string model_name_;
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
