// A blocking client for tests that must send bytes no proper client sends. Not part of the program.
#pragma once

#include <cstdint>
#include <cstring>
#include <poll.h>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/check.h"

namespace tidegate::net::testing {

// One connection. Everything that waits gives up after kPatienceMs, which fails the test.
class RawClient {
 public:
  static constexpr int kPatienceMs = 20'000;

  static RawClient Tcp(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return RawClient(AF_INET, &address, sizeof address);
  }
  static RawClient Tcp6(std::uint16_t port) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    address.sin6_addr = in6addr_loopback;
    return RawClient(AF_INET6, &address, sizeof address);
  }
  static RawClient Unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    CHECK(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return RawClient(AF_UNIX, &address, sizeof address);
  }
  RawClient(RawClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), waiting_(std::move(other.waiting_)) {}
  ~RawClient() { Close(); }

  bool connected() const { return connected_; }
  // False when the server does not take it.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // The bytes up to and with `mark`, or what came before the end of the connection.
  std::string ReadThrough(std::string_view mark) {
    std::size_t at = waiting_.find(mark);
    while (at == std::string::npos && Fill()) at = waiting_.find(mark);
    return Take(at == std::string::npos ? waiting_.size() : at + mark.size());
  }
  std::string ReadExactly(std::size_t size) {
    while (waiting_.size() < size && Fill()) continue;
    return Take(std::min(size, waiting_.size()));
  }
  // What has come, at least one byte; nothing at the end of the connection.
  std::string ReadSome() {
    if (waiting_.empty()) Fill();
    return Take(waiting_.size());
  }
  std::string ReadToEnd() {
    while (Fill()) continue;
    return Take(waiting_.size());
  }
  // A head, and the body that its Content-Length announces.
  std::string ReadAnswer() {
    std::string answer = ReadThrough("\r\n\r\n");
    const std::size_t at = answer.find("content-length: ");
    if (at == std::string::npos) return answer;
    return answer + ReadExactly(std::stoul(answer.substr(at + 16)));
  }
  // Whether the server has ended the connection and sent nothing more.
  bool AtEnd() { return waiting_.empty() && !Fill(); }
  bool was_reset() const { return was_reset_; }

  // Small pieces leave at once, instead of waiting for the answer to the one before.
  void SendAtOnce() {
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  void EndSending() { shutdown(fd_, SHUT_WR); }
  void ShrinkReceiveBuffer() {
    const int bytes = 4096;
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  void Reset() {
    const linger abort{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    Close();
  }

 private:
  RawClient(int family, const void* address, socklen_t size)
      : fd_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    CHECK(fd_ >= 0);
    connected_ = connect(fd_, static_cast<const sockaddr*>(address), size) == 0;
  }
  // False at the end of the connection.
  bool Fill() {
    pollfd readable{fd_, POLLIN, 0};
    CHECK(poll(&readable, 1, kPatienceMs) == 1);
    char bytes[16 * 1024];
    const ssize_t got = recv(fd_, bytes, sizeof bytes, 0);
    if (got < 0) was_reset_ = true;
    if (got <= 0) return false;
    waiting_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }
  std::string Take(std::size_t size) {
    std::string taken = waiting_.substr(0, size);
    waiting_.erase(0, size);
    return taken;
  }

  int fd_;
  bool connected_ = false, was_reset_ = false;
  std::string waiting_;
};

}  // namespace tidegate::net::testing
