#include "models/registry_client.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "net/http_head.h"

namespace tidegate::models {
namespace {

constexpr std::size_t kSaidBytesMax = 200;  // of an error's body, in a message

constexpr std::string_view kHead = "HEAD";

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Error Denied(std::string_view reason, std::string message) {
  Error error{ErrorCode::kPermissionDenied, ErrorSource::kUpstream, Retry::kNever,
              std::move(message)};
  error.reason = reason;
  return error;
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
    return Denied("private_address",
                  address + " is not a public address, and registry " + host +
                      " must not send this machine there; if it is right, allow it: "
                      "models.registry_storage = [\"" +
                      host + "=" + origin.ToString() + "\"]");
  };
  return out;
}

RegistryConfig Public(std::string host, std::string at) {
  RegistryConfig config;
  config.host = std::move(host);
  config.origin = net::Origin{net::Scheme::kHttps, std::move(at), 443, ""};
  return config;
}

// `sent`: whether the other side has taken it; if not, it may have said why. Errors: the body's.
net::Task<Result<void>> SendBody(net::ClientExchange& exchange, const RegistryBody& body,
                                 Result<void>& sent) {
  for (std::uint64_t offset = 0; offset < body.size && sent.ok();) {
    const Result<std::string_view> piece = co_await body.read(offset);
    if (!piece.ok()) co_return piece.error();
    offset += piece->size();
    const std::string_view pieces[] = {*piece};
    sent = co_await exchange.Send(pieces);
  }
  co_return Result<void>();
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
    return Denied("plain_redirect", "registry " + config_.host + " redirects to " +
                                        next.origin.ToString() + ", which is not encrypted");
  }
  return next;
}

net::Task<Result<RegistryAnswer>> RegistryClient::Get(net::CancelToken& cancel,
                                                      DownloadTarget target, std::string fields,
                                                      Secret authorization) {
  return Look(cancel, "GET", std::move(target), std::move(fields), std::move(authorization));
}

net::Task<Result<RegistryAnswer>> RegistryClient::Head(net::CancelToken& cancel,
                                                       DownloadTarget target,
                                                       Secret authorization) {
  return Look(cancel, kHead, std::move(target), std::string(), std::move(authorization));
}

net::Task<Result<RegistryAnswer>> RegistryClient::Look(net::CancelToken& cancel,
                                                       std::string_view method,
                                                       DownloadTarget target, std::string fields,
                                                       Secret authorization) {
  for (int hops = 0;; ++hops) {
    // Once it has led elsewhere, nothing that comes back here is trusted with it again.
    if (target.origin != config_.origin) authorization = Secret();
    Result<RegistryAnswer> answer = co_await Ask(cancel, {method, target, fields, authorization});
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

net::Task<Result<RegistryAnswer>> RegistryClient::Send(net::CancelToken& cancel,
                                                       RegistryRequest request,
                                                       Secret authorization) {
  if (request.target.origin != config_.origin) {
    co_return Denied("foreign_location", "registry " + config_.host + " wants what is pushed at " +
                                             request.target.origin.ToString() +
                                             ", which is another address than its own, " +
                                             config_.origin.ToString());
  }
  Result<RegistryAnswer> answer = co_await Ask(
      cancel, {request.method, request.target, request.fields, authorization, &request.body});
  if (!answer.ok()) co_return std::move(answer).error();
  if (!IsRedirect(answer->status)) co_return answer;
  co_return Denied("upload_redirect",
                   "registry " + config_.host +
                       " redirects what is pushed; it is sent to the registry itself only");
}

net::Task<Result<RegistryAnswer>> RegistryClient::Ask(net::CancelToken& cancel, Question question) {
  const DownloadTarget& target = question.target;
  std::string head = std::string(question.method) + " " + target.path + " HTTP/1.1\r\n";
  net::AppendField(head, "host", target.origin.HostField());
  net::AppendField(head, "user-agent", "tidegate");
  if (!question.authorization.empty()) {
    net::AppendField(head, "authorization", question.authorization.Reveal());
  }
  if (question.body != nullptr) {
    net::AppendField(head, "content-length", std::to_string(question.body->size));
  }
  head += question.fields;
  head += "\r\n";
  // What changes something is not sent twice because a pooled connection had ended.
  for (bool fresh = question.body != nullptr;; fresh = true) {
    if (cancel.cancelled()) co_return cancel.MakeError();
    Result<net::ClientExchange> exchange = co_await http_.Open(target.origin, fresh);
    if (!exchange.ok()) co_return std::move(exchange).error();
    const net::CancelToken::Scope scope(cancel, [&exchange] { exchange->Abort(); });
    exchange->SetStallTimeout(stall_nanos_);
    const std::string_view pieces[] = {head};
    Result<void> sent = co_await exchange->Send(pieces);
    if (sent.ok() && question.body != nullptr) {
      Result<void> read = co_await SendBody(*exchange, *question.body, sent);
      if (cancel.cancelled()) co_return cancel.MakeError();
      if (!read.ok()) co_return std::move(read).error();
    }
    Result<const net::HttpHead*> got = co_await exchange->ReadHead(question.method == kHead);
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
                       .range = FieldOf(answer, "range"),
                       .content_digest = FieldOf(answer, "docker-content-digest"),
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
    why =
        "does not allow it; if it is not public, give the registry a token "
        "(models.registry_tokens)";
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
