// A registry on the loopback interface that does what a test wants of it. Not part of the program.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/digest.h"
#include "models/digest.h"
#include "net/address.h"
#include "net/testing/raw_server.h"

namespace tidegate::models::testing {

using net::testing::RawPeer;

struct ServedRequest {
  std::string method, target, head;
  // Its value, or "". REQUIRES: a lower-case name.
  std::string Field(const std::string& name) const {
    const std::size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const std::size_t begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
  std::string Path() const { return target.substr(0, target.find('?')); }
  // First and last byte.
  std::optional<std::pair<std::size_t, std::size_t>> Range() const {
    const std::string text = Field("range");
    if (text.rfind("bytes=", 0) != 0) return std::nullopt;
    char* end = nullptr;
    const std::size_t first = std::strtoull(text.c_str() + 6, &end, 10);
    return std::pair(first, static_cast<std::size_t>(std::strtoull(end + 1, nullptr, 10)));
  }
};

// Serves what it was given under its path, with ranges, on a thread for each connection.
class RegistryServer {
 public:
  // Answers a request in its own way, or returns false to have it answered as usual. To end the
  // connection it throws End.
  struct End {};
  using Handler = std::function<bool(const ServedRequest&, RawPeer&)>;

  RegistryServer() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    CHECK(listen(fd_, 64) == 0);
    CHECK(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Accept(); });
  }
  ~RegistryServer() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      shutdown(fd_, SHUT_RDWR);
      for (const int client : clients_) shutdown(client, SHUT_RDWR);
    }
    thread_.join();
    for (std::thread& connection : connections_) connection.join();
    close(fd_);
  }
  RegistryServer(const RegistryServer&) = delete;
  RegistryServer& operator=(const RegistryServer&) = delete;

  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  net::Origin origin() const { return {net::Scheme::kHttp, "127.0.0.1", port_, ""}; }

  void Add(const std::string& path, std::string body) {
    const std::lock_guard lock(mutex_);
    bodies_[path] = std::move(body);
  }
  // A model ann/notes:v1 (or another) of these layers, and its config; returns the manifest.
  std::string AddModel(const std::vector<std::string>& layers,
                       const std::string& repository = "ann/notes", const std::string& tag = "v1") {
    const auto piece = [&](const std::string& bytes) {
      const std::string digest = Digest(ComputeSha256(bytes)).ToString();
      Add("/v2/" + repository + "/blobs/" + digest, bytes);
      return R"({"mediaType":"x","digest":")" + digest + R"(","size":)" +
             std::to_string(bytes.size()) + "}";
    };
    std::string manifest = R"({"schemaVersion":2,"config":)" + piece("{}") + R"(,"layers":[)";
    for (std::size_t i = 0; i < layers.size(); ++i) {
      manifest += (i > 0 ? "," : "") + piece(layers[i]);
    }
    manifest += "]}";
    Add("/v2/" + repository + "/manifests/" + tag, manifest);
    return manifest;
  }
  void Handle(Handler handler) {
    const std::lock_guard lock(mutex_);
    handler_ = std::move(handler);
  }
  void ServeRanges(bool ranges) { ranges_ = ranges; }
  void SetEtag(const std::string& etag) {
    const std::lock_guard lock(mutex_);
    etag_ = etag;
  }

  std::vector<ServedRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  std::size_t Count(const std::string& part_of_target) const {
    const std::vector<ServedRequest> all = requests();
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const auto& one) {
      return one.target.find(part_of_target) != std::string::npos;
    }));
  }
  // Bytes of bodies served so far, without those of handlers.
  std::size_t bytes_served() const { return bytes_served_; }

  static void Respond(RawPeer& peer, const std::string& status, const std::string& fields,
                      std::string_view body) {
    peer.Send("HTTP/1.1 " + status + "\r\n" + fields +
              "content-length: " + std::to_string(body.size()) + "\r\n\r\n");
    peer.Send(body);
  }
  static void Redirect(RawPeer& peer, const std::string& location) {
    Respond(peer, "307 Temporary Redirect", "location: " + location + "\r\n", "");
  }
  // The usual answer, but the connection ends after `bytes` of the body.
  [[noreturn]] void Cut(const ServedRequest& request, RawPeer& peer, std::size_t bytes) {
    Serve(request, peer, bytes);
    throw End();
  }

 private:
  void Accept() {
    for (int client = accept(fd_, nullptr, nullptr); client >= 0;
         client = accept(fd_, nullptr, nullptr)) {
      const std::lock_guard lock(mutex_);
      clients_.push_back(client);
      if (ended_) shutdown(client, SHUT_RDWR);
      connections_.emplace_back([this, client] { Converse(client); });
    }
  }
  void Converse(int client) {
    const int on = 1;  // heads and bodies are sent one after the other
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    RawPeer peer(client);
    try {
      while (One(peer)) continue;
    } catch (const End&) {  // the handler wants no more of it
    }
    const std::lock_guard lock(mutex_);
    std::erase(clients_, client);  // before `peer` closes it and its number is used again
  }
  bool One(RawPeer& peer) {
    ServedRequest request;
    request.head = peer.ReadThrough("\r\n\r\n");
    if (!request.head.ends_with("\r\n\r\n")) return false;
    const std::size_t blank = request.head.find(' ');
    request.method = request.head.substr(0, blank);
    request.target = request.head.substr(blank + 1, request.head.find(' ', blank + 1) - blank - 1);
    Handler handler;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      handler = handler_;
    }
    if (!handler || !handler(request, peer)) Serve(request, peer, SIZE_MAX);
    return true;
  }
  void Serve(const ServedRequest& request, RawPeer& peer, std::size_t bytes_max) {
    std::optional<std::string> body;
    std::string fields;
    {
      const std::lock_guard lock(mutex_);
      const auto found = bodies_.find(request.Path());
      if (found != bodies_.end()) body = found->second;
      if (!etag_.empty()) fields = "etag: " + etag_ + "\r\n";
    }
    if (!body) {
      return Respond(peer, "404 Not Found", "", request.method == "HEAD" ? "" : "no such thing");
    }
    std::string_view part = *body;
    std::string status = "200 OK";
    const auto range = request.Range();
    const std::string tie = request.Field("if-range");
    if (range && ranges_ && (tie.empty() || fields.find(tie) != std::string::npos)) {
      part = part.substr(range->first, range->second - range->first + 1);
      status = "206 Partial Content";
      fields += "content-range: bytes " + request.Field("range").substr(6) + "/" +
                std::to_string(body->size()) + "\r\n";
    }
    peer.Send("HTTP/1.1 " + status + "\r\n" + fields +
              "content-length: " + std::to_string(part.size()) + "\r\n\r\n");
    if (request.method == "HEAD") return;
    const std::string_view sent = part.substr(0, std::min(bytes_max, part.size()));
    peer.Send(sent);
    bytes_served_ += sent.size();
  }

  int fd_;
  mutable std::mutex mutex_;
  bool ended_ = false;
  std::uint16_t port_ = 0;
  std::vector<int> clients_;
  std::vector<std::thread> connections_;
  std::map<std::string, std::string> bodies_;
  std::string etag_;
  Handler handler_;
  std::vector<ServedRequest> requests_;
  std::atomic<std::size_t> bytes_served_{0};
  std::atomic<bool> ranges_{true};
  std::thread thread_;
};

}  // namespace tidegate::models::testing
