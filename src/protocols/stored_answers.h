// Answers that a client may come back to: continue them, read them, delete them.
//
// A protocol that has this says here what is kept of an answer and how it is put to use; where it
// is kept, for whom and for how long is decided above. Everything is text that only the protocol
// reads. Pure, like the codec: any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/result.h"

namespace tidegate::protocols {

// One request and its answer.
struct StoredTurn {
  std::string id;           // the client's name for the answer
  std::string previous_id;  // of the answer that was continued, or empty
  std::string input;        // what the request added to the conversation
  std::string body;         // the answer, as it can be read again
};

// The end of an answer that may be kept.
struct FinishedAnswer {
  std::string id, body;
};

// Watches a stream on its way to the client. Belongs to one coroutine.
class AnswerTap {
 public:
  virtual ~AnswerTap() = default;
  // Whole frames, in order.
  virtual void Feed(std::string_view bytes) = 0;
  // What was finished by what was fed last; nothing at any other time.
  virtual std::optional<FinishedAnswer> TakeFinished() = 0;
  // The bytes that end a stream that broke behind what was fed.
  virtual std::string EncodeBroken(const Error& error) const = 0;
};

class StoredAnswers {
 public:
  virtual ~StoredAnswers() = default;
  virtual std::unique_ptr<AnswerTap> NewTap() const = 0;
  // A whole answer; nothing when it is none that may be kept. Errors: kProtocol.
  virtual Result<std::optional<FinishedAnswer>> ReadWhole(std::string_view body) const = 0;

  // What the request with this body adds to its conversation. Items that it names stand in
  // `sources`. Errors: it is no such request, or names what is not there.
  virtual Result<std::string> InputOf(std::string_view body, std::span<const StoredTurn> sources,
                                      const RequestId& id) const = 0;
  // The body of the same request without its reference to `turns`, the oldest first, and with what
  // they said in its place; items that it names stand in `sources`. Errors: kTooLarge, with more
  // than `bytes_max` bytes; NoSuchItem.
  virtual Result<std::string> Expand(std::string_view body, std::span<const StoredTurn> turns,
                                     std::span<const StoredTurn> sources,
                                     std::size_t bytes_max) const = 0;
  // The names under which later requests may speak of the items of a turn.
  virtual std::vector<std::string> ItemIds(const StoredTurn& turn) const = 0;

  // Answers to clients. `query` as it came. Errors: kInvalidArgument.
  virtual Result<std::string> EncodeStored(const StoredTurn& turn,
                                           std::string_view query) const = 0;
  virtual Result<std::string> EncodeInput(const StoredTurn& turn, std::string_view query) const = 0;
  virtual std::string EncodeDeleted(std::string_view id) const = 0;
  // There is no such answer, or none any more, for who asks.
  virtual Error NotStored(std::string_view id) const = 0;
  // The same, of one that a request wants to continue. `missing` is it, or one that it continues.
  virtual Error NotContinued(std::string_view id, std::string_view missing) const = 0;
  // A request names an item that is not kept.
  virtual Error NoSuchItem(std::string_view id) const = 0;
  // Why an answer cannot be stopped.
  virtual Error NotCancelled() const = 0;
};

}  // namespace tidegate::protocols
