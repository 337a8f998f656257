#include "net/stream.h"

#include <cerrno>
#include <poll.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/write.hpp>
#include <sys/socket.h>
#include <sys/uio.h>

#include "net/tls_stream.h"

namespace tidegate::net {
namespace {

constexpr std::size_t kPiecesPerWrite = 16;
constexpr std::size_t kTlsRecordBytes = 16 * 1024;

Error IoError(const char* what, const error_code& ec) {
  return Error{ErrorCode::kUnavailable, ErrorSource::kUpstream, Retry::kOtherTarget,
               std::string(what) + ": " + ec.message()};
}

bool IsOrderlyEnd(const error_code& ec) {
  return ec == asio::error::eof || ec == asio::ssl::error::stream_truncated;
}

}  // namespace

Stream::Stream(Socket socket, Turn& turn) : socket_(std::move(socket)), turn_(turn) {}
Stream::~Stream() = default;

Task<Result<void>> Stream::AcceptTls(const TlsContext& context) {
  tls_ = std::make_unique<TlsStream>(socket_, context.state().context);
  const auto [ec] = co_await tls_->stream.async_handshake(asio::ssl::stream_base::server, kAwait);
  if (ec) co_return IoError("TLS handshake", ec);
  co_return Result<void>();
}

Task<Result<void>> Stream::ConnectTls(const TlsContext& context, const std::string& host) {
  tls_ = std::make_unique<TlsStream>(socket_, context.state().context);
  error_code ec;
  asio::ip::make_address(host, ec);
  if (ec) SSL_set_tlsext_host_name(tls_->stream.native_handle(), host.c_str());  // names only
  tls_->stream.set_verify_callback(asio::ssl::host_name_verification(host), ec);
  if (ec) co_return IoError("TLS verification", ec);
  std::tie(ec) = co_await tls_->stream.async_handshake(asio::ssl::stream_base::client, kAwait);
  if (ec) co_return IoError("TLS handshake", ec);
  co_return Result<void>();
}

bool Stream::negotiated_http2() const {
  if (!tls_) return false;
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(tls_->stream.native_handle(), &name, &size);
  return std::string_view(reinterpret_cast<const char*>(name), size) == "h2";
}

Task<Result<std::size_t>> Stream::ReadSome(char* into, std::size_t size) {
  error_code ec;
  std::size_t got = 0;
  if (tls_) {
    std::tie(ec, got) = co_await tls_->stream.async_read_some(asio::buffer(into, size), kAwait);
  } else {
    std::tie(ec, got) = co_await socket_.async_read_some(asio::buffer(into, size), kAwait);
  }
  // A TLS peer that closes without its goodbye is judged by the framing of HTTP above us.
  if (IsOrderlyEnd(ec)) co_return std::size_t{0};
  if (ec) co_return IoError("read", ec);
  co_return got;
}

Task<Result<bool>> Stream::ReadInto(ReadBuffer& buffer, std::size_t room) {
  char* const into = buffer.Prepare(room);
  const auto space = asio::buffer(into, buffer.writable());
  error_code ec;
  std::size_t got = 0;
  if (tls_) {
    std::tie(ec, got) = co_await tls_->stream.async_read_some(space, kAwait);
  } else {
    std::tie(ec, got) = co_await socket_.async_read_some(space, kAwait);
  }
  if (IsOrderlyEnd(ec)) co_return false;
  if (ec) co_return IoError("read", ec);
  buffer.Commit(got);
  co_await Turn::At(turn_, Stage::kRead);
  co_return true;
}

Task<Result<void>> Stream::Write(std::span<const std::string_view> pieces) {
  Position at;
  Result<bool> now = co_await WriteInTurn(pieces, at);
  if (!now.ok()) co_return std::move(now).error();
  if (*now) co_return Result<void>();
  co_return co_await WriteRest(pieces, at);
}

Result<bool> Stream::WriteNow(std::span<const std::string_view> pieces, Position& at) {
  while (true) {
    while (at.piece < pieces.size() && at.offset >= pieces[at.piece].size()) {
      at.offset -= pieces[at.piece++].size();
    }
    if (at.piece == pieces.size()) return true;
    iovec vector[kPiecesPerWrite];
    std::size_t count = 0;
    for (std::size_t i = at.piece; i < pieces.size(); ++i) {
      const std::string_view rest = i == at.piece ? pieces[i].substr(at.offset) : pieces[i];
      // The frames of one read usually stand one behind the other.
      const bool adjacent =
          count > 0 &&
          static_cast<char*>(vector[count - 1].iov_base) + vector[count - 1].iov_len == rest.data();
      if (adjacent) {
        vector[count - 1].iov_len += rest.size();
      } else if (count == kPiecesPerWrite) {
        break;
      } else {
        vector[count++] = {const_cast<char*>(rest.data()), rest.size()};
      }
    }
    msghdr message{};
    message.msg_iov = vector;
    message.msg_iovlen = count;
    const ssize_t sent = sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
      return IoError("write", error_code(errno, boost::system::system_category()));
    }
    bytes_written_ += static_cast<std::size_t>(sent);
    at.offset += static_cast<std::size_t>(sent);
  }
}

Task<Result<void>> Stream::WriteRest(std::span<const std::string_view> pieces, Position at) {
  if (tls_) co_return co_await WriteTls(pieces);
  while (true) {
    const auto [ec] = co_await socket_.async_wait(Socket::wait_write, kAwait);
    if (ec) co_return IoError("write", ec);
    Result<bool> now = WriteNow(pieces, at);
    if (!now.ok()) co_return std::move(now).error();
    if (*now) co_return Result<void>();
  }
}

// A head and its small body leave in one TLS record, so the pieces are joined, a record at a time.
Task<Result<void>> Stream::WriteTls(std::span<const std::string_view> pieces) {
  std::string record;
  std::size_t piece = 0, offset = 0;
  while (true) {
    while (piece < pieces.size() && record.size() < kTlsRecordBytes) {
      const std::string_view rest = pieces[piece].substr(offset, kTlsRecordBytes - record.size());
      record += rest;
      offset += rest.size();
      if (offset == pieces[piece].size()) {
        ++piece;
        offset = 0;
      }
    }
    if (record.empty()) co_return Result<void>();
    const auto [ec, sent] = co_await asio::async_write(tls_->stream, asio::buffer(record), kAwait);
    bytes_written_ += sent;
    if (ec) co_return IoError("write", ec);
    record.clear();
  }
}

void Stream::Close() {
  error_code ignored;  // closing an already closed or broken socket is what was wanted
  socket_.close(ignored);
}

Task<void> Stream::ShutdownSend() {
  // A peer that has already closed makes both fail, which is as good.
  if (tls_) co_await tls_->stream.async_shutdown(kAwait);
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

Stream::Peek Stream::PeekSocket() {
  pollfd poll_for{socket_.native_handle(), POLLIN | POLLRDHUP, 0};
  const int ready = poll(&poll_for, 1, 0);
  if (ready == 0 || (ready < 0 && errno == EINTR)) return Peek::kNothing;
  if (ready < 0 || (poll_for.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0) {
    return Peek::kGone;
  }
  return Peek::kData;
}

}  // namespace tidegate::net
