// One wire protocol of a provider: which paths are its own, how its requests are read, and how its
// answers, streams and errors are written.
//
// A shape knows nothing of time, faults on the wire or limits: model_exchange.h does that once for
// all of them. Shapes are written apart from the gateway's own codecs on purpose: a mistake made in
// both would not show in any test.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "emulator/chat.h"
#include "emulator/model.h"
#include "emulator/rate_limit.h"
#include "json/value.h"
#include "net/http_head.h"

namespace tidegate::emulator {

struct Site;

// What a shape makes of a request's method and path.
struct Call {
  int operation = 0;       // of the shape's own list
  std::string model = {};  // where the path names it
  std::string id = {};     // of a stored thing that the path names
  bool stream = false;     // the path says so
  bool events = false;     // as server-sent events, where the path has other forms too
  bool plain = false;      // no model runs: AnswerPlain
};

struct Received {
  const net::HttpHead& head;
  const Call& call;
  std::string_view body;
  std::int64_t wall_nanos = 0;
};

// What stands behind a call that has no body of its own.
struct Recalled {
  std::string text;
  bool is_answer = false;  // else the body of a request that is to be run
};

// Instead of an answer.
struct Refusal {
  int status = 0;
  Error error;
};

struct Reply {
  const Answer& answer;
  const ChatRequest& request;
  const Faults& faults;
  const Model& model;
  const Call& call;
  std::int64_t started_nanos = 0;  // monotonic: when the request came
};

// The frames of one streamed answer, appended to `out` in the order of the calls: for each choice
// Open, Tokens …, Finish, and End behind them all. Views its reply.
class Frames {
 public:
  virtual ~Frames() = default;
  virtual void Open(std::size_t choice, std::string& out) = 0;
  // The tokens [begin, end) of a choice.
  virtual void Tokens(std::size_t choice, std::size_t begin, std::size_t end, std::string& out) = 0;
  virtual void Finish(std::size_t choice, std::string& out) = 0;
  virtual void End(std::string& out) = 0;
  // Instead of what would come next: the model failed, or something that cannot be read.
  virtual void Fail(std::string& out) = 0;
  virtual void Malformed(std::string& out) = 0;
};

// What the head of an answer tells.
struct HeadFacts {
  const Model* model = nullptr;  // nullptr = no model was found
  std::string_view answer_id;
  RateLimit::Decision admission;
  const Refusal* refusal = nullptr;
  std::int64_t wall_nanos = 0;
};

// Stateless; any thread.
class Shape {
 public:
  virtual ~Shape() = default;
  virtual std::string_view name() const = 0;  // as the configuration's `shapes` has it
  // Nothing: the request is none of this shape's.
  virtual std::optional<Call> Match(const net::HttpHead& head) const = 0;

  // Of a call about something that was asked for before; sets the call's model.
  virtual Result<std::optional<Recalled>> Recall(const Site& site, const net::HttpHead& head,
                                                 Call& call) const;
  // A mistake in the head that is told before the body is read.
  virtual std::optional<Refusal> CheckHead(const Received&) const { return std::nullopt; }
  // The model's name: of the path, or the body's member "model".
  virtual Result<std::string> ModelOf(const Received& received, const json::Value& body) const;
  virtual Error UnknownModel(std::string_view name) const;
  virtual std::optional<Refusal> CheckKey(const Received& received, const Model& model) const = 0;
  // Errors: kInvalidArgument with the path of the field; kNotFound.
  virtual Result<ChatRequest> Parse(const Received& received, const json::Value& body,
                                    const Model& model, const Site& site) const = 0;
  // How it says that a prompt is longer than the context.
  virtual std::string TooLong(std::int64_t prompt, const Model& model) const;
  // The status of a request that is wrong.
  virtual int InvalidStatus(const Model*) const { return 400; }

  virtual std::string_view WholeType() const { return "application/json"; }
  virtual std::string_view StreamType(const Call&) const { return "text/event-stream"; }
  virtual void WriteWhole(const Reply& reply, std::string& out) const = 0;
  virtual std::unique_ptr<Frames> Stream(const Reply& reply) const = 0;
  // `model`: nullptr when none was found.
  virtual void WriteError(const Refusal& refusal, const Model* model, std::string& out) const = 0;
  // The header lines beside the content type: request id, limits.
  virtual std::string HeadFields(const HeadFacts& facts) const = 0;
  // The whole answer has been sent.
  virtual void Answered(Site&, const Reply&) const {}

  // For calls without a model. Errors become error bodies with the status of their code.
  virtual Result<std::string> AnswerPlain(Site& site, const Received& received) const;
};

// All of them; the first that matches a request has it.
std::span<const Shape* const> AllShapes();
const Shape* FindShape(std::string_view name);

}  // namespace tidegate::emulator
