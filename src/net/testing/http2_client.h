// An HTTP/2 client for tests: nghttp2's client session over a blocking connection. Not part of the
// program.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "base/check.h"
#include "net/testing/http2_frames.h"
#include "net/testing/raw_client.h"

namespace tidegate::net::testing {

struct Http2Answer {
  int status = 0;
  int continues = 0;  // how many "100 Continue" came before
  Fields fields;
  std::string body;
  bool ended = false;                  // in order
  std::optional<std::uint32_t> reset;  // the error code of the server's RST_STREAM

  std::string Field(std::string_view name) const {
    for (const auto& [key, value] : fields) {
      if (key == name) return value;
    }
    return {};
  }
};

class Http2Client {
 public:
  struct Options {
    std::int32_t window = 0;  // of each stream, never opened again; 0: as much as there is
  };

  explicit Http2Client(RawClient connection) : Http2Client(std::move(connection), Options{}) {}
  Http2Client(RawClient connection, Options options) : raw_(std::move(connection)) {
    raw_.SendAtOnce();
    nghttp2_session_callbacks* calls = nullptr;
    nghttp2_option* option = nullptr;
    CHECK(nghttp2_session_callbacks_new(&calls) == 0 && nghttp2_option_new(&option) == 0);
    nghttp2_session_callbacks_set_on_header_callback(calls, OnHeader);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, OnFrame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, OnData);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, OnClose);
    nghttp2_option_set_max_send_header_block_length(option, 1 << 20);  // more than a server takes
    if (options.window > 0) nghttp2_option_set_no_auto_window_update(option, 1);
    CHECK(nghttp2_session_client_new2(&session_, calls, this, option) == 0);
    nghttp2_session_callbacks_del(calls);
    nghttp2_option_del(option);
    const std::uint32_t window =
        options.window > 0 ? static_cast<std::uint32_t>(options.window) : (1U << 30U);
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window}};
    CHECK(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 1) == 0);
    CHECK(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, 1 << 30) == 0);
    Flush();
  }
  ~Http2Client() { nghttp2_session_del(session_); }
  Http2Client(const Http2Client&) = delete;
  Http2Client& operator=(const Http2Client&) = delete;

  RawClient& raw() { return raw_; }

  // Sends a head with the usual pseudo header fields in front; `body`: what follows at once.
  // `last`: that is all. Returns the stream.
  std::int32_t Start(const std::string& method, const std::string& path, const Fields& more = {},
                     const std::string& body = "", bool last = true) {
    Fields fields = {
        {":method", method}, {":scheme", "http"}, {":authority", "localhost"}, {":path", path}};
    fields.insert(fields.end(), more.begin(), more.end());
    return StartExactly(fields, body, last);
  }
  std::int32_t StartExactly(const Fields& fields, const std::string& body = "", bool last = true) {
    std::vector<nghttp2_nv> list;
    for (const auto& [name, value] : fields) {
      list.push_back({Bytes(name), Bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    nghttp2_data_provider provider{};
    provider.read_callback = ReadBody;
    const bool only_head = body.empty() && last;
    const std::int32_t id = nghttp2_submit_request(session_, nullptr, list.data(), list.size(),
                                                   only_head ? nullptr : &provider, nullptr);
    CHECK(id > 0);
    bodies_[id] = {body, last};
    Flush();
    return id;
  }
  void Send(std::int32_t id, const std::string& body, bool last) {
    bodies_[id].text += body;
    bodies_[id].last = last;
    nghttp2_session_resume_data(session_, id);
    Flush();
  }
  void Reset(std::int32_t id) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    Flush();
  }
  // Lets the server send on.
  void OpenWindow(std::int32_t id, std::int32_t bytes) {
    nghttp2_submit_window_update(session_, NGHTTP2_FLAG_NONE, id, bytes);
    Flush();
  }
  void SendTrailers(std::int32_t id, const std::string& name, const std::string& value) {
    const nghttp2_nv field = {Bytes(name), Bytes(value), name.size(), value.size(), 0};
    bodies_[id].trailers = true;
    nghttp2_session_resume_data(session_, id);
    nghttp2_submit_trailer(session_, id, &field, 1);
    Flush();
  }

  // Reads until the stream has ended in some way, or the connection has.
  const Http2Answer& Finish(std::int32_t id) {
    while (!answers_[id].ended && !answers_[id].reset && Read()) continue;
    return answers_[id];
  }
  const Http2Answer& ReadHead(std::int32_t id) {
    while (answers_[id].status == 0 && !answers_[id].reset && Read()) continue;
    return answers_[id];
  }
  const Http2Answer& ReadBytes(std::int32_t id, std::size_t size) {
    while (answers_[id].body.size() < size && !answers_[id].reset && Read()) continue;
    return answers_[id];
  }
  const Http2Answer& ReadContinue(std::int32_t id) {
    while (answers_[id].continues == 0 && !answers_[id].reset && Read()) continue;
    return answers_[id];
  }
  const Http2Answer& Ask(const std::string& method, const std::string& path,
                         const Fields& fields = {}, const std::string& body = "") {
    return Finish(Start(method, path, fields, body));
  }
  const Http2Answer& answer(std::int32_t id) { return answers_[id]; }
  // Reads what comes until the connection ends.
  void ReadToEnd() {
    while (Read()) continue;
  }
  void ReadUntilGoAway() {
    while (!goaway_ && Read()) continue;
  }
  // The error code of the server's GOAWAY.
  std::optional<std::uint32_t> goaway() const { return goaway_; }
  std::size_t frames() const { return frames_; }

  // False at the end of the connection.
  bool Read() {
    const std::string bytes = raw_.ReadSome();
    if (bytes.empty()) return false;
    nghttp2_session_mem_recv(session_, Bytes(bytes), bytes.size());
    Flush();
    return true;
  }

 private:
  struct Body {
    std::string text;
    bool last = true, trailers = false;
    std::size_t at = 0;
  };

  static std::uint8_t* Bytes(const std::string& text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  }
  static Http2Client& Self(void* user_data) { return *static_cast<Http2Client*>(user_data); }

  void Flush() {
    const std::uint8_t* bytes = nullptr;
    for (ssize_t size = 1; size > 0;) {
      size = nghttp2_session_mem_send(session_, &bytes);
      if (size > 0) {
        raw_.Send({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
      }
    }
  }
  static ssize_t ReadBody(nghttp2_session*, std::int32_t id, std::uint8_t* into, std::size_t size,
                          std::uint32_t* flags, nghttp2_data_source*, void* user_data) {
    Body& body = Self(user_data).bodies_[id];
    const std::size_t take = std::min(size, body.text.size() - body.at);
    body.text.copy(reinterpret_cast<char*>(into), take, body.at);
    body.at += take;
    if (body.at == body.text.size() && (body.last || body.trailers)) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (body.trailers) *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    } else if (take == 0) {
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(take);
  }
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* user_data) {
    Http2Answer& answer = Self(user_data).answers_[frame->hd.stream_id];
    const std::string key(reinterpret_cast<const char*>(name), name_size);
    const std::string text(reinterpret_cast<const char*>(value), value_size);
    if (key != ":status") {
      answer.fields.emplace_back(key, text);
    } else if (text == "100") {
      ++answer.continues;
    } else {
      answer.status = std::stoi(text);
    }
    return 0;
  }
  static int OnData(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                    std::size_t size, void* user_data) {
    Self(user_data).answers_[id].body.append(reinterpret_cast<const char*>(bytes), size);
    return 0;
  }
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    Http2Client& self = Self(user_data);
    ++self.frames_;
    if (frame->hd.type == NGHTTP2_GOAWAY) self.goaway_ = frame->goaway.error_code;
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (ends && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS)) {
      self.answers_[frame->hd.stream_id].ended = true;
    }
    return 0;
  }
  static int OnClose(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user_data) {
    Http2Answer& answer = Self(user_data).answers_[id];
    if (!answer.ended) answer.reset = code;
    return 0;
  }

  RawClient raw_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Http2Answer> answers_;
  std::map<std::int32_t, Body> bodies_;
  std::optional<std::uint32_t> goaway_;
  std::size_t frames_ = 0;
};

}  // namespace tidegate::net::testing
