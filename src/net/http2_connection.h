// The HTTP/2 side of a ServerConnection: one session, its reading and its writing, and a coroutine
// for each request. Private to the server.
//
// Requests run concurrently on the connection's shard. What all of them write in one turn of the
// loop leaves in one system call (Turn). A request that the client resets, and all of them
// when the connection ends, are cancelled at once: HTTP/2 is always read, so nobody has to watch.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/intrusive/list.hpp>

#include "net/cancel.h"
#include "net/deadline.h"
#include "net/http2_session.h"
#include "net/server.h"
#include "net/server_shard.h"
#include "net/stream.h"
#include "net/task_group.h"
#include "net/wait_point.h"

namespace tidegate::net {

class Http2Connection;

// One request while it is served: what an Exchange speaks to. Lives in the coroutine that serves
// it. Errors are those of Exchange.
class Http2Request final : public DeadlineEntry {
 public:
  Http2Request(Http2Connection& connection, Http2Stream& stream);
  ~Http2Request();
  Http2Request(const Http2Request&) = delete;
  Http2Request& operator=(const Http2Request&) = delete;

  const HttpHead& head() const { return stream_.head(); }
  CancelToken& cancel() { return cancel_; }
  Shard& shard();
  bool over_unix() const;
  bool secure() const;

  void SetDeadline(std::int64_t monotonic_nanos);
  std::optional<Result<std::string_view>> ReadBodyNow(std::size_t size_max);
  Task<Result<std::string_view>> ReadBody(std::size_t size_max);
  Task<Result<std::string_view>> ReadBodyPiece();
  Task<Result<void>> Respond(int status, std::string_view fields,
                             std::span<const std::string_view> body);
  Task<Result<void>> BeginStream(int status, std::string_view fields, bool flush);
  Task<Result<void>> WriteStream(std::span<const std::string_view> pieces);
  Task<Result<void>> EndStream(std::span<const std::string_view> last);
  void Abort();
  Task<void> Refuse(const Error& error);

  // In the connection's list of requests.
  boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
      open_hook;

 private:
  friend class Http2Connection;
  class RequestDeadline : public DeadlineEntry {
   public:
    explicit RequestDeadline(CancelToken& cancel) : cancel_(cancel) {}
    void OnDeadline() override { cancel_.Cancel(ErrorCode::kDeadlineExceeded); }

   private:
    CancelToken& cancel_;
  };

  enum class Waiting : std::uint8_t { kNothing, kBody, kWrite };

  void OnDeadline() override;
  void Expect(Waiting what, std::int64_t nanos);
  void Expected();
  // What waits for the writer or the body must be destroyed, since the loop has ended.
  void AbandonWait();
  bool HasBody(int status) const;
  void StartHead(int status, std::string_view fields, bool last);
  void StartHeld();
  Task<Result<void>> Send(std::span<const std::string_view> pieces, bool last);
  Task<Result<void>> WaitUntilSent();
  Task<Result<void>> WaitForBody(std::size_t got, std::int64_t since);
  std::string_view PaddedBody();

  Http2Connection& connection_;
  Http2Stream& stream_;
  const std::int32_t id_;
  CancelToken cancel_;
  RequestDeadline request_deadline_{cancel_};
  WaitPoint body_, sent_;
  int held_status_ = 0;  // of a stream whose head waits for its first piece
  std::string held_fields_;
  std::size_t sent_at_arm_ = 0;
  // Of a body that is read piece by piece: the last piece, the bytes in all of them, and the time
  // that was spent waiting for them.
  std::string piece_;
  std::size_t pieces_bytes_ = 0;
  std::int64_t pieces_wait_nanos_ = 0;
  bool in_pieces_ = false;
  Waiting waiting_ = Waiting::kNothing;
  bool timed_out_ = false, only_head_ = false;
};

class Http2Connection final : public DeadlineEntry {
 public:
  // What is in `buffer` has been read already.
  Http2Connection(ServerShard& server, Stream& stream, ReadBuffer& buffer, Arrival arrival);

  // Serves until nothing is to be read, served or written any more; the caller closes the stream.
  // True: the client may still be reading. `keep`: what must live as long as any request of this
  // connection.
  Task<bool> Run(std::shared_ptr<const void> keep);
  void OnDeadline() override;
  // Drain: no new requests; ends when those that are there have.
  void CloseWhenIdle();
  // Closes now and cancels all requests; returns how many there were.
  std::size_t Cut();

 private:
  friend class Http2Request;
  using Requests = boost::intrusive::list<
      Http2Request,
      boost::intrusive::member_hook<Http2Request, decltype(Http2Request::open_hook),
                                    &Http2Request::open_hook>,
      boost::intrusive::constant_time_size<false>>;
  class Flush;
  class Abandon;
  enum class Waiting : std::uint8_t { kNothing, kHead, kIdle };
  class WriteDeadline : public DeadlineEntry {
   public:
    explicit WriteDeadline(Http2Connection& connection) : connection_(connection) {}
    void OnDeadline() override { connection_.OnWriteDeadline(); }

   private:
    Http2Connection& connection_;
  };

  Task<void> Read();
  Task<void> Write(std::shared_ptr<const void> keep);
  Task<void> WriteAll();
  Task<Result<void>> WriteFrames();
  Task<void> Serve(std::shared_ptr<const void> keep, Http2Stream* stream);
  Task<void> Handle(Http2Request& request);
  void ServeChanges();
  void CancelRequest(std::int32_t id);
  void CancelAll();
  void ExpectNext();
  void ExpectWrite();
  void OnWriteDeadline();
  void StopReading();
  void WakeWriter();

  ServerShard& server_;
  Stream& stream_;
  ReadBuffer& buffer_;
  const Arrival arrival_;
  Http2Session session_;
  std::shared_ptr<const void> keep_;  // while Run runs
  Requests requests_;
  std::string out_;  // frames on their way
  WaitPoint writer_;
  WriteDeadline write_deadline_{*this};
  std::size_t written_at_arm_ = 0, head_at_arm_ = 0;
  Waiting waiting_ = Waiting::kNothing;
  bool reading_ = true;         // until the connection is to end
  bool peer_ended_ = false;     // the client did
  bool ending_ = false;         // nothing is read any more; what is left is written
  bool work_ = true;            // there may be frames to write
  bool write_blocked_ = false;  // the socket takes no more for now
  TaskGroup tasks_;             // the writer and the requests
};

}  // namespace tidegate::net
