// One byte stream: a TCP or UNIX socket, with or without TLS. Belongs to one shard.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/container/small_vector.hpp>

#include "base/result.h"
#include "net/async.h"
#include "net/buffer.h"
#include "net/tls.h"
#include "net/turn.h"

namespace tidegate::net {

using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;

// What one write takes, gathered without an allocation.
using Pieces = boost::container::small_vector<std::string_view, 12>;

class Stream {
 public:
  // `turn`: of the loop that the socket belongs to.
  Stream(Socket socket, Turn& turn);
  ~Stream();
  Stream(const Stream&) = delete;  // TLS refers to the socket in place
  Stream& operator=(const Stream&) = delete;

  // Server and client handshakes; the caller bounds the time by closing the stream.
  Task<Result<void>> AcceptTls(const TlsContext& context);
  Task<Result<void>> ConnectTls(const TlsContext& context, const std::string& host);

  // Reads at least one byte; 0 = the peer ended the stream in order.
  Task<Result<std::size_t>> ReadSome(char* into, std::size_t size);
  // Reads at least one byte to the end of `buffer`, where it makes room for `room` bytes at least;
  // false = the peer ended the stream in order. Views into the buffer become invalid at once.
  Task<Result<bool>> ReadInto(ReadBuffer& buffer, std::size_t room);
  // Writes all pieces, as WriteInTurn and WriteRest do.
  Task<Result<void>> Write(std::span<const std::string_view> pieces);

  // The same in two steps, so that only who has to wait for the peer sets a time limit.
  // co_await WriteInTurn(…) writes, at the end of this turn of the loop (see turn.h), what
  // the socket takes at once, moves `at` behind it and yields Result<bool>: true = everything was
  // taken, else WriteRest goes on from there.
  struct Position {
    std::size_t piece = 0, offset = 0;
  };
  class InTurn;
  InTurn WriteInTurn(std::span<const std::string_view> pieces, Position& at);
  Task<Result<void>> WriteRest(std::span<const std::string_view> pieces, Position at);
  // What WriteInTurn does at the end of the turn, for who has a part in the turn in its own way.
  // REQUIRES: !secure().
  Result<bool> WriteNow(std::span<const std::string_view> pieces, Position& at);

  // Closes at once; waiting operations end with an error. Safe to repeat.
  void Close();
  // Orderly end of our sending side. With TLS the goodbye is exchanged; the caller bounds the time.
  Task<void> ShutdownSend();
  bool open() const { return socket_.is_open(); }
  bool secure() const { return tls_ != nullptr; }
  // Whether the TLS handshake has agreed on HTTP/2.
  bool negotiated_http2() const;

  enum class Peek : std::uint8_t { kNothing, kData, kGone };
  // What waits on the raw socket, without taking it. kGone: the peer has ended its side, whatever
  // bytes still stand before that end.
  Peek PeekSocket();
  Socket& socket() { return socket_; }
  // Bytes that the peer has taken so far, to tell a slow reader from a stuck one.
  std::size_t bytes_written() const { return bytes_written_; }

 private:
  Task<Result<void>> WriteTls(std::span<const std::string_view> pieces);
  Socket socket_;
  Turn& turn_;
  std::unique_ptr<TlsStream> tls_;
  std::size_t bytes_written_ = 0;
};

class Stream::InTurn final : public TurnWrite {
 public:
  InTurn(Stream& stream, std::span<const std::string_view> pieces, Position& at)
      : stream_(stream), pieces_(pieces), at_(at) {}

  void BelongTo(std::coroutine_handle<> root) { root_ = root; }
  bool await_ready() {
    if (stream_.secure()) return true;  // WriteRest does it all
    if (stream_.turn_.others_write()) return false;
    WriteNow();
    return true;
  }
  void await_suspend(std::coroutine_handle<> awaiter) { stream_.turn_.Add(*this, root_, awaiter); }
  Result<bool> await_resume() { return std::move(written_); }
  void WriteNow() override { written_ = stream_.WriteNow(pieces_, at_); }

 private:
  Stream& stream_;
  std::span<const std::string_view> pieces_;
  Position& at_;
  std::coroutine_handle<> root_;
  Result<bool> written_ = false;
};

inline Stream::InTurn Stream::WriteInTurn(std::span<const std::string_view> pieces,
                                            Position& at) {
  return InTurn(*this, pieces, at);
}

}  // namespace tidegate::net
