// A client that sees bytes, for tests: no library may hide from them what the emulator puts on the
// wire.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace tidegate::emulator {

// How a connection ended, as the client sees it.
enum class StreamEnd { kFin, kReset };

struct RawAnswer {
  std::string bytes;
  StreamEnd end = StreamEnd::kFin;
  bool connected = true;
  std::string head() const { return bytes.substr(0, bytes.find("\r\n\r\n") + 4); }
  std::string body() const {
    const std::size_t head_end = bytes.find("\r\n\r\n");
    return head_end == std::string::npos ? std::string() : bytes.substr(head_end + 4);
  }
};

// One connection. Blocking, for one thread.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  // false = the connection is gone.
  bool Send(std::string_view bytes) {
    return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  // Reads until `marker` has come; false = the connection ended before.
  bool ReadUntil(std::string_view marker) {
    while (answer_.bytes.find(marker) == std::string::npos) {
      if (!ReadMore()) return false;
    }
    return true;
  }
  RawAnswer ReadToEnd() {
    answer_.connected = connected_;
    while (ReadMore()) {
    }
    return answer_;
  }
  const std::string& bytes() const { return answer_.bytes; }

 private:
  bool ReadMore() {
    char buffer[16 * 1024];
    const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
    if (got > 0) {
      answer_.bytes.append(buffer, static_cast<std::size_t>(got));
      return true;
    }
    answer_.end = got < 0 && errno == ECONNRESET ? StreamEnd::kReset : StreamEnd::kFin;
    return false;
  }

  int fd_;
  bool connected_ = false;
  RawAnswer answer_;
};

}  // namespace tidegate::emulator
