#include "net/server_connection.h"

#include <algorithm>
#include <limits>

#include "net/http2_connection.h"
#include "net/server_answer.h"

namespace tidegate::net {
namespace {

constexpr std::int64_t kGoneRecheckDelay = 50 * kMillisecond;
constexpr std::size_t kBodyGrowthBytes = 256 * 1024;

}  // namespace

ServerConnection::ServerConnection(ServerShard& server, Socket socket, Arrival arrival)
    : server_(server),
      stream_(std::move(socket), server.shard.turn()),
      arrival_(arrival),
      maybe_http2_(arrival != Arrival::kTls) {}

ServerConnection::~ServerConnection() = default;

void ServerConnection::Expect(Waiting what, std::int64_t nanos) {
  waiting_ = what;
  written_at_arm_ = stream_.bytes_written();
  server_.shard.deadlines().Arm(*this, CoarseNow() + nanos);
}

void ServerConnection::OnDeadline() {
  if (waiting_ == Waiting::kNothing) return;
  if (waiting_ == Waiting::kWrite && stream_.bytes_written() != written_at_arm_) {
    Expect(Waiting::kWrite, server_.options.timeouts.write_stall);  // slow, but it reads
    return;
  }
  timed_out_ = true;
  if (waiting_ == Waiting::kWrite || waiting_ == Waiting::kLinger || stream_.secure()) {
    stream_.Close();
  } else {
    error_code ignored;  // interrupts the read, so that the client can still be told why
    stream_.socket().cancel(ignored);
  }
}

void ServerConnection::CloseWhenIdle() {
  if (http2_) return http2_->CloseWhenIdle();
  close_ = true;
  if (!busy_) stream_.Close();
}

std::size_t ServerConnection::Cut() {
  if (http2_) return http2_->Cut();
  if (busy_ && cancel_) cancel_->Cancel(ErrorCode::kCancelled);
  stream_.Close();
  return busy_ ? 1 : 0;
}

Task<void> ServerConnection::Run() {
  const auto self = shared_from_this();
  bool ready = true;
  if (arrival_ == Arrival::kTls) {
    Expect(Waiting::kLinger, server_.options.timeouts.tls_handshake);
    ready = (co_await stream_.AcceptTls(*server_.options.tls)).ok();
  }
  if (ready && !close_) {
    if (stream_.negotiated_http2()) {
      co_await RunHttp2();
    } else {
      co_await RunHttp1();
    }
  }
  DeadlineList::Disarm(*this);
  stream_.Close();
}

// Statement by statement: g++ 12 awaits the right side of && also when the left one is false.
Task<void> ServerConnection::RunHttp1() {
  bool ready = true;
  while (ready && !close_) {
    const Next next = co_await ReadHead();
    if (next == Next::kHttp2) co_return co_await RunHttp2();
    if (next == Next::kEnd) co_return;
    busy_ = true;
    const Turn::Member member(server_.shard.turn());
    ready = co_await ServeOne();
    co_await Turn::At(server_.shard.turn(), Stage::kNext);
    busy_ = false;
  }
}

Task<void> ServerConnection::RunHttp2() {
  DeadlineList::Disarm(*this);
  timed_out_ = false;
  http2_ = std::make_unique<Http2Connection>(server_, stream_, buffer_, arrival_);
  const bool reads = co_await http2_->Run(shared_from_this());
  if (reads) co_await Linger();
}

Task<ServerConnection::Next> ServerConnection::ReadHead() {
  heads_.Reset();
  timed_out_ = false;
  if (buffer_.empty() && buffer_.capacity() > kReadBufferBytesKept) buffer_.Release();
  Expect(Waiting::kHead, server_.options.timeouts.idle);
  bool begun = false;
  while (true) {
    if (buffer_.empty() || begun) {
      const Result<bool> more = co_await stream_.ReadInto(buffer_, kReadBufferBytes / 2);
      if (timed_out_ && begun) {
        co_await Refuse(TimedOut("the head of the request did not arrive in time"));
      }
      if (timed_out_ || !more.ok() || !*more) co_return Next::kEnd;
    }
    if (maybe_http2_) [[unlikely]] {
      const Http2Preface preface = FindHttp2Preface(buffer_.data());
      if (preface == Http2Preface::kYes) co_return Next::kHttp2;
      maybe_http2_ = preface == Http2Preface::kIncomplete;
    }
    if (!maybe_http2_) {  // else it would be read as a head of a version that is too new
      const Result<bool> ready = heads_.Read(buffer_.data());
      if (!ready.ok()) {
        co_await Refuse(ready.error());
        co_return Next::kEnd;
      }
      if (*ready) co_return Next::kRequest;
    }
    if (!begun) Expect(Waiting::kHead, server_.options.timeouts.head);  // one limit for all of it
    begun = true;
  }
}

bool ServerConnection::MustClose() const {
  return close_ || !heads_.head().keep_alive() || buffer_.size() > request_bytes_ ||
         server_.draining.load(std::memory_order_relaxed);
}

std::size_t ServerConnection::MissingBytes() const {
  return request_bytes_ - std::min(request_bytes_, buffer_.size());
}

void ServerConnection::BeginRequest() {
  cancel_.emplace();
  pieces_.reset();
  ++serial_;
}

void ServerConnection::EndRequest() {
  ++serial_;
  DeadlineList::Disarm(gone_watch_);
  DeadlineList::Disarm(request_deadline_);
}

Task<bool> ServerConnection::ServeOne() {
  waiting_ = Waiting::kNothing;
  const HttpHead& head = heads_.head();
  constexpr std::uint64_t kAddable = std::numeric_limits<std::size_t>::max() / 2;
  const std::uint64_t length = std::min(head.content_length().value_or(0), kAddable);
  request_bytes_ = head.size() + static_cast<std::size_t>(length);
  const Result<void> allowed = server_.hosts.Check(head, arrival_ == Arrival::kUnix);
  if (!allowed.ok()) {
    co_await Refuse(allowed.error());
    co_return false;
  }
  BeginRequest();
  Exchange exchange(*this);
  server_.shard.gone_watches().Arm(gone_watch_, exchange.arrived_nanos() + kGoneWatchDelay);
  co_await Turn::At(server_.shard.turn(), Stage::kServe);
  co_await server_.handler(exchange);
  EndRequest();
  const bool client_gone = cancel_->cancelled() && cancel_->why() == ErrorCode::kCancelled;
  if (client_gone || !stream_.open()) co_return false;
  if (!exchange.responded_) {
    co_await Refuse(Internal("the request was not answered; this is a bug in Tidegate"));
    co_return false;
  }
  if (exchange.streaming_ && !exchange.stream_ended_) co_return false;
  if (!close_ && !exchange.body_read_ && MissingBytes() > 0) {
    close_ = !(co_await FillBody()).ok();  // to be thrown away
  }
  if (close_) {
    co_await Linger();
    co_return false;
  }
  buffer_.Consume(request_bytes_);
  if (chunked_body_.capacity() > kReadBufferBytesKept) chunked_body_ = std::string();
  // Whatever stands behind came after the answer, with the rest of a body that nobody read: what
  // came before it was pipelining, and MustClose has refused that.
  co_return true;
}

Task<void> ServerConnection::Refuse(const Error& error) {
  busy_ = true;
  const HttpHead& head = heads_.head();
  const bool parsed = head.size() > 0;
  const RefusalBody refusal = server_.refuse(parsed ? head.path() : std::string_view(), error);
  close_ = true;
  StartHead(RefusalStatus(error), "", false);
  out_ += "content-type: ";
  out_ += refusal.content_type;
  out_ += "\r\ncontent-length: ";
  AppendNumber(out_, refusal.body.size());
  out_ += "\r\n";
  EndHead();
  const bool only_head = parsed && head.method() == "HEAD";
  const std::string_view pieces[] = {out_, only_head ? std::string_view() : refusal.body};
  const Result<void> sent = co_await Write(pieces);
  if (sent.ok()) co_await Linger();
}

// Closing with unread bytes would reset the connection and could destroy the answer on its way, so
// what still comes is read for a moment.
Task<void> ServerConnection::Linger() {
  busy_ = false;
  Expect(Waiting::kLinger, server_.options.timeouts.linger);
  co_await stream_.ShutdownSend();
  for (std::size_t drained = 0; stream_.open() && drained < kDrainBytesMax;) {
    buffer_.Consume(buffer_.size());
    const Result<bool> more = co_await stream_.ReadInto(buffer_, kReadBufferBytes);
    if (!more.ok() || !*more) co_return;
    drained += buffer_.size();
  }
}

Task<Result<void>> ServerConnection::SendContinue() {
  const Result<bool> waits = ExpectsContinue(heads_.head());
  if (!waits.ok()) co_return waits.error();
  if (!*waits) co_return Result<void>();
  const std::string_view answer[] = {"HTTP/1.1 100 Continue\r\n\r\n"};
  co_return co_await Write(answer);
}

Task<Result<void>> ServerConnection::ReadMoreBody(std::size_t got, std::size_t room) {
  const std::int64_t stall = server_.options.timeouts.body_stall;
  if (ComesTooSlowly(got, MonotonicNow() - body_since_, stall)) {
    co_return TimedOut("the body of the request arrives too slowly");
  }
  Expect(Waiting::kBody, stall);
  const Result<bool> more = co_await stream_.ReadInto(buffer_, room);
  waiting_ = Waiting::kNothing;
  heads_.head().Rebase(buffer_.data().data());
  if (timed_out_) co_return TimedOut("the body of the request did not arrive in time");
  if (!more.ok() || !*more) {
    cancel_->Cancel(ErrorCode::kCancelled);
    co_return ClientClosed();
  }
  co_return Result<void>();
}

Task<Result<void>> ServerConnection::FillBody() {
  body_since_ = MonotonicNow();
  while (MissingBytes() > 0) {
    const std::size_t got = buffer_.size() - heads_.head().size();
    Result<void> more = co_await ReadMoreBody(got, std::min(MissingBytes(), kBodyGrowthBytes));
    if (!more.ok()) co_return more;
  }
  co_return Result<void>();
}

// Moves the chunks that are here from the buffer to chunked_body_.
Result<void> ServerConnection::TakeChunks(ChunkReader& chunks, std::size_t size_max) {
  const std::size_t head_size = heads_.head().size();
  std::size_t at = head_size;
  while (!chunks.done()) {
    TIDEGATE_ASSIGN(const ChunkReader::Step step, chunks.Next(buffer_.data().substr(at)));
    if (step.consumed == 0) break;
    if (step.payload.size() > size_max - chunked_body_.size()) return BodyTooLarge(size_max);
    chunked_body_ += step.payload;
    at += step.consumed;
  }
  buffer_.Erase(head_size, at - head_size);
  return {};
}

Task<Result<std::string_view>> ServerConnection::ReadChunkedBody(std::size_t size_max) {
  Result<void> step = co_await SendContinue();
  if (!step.ok()) co_return std::move(step).error();
  ChunkReader chunks;
  chunked_body_.clear();
  body_since_ = MonotonicNow();
  while (true) {
    step = TakeChunks(chunks, size_max);
    if (step.ok() && chunks.done()) break;
    if (step.ok()) step = co_await ReadMoreBody(chunked_body_.size(), kReadBufferBytes);
    if (!step.ok()) co_return std::move(step).error();
  }
  const std::size_t size = chunked_body_.size();
  chunked_body_.append(kPaddingBytes, '\0');
  co_return std::string_view(chunked_body_.data(), size);
}

Task<Result<std::string_view>> ServerConnection::ReadBodyPiece() {
  const std::size_t head_size = heads_.head().size();
  const bool chunked = heads_.head().chunked();
  if (!pieces_) {
    if (chunked || MissingBytes() > 0) {
      Result<void> told = co_await SendContinue();
      if (!told.ok()) co_return std::move(told).error();
    }
    pieces_.emplace();
    body_since_ = pieces_->handed_out_at = MonotonicNow();
  }
  body_since_ += MonotonicNow() - pieces_->handed_out_at;
  buffer_.Erase(head_size, pieces_->viewed);
  request_bytes_ -= pieces_->viewed;
  pieces_->viewed = 0;
  chunked_body_.clear();
  while (true) {
    std::string_view piece;
    bool complete = false;
    if (chunked) {
      constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();
      Result<void> taken = TakeChunks(pieces_->chunks, kAny);
      if (!taken.ok()) co_return std::move(taken).error();
      piece = chunked_body_;
      complete = pieces_->chunks.done();
    } else {
      pieces_->viewed = std::min(buffer_.size(), request_bytes_) - head_size;
      piece = buffer_.data().substr(head_size, pieces_->viewed);
      complete = request_bytes_ == head_size;
    }
    if (!piece.empty() || complete) {
      pieces_->got += piece.size();
      pieces_->handed_out_at = MonotonicNow();
      co_return piece;
    }
    const std::size_t room =
        chunked ? kReadBufferBytesKept : std::min(MissingBytes(), kBodyGrowthBytes);
    Result<void> more = co_await ReadMoreBody(pieces_->got, room);
    if (!more.ok()) co_return std::move(more).error();
  }
}

// An answer that comes before the body was read ends the connection, unless the rest of the body is
// small and certain to come: else it could not be told from the next request.
void ServerConnection::StartHead(int status, std::string_view fields, bool body_read) {
  if (!body_read) {
    const HttpHead& head = heads_.head();
    const bool certain = MissingBytes() == 0 || !head.Find("expect");
    if (head.chunked() || MissingBytes() > kDrainBytesMax || !certain) close_ = true;
  }
  out_ = "HTTP/1.1 ";
  AppendNumber(out_, static_cast<std::size_t>(status));
  out_ += ' ';
  out_ += StatusText(status);
  out_ += "\r\n";
  out_ += fields;
  out_ += DateField();
}

void ServerConnection::EndHead() {
  if (MustClose()) {
    close_ = true;
    out_ += "connection: close\r\n";
  } else if (heads_.head().version_minor() == 0) {
    out_ += "connection: keep-alive\r\n";
  }
  out_ += "\r\n";
}

Error ServerConnection::WriteFailed() {
  if (cancel_) cancel_->Cancel(ErrorCode::kCancelled);
  stream_.Close();
  return ClientClosed();
}

Task<Result<void>> ServerConnection::Write(std::span<const std::string_view> pieces) {
  Stream::Position at;
  Result<bool> all = co_await stream_.WriteInTurn(pieces, at);
  if (!all.ok()) co_return WriteFailed();
  if (!*all) {
    Expect(Waiting::kWrite, server_.options.timeouts.write_stall);
    const Result<void> rest = co_await stream_.WriteRest(pieces, at);
    waiting_ = Waiting::kNothing;
    if (!rest.ok()) co_return WriteFailed();
  }
  co_return Result<void>();
}

// Called when a request has lasted for kGoneWatchDelay: from now on the end of the client's
// connection is waited for.
void ServerConnection::WatchForGone() {
  if (!stream_.open()) return;
  switch (stream_.PeekSocket()) {
    case Stream::Peek::kGone:
      cancel_->Cancel(ErrorCode::kCancelled);
      return;
    case Stream::Peek::kData:  // cannot wait for more on a readable socket; look again
      server_.shard.gone_watches().Arm(gone_watch_, MonotonicNow() + kGoneRecheckDelay);
      return;
    case Stream::Peek::kNothing:
      break;
  }
  stream_.socket().async_wait(Socket::wait_read,
                              [weak = weak_from_this(), serial = serial_](error_code ec) {
                                const auto self = weak.lock();
                                if (self && !ec && serial == self->serial_) self->WatchForGone();
                              });
}

// --- Exchange ------------------------------------------------------------------------------------

// Both versions of HTTP behind one class, by a test of one pointer: what HTTP/1.1 does stands here,
// what HTTP/2 does in Http2Request.

Exchange::Exchange(ServerConnection& connection)
    : http1_(&connection),
      head_(connection.heads_.head()),
      shard_(connection.server_.shard),
      cancel_(*connection.cancel_),
      arrived_nanos_(MonotonicNow()),
      over_unix_(connection.arrival_ == Arrival::kUnix),
      secure_(connection.stream_.secure()) {}

Exchange::Exchange(Http2Request& request)
    : http2_(&request),
      head_(request.head()),
      shard_(request.shard()),
      cancel_(request.cancel()),
      arrived_nanos_(MonotonicNow()),
      over_unix_(request.over_unix()),
      secure_(request.secure()) {}

void Exchange::SetDeadline(std::int64_t monotonic_nanos) {
  if (http2_ != nullptr) return http2_->SetDeadline(monotonic_nanos);
  // The fine-grained list, so that a deadline of milliseconds is kept within ten.
  http1_->server_.shard.gone_watches().Arm(http1_->request_deadline_, monotonic_nanos);
}

std::optional<Result<std::string_view>> Exchange::ReadBodyNow(std::size_t size_max) {
  CHECK(!body_read_ && !responded_);
  if (http2_ != nullptr) {
    auto now = http2_->ReadBodyNow(size_max);
    body_read_ = now && now->ok();
    return now;
  }
  if (head().chunked()) return std::nullopt;
  const std::uint64_t length = head().content_length().value_or(0);
  if (length > size_max) return Result<std::string_view>(BodyTooLarge(size_max));
  if (http1_->MissingBytes() > 0) return std::nullopt;
  body_read_ = true;
  return Result<std::string_view>(
      http1_->buffer_.data().substr(head().size(), static_cast<std::size_t>(length)));
}

Task<Result<std::string_view>> Exchange::ReadBody(std::size_t size_max) {
  if (auto now = ReadBodyNow(size_max)) co_return *std::move(now);
  if (http2_ != nullptr) {
    Result<std::string_view> body = co_await http2_->ReadBody(size_max);
    body_read_ = body.ok();
    co_return body;
  }
  if (head().chunked()) {
    Result<std::string_view> body = co_await http1_->ReadChunkedBody(size_max);
    body_read_ = body.ok();
    co_return body;
  }
  body_read_ = true;
  Result<void> step = co_await http1_->SendContinue();
  if (step.ok()) step = co_await http1_->FillBody();
  if (!step.ok()) {
    http1_->close_ = true;
    co_return std::move(step).error();
  }
  const std::size_t head_size = head().size();
  co_return http1_->buffer_.data().substr(head_size, http1_->request_bytes_ - head_size);
}

Task<Result<std::string_view>> Exchange::ReadBodyPiece() {
  CHECK(!responded_);
  const bool http2 = http2_ != nullptr;
  Result<std::string_view> piece = Internal("no body");
  if (http2) {
    piece = co_await http2_->ReadBodyPiece();
  } else {
    piece = co_await http1_->ReadBodyPiece();
  }
  if (!piece.ok() && !http2) http1_->close_ = true;
  body_read_ = piece.ok() && piece->empty();
  co_return piece;
}

void Exchange::StartWhole(int status, std::string_view fields, std::size_t size) {
  http1_->StartHead(status, fields, body_read_);
  if (!IsBodiless(status)) {
    http1_->out_ += "content-length: ";
    AppendNumber(http1_->out_, size);
    http1_->out_ += "\r\n";
  }
  http1_->EndHead();
}

Task<Result<void>> Exchange::Respond(int status, std::string_view fields, std::string_view body) {
  CHECK(!responded_);
  responded_ = true;
  if (http2_ != nullptr) {
    const std::string_view whole[] = {body};
    co_return co_await http2_->Respond(status, fields, whole);
  }
  StartWhole(status, fields, body.size());
  const bool only_head = IsBodiless(status) || head().method() == "HEAD";
  const std::string_view pieces[] = {http1_->out_, only_head ? std::string_view() : body};
  co_return co_await http1_->Write(pieces);
}

Task<Result<void>> Exchange::Respond(int status, std::string_view fields,
                                     std::span<const std::string_view> body) {
  CHECK(!responded_);
  responded_ = true;
  if (http2_ != nullptr) co_return co_await http2_->Respond(status, fields, body);
  StartWhole(status, fields, TotalBytes(body));
  Pieces pieces{http1_->out_};
  if (!IsBodiless(status) && head().method() != "HEAD") {
    pieces.insert(pieces.end(), body.begin(), body.end());
  }
  co_return co_await http1_->Write(pieces);
}

Task<Result<void>> Exchange::BeginStream(int status, std::string_view fields, bool flush) {
  CHECK(!responded_);
  responded_ = streaming_ = true;
  if (http2_ != nullptr) co_return co_await http2_->BeginStream(status, fields, flush);
  const bool old = head().version_minor() == 0;
  http1_->chunked_out_ = !old && head().method() != "HEAD";
  if (old) http1_->close_ = true;  // the end of the connection ends the body
  http1_->StartHead(status, fields, body_read_);
  if (!old) http1_->out_ += "transfer-encoding: chunked\r\n";
  http1_->EndHead();
  if (!flush) co_return Result<void>();
  co_return co_await SendPending();
}

Task<Result<void>> Exchange::WriteStream(std::span<const std::string_view> body) {
  CHECK(streaming_ && !stream_ended_);
  if (http2_ != nullptr) return http2_->WriteStream(body);
  return SendChunk(body, "\r\n");
}

Task<Result<void>> Exchange::EndStream(std::span<const std::string_view> last) {
  CHECK(streaming_ && !stream_ended_);
  stream_ended_ = true;
  if (http2_ != nullptr) return http2_->EndStream(last);
  if (TotalBytes(last) > 0) return SendChunk(last, "\r\n0\r\n\r\n");
  if (http1_->chunked_out_) http1_->out_ += "0\r\n\r\n";
  return SendPending();
}

// One chunk with what stands before it, the head perhaps; `end` closes it.
Task<Result<void>> Exchange::SendChunk(std::span<const std::string_view> body,
                                       std::string_view end) {
  const std::size_t size = TotalBytes(body);
  if (head().method() == "HEAD") {
    if (!stream_ended_) co_return Result<void>();
    co_return co_await SendPending();
  }
  if (size == 0) co_return Result<void>();
  Pieces pieces;
  if (http1_->chunked_out_) {
    AppendNumber(http1_->out_, size, 16);
    http1_->out_ += "\r\n";
  }
  pieces.emplace_back(http1_->out_);
  pieces.insert(pieces.end(), body.begin(), body.end());
  if (http1_->chunked_out_) pieces.emplace_back(end);
  Result<void> sent = co_await http1_->Write(pieces);
  http1_->out_.clear();
  co_return sent;
}

// The head, or the last chunk, or both.
Task<Result<void>> Exchange::SendPending() {
  if (http1_->out_.empty()) co_return Result<void>();
  const std::string_view pieces[] = {http1_->out_};
  Result<void> sent = co_await http1_->Write(pieces);
  http1_->out_.clear();
  co_return sent;
}

void Exchange::AbortStream() {
  CHECK(streaming_);
  if (http2_ != nullptr) return http2_->Abort();
  if (!http1_->chunked_out_) {
    // Only the end of the connection ends this body, so it must not look like an orderly one.
    error_code ignored;  // a socket that is closed already looks broken enough
    http1_->stream_.socket().set_option(asio::socket_base::linger(true, 0), ignored);
  }
  http1_->stream_.Close();
}

}  // namespace tidegate::net
