#include "dispatch/job.h"

#include <utility>

#include "base/check.h"
#include "dispatch/limits.h"
#include "net/sleep.h"
#include "obs/log.h"
#include "protocols/upstream_error.h"

namespace tidegate::dispatch {
namespace {

using net::Task;

// "replicate.com" of "api.replicate.com"; empty where there is no more than two labels, since then
// the rest would be nobody's in particular.
std::string_view DomainOf(std::string_view host) {
  const std::size_t dot = host.find('.');
  if (dot == std::string_view::npos) return {};
  const std::string_view rest = host.substr(dot + 1);
  const bool literal = host.find_first_not_of("0123456789.:") == std::string_view::npos;
  return literal || rest.find('.') == std::string_view::npos ? std::string_view() : rest;
}

bool IsSibling(const net::Origin& origin, const net::Origin& target) {
  const std::string_view domain = DomainOf(target.host);
  return origin.scheme == net::Scheme::kHttps && target.scheme == net::Scheme::kHttps &&
         origin.port == target.port && !domain.empty() && DomainOf(origin.host) == domain;
}

std::string MakeStepHead(const Target& target, const JobAddress& address,
                         const protocols::JobStep& step) {
  std::string head = step.post ? "POST " : "GET ";
  head += address.path + " HTTP/1.1\r\n";
  net::AppendField(head, "host", address.origin.HostField());
  if (address.with_credentials) head += target.fields.Reveal();
  head += "accept-encoding: identity\r\n";
  net::AppendField(head, "accept", step.accept);
  if (step.post) head += "content-length: 0\r\n";
  return head + "\r\n";
}

// One step, sent and answered. Nothing: the attempt has its end, good or bad. Else what is known of
// the job now.
Task<std::optional<std::string>> Ask(Attempt& attempt, const protocols::JobStep& step) {
  const Target& target = attempt.input.target;
  Result<JobAddress> address = AddressOf(target, step);
  if (!address.ok()) {
    Fail(attempt, std::move(address).error());
    co_return std::nullopt;
  }
  net::SleepTimer timer(attempt.client.shard());
  if (!co_await timer.SleepUntil(attempt.cancel, net::MonotonicNow() + step.wait_nanos)) {
    Fail(attempt, attempt.cancel.MakeError());
    co_return std::nullopt;
  }
  Result<net::ClientExchange> opened = co_await attempt.client.Open(address->origin, true);
  if (!opened.ok()) {
    Fail(attempt, std::move(opened).error());
    co_return std::nullopt;
  }
  net::ClientExchange& upstream = *opened;
  const net::CancelToken::Scope scope(attempt.cancel, [&upstream] { upstream.Abort(); });
  const std::string head = MakeStepHead(target, *address, step);
  const std::string_view pieces[] = {head};
  upstream.SetStallTimeout(kStreamIdleTimeout);
  Result<void> sent = co_await upstream.Send(pieces);
  if (!sent.ok()) {
    Fail(attempt, std::move(sent).error());
    co_return std::nullopt;
  }
  Result<const net::HttpHead*> answer = co_await upstream.ReadHead();
  if (!answer.ok()) {
    Fail(attempt, std::move(answer).error());
    co_return std::nullopt;
  }
  if ((*answer)->status() / 100 != 2) {
    co_await ReadErrorAnswer(attempt, upstream, **answer);
    co_return std::nullopt;
  }
  if (attempt.input.upstream.IsStream((*answer)->Find("content-type").value_or(""))) {
    co_await Translate(attempt, &upstream, {}, true);
    co_return std::nullopt;
  }
  Result<std::string_view> body = co_await upstream.ReadAll(kAnswerBytesMax);
  if (!body.ok()) {
    Fail(attempt, std::move(body).error());
    co_return std::nullopt;
  }
  attempt.result.bytes_received += static_cast<std::int64_t>(body->size());
  co_return std::string(*body);
}

// `state` is what is known of the job, before and after.
Task<void> Follow(Attempt& attempt, const protocols::Jobs& jobs, std::string& state) {
  for (std::int64_t polls = 0;; ++polls) {
    Result<std::optional<protocols::JobStep>> next =
        jobs.Next(state, attempt.input.request.stream, polls);
    if (!next.ok()) co_return Fail(attempt, std::move(next).error());
    if (!*next) co_return co_await Translate(attempt, nullptr, state, false);
    std::optional<std::string> told = co_await Ask(attempt, **next);
    if (!told) co_return;
    state = *std::move(told);
  }
}

// Nobody waits for this but us, so it has a time of its own, and its failure changes nothing.
Task<void> End(Attempt& attempt, const protocols::JobStep& step) {
  const Target& target = attempt.input.target;
  const Result<JobAddress> address = AddressOf(target, step);
  CHECK(address.ok());  // a path of our own
  const std::string fields(target.fields.Reveal());
  const Result<net::SimpleResponse> answer =
      co_await net::Fetch(attempt.client, address->origin, step.post ? "POST" : "GET",
                          address->path, fields, {}, kJobEndTimeout);
  if (!answer.ok() || answer->status / 100 != 2) {
    obs::Log(obs::Level::kWarning, "{}: a job that nobody waits for could not be ended: {}",
             target.name, answer.ok() ? std::to_string(answer->status) : Describe(answer.error()));
  }
}

}  // namespace

Result<JobAddress> AddressOf(const Target& target, const protocols::JobStep& step) {
  if (step.url.empty()) return JobAddress{target.origin, target.base_path + step.path, true};
  Result<net::Url> url = net::ParseUrl(step.url);
  if (url.ok() && url->origin == target.origin) {
    return JobAddress{target.origin, std::move(url->path), true};
  }
  if (url.ok() && IsSibling(url->origin, target.origin)) {
    return JobAddress{std::move(url->origin), std::move(url->path), false};
  }
  return protocols::MalformedAnswer("names an address that is not the upstream's own");
}

net::Task<void> RunJob(Attempt& attempt, net::ClientExchange& created) {
  const protocols::Jobs& jobs = *attempt.input.upstream.jobs();
  Result<std::string_view> body = co_await created.ReadAll(kAnswerBytesMax);
  if (!body.ok()) co_return Fail(attempt, std::move(body).error());
  attempt.result.bytes_received += static_cast<std::int64_t>(body->size());
  std::string state(*body);
  co_await Follow(attempt, jobs, state);
  if (attempt.result.outcome == core::AttemptOutcome::kOk) co_return;
  const std::optional<protocols::JobStep> end = jobs.Cancel(state);
  if (end) co_await End(attempt, *end);
}

}  // namespace tidegate::dispatch
