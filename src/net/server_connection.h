// One client's connection to an HttpServer: HTTP/1.1, or what carries an Http2Connection. Private
// to the server.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <boost/intrusive/list_hook.hpp>

#include "net/server.h"
#include "net/server_shard.h"

namespace tidegate::net {

class Http2Connection;

// A body that is read piece by piece.
struct BodyInPieces {
  ChunkReader chunks;
  std::size_t viewed = 0;          // bytes of the buffer that the last piece views
  std::size_t got = 0;             // bytes in all pieces
  std::int64_t handed_out_at = 0;  // the time from there to the next call is not the client's
};

// Belongs to its shard; kept alive by the coroutine that serves it.
class ServerConnection final : public DeadlineEntry,
                               public std::enable_shared_from_this<ServerConnection> {
 public:
  ServerConnection(ServerShard& server, Socket socket, Arrival arrival);
  ~ServerConnection();

  // Serves requests until the connection ends.
  Task<void> Run();
  void OnDeadline() override;
  // Drain: an idle connection closes now, a busy one after its answer.
  void CloseWhenIdle();
  // Closes now and cancels the requests; returns how many there were.
  std::size_t Cut();

  // In the server's list of open connections.
  boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
      open_hook;

 private:
  friend class Exchange;
  enum class Waiting : std::uint8_t { kNothing, kHead, kBody, kWrite, kLinger };

  // A second deadline: has the client of a slow request gone?
  class GoneWatch : public DeadlineEntry {
   public:
    explicit GoneWatch(ServerConnection& connection) : connection_(connection) {}
    void OnDeadline() override { connection_.WatchForGone(); }

   private:
    ServerConnection& connection_;
  };
  // A third: the deadline that the caller gave its request.
  class RequestDeadline : public DeadlineEntry {
   public:
    explicit RequestDeadline(ServerConnection& connection) : connection_(connection) {}
    void OnDeadline() override { connection_.cancel_->Cancel(ErrorCode::kDeadlineExceeded); }

   private:
    ServerConnection& connection_;
  };

  enum class Next : std::uint8_t { kEnd, kRequest, kHttp2 };

  Task<void> RunHttp1();
  Task<void> RunHttp2();
  Task<Next> ReadHead();
  Task<bool> ServeOne();  // false = close
  void BeginRequest();
  void EndRequest();
  Task<void> Refuse(const Error& error);
  Task<void> Linger();

  // Bodies. Sends "100 Continue" where the client waits for it.
  Task<Result<void>> SendContinue();
  // Reads until the buffer holds the whole request, whose body has a known length.
  Task<Result<void>> FillBody();
  Task<Result<std::string_view>> ReadChunkedBody(std::size_t size_max);
  // See Exchange::ReadBodyPiece.
  Task<Result<std::string_view>> ReadBodyPiece();
  Result<void> TakeChunks(ChunkReader& chunks, std::size_t size_max);
  // One more piece of a body of which `got` bytes are here; refuses a client that is too slow.
  Task<Result<void>> ReadMoreBody(std::size_t got, std::size_t room);
  std::size_t MissingBytes() const;

  // Answers.
  void StartHead(int status, std::string_view fields, bool body_read);
  void EndHead();
  Task<Result<void>> Write(std::span<const std::string_view> pieces);
  Error WriteFailed();
  bool MustClose() const;

  void Expect(Waiting what, std::int64_t nanos);
  void WatchForGone();

  ServerShard& server_;
  Stream stream_;
  const Arrival arrival_;
  ReadBuffer buffer_;
  HeadReader heads_{HeadKind::kRequest};
  std::string chunked_body_;
  std::optional<BodyInPieces> pieces_;  // of the request being served
  std::string out_;                     // head and framing of the answer
  std::optional<CancelToken> cancel_;
  GoneWatch gone_watch_{*this};
  RequestDeadline request_deadline_{*this};
  std::uint64_t serial_ = 0;       // odd while a handler runs, so that late callbacks know it
  std::size_t request_bytes_ = 0;  // of the request being served: its head, and its body's length
  std::size_t written_at_arm_ = 0;
  std::int64_t body_since_ = 0;
  Waiting waiting_ = Waiting::kNothing;
  bool busy_ = false, timed_out_ = false, close_ = false, chunked_out_ = false;
  bool maybe_http2_;                        // nothing has been read that says otherwise
  std::unique_ptr<Http2Connection> http2_;  // from the moment the client turned out to speak it
};

}  // namespace tidegate::net
