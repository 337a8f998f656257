#include "net/http2_session.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <new>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "base/ascii.h"
#include "base/check.h"
#include "net/limits.h"
#include "net/server_answer.h"

namespace tidegate::net {
namespace {

constexpr std::int64_t kFieldOverheadBytes = 32;  // of each field, as RFC 9113 6.5.2 counts

std::string_view View(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

nghttp2_nv Field(std::string_view name, std::string_view value) {
  // nghttp2 takes pointers to what it only reads and copies.
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

// Whether the text can stand in the first line of a head, or as a host, without ending it.
bool IsOneWord(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
}

bool IsOneLine(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// What HTTP/1.1 says about the connection itself has no meaning in HTTP/2 and is forbidden there.
bool IsOfConnection(std::string_view name) {
  constexpr std::array<std::string_view, 5> kNames = {
      "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

// Header lines as HPACK's fields, which are views into `text`, whose names become lower case.
void SplitFields(std::string& text, std::vector<nghttp2_nv>& fields) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find("\r\n", at), text.size());
    const std::size_t colon = text.find(':', at);
    if (colon < end) {
      for (std::size_t i = at; i < colon; ++i) {
        if (text[i] >= 'A' && text[i] <= 'Z') text[i] = static_cast<char>(text[i] + ('a' - 'A'));
      }
      const std::string_view name = std::string_view(text).substr(at, colon - at);
      const std::string_view value = std::string_view(text).substr(colon + 1, end - colon - 1);
      if (!IsOfConnection(name)) fields.push_back(Field(name, Trim(value)));
    }
    at = end + 2;
  }
}

}  // namespace

Http2Preface FindHttp2Preface(std::string_view bytes) {
  constexpr std::string_view kPreface(NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
  const std::size_t size = std::min(bytes.size(), kPreface.size());
  if (bytes.substr(0, size) != kPreface.substr(0, size)) return Http2Preface::kNo;
  return size == kPreface.size() ? Http2Preface::kYes : Http2Preface::kIncomplete;
}

// --- RateLimit -----------------------------------------------------------------------------------

RateLimit::RateLimit(std::int64_t burst, std::int64_t per_second)
    : cost_nanos_(kSecond / per_second),
      full_nanos_(burst * cost_nanos_),
      credit_nanos_(full_nanos_) {}

bool RateLimit::Take(std::int64_t now) {
  credit_nanos_ = std::min(full_nanos_, credit_nanos_ + (now - last_));
  last_ = now;
  if (credit_nanos_ < cost_nanos_) return false;
  credit_nanos_ -= cost_nanos_;
  return true;
}

// --- Heads ---------------------------------------------------------------------------------------

void Http2Stream::Refuse(std::string message) {
  if (refusal_) return;
  refusal_ = InvalidArgument("", std::move(message));
  refusal_->reason = "malformed_http";
}

void Http2Stream::AddPseudoField(std::string_view name, std::string_view value) {
  // nghttp2 has looked at them already; but what would end a line here would forge a head.
  if (!IsOneWord(value)) return Refuse("a control character or blank in " + std::string(name));
  if (name == ":method") {
    method_ = value;
  } else if (name == ":path") {
    path_ = value;
  } else if (name == ":authority") {
    authority_ = value;
  }
}

void Http2Stream::AddField(std::string_view name, std::string_view value) {
  if (!IsOneWord(name) || name.find(':') != std::string_view::npos || !IsOneLine(value)) {
    return Refuse("a control character in a header field");
  }
  // The same host twice is no contradiction; two different ones are left for HostCheck to refuse.
  if (name == "host" && !authority_.empty() && EqualsIgnoreCase(value, authority_)) return;
  if (name == "cookie") {  // may come in crumbs (RFC 9113 8.2.3)
    if (!cookie_.empty()) cookie_ += "; ";
    cookie_ += value;
    return;
  }
  AppendField(fields_, name, value);
}

// Of a head that is too large not everything was kept, but more than HTTP/1.1's reader allows.
void Http2Stream::FinishHead() {
  head_complete_ = true;
  head_text_.reserve(method_.size() + path_.size() + authority_.size() + cookie_.size() +
                     fields_.size() + 48);
  head_text_ += method_;
  head_text_ += ' ';
  head_text_ += path_;
  head_text_ += " HTTP/1.1\r\n";
  if (!authority_.empty()) AppendField(head_text_, "host", authority_);
  head_text_ += fields_;
  if (!cookie_.empty()) AppendField(head_text_, "cookie", cookie_);
  head_text_ += "\r\n";
  for (std::string* part : {&method_, &path_, &authority_, &cookie_, &fields_}) *part = {};
  if (refusal_) return;
  Result<bool> read = reader_.Read(head_text_);
  if (!read.ok()) {
    refusal_ = std::move(read).error();
  } else {
    CHECK(*read && reader_.head().size() == head_text_.size());
  }
}

// --- What nghttp2 calls --------------------------------------------------------------------------

// Nothing is thrown through nghttp2: for want of memory the connection ends.
struct Http2Session::Callbacks {
  template <typename Body>
  static int Guarded(const Body& body) {
    try {
      return body();
    } catch (const std::bad_alloc&) {
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
  }
  static Http2Session& Self(void* user_data) { return *static_cast<Http2Session*>(user_data); }
  static Http2Stream* Of(nghttp2_session* session, std::int32_t id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  // Before a frame's payload is looked at, also where it is CONTINUATION.
  static int OnBeginFrame(nghttp2_session*, const nghttp2_frame_hd* frame, void* user_data) {
    Http2Session& self = Self(user_data);
    switch (frame->type) {
      case NGHTTP2_DATA:
        if (frame->length == 0 && (frame->flags & NGHTTP2_FLAG_END_STREAM) == 0) {
          self.CountIdleFrame();
        }
        break;
      case NGHTTP2_HEADERS:
        // nghttp2 does not say where a head ends that it ignores: one after GOAWAY, or trailers of
        // a stream that has been closed. It bounds their length all the same.
        self.in_head_ = frame->stream_id > self.last_id_ && !self.going_away_;
        self.last_id_ = std::max(self.last_id_, frame->stream_id);
        self.continuations_ = 0;
        ++self.heads_begun_;
        break;
      case NGHTTP2_CONTINUATION:
        if (++self.continuations_ > kHttp2ContinuationsMax) self.End(Http2End::kEnhanceYourCalm);
        break;
      case NGHTTP2_WINDOW_UPDATE:
        if (self.free_window_updates_ > 0) {
          --self.free_window_updates_;
        } else {
          self.CountIdleFrame();
        }
        break;
      default:
        self.CountIdleFrame();
    }
    return 0;
  }

  static int OnBeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;  // trailers
    return Guarded([&] {
      Self(user_data).Open(frame->hd.stream_id);
      return 0;
    });
  }

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame,
                      const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                      std::size_t value_size, std::uint8_t, void* user_data) {
    Http2Stream* const stream = Of(session, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    return Guarded([&] {
      Self(user_data).AddHeader(*stream, View(name, name_size), View(value, value_size));
      return 0;
    });
  }

  // A field that no head may have. Where this does not end the stream, it is ours to refuse.
  static int OnInvalidHeader(nghttp2_session* session, const nghttp2_frame* frame,
                             const std::uint8_t*, std::size_t, const std::uint8_t*, std::size_t,
                             std::uint8_t, void*) {
    Http2Stream* const stream = Of(session, frame->hd.stream_id);
    if (stream == nullptr || stream->head_complete_) return 0;
    return Guarded([&] {
      stream->Refuse("malformed HTTP head: a header field with characters that are not allowed");
      return 0;
    });
  }

  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
    Http2Session& self = Self(user_data);
    if (frame->hd.type == NGHTTP2_SETTINGS) self.greeted_ = true;
    if (frame->hd.type == NGHTTP2_HEADERS) self.in_head_ = false;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    Http2Stream* const stream = Of(session, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    return Guarded([&] {
      if (!stream->head_complete_) {
        stream->FinishHead();
        self.Changed(*stream);
      }
      if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) self.EndBody(*stream);
      return 0;
    });
  }

  // A frame that ends its stream or the connection, as nghttp2 judges.
  static int OnInvalidFrame(nghttp2_session* session, const nghttp2_frame* frame, int,
                            void* user_data) {
    Http2Session& self = Self(user_data);
    if (frame->hd.type == NGHTTP2_HEADERS) self.in_head_ = false;
    // One for which there is a stream is counted when that closes.
    if (Of(session, frame->hd.stream_id) == nullptr) self.CountReset();
    return 0;
  }

  static int OnData(nghttp2_session* session, std::uint8_t, std::int32_t id,
                    const std::uint8_t* bytes, std::size_t size, void* user_data) {
    Http2Session& self = Self(user_data);
    // The connection's window is given back at once: a body that nobody reads holds up itself only.
    self.Check(nghttp2_session_consume_connection(session, size));
    Http2Stream* const stream = Of(session, id);
    if (stream == nullptr || stream->body_unwanted_) return 0;
    return Guarded([&] {
      stream->body_ += View(bytes, size);
      if (stream->body_wanted_) {
        self.Check(nghttp2_session_consume_stream(session, id, size));
      } else {
        stream->unacknowledged_ += size;
      }
      self.Changed(*stream);
      return 0;
    });
  }

  static int OnStreamClose(nghttp2_session* session, std::int32_t id, std::uint32_t,
                           void* user_data) {
    Http2Stream* const stream = Of(session, id);
    if (stream != nullptr) Self(user_data).Close(*stream, true);
    return 0;
  }

  static int OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    Http2Session& self = Self(user_data);
    if (frame->hd.type == NGHTTP2_DATA) {
      self.free_window_updates_ = std::min(self.free_window_updates_ + kHttp2WindowUpdatesPerFrame,
                                           kHttp2WindowUpdatesSavedMax);
    }
    Http2Stream* const stream = Of(session, frame->hd.stream_id);
    if (stream == nullptr || !stream->begun_) return 0;  // or it was "100 Continue"
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      stream->ended_ = true;
      // The rest of a body that nobody waits for any more (RFC 9113 8.1).
      if (!stream->body_ended_) {
        self.Check(nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                             NGHTTP2_NO_ERROR));
      }
    }
    if (stream->left_ == 0 && (!stream->last_ || stream->ended_)) self.Sent(*stream);
    return 0;
  }

  // How much of the pieces the next frame takes; CopyData puts it into the frame.
  static ssize_t ReadData(nghttp2_session* session, std::int32_t id, std::uint8_t*,
                          std::size_t size, std::uint32_t* flags, nghttp2_data_source*, void*) {
    const Http2Stream* const stream = Of(session, id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (stream->left_ == 0 && !stream->last_) return NGHTTP2_ERR_DEFERRED;
    const std::size_t take = std::min(size, stream->left_);
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (take == stream->left_ && stream->last_) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(take);
  }

  static int CopyData(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head,
                      std::size_t size, nghttp2_data_source*, void* user_data) {
    constexpr std::size_t kFrameHeadBytes = 9;
    Http2Session& self = Self(user_data);
    if (self.out_->size() >= self.out_bytes_max_) return NGHTTP2_ERR_WOULDBLOCK;
    Http2Stream* const stream = Of(self.session_, frame->hd.stream_id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return Guarded([&] {
      *self.out_ += View(head, kFrameHeadBytes);
      self.CopyPieces(*stream, size);
      return 0;
    });
  }

  static nghttp2_session* NewSession(Http2Session& self);
};

nghttp2_session* Http2Session::Callbacks::NewSession(Http2Session& self) {
  nghttp2_session_callbacks* calls = nullptr;
  nghttp2_option* options = nullptr;
  nghttp2_session* session = nullptr;
  if (nghttp2_session_callbacks_new(&calls) != 0) throw std::bad_alloc();
  nghttp2_session_callbacks_set_on_begin_frame_callback(calls, OnBeginFrame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(calls, OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(calls, OnHeader);
  nghttp2_session_callbacks_set_on_invalid_header_callback(calls, OnInvalidHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(calls, OnFrame);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(calls, OnInvalidFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(calls, OnStreamClose);
  nghttp2_session_callbacks_set_on_frame_send_callback(calls, OnFrameSent);
  nghttp2_session_callbacks_set_send_data_callback(calls, CopyData);
  if (nghttp2_option_new(&options) == 0) {
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_no_closed_streams(options, 1);
    if (nghttp2_session_server_new2(&session, calls, &self, options) != 0) session = nullptr;
    nghttp2_option_del(options);
  }
  nghttp2_session_callbacks_del(calls);
  if (session == nullptr) throw std::bad_alloc();
  return session;
}

// --- Http2Session --------------------------------------------------------------------------------

Http2Session::Http2Session()
    : session_(Callbacks::NewSession(*this)),
      resets_(kHttp2ResetsBurst, kHttp2ResetsPerSecond),
      idle_frames_(kHttp2IdleFramesBurst, kHttp2IdleFramesPerSecond) {
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kHttp2StreamsMax},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kHttp2StreamWindowBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kHeadBytesMax},
      // All streams get their turn; no tree of priorities to be built and rebuilt by the client.
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  Check(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)));
  Check(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                              kHttp2ConnectionWindowBytes));
}

Http2Session::~Http2Session() {
  changed_.clear();
  sent_.clear();
  nghttp2_session_del(session_);
}

// What nghttp2 cannot do for want of memory ends the connection.
void Http2Session::Check(int result) {
  if (result == NGHTTP2_ERR_NOMEM) End(Http2End::kInternalError);
}

bool Http2Session::Feed(std::string_view bytes, std::int64_t now) {
  now_ = now;
  if (ended_) return false;
  const ssize_t used = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  switch (used) {
    case NGHTTP2_ERR_FLOODED:
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
      End(Http2End::kEnhanceYourCalm);
      break;
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
      End(Http2End::kProtocolError);
      break;
    default:
      if (used < 0) End(Http2End::kInternalError);
  }
  return !ended_ && nghttp2_session_want_read(session_) != 0;
}

void Http2Session::Pull(std::string& out, std::size_t size_max) {
  out_ = &out;
  out_bytes_max_ = size_max;
  while (out.size() < size_max) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size < 0) End(Http2End::kInternalError);
    if (size <= 0) break;
    out += View(bytes, static_cast<std::size_t>(size));
  }
  out_ = nullptr;
}

bool Http2Session::wants_write() const { return nghttp2_session_want_write(session_) != 0; }

bool Http2Session::finished() const {
  return nghttp2_session_want_read(session_) == 0 && !wants_write();
}

Http2Stream* Http2Session::TakeChanged() {
  if (changed_.empty()) return nullptr;
  Http2Stream& stream = changed_.front();
  changed_.pop_front();
  return &stream;
}

Http2Stream* Http2Session::TakeSent() {
  if (sent_.empty()) return nullptr;
  Http2Stream& stream = sent_.front();
  sent_.pop_front();
  return &stream;
}

Http2Stream* Http2Session::Find(std::int32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

void Http2Session::Changed(Http2Stream& stream) {
  if (stream.head_complete_ && !stream.changed_hook_.is_linked()) changed_.push_back(stream);
}

void Http2Session::Sent(Http2Stream& stream) {
  stream.due_ = false;
  if (!stream.sent_hook_.is_linked()) sent_.push_back(stream);
}

// --- What comes in -------------------------------------------------------------------------------

void Http2Session::CountIdleFrame() {
  if (!idle_frames_.Take(now_)) End(Http2End::kEnhanceYourCalm);
}

void Http2Session::CountReset() {
  if (!resets_.Take(now_)) End(Http2End::kEnhanceYourCalm);
}

void Http2Session::Open(std::int32_t id) {
  if (ended_) return;
  // nghttp2 counts open streams only; requests that were cancelled may still be ending.
  if (streams_.size() >= kHttp2RequestsMax) {
    CountReset();
    Check(nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM));
    return;
  }
  std::unique_ptr<Http2Stream>& stream = streams_[id];
  stream.reset(new Http2Stream(id));
  nghttp2_session_set_stream_user_data(session_, id, stream.get());
  const nghttp2_extpri fair{NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
  Check(nghttp2_session_change_extpri_stream_priority(session_, id, &fair, 1));
}

void Http2Session::AddHeader(Http2Stream& stream, std::string_view name, std::string_view value) {
  stream.head_bytes_ += name.size() + value.size() + kFieldOverheadBytes;
  if (stream.head_bytes_ > kHttp2DecodedBytesMax) return End(Http2End::kEnhanceYourCalm);
  if (stream.head_complete_) return;  // a trailer, which says nothing to us
  const std::size_t kept = stream.fields_.size() + stream.cookie_.size() + stream.path_.size();
  if (kept > kHeadBytesMax) return;  // will be refused
  if (name.starts_with(':')) {
    stream.AddPseudoField(name, value);
  } else {
    stream.AddField(name, value);
  }
}

void Http2Session::EndBody(Http2Stream& stream) {
  stream.body_ended_ = true;
  Changed(stream);
}

// The stream is over, for nghttp2 or by our wish.
void Http2Session::Close(Http2Stream& stream, bool by_client) {
  nghttp2_session_set_stream_user_data(session_, stream.id_, nullptr);
  const std::int32_t id = stream.id_;
  const bool complete = stream.ended_;
  if (!complete) {
    stream.closed_ = true;
    stream.pieces_ = {};
    stream.left_ = 0;
    if (by_client) CountReset();
  }
  if (stream.request == nullptr) {
    streams_.erase(id);
  } else if (!complete) {
    Changed(stream);
  }
}

void Http2Session::OpenBody(Http2Stream& stream) {
  if (stream.closed_ || stream.body_ended_) return;
  constexpr std::uint64_t kUnknown = kHttp2BodyWindowBytes;
  if (stream.head().content_length().value_or(kUnknown) > kHttp2StreamWindowBytes) {
    Check(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, stream.id_,
                                                kHttp2BodyWindowBytes));
  }
}

std::string Http2Session::TakeBody(Http2Stream& stream) {
  Acknowledge(stream);
  return std::exchange(stream.body_, {});
}

void Http2Session::WantBody(Http2Stream& stream) {
  if (stream.closed_ || stream.body_ended_) return;
  stream.body_wanted_ = true;
  OpenBody(stream);
  Acknowledge(stream);
}

void Http2Session::Acknowledge(Http2Stream& stream) {
  if (stream.closed_ || stream.body_ended_ || stream.unacknowledged_ == 0) return;
  Check(nghttp2_session_consume_stream(session_, stream.id_, stream.unacknowledged_));
  stream.unacknowledged_ = 0;
}

void Http2Session::DropBody(Http2Stream& stream) {
  stream.body_unwanted_ = true;
  stream.body_ = {};
}

// --- What goes out -------------------------------------------------------------------------------

void Http2Session::SendHead(Http2Stream& stream, int status, std::string_view fields, bool last) {
  if (stream.closed_) return;
  CHECK(!stream.begun_);
  std::string text(fields), code;
  AppendNumber(code, static_cast<std::size_t>(status));
  std::vector<nghttp2_nv> list = {Field(":status", code)};
  SplitFields(text, list);
  nghttp2_data_provider body{};
  body.read_callback = Callbacks::ReadData;
  stream.begun_ = stream.due_ = true;
  stream.last_ = last;
  Check(nghttp2_submit_response(session_, stream.id_, list.data(), list.size(),
                                last ? nullptr : &body));
}

void Http2Session::SendContinue(Http2Stream& stream) {
  if (stream.closed_ || stream.begun_) return;
  const nghttp2_nv status = Field(":status", "100");
  Check(nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id_, nullptr, &status, 1,
                               nullptr));
}

void Http2Session::Send(Http2Stream& stream, std::span<const std::string_view> pieces, bool last) {
  if (stream.closed_) return;
  CHECK(stream.begun_ && stream.left_ == 0 && !stream.last_);
  stream.pieces_ = pieces;
  stream.piece_ = stream.offset_ = 0;
  stream.left_ = TotalBytes(pieces);
  stream.last_ = last;
  stream.due_ = stream.due_ || last;
  // Refused where the data are not deferred yet, because the head is still waiting; that is fine.
  Check(nghttp2_session_resume_data(session_, stream.id_));
}

void Http2Session::CopyPieces(Http2Stream& stream, std::size_t size) {
  stream.left_ -= size;
  stream.bytes_sent_ += size;
  while (size > 0) {
    const std::string_view rest = stream.pieces_[stream.piece_].substr(stream.offset_, size);
    *out_ += rest;
    size -= rest.size();
    stream.offset_ += rest.size();
    if (stream.offset_ == stream.pieces_[stream.piece_].size()) {
      ++stream.piece_;
      stream.offset_ = 0;
    }
  }
}

void Http2Session::Reset(Http2Stream& stream, Http2End why) {
  if (stream.closed_ || stream.ended_) return;
  Check(nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id_,
                                  static_cast<std::uint32_t>(why)));
  Close(stream, false);
}

void Http2Session::Release(Http2Stream& stream) {
  const std::int32_t id = stream.id_;
  Reset(stream, Http2End::kInternalError);
  nghttp2_session_set_stream_user_data(session_, id, nullptr);
  streams_.erase(id);
}

// --- The end -------------------------------------------------------------------------------------

void Http2Session::GoAway() {
  if (ended_ || going_away_) return;
  going_away_ = true;
  Check(nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                              nullptr, 0));
}

void Http2Session::End(Http2End why) {
  if (ended_) return;
  ended_ = true;
  (void)nghttp2_session_terminate_session(session_, static_cast<std::uint32_t>(why));
}

void Http2Session::CloseStreams() {
  for (auto it = streams_.begin(); it != streams_.end();) {
    Http2Stream& stream = *(it++)->second;  // Close may erase it
    if (!stream.closed_) Close(stream, false);
  }
}

}  // namespace tidegate::net
