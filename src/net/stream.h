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

namespace tidegate::net {

using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;

// What one write takes, gathered without an allocation.
using Pieces = boost::container::small_vector<std::string_view, 12>;

class Stream {
 public:
  explicit Stream(Socket socket);
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
  // Writes all pieces. The common case is one system call and no suspension.
  Task<Result<void>> Write(std::span<const std::string_view> pieces);

  // The same in two steps for hot paths, since a coroutine costs more than a full socket is likely:
  // WriteNow writes what the socket takes at once and moves `at` behind it; true = everything was
  // taken, else WriteRest goes on from there.
  struct Position {
    std::size_t piece = 0, offset = 0;
  };
  Result<bool> WriteNow(std::span<const std::string_view> pieces, Position& at);
  Task<Result<void>> WriteRest(std::span<const std::string_view> pieces, Position at);

  // Closes at once; waiting operations end with an error. Safe to repeat.
  void Close();
  // Orderly end of our sending side. With TLS the goodbye is exchanged; the caller bounds the time.
  Task<void> ShutdownSend();
  bool open() const { return socket_.is_open(); }
  bool secure() const { return tls_ != nullptr; }

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
  std::unique_ptr<TlsStream> tls_;
  std::size_t bytes_written_ = 0;
};

}  // namespace tidegate::net
