#include "dispatch/attempt.h"

#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "base/check.h"
#include "dispatch/attempt_state.h"
#include "dispatch/job.h"
#include "dispatch/limits.h"
#include "dispatch/rate_limits.h"

namespace tidegate::dispatch {
namespace {

using core::AttemptOutcome;
using net::Task;
using Pieces = std::vector<std::string_view>;

std::int64_t RetryAfterSeconds(const net::HttpHead& head) {
  const auto field = head.Find("retry-after");
  if (!field) return 0;
  std::int64_t seconds = 0;
  const auto parsed = std::from_chars(field->data(), field->data() + field->size(), seconds);
  if (parsed.ec != std::errc() || parsed.ptr != field->data() + field->size() || seconds < 0)
    return 0;
  return seconds < kRetryAfterSecondsMax ? seconds : kRetryAfterSecondsMax;
}

constexpr std::string_view kContentType = "application/json";

// The header lines of a signature over what MakeHead writes and `body`, as they stand on the wire.
Secret Sign(const AttemptInput& input, std::string_view path, const privacy::Cleared& body) {
  CHECK(input.signing != nullptr);
  const std::string host = input.target.origin.HostField();
  const std::array<protocols::aws_sigv4::HeaderField, 2> headers = {
      {{"host", host}, {"content-type", kContentType}}};
  const std::size_t mark = path.find('?');
  const std::string_view query =
      mark == std::string_view::npos ? std::string_view() : path.substr(mark + 1);
  const protocols::aws_sigv4::Request request{"POST", path.substr(0, mark), query, headers,
                                              body.pieces()};
  return input.target.signer->Sign(request, input.signing->clock.WallNanos(), input.signing->keys);
}

std::string MakeHead(const AttemptInput& input, const privacy::Cleared& body) {
  std::string head;
  head.reserve(512);
  head += "POST ";
  const std::size_t path_begin = head.size();
  head += input.target.base_path;
  head += input.path;
  Secret signature;
  if (input.target.signer != nullptr) {
    signature = Sign(input, std::string_view(head).substr(path_begin), body);
  }
  head += " HTTP/1.1\r\n";
  net::AppendField(head, "host", input.target.origin.HostField());
  head += input.target.fields.Reveal();
  head += signature.Reveal();
  net::AppendField(head, "content-type", kContentType);
  head += "accept-encoding: identity\r\n";
  net::AppendField(head, "accept", input.accept);
  head += input.fields;
  net::AppendField(head, "content-length", std::to_string(body.size()));
  head += "\r\n";
  return head;
}

// --- The five ways an answer comes
// ---------------------------------------------------------------------------------------

// Same protocol, one body: pass the bytes, read the usage.
Task<void> RelayWhole(Attempt& attempt, net::ClientExchange& upstream) {
  std::optional<Result<std::string_view>> now = upstream.ReadAllNow(kAnswerBytesMax);
  if (!now) now = co_await upstream.ReadAll(kAnswerBytesMax);
  Result<std::string_view>& body = *now;
  if (!body.ok()) co_return Fail(attempt, std::move(body).error());
  attempt.result.bytes_received += static_cast<std::int64_t>(body->size());
  net::Turn& turn = attempt.client.shard().turn();
  co_await net::Turn::At(turn, net::Stage::kJudge);
  Result<protocols::RelayState> seen = attempt.input.upstream.InspectWhole(*body);
  if (!seen.ok()) co_return Fail(attempt, std::move(seen).error());
  if (seen->error) co_return Fail(attempt, *std::move(seen->error));
  attempt.SawContent();
  attempt.result.usage = seen->usage;
  attempt.result.content_bytes = seen->content_bytes;
  co_await net::Turn::At(turn, net::Stage::kAnswer);
  const std::string_view pieces[] = {*body};
  attempt.result.committed = true;
  const AnswerHead head{"application/json", seen->usage ? &*seen->usage : nullptr,
                        attempt.result.rate_limits};
  const Result<void> sent = co_await attempt.sink.Whole(head, pieces);
  if (!sent.ok()) co_return Fail(attempt, sent.error());
  attempt.result.outcome = AttemptOutcome::kOk;
}

// Work that is no chat: what its reader makes of the one body.
Task<void> ReadBody(Attempt& attempt, net::ClientExchange& upstream) {
  const Result<std::string_view> body = co_await upstream.ReadAll(kAnswerBytesMax);
  if (!body.ok()) co_return Fail(attempt, body.error());
  attempt.result.bytes_received += static_cast<std::int64_t>(body->size());
  net::Turn& turn = attempt.client.shard().turn();
  co_await net::Turn::At(turn, net::Stage::kJudge);
  const std::int64_t waited =
      attempt.input.arrived_nanos == 0 ? 0 : attempt.started - attempt.input.arrived_nanos;
  attempt.input.reader->NoteTimes({waited, net::MonotonicNow() - attempt.started});
  Result<BodyReader::Answer> answer = attempt.input.reader->Read(*body);
  if (!answer.ok()) co_return Fail(attempt, std::move(answer).error());
  attempt.SawContent();
  attempt.result.usage = answer->usage;
  attempt.result.requests = answer->requests;
  co_await net::Turn::At(turn, net::Stage::kAnswer);
  const std::string_view pieces[] = {answer->body ? std::string_view(*answer->body) : *body};
  attempt.result.committed = true;
  const AnswerHead head{"application/json", answer->usage ? &*answer->usage : nullptr,
                        attempt.result.rate_limits, answer->requests};
  const Result<void> sent = co_await attempt.sink.Whole(head, pieces);
  if (!sent.ok()) co_return Fail(attempt, sent.error());
  attempt.result.outcome = AttemptOutcome::kOk;
}

// Frames that wait for the first content before the client hears anything.
class Held {
 public:
  bool empty() const { return bytes_.empty(); }
  std::size_t size() const { return bytes_.size(); }
  void Add(const Pieces& frames) {
    for (const std::string_view frame : frames) bytes_ += frame;
  }
  std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Sends `frames`, beginning the stream with what was held when it is time, and ends it with them
// when they are the last. Returns false when the client is gone.
Task<bool> SendFrames(Attempt& attempt, Held& held, const Pieces& frames, bool commit, bool last) {
  if (!attempt.result.committed && !commit && held.size() < kHeldBytesMax) {
    held.Add(frames);
    co_return true;
  }
  Pieces all;
  if (!attempt.result.committed) {
    attempt.result.committed = true;
    const Result<void> begun = co_await attempt.sink.Begin(
        AnswerHead{attempt.input.client.StreamContentType(attempt.input.request), nullptr,
                   attempt.result.rate_limits});
    if (!begun.ok()) {
      Fail(attempt, begun.error());
      co_return false;
    }
    if (!held.empty()) {
      all = {held.bytes()};
      all.insert(all.end(), frames.begin(), frames.end());
    }
  }
  const Pieces& pieces = all.empty() ? frames : all;
  Result<void> sent;
  if (last) {
    sent = co_await attempt.sink.End(pieces);
  } else if (!pieces.empty()) {
    sent = co_await attempt.sink.Write(pieces);
  }
  if (!sent.ok()) Fail(attempt, sent.error());
  if (sent.ok() && last) attempt.result.outcome = AttemptOutcome::kOk;
  co_return sent.ok();
}

Error CutStream() {
  Error error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kOtherTarget,
              "the answer was cut off before it was complete"};
  error.reason = "cut";
  return error;
}

// Same protocol, a stream: pass whole frames, read what they say.
Task<void> RelayStream(Attempt& attempt, net::ClientExchange& upstream) {
  const auto relay = attempt.input.upstream.NewStreamRelay(attempt.input.hide_stream_usage);
  const protocols::RelayState& seen = relay->state();
  Held held;
  Pieces frames;
  while (true) {
    Result<std::string_view> bytes = co_await upstream.ReadBody();
    // Behind the protocol's own end mark the answer is complete, however the connection ends.
    if (!bytes.ok() && !(seen.complete && attempt.result.committed)) {
      attempt.result.usage = seen.usage;
      attempt.result.content_bytes = seen.content_bytes;
      co_return Fail(attempt, std::move(bytes).error());
    }
    frames.clear();
    Result<void> fed;
    const bool ended = !bytes.ok() || upstream.complete();
    if (bytes.ok() && !bytes->empty()) {
      attempt.result.bytes_received += static_cast<std::int64_t>(bytes->size());
      fed = relay->Feed(*bytes, frames);
    }
    if (ended && fed.ok()) relay->Finish(frames);
    attempt.result.usage = seen.usage;
    attempt.result.content_bytes = seen.content_bytes;
    if (seen.content_seen) attempt.SawContent();
    if (!fed.ok()) co_return Fail(attempt, std::move(fed).error());
    if (attempt.result.bytes_received > static_cast<std::int64_t>(kStreamBytesMax)) {
      co_return Fail(attempt, CutStream());
    }
    if (seen.error) co_return Fail(attempt, *seen.error);
    const bool last = ended && seen.complete;
    const bool commit = seen.content_seen || seen.complete;
    if (!co_await SendFrames(attempt, held, frames, commit, last)) co_return;
    if (ended && !last) co_return Fail(attempt, CutStream());
    if (ended) co_return;
  }
}

// What events say about the attempt, whatever is made of them for the client.
void Observe(Attempt& attempt, const core::Event& event, bool& content, bool& done) {
  if (const auto* usage = std::get_if<core::UsageEvent>(&event))
    attempt.result.usage = usage->usage;
  if (std::holds_alternative<core::DoneEvent>(event)) done = true;
  const auto count = [&](std::size_t bytes) {
    attempt.result.content_bytes += static_cast<std::int64_t>(bytes);
    content = true;
    attempt.SawContent();
  };
  if (const auto* text = std::get_if<core::TextEvent>(&event)) count(text->text.size());
  if (const auto* thought = std::get_if<core::ReasoningEvent>(&event)) count(thought->text.size());
  if (const auto* refusal = std::get_if<core::RefusalEvent>(&event)) count(refusal->text.size());
  if (const auto* call = std::get_if<core::ToolCallEvent>(&event)) count(call->arguments.size());
}

void ReadRateLimits(Attempt& attempt, const net::HttpHead& head) {
  const AttemptInput& input = attempt.input;
  if (input.target.rate_limits == nullptr) return;
  const protocols::RateLimitWords* const words = input.client.rate_limit_words();
  if (words == nullptr) return;
  const std::int64_t arrived = input.arrived_nanos == 0 ? attempt.started : input.arrived_nanos;
  const std::int64_t now = input.created_s * net::kSecond + (net::MonotonicNow() - arrived);
  attempt.result.rate_limits = RateLimitLines(head, *input.target.rate_limits, *words, now);
}

Task<void> ReadAnswer(Attempt& attempt, net::ClientExchange& upstream, const net::HttpHead& head) {
  attempt.result.upstream_status = head.status();
  ReadRateLimits(attempt, head);
  if (head.status() / 100 != 2) {
    co_return co_await ReadErrorAnswer(attempt, upstream, head);
  }
  if (attempt.input.upstream.jobs() != nullptr) co_return co_await RunJob(attempt, upstream);
  const std::string_view type = head.Find("content-type").value_or("");
  const bool streams = attempt.input.upstream.IsStream(type);
  // The client gets the upstream's bytes where it speaks the same protocol in the same form.
  const core::Request& request = attempt.input.request;
  const bool same = attempt.input.client.id() == attempt.input.upstream.id() &&
                    request.same_bytes && request.same_answer;
  upstream.SetStallTimeout(kStreamIdleTimeout);
  if (attempt.input.reader != nullptr) co_return co_await ReadBody(attempt, upstream);
  if (same && streams && request.stream) {
    co_return co_await RelayStream(attempt, upstream);
  }
  if (same && !streams && !request.stream) {
    co_return co_await RelayWhole(attempt, upstream);
  }
  co_return co_await Translate(attempt, &upstream, {}, streams);
}

// Opens, sends and reads the answer's head. On failure the attempt has its error and nothing is
// returned.
Task<bool> Exchange(Attempt& attempt, const privacy::Cleared& cleared, bool fresh, bool& stale) {
  std::optional<net::ClientExchange> opened;
  if (!fresh) opened = attempt.client.OpenIdle(attempt.input.target.origin);
  if (!opened) {
    Result<net::ClientExchange> made =
        co_await attempt.client.Open(attempt.input.target.origin, fresh);
    if (!made.ok()) {
      Fail(attempt, std::move(made).error());
      co_return false;
    }
    opened.emplace(*std::move(made));
  }
  net::ClientExchange& upstream = *opened;
  const net::CancelToken::Scope scope(attempt.cancel, [&upstream] { upstream.Abort(); });
  if (attempt.cancel.cancelled()) {
    Fail(attempt, attempt.cancel.MakeError());
    co_return false;
  }
  const std::string head = MakeHead(attempt.input, cleared);
  net::Pieces pieces{head};
  pieces.insert(pieces.end(), cleared.pieces().begin(), cleared.pieces().end());
  upstream.SetStallTimeout(kHeadTimeout);
  attempt.result.dispatched = true;
  attempt.result.bytes_sent = static_cast<std::int64_t>(cleared.size());
  Result<void> sent = co_await upstream.Send(pieces);
  if (!sent.ok()) {
    stale = upstream.reused();
    Fail(attempt, std::move(sent).error());
    co_return false;
  }
  Result<const net::HttpHead*> answer = co_await upstream.ReadHead();
  if (!answer.ok()) {
    stale = upstream.reused() && !upstream.answered();
    Fail(attempt, std::move(answer).error());
    co_return false;
  }
  co_await ReadAnswer(attempt, upstream, **answer);
  co_return true;
}

}  // namespace

void Fail(Attempt& attempt, Error error) {
  if (attempt.cancel.cancelled()) {
    error = attempt.cancel.MakeError();
    attempt.result.outcome = error.code == ErrorCode::kDeadlineExceeded
                                 ? AttemptOutcome::kTimedOut
                                 : AttemptOutcome::kCancelled;
  } else if (error.code == ErrorCode::kCancelled) {
    attempt.result.outcome = AttemptOutcome::kCancelled;
  } else if (error.code == ErrorCode::kDeadlineExceeded) {
    attempt.result.outcome = AttemptOutcome::kTimedOut;
  } else {
    attempt.result.outcome =
        attempt.result.committed ? AttemptOutcome::kCut : AttemptOutcome::kFailed;
  }
  attempt.result.error = std::move(error);
}

Task<void> ReadErrorAnswer(Attempt& attempt, net::ClientExchange& upstream,
                           const net::HttpHead& head) {
  const int status = head.status();
  const std::int64_t retry_after = RetryAfterSeconds(head);  // reading on may move the head
  Result<std::string_view> body = co_await upstream.ReadAll(kErrorBytesMax);
  const std::string_view text =
      body.ok() ? *body : std::string_view();  // an unreadable body leaves the status to speak
  attempt.result.bytes_received += static_cast<std::int64_t>(text.size());
  Fail(attempt, attempt.input.upstream.DecodeError(status, text, retry_after));
}

Task<void> Translate(Attempt& attempt, net::ClientExchange* upstream, std::string_view whole,
                     bool upstream_streams) {
  const bool stream_out = attempt.input.request.stream;
  const auto decoder = attempt.input.upstream.NewDecoder(upstream_streams);
  const auto encoder = attempt.input.client.NewEncoder(attempt.input.request, attempt.input.id,
                                                       attempt.input.created_s);
  std::vector<core::Event> events;
  std::string encoded;
  Held held;
  const auto bytes_max = static_cast<std::int64_t>(stream_out ? kStreamBytesMax : kAnswerBytesMax);
  bool content = false, done = false;
  const std::int64_t waited =
      attempt.input.arrived_nanos == 0 ? 0 : attempt.started - attempt.input.arrived_nanos;
  while (true) {
    Result<std::string_view> bytes = std::exchange(whole, {});
    if (upstream != nullptr) bytes = co_await upstream->ReadBody();
    // As in RelayStream: behind the end mark the answer is complete, however the connection ends.
    if (!bytes.ok() && !(done && upstream_streams)) {
      co_return Fail(attempt, std::move(bytes).error());
    }
    const bool ended = !bytes.ok() || bytes->empty();
    if (!ended && upstream != nullptr) {  // else they are counted
      attempt.result.bytes_received += static_cast<std::int64_t>(bytes->size());
    }
    if (attempt.result.bytes_received > bytes_max) co_return Fail(attempt, CutStream());
    events.clear();
    Result<void> fed = ended ? decoder->Finish(events) : decoder->Feed(*bytes, events);
    if (stream_out) encoded.clear();
    if (!events.empty()) {
      encoder->NoteTimes({waited, net::MonotonicNow() - attempt.started});
    }
    for (const core::Event& event : events) {
      if (const auto* error = std::get_if<core::ErrorEvent>(&event))
        co_return Fail(attempt, error->error());
      Observe(attempt, event, content, done);
      encoder->Encode(event, encoded);
    }
    if (!fed.ok()) co_return Fail(attempt, std::move(fed).error());
    if (stream_out) {
      const Pieces frames = encoded.empty() ? Pieces() : Pieces{encoded};
      if (!co_await SendFrames(attempt, held, frames, content || done, ended && done)) co_return;
    }
    if (ended) break;
  }
  if (!done) co_return Fail(attempt, CutStream());
  if (stream_out) co_return;
  const Pieces body{encoded};
  attempt.result.committed = true;
  const AnswerHead head{"application/json", attempt.result.usage ? &*attempt.result.usage : nullptr,
                        attempt.result.rate_limits};
  const Result<void> sent = co_await attempt.sink.Whole(head, body);
  if (!sent.ok()) co_return Fail(attempt, sent.error());
  attempt.result.outcome = AttemptOutcome::kOk;
}

net::Task<AttemptResult> RunAttempt(net::HttpClient& client, AttemptInput input,
                                    privacy::Cleared cleared, AnswerSink& sink,
                                    net::CancelToken& cancel) {
  Attempt attempt{client, input, sink, cancel, net::MonotonicNow(), {}};
  bool stale = false;
  const bool answered = co_await Exchange(attempt, cleared, false, stale);
  if (!answered && stale && input.free && !cancel.cancelled()) {
    // A pooled connection was closed under us before it said anything. What is paid is not sent
    // twice under one reservation.
    attempt.result = AttemptResult();
    co_await Exchange(attempt, cleared, true, stale);
  } else if (!answered && stale && attempt.result.error) {
    attempt.result.error->retry = Retry::kSameTarget;
  }
  if (attempt.result.error && attempt.result.error->source == ErrorSource::kUpstream) {
    attempt.result.error->message = input.target.name + ": " + attempt.result.error->message;
  }
  attempt.result.total_nanos = net::MonotonicNow() - attempt.started;
  co_return std::move(attempt.result);
}

}  // namespace tidegate::dispatch
