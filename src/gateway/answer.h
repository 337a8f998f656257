// The client's end of an answer: header fields that say where it came from, then the bytes.
#pragma once

#include <memory>
#include <optional>

#include "dispatch/answer_sink.h"
#include "gateway/call.h"

namespace tidegate::gateway {

// Lives for one attempt, on the call's shard.
class Answer : public dispatch::AnswerSink {
 public:
  Answer(Call& call, const core::Deployment& deployment, const core::AttemptRecord& attempt)
      : call_(call), deployment_(deployment), attempt_(attempt) {}
  ~Answer() override {
    if (streaming_) call_.shard.counts.streams_ended.Add();
  }
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  net::Task<Result<void>> Whole(dispatch::AnswerHead head,
                                std::span<const std::string_view> body) override;
  net::Task<Result<void>> Begin(dispatch::AnswerHead head) override;
  net::Task<Result<void>> Write(std::span<const std::string_view> pieces) override;
  net::Task<Result<void>> End(std::span<const std::string_view> last) override;

  // Ends an answer that broke after it began: an error in the client's protocol where it can still
  // be said, and never an ending that looks complete.
  net::Task<void> EndBroken(const Error& error);

 private:
  void AppendFields(const dispatch::AnswerHead& head);
  net::Task<Result<void>> WholeKept(dispatch::AnswerHead head,
                                    std::span<const std::string_view> body);
  // Keeps what `pieces` finish before they are sent.
  net::Task<Result<void>> SendKept(protocols::FinishedAnswer answer,
                                   std::span<const std::string_view> pieces, bool last);
  std::optional<protocols::FinishedAnswer> Watch(std::span<const std::string_view> pieces);
  Call& call_;
  const core::Deployment& deployment_;
  const core::AttemptRecord& attempt_;
  std::unique_ptr<protocols::AnswerTap> tap_;  // of protocols whose answers may be kept
  bool streaming_ = false;
};

}  // namespace tidegate::gateway
