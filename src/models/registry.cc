#include "models/registry.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/ascii.h"
#include "base/percent_encode.h"
#include "json/reader.h"
#include "net/http_head.h"

namespace tidegate::models {
namespace {

Error Broken(std::string message) {
  return Error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kNever, std::move(message)};
}

// `error` of our reader, as the registry's fault.
Error BrokenJson(std::string_view what, const Error& error) {
  const std::string at = error.field.empty() ? "" : " (" + error.field + ")";
  return Broken("the registry's " + std::string(what) + " cannot be used: " + error.message + at);
}

bool IsTokenChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// Takes `name=value` or `name="value"` off the front, with the comma behind it.
std::optional<std::pair<std::string, std::string>> TakeParameter(std::string_view& text) {
  text = net::Trim(text);
  const auto end = std::find_if_not(text.begin(), text.end(), IsTokenChar);
  std::string name(text.begin(), end);
  text.remove_prefix(name.size());
  if (name.empty() || !text.starts_with('=')) return std::nullopt;
  text.remove_prefix(1);
  std::string value;
  if (text.starts_with('"')) {
    std::size_t i = 1;
    for (; i < text.size() && text[i] != '"'; ++i) {
      if (text[i] == '\\' && ++i == text.size()) return std::nullopt;
      value += text[i];
    }
    if (i >= text.size()) return std::nullopt;
    text.remove_prefix(i + 1);
  } else {
    value.assign(text.begin(), std::find_if_not(text.begin(), text.end(), IsTokenChar));
    text.remove_prefix(value.size());
  }
  text = net::Trim(text);
  if (!text.empty() && text[0] != ',') return std::nullopt;
  if (!text.empty()) text.remove_prefix(1);
  return std::pair(std::move(name), std::move(value));
}

// The token of {"token": …} or {"access_token": …}.
Result<Secret> ReadToken(std::string_view body) {
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(body, kTokenAnswerBytesMax);
  if (!root.ok()) return BrokenJson("token", root.error());
  const Result<json::Object> object = root->Object();
  if (!object.ok()) return BrokenJson("token", object.error());
  std::optional<json::Value> value = object->Find("token");
  if (!value) value = object->Find("access_token");
  if (!value) return Broken("the registry's answer holds no token");
  const Result<std::string_view> token = value->String();
  if (!token.ok()) return BrokenJson("token", token.error());
  // It becomes part of a header.
  const bool proper =
      !token->empty() && token->size() <= kTokenBytesMax &&
      std::all_of(token->begin(), token->end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!proper) return Broken("the registry's token is not printable ASCII of at most 16 KiB");
  return Secret(std::string(*token));
}

}  // namespace

Result<BearerChallenge> ParseBearerChallenge(std::string_view field) {
  const std::size_t blank = std::min(field.find(' '), field.size());
  if (!EqualsIgnoreCase(field.substr(0, blank), "bearer")) {
    return Broken("the registry asks for a kind of authentication that is not known here");
  }
  BearerChallenge challenge;
  std::string_view rest = net::Trim(field.substr(blank));
  while (!rest.empty()) {
    auto parameter = TakeParameter(rest);
    if (!parameter) return Broken("the registry's WWW-Authenticate field cannot be read");
    auto& [name, value] = *parameter;
    std::string* const into = EqualsIgnoreCase(name, "realm")     ? &challenge.realm
                              : EqualsIgnoreCase(name, "service") ? &challenge.service
                              : EqualsIgnoreCase(name, "scope")   ? &challenge.scope
                                                                  : nullptr;
    if (into == nullptr) continue;
    if (!into->empty()) return Broken("the registry's WWW-Authenticate field says a thing twice");
    *into = std::move(value);
  }
  if (challenge.realm.empty()) {
    return Broken("the registry asks for a token and does not say where one is to be had");
  }
  return challenge;
}

// --- RegistryAccess ---

Secret RegistryAccess::Authorization() const {
  const Secret& secret = token_.empty() ? config().token : token_;
  return secret.empty() ? Secret() : Secret("Bearer " + std::string(secret.Reveal()));
}

net::Task<Result<void>> RegistryAccess::Authenticate(net::CancelToken& cancel,
                                                     BearerChallenge asked) {
  Result<DownloadTarget> target = ParseTarget(asked.realm, "realm");
  if (!target.ok()) co_return std::move(target).error();
  if (target->origin != config().origin) {
    Error error{ErrorCode::kPermissionDenied, ErrorSource::kUpstream, Retry::kNever,
                "registry " + config().host + " sends for a token to " + target->origin.ToString() +
                    ", which is another than " + config().origin.ToString() +
                    "; if it is right, get one there yourself and give it to the registry "
                    "(models.registry_tokens)"};
    error.reason = "foreign_realm";
    co_return error;
  }
  char joint = target->path.find('?') == std::string::npos ? '?' : '&';
  const auto add = [&](std::string_view key, std::string_view value) {
    target->path.push_back(std::exchange(joint, '&'));
    target->path += key;
    target->path.push_back('=');
    AppendPercentEncoded(target->path, value);
  };
  add("service", asked.service);
  for (std::string_view scopes = net::Trim(asked.scope); !scopes.empty();) {
    const std::size_t end = std::min(scopes.find(' '), scopes.size());
    add("scope", scopes.substr(0, end));
    scopes = net::Trim(scopes.substr(end));
  }
  if (target->path.size() > kTargetBytesMax)
    co_return Broken("the registry's challenge is too long");
  const Secret stored = config().token;
  Secret authorization =
      stored.empty() ? Secret() : Secret("Bearer " + std::string(stored.Reveal()));
  Result<RegistryAnswer> answer =
      co_await client_.Get(cancel, *target, std::string(), std::move(authorization));
  if (!answer.ok()) co_return std::move(answer).error();
  if (answer->target.origin != config().origin) {
    co_return Broken("the registry redirects the request for a token elsewhere");
  }
  Result<std::string> body =
      co_await RegistryClient::ReadBody(cancel, *answer, kTokenAnswerBytesMax);
  if (!body.ok()) co_return std::move(body).error();
  if (answer->status != 200) co_return RegistryError(*answer, "a token", *body);
  Result<Secret> token = ReadToken(*body);
  if (!token.ok()) co_return std::move(token).error();
  token_ = *std::move(token);
  co_return Result<void>();
}

net::Task<Result<bool>> RegistryAccess::AnswerChallenge(net::CancelToken& cancel,
                                                        RegistryAnswer& answer) {
  const bool challenged = answer.status == 401 && !answer.www_authenticate.empty() &&
                          answer.target.origin == config().origin;
  if (!challenged) co_return false;
  // Basic, a realm that is a sentence for people, anything else: there is no token to be had, and
  // the answer is the refusal that it says it is, with its remedy.
  const std::string challenge = answer.www_authenticate;
  const Result<BearerChallenge> asked = ParseBearerChallenge(challenge);
  if (!asked.ok() || !ParseTarget(asked->realm, "realm").ok()) co_return false;
  // Only so that the connection can be used again.
  (void)co_await RegistryClient::ReadBody(cancel, answer, kErrorBodyBytesMax);
  Result<void> known = co_await Authenticate(cancel, *asked);
  if (!known.ok()) co_return std::move(known).error();
  co_return true;
}

net::Task<Result<RegistryAnswer>> RegistryAccess::Get(net::CancelToken& cancel,
                                                      DownloadTarget target, std::string fields) {
  for (bool asked = false;; asked = true) {
    Result<RegistryAnswer> answer = co_await client_.Get(cancel, target, fields, Authorization());
    if (!answer.ok() || asked) co_return answer;
    const Result<bool> again = co_await AnswerChallenge(cancel, *answer);
    if (!again.ok()) co_return again.error();
    if (!*again) co_return answer;
  }
}

net::Task<Result<RegistryAnswer>> RegistryAccess::Head(net::CancelToken& cancel,
                                                       DownloadTarget target) {
  for (bool asked = false;; asked = true) {
    Result<RegistryAnswer> answer = co_await client_.Head(cancel, target, Authorization());
    if (!answer.ok() || asked) co_return answer;
    const Result<bool> again = co_await AnswerChallenge(cancel, *answer);
    if (!again.ok()) co_return again.error();
    if (!*again) co_return answer;
  }
}

net::Task<Result<RegistryAnswer>> RegistryAccess::Send(net::CancelToken& cancel,
                                                       RegistryRequest request) {
  for (bool asked = false;; asked = true) {
    Result<RegistryAnswer> answer = co_await client_.Send(cancel, request, Authorization());
    if (!answer.ok() || asked) co_return answer;
    const Result<bool> again = co_await AnswerChallenge(cancel, *answer);
    if (!again.ok()) co_return again.error();
    if (!*again) co_return answer;
  }
}

net::Task<Result<RegistryAnswer>> RegistryAccess::GetDirect(net::CancelToken& cancel,
                                                            DownloadTarget target,
                                                            std::string fields) {
  return client_.Get(cancel, std::move(target), std::move(fields), Secret());
}

// --- Manifests ---

Result<std::vector<RemotePiece>> ParseManifestPieces(std::string_view text) {
  const Result<std::variant<Manifest, ManifestList>> read = ParseManifest(text);
  if (!read.ok()) return BrokenJson("manifest", read.error());
  const Manifest* manifest = std::get_if<Manifest>(&*read);
  if (manifest == nullptr) {
    return Broken("the registry's manifest is a list of several, of which none was asked for");
  }
  if (manifest->layers.empty()) return Broken("the registry's manifest names no layer");
  std::map<Digest, std::uint64_t> sizes;
  std::vector<RemotePiece> pieces;
  const auto add = [&](const Layer& layer) {
    const auto [at, fresh] = sizes.emplace(layer.digest, layer.size);
    if (fresh) pieces.push_back({layer.digest, layer.size});
    return at->second == layer.size;
  };
  bool agree = true;
  for (const Layer& layer : manifest->layers) agree = add(layer) && agree;
  agree = add(manifest->config) && agree;
  if (!agree) return Broken("the registry's manifest gives one digest two sizes");
  return pieces;
}

DownloadTarget ManifestTarget(const net::Origin& origin, const ModelName& name) {
  return {origin, "/v2/" + name.space + "/" + name.model + "/manifests/" + name.tag};
}

DownloadTarget UploadsTarget(const net::Origin& origin, const ModelName& name) {
  return {origin, "/v2/" + name.space + "/" + name.model + "/blobs/uploads/"};
}

DownloadTarget BlobTarget(const net::Origin& origin, const ModelName& name, const Digest& digest) {
  return {origin, "/v2/" + name.space + "/" + name.model + "/blobs/" + digest.ToString()};
}

net::Task<Result<std::string>> FetchManifest(RegistryAccess& access, net::CancelToken& cancel,
                                             ModelName name) {
  std::string fields;
  net::AppendField(fields, "accept", kManifestType);
  Result<RegistryAnswer> answer =
      co_await access.Get(cancel, ManifestTarget(access.config().origin, name), fields);
  if (!answer.ok()) co_return std::move(answer).error();
  const std::string what = "model " + name.Short();
  const bool found = answer->status == 200;
  Result<std::string> body = co_await RegistryClient::ReadBody(
      cancel, *answer, found ? kManifestBytesMax : kErrorBodyBytesMax);
  if (!found) co_return RegistryError(*answer, what, body.ok() ? *body : std::string());
  if (!body.ok() && body.error().code == ErrorCode::kTooLarge) {
    co_return Error{ErrorCode::kTooLarge, ErrorSource::kUpstream, Retry::kNever,
                    what + ": the registry's manifest is larger than 4 MiB"};
  }
  co_return body;
}

}  // namespace tidegate::models
