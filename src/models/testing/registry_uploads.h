// The part of a registry that takes models in, as OCI's distribution protocol describes it, in
// front of a RegistryServer that serves them afterwards. Not part of the program.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "models/testing/registry_server.h"

namespace tidegate::models::testing {

class RegistryUploads {
 public:
  // Answers in its own way, or returns false to have it answered as usual.
  using Handler = RegistryServer::Handler;

  explicit RegistryUploads(RegistryServer& server) : server_(server) {
    server_.Handle([this](const ServedRequest& request, RawPeer& peer) {
      Handler fault;
      {
        const std::lock_guard lock(mutex_);
        fault = fault_;
      }
      return (fault && fault(request, peer)) || Answer(request, peer);
    });
  }

  void Fault(Handler fault) {
    const std::lock_guard lock(mutex_);
    fault_ = std::move(fault);
  }
  std::size_t bytes_taken() const {
    const std::lock_guard lock(mutex_);
    return bytes_taken_;
  }

  static std::size_t Length(const ServedRequest& request) {
    const std::string text = request.Field("content-length");
    return text.empty() ? 0 : std::strtoull(text.c_str(), nullptr, 10);
  }
  // Takes so much of what a PATCH sends, and then no more of the connection.
  [[noreturn]] void Cut(const ServedRequest& request, RawPeer& peer, std::size_t bytes) {
    Append(IdOf(request), peer.Read(bytes));
    throw RegistryServer::End();
  }
  void ForgetUploads() {
    const std::lock_guard lock(mutex_);
    uploads_.clear();
  }

 private:
  static constexpr std::string_view kUploads = "/blobs/uploads/";

  static std::string IdOf(const ServedRequest& request) {
    const std::string path = request.Path();
    return path.substr(path.find(kUploads) + kUploads.size());
  }
  static std::string RepositoryOf(const ServedRequest& request) {
    return request.Path().substr(0, request.Path().find(kUploads));
  }
  void Append(const std::string& id, const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    uploads_[id] += bytes;
    bytes_taken_ += bytes.size();
  }

  bool Answer(const ServedRequest& request, RawPeer& peer) {
    const bool upload = request.Path().find(kUploads) != std::string::npos;
    if (request.method == "PUT" && !upload) {
      const std::string manifest = peer.Read(Length(request));
      const std::string digest = Digest(ComputeSha256(manifest)).ToString();
      server_.Add(request.Path(), manifest);
      RegistryServer::Respond(peer, "201 Created", "docker-content-digest: " + digest + "\r\n", "");
      return true;
    }
    if (!upload) return false;
    if (request.method == "POST") {
      std::string id;
      {
        const std::lock_guard lock(mutex_);
        id = "u" + std::to_string(++last_);
        uploads_[id] = "";
      }
      // With a state in its query, as some registries do.
      Accepted(request, peer, id);
      return true;
    }
    return Continue(request, peer);
  }

  bool Continue(const ServedRequest& request, RawPeer& peer) {
    const std::string id = IdOf(request);
    std::size_t has = 0;
    bool known = false;
    {
      const std::lock_guard lock(mutex_);
      known = uploads_.contains(id);
      if (known) has = uploads_[id].size();
    }
    if (!known) {
      (void)peer.Read(Length(request));
      RegistryServer::Respond(peer, "404 Not Found", "", "BLOB_UPLOAD_UNKNOWN");
      return true;
    }
    if (request.method == "GET") {
      RegistryServer::Respond(peer, "204 No Content", Place(request, id, has), "");
      return true;
    }
    const std::string range = request.Field("content-range");
    const bool fits = range.empty() || std::strtoull(range.c_str(), nullptr, 10) == has;
    const std::string bytes = peer.Read(Length(request));
    if (!fits) {
      RegistryServer::Respond(peer, "416 Range Not Satisfiable", "", "");
      return true;
    }
    Append(id, bytes);
    if (request.method == "PATCH") {
      Accepted(request, peer, id);
    } else {
      Finish(request, peer, id);
    }
    return true;
  }

  void Finish(const ServedRequest& request, RawPeer& peer, const std::string& id) {
    std::string bytes;
    {
      const std::lock_guard lock(mutex_);
      bytes = std::move(uploads_[id]);
      uploads_.erase(id);
    }
    const std::string digest = Digest(ComputeSha256(bytes)).ToString();
    if (request.target.find("digest=" + digest) == std::string::npos) {
      RegistryServer::Respond(peer, "400 Bad Request", "", "DIGEST_INVALID");
      return;
    }
    server_.Add(RepositoryOf(request) + "/blobs/" + digest, std::move(bytes));
    RegistryServer::Respond(peer, "201 Created", "docker-content-digest: " + digest + "\r\n", "");
  }

  void Accepted(const ServedRequest& request, RawPeer& peer, const std::string& id) {
    std::size_t has = 0;
    {
      const std::lock_guard lock(mutex_);
      has = uploads_[id].size();
    }
    RegistryServer::Respond(peer, "202 Accepted", Place(request, id, has), "");
  }
  static std::string Place(const ServedRequest& request, const std::string& id, std::size_t has) {
    return "location: " + RepositoryOf(request) + std::string(kUploads) + id + "?state=x\r\n" +
           "range: 0-" + std::to_string(has == 0 ? 0 : has - 1) + "\r\n";
  }

  RegistryServer& server_;
  mutable std::mutex mutex_;
  Handler fault_;                               // guarded by mutex_, as all below
  std::map<std::string, std::string> uploads_;  // as far as they came
  std::size_t bytes_taken_ = 0;
  int last_ = 0;
};

}  // namespace tidegate::models::testing
