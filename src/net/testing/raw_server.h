// A blocking server for tests that must answer with bytes no proper server sends. Not part of the
// program.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/check.h"

namespace tidegate::net::testing {

// One accepted connection, in the hands of a script.
class RawPeer {
 public:
  explicit RawPeer(int fd) : fd_(fd) {}
  ~RawPeer() { close(fd_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  int fd() const { return fd_; }
  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the client has gone, as some tests want
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  // The next bytes through `mark`, or all until the client ends.
  std::string ReadThrough(std::string_view mark) {
    std::string seen;
    char byte = 0;
    while (!seen.ends_with(mark) && recv(fd_, &byte, 1, 0) == 1) seen += byte;
    return seen;
  }
  // The next `size` bytes, or fewer when the client ends.
  std::string Read(std::size_t size) {
    std::string seen(size, '\0');
    std::size_t got = 0;
    while (got < size) {
      const ssize_t some = recv(fd_, seen.data() + got, size - got, 0);
      if (some <= 0) break;
      got += static_cast<std::size_t>(some);
    }
    seen.resize(got);
    return seen;
  }
  // Waits for the end of the client's side.
  void AwaitEnd() {
    char bytes[4096];
    while (recv(fd_, bytes, sizeof bytes, 0) > 0) continue;
  }

 private:
  int fd_;
};

// Runs `script` over each connection, one after the other, on a thread of its own.
class RawServer {
 public:
  // Listens on a free port of this machine, or at `unix_path`.
  explicit RawServer(std::function<void(RawPeer&)> script, const std::string& unix_path = "")
      : fd_(socket(unix_path.empty() ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (unix_path.empty()) {
      BindPort();
    } else {
      BindPath(unix_path);
    }
    CHECK(listen(fd_, 16) == 0);
    thread_ = std::thread([this, run = std::move(script)] {
      for (int client = accept(fd_, nullptr, nullptr); client >= 0;
           client = accept(fd_, nullptr, nullptr)) {
        RawPeer peer(client);
        ++accepted_;
        SetCurrent(client);
        run(peer);
        SetCurrent(-1);
      }
    });
  }
  ~RawServer() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      shutdown(fd_, SHUT_RDWR);       // ends accept
      shutdown(current_, SHUT_RDWR);  // ends what the script waits for
    }
    thread_.join();
    close(fd_);
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  std::uint16_t port() const { return port_; }
  int accepted() const { return accepted_; }

 private:
  void BindPort() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    CHECK(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  void BindPath(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    CHECK(path.size() < sizeof address.sun_path);
    path.copy(address.sun_path, path.size());
    CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  void SetCurrent(int client) {
    const std::lock_guard lock(mutex_);
    current_ = client;
    if (ended_) shutdown(client, SHUT_RDWR);
  }

  int fd_;
  std::mutex mutex_;
  int current_ = -1;
  bool ended_ = false;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_{0};
  std::thread thread_;
};

}  // namespace tidegate::net::testing
