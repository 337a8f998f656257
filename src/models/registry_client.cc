#include "models/registry_client.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "net/http_head.h"

namespace tidegate::models {
namespace {

constexpr std::size_t kSaidBytesMax = 200;  // of an error's body, in a message

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string FieldOf(const net::HttpHead& head, std::string_view name) {
  return std::string(head.Find(name).value_or(std::string_view()));
}

// Seconds; a date is as good as nothing.
std::int64_t RetryAfter(const net::HttpHead& head) {
  const std::string_view text = net::Trim(head.Find("retry-after").value_or(std::string_view()));
  std::int64_t seconds = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seconds);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()
             ? std::max<std::int64_t>(seconds, 0)
             : 0;
}

net::ClientOptions OptionsOf(const RegistryConfig& config, const RegistryClientOptions& options) {
  net::ClientOptions out;
  out.tls = options.tls;
  out.proxy = options.proxy;
  out.check_address = [host = config.host, own = config.origin, storage = config.storage](
                          const net::Origin& origin, const std::string& address) -> Result<void> {
    const bool named =
        origin == own || std::find(storage.begin(), storage.end(), origin) != storage.end();
    if (named || net::IsPublicAddress(address)) return {};
    Error error{ErrorCode::kPermissionDenied, ErrorSource::kUpstream, Retry::kNever,
                address + " is not a public address, and registry " + host +
                    " must not send this machine there; name that origin among the registry's "
                    "storage if it is right"};
    error.reason = "private_address";
    return error;
  };
  return out;
}

RegistryConfig Public(std::string host, std::string at) {
  RegistryConfig config;
  config.host = std::move(host);
  config.origin = net::Origin{net::Scheme::kHttps, std::move(at), 443, ""};
  return config;
}

std::string Printable(std::string_view text) {
  std::string out(text.substr(0, kSaidBytesMax));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < 0x20 || c >= 0x7f; }, ' ');
  return std::string(net::Trim(out));
}

}  // namespace

std::vector<RegistryConfig> DefaultRegistries() {
  return {Public("registry.ollama.ai", "registry.ollama.ai"),
          Public("huggingface.co", "huggingface.co"), Public("hf.co", "huggingface.co")};
}

RegistryClient::RegistryClient(net::Shard& shard, RegistryConfig config,
                               const RegistryClientOptions& options)
    : config_(std::move(config)),
      stall_nanos_(options.stall_nanos),
      http_(shard, OptionsOf(config_, options)) {}

Result<DownloadTarget> RegistryClient::Follow(const RegistryAnswer& answer) const {
  TIDEGATE_ASSIGN(DownloadTarget next, FollowLocation(answer.target, answer.location));
  if (next.origin.scheme == net::Scheme::kHttp && config_.origin.scheme != net::Scheme::kHttp) {
    Error error{ErrorCode::kPermissionDenied, ErrorSource::kUpstream, Retry::kNever,
                "registry " + config_.host + " redirects to " + next.origin.ToString() +
                    ", which is not encrypted"};
    error.reason = "plain_redirect";
    return error;
  }
  return next;
}

net::Task<Result<RegistryAnswer>> RegistryClient::Get(net::CancelToken& cancel,
                                                      DownloadTarget target, std::string fields,
                                                      Secret authorization) {
  for (int hops = 0;; ++hops) {
    // Once it has led elsewhere, nothing that comes back here is trusted with it again.
    if (target.origin != config_.origin) authorization = Secret();
    std::string head = "GET " + target.path + " HTTP/1.1\r\n";
    net::AppendField(head, "host", target.origin.HostField());
    net::AppendField(head, "user-agent", "tidegate");
    if (!authorization.empty()) net::AppendField(head, "authorization", authorization.Reveal());
    head += fields;
    head += "\r\n";
    Result<RegistryAnswer> answer = co_await Ask(cancel, target, head);
    if (!answer.ok()) co_return std::move(answer).error();
    if (!IsRedirect(answer->status)) co_return answer;
    if (hops == kRedirectsMax) {
      co_return Error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kNever,
                      "registry " + config_.host + " redirects more than " +
                          std::to_string(kRedirectsMax) + " times"};
    }
    Result<DownloadTarget> next = Follow(*answer);
    if (!next.ok()) co_return std::move(next).error();
    if (answer->content_length.value_or(kRedirectBodyBytesMax + 1) <= kRedirectBodyBytesMax) {
      // Only so that the connection can be used again: what it says does not matter.
      (void)co_await ReadBody(cancel, *answer, kRedirectBodyBytesMax);
    }
    target = *std::move(next);
  }
}

net::Task<Result<RegistryAnswer>> RegistryClient::Ask(net::CancelToken& cancel,
                                                      const DownloadTarget& target,
                                                      const std::string& head) {
  for (bool fresh = false;; fresh = true) {
    if (cancel.cancelled()) co_return cancel.MakeError();
    Result<net::ClientExchange> exchange = co_await http_.Open(target.origin, fresh);
    if (!exchange.ok()) co_return std::move(exchange).error();
    const net::CancelToken::Scope scope(cancel, [&exchange] { exchange->Abort(); });
    exchange->SetStallTimeout(stall_nanos_);
    const std::string_view pieces[] = {head};
    const Result<void> sent = co_await exchange->Send(pieces);
    Result<const net::HttpHead*> got = co_await exchange->ReadHead();
    if (cancel.cancelled()) co_return cancel.MakeError();
    if (!got.ok()) {
      // A pooled connection may have been closed under us.
      const bool stale = exchange->reused() && !exchange->answered() &&
                         got.error().code == ErrorCode::kUnavailable;
      if (stale) continue;
      if (!sent.ok()) co_return sent.error();
      co_return std::move(got).error();
    }
    const net::HttpHead& answer = **got;
    RegistryAnswer out{.exchange = *std::move(exchange),
                       .target = target,
                       .status = answer.status(),
                       .content_length = answer.content_length(),
                       .content_range = FieldOf(answer, "content-range"),
                       .etag = FieldOf(answer, "etag"),
                       .location = FieldOf(answer, "location"),
                       .www_authenticate = FieldOf(answer, "www-authenticate"),
                       .retry_after_s = RetryAfter(answer)};
    co_return out;
  }
}

net::Task<Result<std::string>> RegistryClient::ReadBody(net::CancelToken& cancel,
                                                        RegistryAnswer& answer,
                                                        std::size_t size_max) {
  const net::CancelToken::Scope scope(cancel, [&answer] { answer.exchange.Abort(); });
  Result<std::string_view> body = co_await answer.exchange.ReadAll(size_max);
  if (cancel.cancelled()) co_return cancel.MakeError();
  if (!body.ok()) co_return std::move(body).error();
  co_return std::string(*body);
}

Error RegistryError(const RegistryAnswer& answer, const std::string& what, std::string_view body) {
  const int status = answer.status;
  Error error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kNever, ""};
  std::string why = "answered with status " + std::to_string(status);
  if (status == 404) {
    error.code = ErrorCode::kNotFound;
    why = "does not know it";
  } else if (status == 401 || status == 403) {
    error.code = ErrorCode::kPermissionDenied;
    why = "does not allow it; if it is not public, give the registry a token";
  } else if (status == 429) {
    error.code = ErrorCode::kRateLimited;
    error.retry = Retry::kSameTarget;
    why = "has had too many requests";
  } else if (status >= 500) {
    error.code = ErrorCode::kUnavailable;
    error.retry = Retry::kSameTarget;
  }
  error.message = what + ": " + answer.target.origin.ToString() + " " + why;
  const std::string said = Printable(body);
  if (!said.empty()) error.message += " (" + said + ")";
  error.upstream_status = status;
  error.retry_after_s = answer.retry_after_s;
  return error;
}

}  // namespace tidegate::models
