#include "net/http2_connection.h"

#include <new>
#include <utility>

#include "net/limits.h"
#include "net/server_answer.h"

namespace tidegate::net {

// --- Http2Request --------------------------------------------------------------------------------

Http2Request::Http2Request(Http2Connection& connection, Http2Stream& stream)
    : connection_(connection), stream_(stream), id_(stream.id()) {
  stream.request = this;
  connection.requests_.push_back(*this);
}

Http2Request::~Http2Request() { connection_.session_.Release(stream_); }

Shard& Http2Request::shard() { return connection_.server_.shard; }
bool Http2Request::over_unix() const { return connection_.arrival_ == Arrival::kUnix; }
bool Http2Request::secure() const { return connection_.stream_.secure(); }

void Http2Request::SetDeadline(std::int64_t monotonic_nanos) {
  shard().gone_watches().Arm(request_deadline_, monotonic_nanos);
}

void Http2Request::Expect(Waiting what, std::int64_t nanos) {
  waiting_ = what;
  sent_at_arm_ = stream_.bytes_sent();
  shard().deadlines().Arm(*this, CoarseNow() + nanos);
}

void Http2Request::Expected() {
  waiting_ = Waiting::kNothing;
  DeadlineList::Disarm(*this);
}

void Http2Request::OnDeadline() {
  if (waiting_ == Waiting::kBody) {
    timed_out_ = true;
    return body_.Wake();
  }
  if (waiting_ != Waiting::kWrite) return;
  // Slow, but it reads; or the whole connection stands still, which has a time limit of its own.
  const bool moves = stream_.bytes_sent() != sent_at_arm_;
  if (moves || !stream_.held_up() || connection_.write_blocked_) {
    return Expect(Waiting::kWrite, connection_.server_.options.timeouts.write_stall);
  }
  connection_.session_.Reset(stream_, Http2End::kCancel);
  connection_.WakeWriter();
  connection_.ServeChanges();  // cancels this request
}

void Http2Request::AbandonWait() {
  WaitPoint& point = body_.waiting() ? body_ : sent_;
  point.Abandon();
}

// --- Bodies

std::string_view Http2Request::PaddedBody() {
  std::string& body = stream_.body();
  const std::size_t size = body.size();
  body.append(kPaddingBytes, '\0');
  return {body.data(), size};
}

std::optional<Result<std::string_view>> Http2Request::ReadBodyNow(std::size_t size_max) {
  if (head().content_length().value_or(0) > size_max || stream_.body().size() > size_max) {
    connection_.session_.DropBody(stream_);
    return Result<std::string_view>(BodyTooLarge(size_max));
  }
  if (!stream_.body_ended()) return std::nullopt;
  return Result<std::string_view>(PaddedBody());
}

Task<Result<void>> Http2Request::WaitForBody(std::size_t got, std::int64_t since) {
  const std::int64_t stall = connection_.server_.options.timeouts.body_stall;
  if (ComesTooSlowly(got, MonotonicNow() - since, stall)) {
    co_return TimedOut("the body of the request arrives too slowly");
  }
  if (stream_.closed()) co_return ClientClosed();
  Expect(Waiting::kBody, stall);
  co_await body_.Wait();
  Expected();
  if (timed_out_) co_return TimedOut("the body of the request did not arrive in time");
  if (stream_.closed()) co_return ClientClosed();
  co_return Result<void>();
}

Task<Result<std::string_view>> Http2Request::ReadBody(std::size_t size_max) {
  const Result<bool> waits = ExpectsContinue(head());
  if (!waits.ok()) co_return waits.error();
  connection_.session_.WantBody(stream_);
  if (*waits) connection_.session_.SendContinue(stream_);
  connection_.WakeWriter();
  const std::int64_t since = MonotonicNow();
  while (true) {
    if (auto now = ReadBodyNow(size_max)) co_return *std::move(now);
    Result<void> more = co_await WaitForBody(stream_.body().size(), since);
    if (!more.ok()) {
      connection_.session_.DropBody(stream_);
      co_return std::move(more).error();
    }
  }
}

Task<Result<std::string_view>> Http2Request::ReadBodyPiece() {
  if (!in_pieces_) {
    const Result<bool> waits = ExpectsContinue(head());
    if (!waits.ok()) co_return waits.error();
    in_pieces_ = true;
    connection_.session_.OpenBody(stream_);
    if (*waits) connection_.session_.SendContinue(stream_);
    connection_.WakeWriter();
  }
  while (stream_.body().empty() && !stream_.body_ended()) {
    const std::int64_t begun = MonotonicNow();
    Result<void> more = co_await WaitForBody(pieces_bytes_, begun - pieces_wait_nanos_);
    pieces_wait_nanos_ += MonotonicNow() - begun;
    if (!more.ok()) {
      connection_.session_.DropBody(stream_);
      co_return std::move(more).error();
    }
  }
  piece_ = connection_.session_.TakeBody(stream_);
  pieces_bytes_ += piece_.size();
  if (!piece_.empty()) connection_.WakeWriter();  // the client may send more
  co_return std::string_view(piece_);
}

// --- Answers

bool Http2Request::HasBody(int status) const {
  return !IsBodiless(status) && head().method() != "HEAD";
}

void Http2Request::StartHead(int status, std::string_view fields, bool last) {
  std::string all(fields);
  all += DateField();
  connection_.session_.SendHead(stream_, status, all, last);
}

Task<Result<void>> Http2Request::WaitUntilSent() {
  if (stream_.closed()) co_return ClientClosed();
  connection_.WakeWriter();
  if (!stream_.sent()) {
    Expect(Waiting::kWrite, connection_.server_.options.timeouts.write_stall);
    co_await sent_.Wait();
    Expected();
  }
  if (!stream_.sent()) co_return ClientClosed();
  co_return Result<void>();
}

Task<Result<void>> Http2Request::Send(std::span<const std::string_view> pieces, bool last) {
  connection_.session_.Send(stream_, pieces, last);
  return WaitUntilSent();
}

Task<Result<void>> Http2Request::Respond(int status, std::string_view fields,
                                         std::span<const std::string_view> body) {
  const std::size_t size = TotalBytes(body);
  std::string all(fields);
  if (!IsBodiless(status)) {
    all += "content-length: ";
    AppendNumber(all, size);
    all += "\r\n";
  }
  const bool only_head = size == 0 || !HasBody(status);
  StartHead(status, all, only_head);
  if (only_head) return WaitUntilSent();
  return Send(body, true);
}

void Http2Request::StartHeld() {
  if (held_status_ != 0) StartHead(std::exchange(held_status_, 0), held_fields_, only_head_);
}

Task<Result<void>> Http2Request::BeginStream(int status, std::string_view fields, bool flush) {
  held_status_ = status;
  held_fields_ = fields;
  only_head_ = !HasBody(status);
  if (!flush) co_return Result<void>();
  StartHeld();
  co_return co_await WaitUntilSent();
}

Task<Result<void>> Http2Request::WriteStream(std::span<const std::string_view> pieces) {
  if (only_head_ || TotalBytes(pieces) == 0) co_return Result<void>();
  StartHeld();
  co_return co_await Send(pieces, false);
}

Task<Result<void>> Http2Request::EndStream(std::span<const std::string_view> last) {
  StartHeld();
  if (only_head_) return WaitUntilSent();
  return Send(last, true);
}

void Http2Request::Abort() {
  connection_.session_.Reset(stream_, Http2End::kInternalError);
  connection_.WakeWriter();
}

Task<void> Http2Request::Refuse(const Error& error) {
  const bool parsed = head().size() > 0;
  const RefusalBody refusal =
      connection_.server_.refuse(parsed ? head().path() : std::string_view(), error);
  std::string fields;
  AppendField(fields, "content-type", refusal.content_type);
  const std::string_view pieces[] = {refusal.body};
  (void)co_await Respond(RefusalStatus(error), fields, pieces);  // a client that has gone loses it
}

// --- Http2Connection -----------------------------------------------------------------------------

// The end of one turn of the loop: takes the frames of all requests, and writes what the socket
// takes at once. True: that was everything.
class Http2Connection::Flush final : public TurnWrite {
 public:
  Flush(Http2Connection& connection, Stream::Position& at) : connection_(connection), at_(at) {}

  void BelongTo(std::coroutine_handle<> root) { root_ = root; }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiter) {
    connection_.server_.shard.turn().Add(*this, root_, awaiter);
  }
  Result<bool> await_resume() { return std::move(written_); }
  void WriteNow() override {
    connection_.work_ = false;
    connection_.out_.clear();
    try {
      connection_.session_.Pull(connection_.out_, kHttp2BatchBytesMax);
    } catch (const std::bad_alloc&) {
      written_ = Internal("out of memory");
      return;
    }
    const std::string_view pieces[] = {connection_.out_};
    if (connection_.out_.empty()) {
      written_ = true;
    } else if (!connection_.stream_.secure()) {
      written_ = connection_.stream_.WriteNow(pieces, at_);
    }
  }

 private:
  Http2Connection& connection_;
  Stream::Position& at_;
  std::coroutine_handle<> root_;
  Result<bool> written_ = false;
};

// When the loop ends before the connection, what waits for a wake-up would wait for ever.
class Http2Connection::Abandon {
 public:
  explicit Abandon(Http2Connection& connection) : connection_(connection) {}
  Abandon(const Abandon&) = delete;
  Abandon& operator=(const Abandon&) = delete;
  ~Abandon() {
    connection_.writer_.Abandon();
    for (auto it = connection_.requests_.begin(); it != connection_.requests_.end();) {
      Http2Request& request = *it++;
      request.AbandonWait();
    }
    connection_.keep_.reset();
  }

 private:
  Http2Connection& connection_;
};

Http2Connection::Http2Connection(ServerShard& server, Stream& stream, ReadBuffer& buffer,
                                 Arrival arrival)
    : server_(server),
      stream_(stream),
      buffer_(buffer),
      arrival_(arrival),
      tasks_(server.shard.io()) {}

Task<bool> Http2Connection::Run(std::shared_ptr<const void> keep) {
  keep_ = std::move(keep);
  const Abandon abandon(*this);
  tasks_.Spawn(Write(keep_));
  try {
    co_await Read();
  } catch (const std::bad_alloc&) {
    stream_.Close();  // the connection ends for want of memory, in order
  }
  DeadlineList::Disarm(*this);
  CancelAll();
  ending_ = true;
  WakeWriter();
  co_await tasks_.Wait();
  co_return !peer_ended_;
}

void Http2Connection::WakeWriter() {
  work_ = true;
  writer_.Wake();
}

// --- Time

// A head that has begun must end, and a connection without requests ends too. Which of them is
// waited for decides, not what else comes meanwhile.
void Http2Connection::ExpectNext() {
  const ServerTimeouts& timeouts = server_.options.timeouts;
  if (!session_.greeted() || session_.in_head()) {
    if (waiting_ == Waiting::kHead && head_at_arm_ == session_.heads_begun()) return;
    waiting_ = Waiting::kHead;
    head_at_arm_ = session_.heads_begun();
    server_.shard.deadlines().Arm(*this, CoarseNow() + timeouts.head);
  } else if (requests_.empty()) {
    if (waiting_ == Waiting::kIdle) return;
    waiting_ = Waiting::kIdle;
    server_.shard.deadlines().Arm(*this, CoarseNow() + timeouts.idle);
  } else {
    waiting_ = Waiting::kNothing;
    DeadlineList::Disarm(*this);
  }
}

void Http2Connection::OnDeadline() {
  if (waiting_ == Waiting::kIdle) {
    session_.GoAway();
    return WakeWriter();  // which ends the connection once that has left
  }
  session_.End(Http2End::kEnhanceYourCalm);
  StopReading();
}

void Http2Connection::ExpectWrite() {
  written_at_arm_ = stream_.bytes_written();
  server_.shard.deadlines().Arm(write_deadline_,
                                CoarseNow() + server_.options.timeouts.write_stall);
}

void Http2Connection::OnWriteDeadline() {
  if (stream_.bytes_written() != written_at_arm_) return ExpectWrite();  // slow, but it reads
  stream_.Close();
}

// --- In

Task<void> Http2Connection::Read() {
  std::size_t room = kReadBufferBytes / 2;
  while (reading_) {
    if (!buffer_.empty()) {
      const std::string_view bytes = buffer_.data();
      // Who sends much at a time is read in larger pieces.
      room = bytes.size() < room ? kReadBufferBytes / 2 : kHttp2ReadBytes;
      const bool more = session_.Feed(bytes, MonotonicNow());
      buffer_.Consume(bytes.size());
      if (!more) co_return;
      ServeChanges();
      if (session_.wants_write()) WakeWriter();
    }
    ExpectNext();
    if (buffer_.capacity() > room * 2) buffer_.Release();
    const Result<bool> more = co_await stream_.ReadInto(buffer_, room);
    if (!more.ok() || !*more) {
      peer_ended_ = reading_;
      co_return;
    }
  }
}

void Http2Connection::StopReading() {
  reading_ = false;
  if (write_blocked_) return stream_.Close();
  error_code ignored;  // interrupts the read; the client can still be told why
  stream_.socket().cancel(ignored);
}

void Http2Connection::ServeChanges() {
  while (Http2Stream* const stream = session_.TakeChanged()) {
    if (stream->request == nullptr) {
      tasks_.Spawn(Serve(keep_, stream));
    } else if (stream->closed()) {
      CancelRequest(stream->id());
    } else {
      stream->request->body_.Wake();
    }
  }
}

// Each step may end the request.
void Http2Connection::CancelRequest(std::int32_t id) {
  const auto find = [&]() -> Http2Request* {
    const Http2Stream* const stream = session_.Find(id);
    return stream == nullptr ? nullptr : stream->request;
  };
  if (Http2Request* const request = find()) request->cancel_.Cancel(ErrorCode::kCancelled);
  if (Http2Request* const request = find()) request->body_.Wake();
  if (Http2Request* const request = find()) request->sent_.Wake();
}

void Http2Connection::CancelAll() {
  session_.CloseStreams();
  ServeChanges();
}

// --- Requests

Task<void> Http2Connection::Serve(std::shared_ptr<const void> keep, Http2Stream* stream) {
  {
    Http2Request request(*this, *stream);
    co_await Handle(request);
  }
  WakeWriter();
  if (reading_ && !ending_) ExpectNext();
  static_cast<void>(keep);
}

Task<void> Http2Connection::Handle(Http2Request& request) {
  std::optional<Error> refusal = request.stream_.refusal();
  if (!refusal) {
    Result<void> allowed = server_.hosts.Check(request.head(), request.over_unix());
    if (!allowed.ok()) refusal = std::move(allowed).error();
  }
  if (!refusal) {
    Exchange exchange(request);
    const Turn::Member member(server_.shard.turn());
    co_await server_.handler(exchange);
    if (exchange.responded_) co_return;  // an unfinished stream is reset when it is released
    if (request.stream_.closed()) co_return;
    refusal = Internal("the request was not answered; this is a bug in Tidegate");
  }
  co_await request.Refuse(*refusal);
}

// --- Out

Task<Result<void>> Http2Connection::WriteFrames() {
  Stream::Position at;
  Result<bool> all = co_await Flush(*this, at);
  if (!all.ok()) co_return std::move(all).error();
  if (*all) co_return Result<void>();
  write_blocked_ = true;
  ExpectWrite();
  const std::string_view pieces[] = {out_};
  Result<void> rest = co_await stream_.WriteRest(pieces, at);
  write_blocked_ = false;
  DeadlineList::Disarm(write_deadline_);
  co_return rest;
}

// Ends when nothing is read any more and all is written.
Task<void> Http2Connection::WriteAll() {
  while (true) {
    if (!work_) {
      if (ending_) co_return;
      if (session_.finished()) StopReading();
      co_await writer_.Wait();
      continue;
    }
    const Result<void> written = co_await WriteFrames();
    if (!written.ok()) co_return stream_.Close();
    if (!out_.empty() && session_.wants_write()) work_ = true;
    while (Http2Stream* const stream = session_.TakeSent()) {
      if (stream->request != nullptr) stream->request->sent_.Wake();
    }
    ServeChanges();
    if (!work_ && out_.capacity() > kReadBufferBytesKept) out_ = std::string();
  }
}

Task<void> Http2Connection::Write(std::shared_ptr<const void> keep) {
  try {
    co_await WriteAll();
  } catch (const std::bad_alloc&) {
    stream_.Close();
  }
  static_cast<void>(keep);
}

void Http2Connection::CloseWhenIdle() {
  session_.GoAway();
  WakeWriter();
}

std::size_t Http2Connection::Cut() {
  const std::size_t cut = requests_.size();
  reading_ = false;
  stream_.Close();
  CancelAll();
  return cut;
}

}  // namespace tidegate::net
