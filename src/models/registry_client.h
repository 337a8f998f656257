// HTTP to one registry of models, and to where it redirects.
//
// A registry's answers decide where this machine connects to next, which is how others were made to
// reach into networks that only they could reach. So every hop goes by the same few rules, here and
// nowhere else: https only (unless the operator has said that the registry itself speaks plain
// HTTP), a few hops at most, credentials for the registry's own origin alone, and never to an
// address that is not public unless it is the registry's own or was named beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "models/download_target.h"
#include "net/cancel.h"
#include "net/client.h"
#include "net/shard.h"

namespace tidegate::models {

inline constexpr int kRedirectsMax = 4;
inline constexpr std::int64_t kRegistryStallNanos = 30 * net::kSecond;
inline constexpr std::size_t kRedirectBodyBytesMax = 64 * 1024;  // read to keep the connection

struct RegistryConfig {
  std::string host;    // as it stands in names of models; lower case
  net::Origin origin;  // where it is; http only where the operator has said so
  Secret token;        // a stored credential, or empty
  // Where else its blobs may be although those addresses are not public.
  std::vector<net::Origin> storage;
};

// registry.ollama.ai, huggingface.co, and hf.co for the latter: its challenges name that host.
std::vector<RegistryConfig> DefaultRegistries();

// An answer whose body is still to be read.
struct RegistryAnswer {
  net::ClientExchange exchange;
  DownloadTarget target;  // who answered, behind all redirects
  int status = 0;
  std::optional<std::uint64_t> content_length;
  std::string content_range, etag, location, www_authenticate;
  std::string range, content_digest;  // of an upload: what has come, and what it became
  std::int64_t retry_after_s = 0;
};

// A body that is sent as it is read, so that no more than a piece of it is in memory.
struct RegistryBody {
  std::uint64_t size = 0;
  // The next bytes from `offset` on, at least one, valid until the next call. Begins again at 0
  // where the request has to be sent again.
  std::function<net::Task<Result<std::string_view>>(std::uint64_t offset)> read;
};

// A request that changes something, to the registry's own origin.
struct RegistryRequest {
  std::string method;
  DownloadTarget target;
  std::string fields;  // complete header lines
  RegistryBody body = {};
};

struct RegistryClientOptions {
  std::function<Result<std::shared_ptr<net::TlsContext>>()> tls;
  net::ProxyConfig proxy;
  std::int64_t stall_nanos = kRegistryStallNanos;
};

// Belongs to one shard, where it is also destroyed.
class RegistryClient {
 public:
  RegistryClient(net::Shard& shard, RegistryConfig config, const RegistryClientOptions& options);

  const RegistryConfig& config() const { return config_; }
  // The answer to GET, of whatever status, with redirects followed. `fields`: complete header
  // lines. `authorization`: the value of that field for the registry's own origin. Errors: those of
  // HttpClient; kPermissionDenied (a redirect to where it must not lead), kProtocol (one that leads
  // nowhere, or too many).
  net::Task<Result<RegistryAnswer>> Get(net::CancelToken& cancel, DownloadTarget target,
                                        std::string fields, Secret authorization);
  // The same for HEAD, whose answer has no body.
  net::Task<Result<RegistryAnswer>> Head(net::CancelToken& cancel, DownloadTarget target,
                                         Secret authorization);
  // What is sent goes to the registry's own origin and nowhere else: no redirect is followed.
  // Errors: those of HttpClient and of the body; kPermissionDenied with reason "foreign_location"
  // (another target) or "upload_redirect".
  net::Task<Result<RegistryAnswer>> Send(net::CancelToken& cancel, RegistryRequest request,
                                         Secret authorization);
  // The rest of a small body. Errors: those of ReadAll.
  static net::Task<Result<std::string>> ReadBody(net::CancelToken& cancel, RegistryAnswer& answer,
                                                 std::size_t size_max);

 private:
  struct Question {
    std::string_view method;
    const DownloadTarget& target;
    const std::string& fields;
    const Secret& authorization;
    const RegistryBody* body = nullptr;
  };
  net::Task<Result<RegistryAnswer>> Look(net::CancelToken& cancel, std::string_view method,
                                         DownloadTarget target, std::string fields,
                                         Secret authorization);
  net::Task<Result<RegistryAnswer>> Ask(net::CancelToken& cancel, Question question);
  Result<DownloadTarget> Follow(const RegistryAnswer& answer) const;

  RegistryConfig config_;
  std::int64_t stall_nanos_;
  net::HttpClient http_;
};

// What an answer that is no success means. `what`: "model a/b:c". `body`: what it said, if read.
Error RegistryError(const RegistryAnswer& answer, const std::string& what, std::string_view body);

}  // namespace tidegate::models
