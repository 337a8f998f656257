// One HTTP/2 connection as its server sees it, without input and output: bytes go in; requests and
// bytes come out.
//
// nghttp2 does the framing, HPACK, flow control and the states of streams. Here stands what it
// leaves to a server that must stay up: memory per stream that the client cannot raise, and an end
// to clients who make us work for nothing (resets, frames that carry nothing, heads without end).
// A head is written down as the HTTP/1.1 head that means the same and read by HTTP/1.1's reader, so
// that both versions have one judge and handlers see no difference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include <boost/intrusive/list.hpp>

#include "net/http_head.h"

struct nghttp2_session;  // nghttp2's own names stay in http2_session.cc

namespace tidegate::net {

class Http2Request;
class Http2Session;

// Why a stream or a connection ends; HTTP/2's error codes.
enum class Http2End : std::uint32_t {
  kNoError = 0x0,
  kProtocolError = 0x1,
  kInternalError = 0x2,
  kRefusedStream = 0x7,
  kCancel = 0x8,
  kEnhanceYourCalm = 0xb,
};

// Whether `bytes` begin with, or can still become, what every HTTP/2 client sends first.
enum class Http2Preface : std::uint8_t { kNo, kIncomplete, kYes };
Http2Preface FindHttp2Preface(std::string_view bytes);

// Allows `burst` events at once and `per_second` in the long run.
class RateLimit {
 public:
  RateLimit(std::int64_t burst, std::int64_t per_second);
  // `now`: monotonic nanoseconds, never falling. False: too many.
  bool Take(std::int64_t now);

 private:
  const std::int64_t cost_nanos_, full_nanos_;
  std::int64_t credit_nanos_, last_ = 0;
};

// One request and what is being sent for it. Belongs to its session.
class Http2Stream {
 public:
  std::int32_t id() const { return id_; }
  // The request's head, once it is complete. With a reason to refuse it, it may have no fields.
  const HttpHead& head() const { return reader_.head(); }
  const std::optional<Error>& refusal() const { return refusal_; }
  // What has come of the body, and whether that is all.
  std::string& body() { return body_; }
  bool body_ended() const { return body_ended_; }
  // Whether it ended before its answer was complete: nothing can be sent any more.
  bool closed() const { return closed_; }
  // Whether all that was given to Send has been put into frames, and whether some of it waits for
  // the client to open its windows, or for its turn.
  bool sent() const { return !closed_ && left_ == 0 && !due_; }
  bool held_up() const { return left_ > 0; }
  std::size_t bytes_sent() const { return bytes_sent_; }

  Http2Request* request = nullptr;  // who serves it, or nobody yet

 private:
  friend class Http2Session;
  using Hook = boost::intrusive::list_member_hook<
      boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

  explicit Http2Stream(std::int32_t id) : id_(id) {}
  void AddField(std::string_view name, std::string_view value);
  void AddPseudoField(std::string_view name, std::string_view value);
  void Refuse(std::string message);
  void FinishHead();

  const std::int32_t id_;
  HeadReader reader_{HeadKind::kRequest};
  std::string method_, path_, authority_, cookie_, fields_;  // until the head is complete
  std::string head_text_;
  std::size_t head_bytes_ = 0;
  std::optional<Error> refusal_;
  std::string body_;
  std::size_t unacknowledged_ = 0;  // bytes of the body that the client's window still lacks
  std::span<const std::string_view> pieces_;
  std::size_t piece_ = 0, offset_ = 0, left_ = 0, bytes_sent_ = 0;
  bool head_complete_ = false, body_ended_ = false, body_wanted_ = false, body_unwanted_ = false;
  bool begun_ = false;  // the answer's head was submitted
  bool last_ = false;   // what is being sent is the end of the answer
  bool due_ = false;    // a frame without payload has to leave
  bool ended_ = false;  // the end of the answer has been put into a frame
  bool closed_ = false;
  Hook changed_hook_, sent_hook_;
};

// One thread. The bytes of Feed are not kept. Streams stay valid until Release, or, where nobody
// has taken them, until they close.
class Http2Session {
 public:
  Http2Session();
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // Takes what the client sent, from its preface on. False: the connection is at its end, by the
  // client's fault or wish; what Pull still yields says why. `now`: monotonic nanoseconds.
  bool Feed(std::string_view bytes, std::int64_t now);
  // Appends frames to `out` until nothing is left, the windows are closed, or `out` holds
  // `size_max` bytes; a little more is possible.
  void Pull(std::string& out, std::size_t size_max);
  bool wants_write() const;
  // Nothing more will come in or go out.
  bool finished() const;
  // Whether the client's SETTINGS have come; whether a request's head has begun and not ended; how
  // many have begun.
  bool greeted() const { return greeted_; }
  bool in_head() const { return in_head_; }
  std::size_t heads_begun() const { return heads_begun_; }

  // Streams whose head is complete, or, once they have a request, whose body grew or that closed;
  // each once for any number of changes. nullptr: no more.
  Http2Stream* TakeChanged();
  // Streams for which all that was given to Send, or the head alone, has left with the last Pull.
  Http2Stream* TakeSent();
  // nullptr: it has been released.
  Http2Stream* Find(std::int32_t id);

  // The parts of an answer. They do nothing for a stream that is closed.
  // `fields`: header lines ending in CRLF. `last`: the answer has no body.
  void SendHead(Http2Stream& stream, int status, std::string_view fields, bool last);
  void SendContinue(Http2Stream& stream);
  // The next pieces of the body, which stay valid until the stream is sent() or closed(). `last`:
  // they end it. REQUIRES: SendHead, and the pieces before have been sent.
  void Send(Http2Stream& stream, std::span<const std::string_view> pieces, bool last);
  // Ends the stream before its answer is complete.
  void Reset(Http2Stream& stream, Http2End why);
  // The body is wanted piece by piece: the client may send as much as was taken.
  void OpenBody(Http2Stream& stream);
  std::string TakeBody(Http2Stream& stream);
  // The body is wanted, whole: the client may send it faster. Or the rest of it is not.
  void WantBody(Http2Stream& stream);
  void DropBody(Http2Stream& stream);
  // Who served the stream has ended. What is not complete is reset.
  void Release(Http2Stream& stream);

  // Takes no new streams and lets those that are there finish.
  void GoAway();
  // Ends the connection, with all its streams.
  void End(Http2End why);
  // The connection is gone: all streams are closed.
  void CloseStreams();

 private:
  struct Callbacks;  // nghttp2's, in http2_session.cc
  using ChangedList = boost::intrusive::list<
      Http2Stream,
      boost::intrusive::member_hook<Http2Stream, Http2Stream::Hook, &Http2Stream::changed_hook_>,
      boost::intrusive::constant_time_size<false>>;
  using SentList = boost::intrusive::list<
      Http2Stream,
      boost::intrusive::member_hook<Http2Stream, Http2Stream::Hook, &Http2Stream::sent_hook_>,
      boost::intrusive::constant_time_size<false>>;

  void Open(std::int32_t id);
  void AddHeader(Http2Stream& stream, std::string_view name, std::string_view value);
  void EndBody(Http2Stream& stream);
  void Close(Http2Stream& stream, bool by_client);
  void Changed(Http2Stream& stream);
  void Acknowledge(Http2Stream& stream);
  void Sent(Http2Stream& stream);
  void CopyPieces(Http2Stream& stream, std::size_t size);
  void CountIdleFrame();
  void CountReset();
  void Check(int result);

  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, std::unique_ptr<Http2Stream>> streams_;
  ChangedList changed_;
  SentList sent_;
  std::string* out_ = nullptr;  // of the Pull in progress
  std::size_t out_bytes_max_ = 0;
  std::int64_t now_ = 0;
  RateLimit resets_, idle_frames_;
  std::int64_t free_window_updates_ = 0;
  std::int32_t last_id_ = 0;  // of a head
  std::size_t heads_begun_ = 0, continuations_ = 0;
  bool greeted_ = false, in_head_ = false, ended_ = false, going_away_ = false;
};

}  // namespace tidegate::net
