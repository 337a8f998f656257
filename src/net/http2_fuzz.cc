// HTTP/2: whatever bytes come, in whatever pieces, the session neither breaks nor grows, and every
// head that it lets pass is one that HTTP/1.1's reader takes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <nghttp2/nghttp2.h>

#include "base/check.h"
#include "net/http2_session.h"
#include "net/limits.h"

namespace {

using tidegate::net::Http2Request;
using tidegate::net::Http2Session;
using tidegate::net::Http2Stream;
using tidegate::net::kSecond;

constexpr std::size_t kBatchBytes = 4'096;
constexpr std::string_view kPieces[] = {"some bytes ", "", "of an answer"};

// Serves each request in a way that its number chooses.
class Server {
 public:
  // False: the connection is over.
  bool Feed(std::string_view bytes, std::int64_t now) {
    const bool more = session_.Feed(bytes, now);
    while (Http2Stream* const stream = session_.TakeChanged()) Serve(*stream);
    Write();
    CHECK(live_ <= tidegate::net::kHttp2RequestsMax);
    return more;
  }
  void End() {
    session_.CloseStreams();
    while (Http2Stream* const stream = session_.TakeChanged()) Serve(*stream);
    Write();
  }

 private:
  void Serve(Http2Stream& stream) {
    if (stream.request == nullptr) {
      stream.request = reinterpret_cast<Http2Request*>(this);
      ++live_;
      Begin(stream);
    } else if (stream.closed()) {
      Release(stream);
    } else {
      CHECK(stream.body().size() <= tidegate::net::kHttp2BodyWindowBytes * 2);
    }
  }
  void Begin(Http2Stream& stream) {
    if (!stream.refusal()) CheckHead(stream);
    switch (stream.id() / 2 % 5) {
      case 0:
        session_.SendHead(stream, 204, "x: y\r\n", true);
        break;
      case 1:
        session_.SendContinue(stream);
        session_.WantBody(stream);
        session_.SendHead(stream, 200, "Content-Type: a\r\nConnection: close\r\n", false);
        session_.Send(stream, kPieces, true);
        break;
      case 2:
        session_.DropBody(stream);
        session_.SendHead(stream, 200, "", false);
        session_.Send(stream, kPieces, false);
        break;
      case 3:
        session_.Reset(stream, tidegate::net::Http2End::kCancel);
        Release(stream);
        break;
      default:
        break;  // waits until it is closed
    }
  }
  static void CheckHead(const Http2Stream& stream) {
    const auto& head = stream.head();
    CHECK(!head.method().empty() && !head.target().empty() && !head.chunked());
    CHECK(head.fields() <= tidegate::net::kHeaderFieldsMax);
    CHECK(head.size() <= tidegate::net::kHeadBytesMax);
    for (std::size_t i = 0; i < head.fields(); ++i) {
      CHECK(head.value(i).find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    }
  }
  void Write() {
    std::string out;
    do {
      out.clear();
      session_.Pull(out, kBatchBytes);
      while (Http2Stream* const stream = session_.TakeSent()) {
        if (stream->request != nullptr) Release(*stream);
      }
    } while (!out.empty());
  }
  void Release(Http2Stream& stream) {
    --live_;
    session_.Release(stream);
  }

  Http2Session session_;
  std::size_t live_ = 0;
};

}  // namespace

// The first byte says how long the pieces are, the second whether to send the preface for it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::string input(reinterpret_cast<const char*>(data) + 2, size - 2);
  if (data[1] % 8 != 0) {
    constexpr std::string_view kSettings("\0\0\0\4\0\0\0\0\0", 9);
    input.insert(
        0, std::string(NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN) + std::string(kSettings));
  }
  const std::size_t step = data[0] == 0 ? input.size() + 1 : data[0];
  Server server;
  std::int64_t now = kSecond;
  for (std::size_t at = 0; at < input.size(); at += step) {
    if (!server.Feed(std::string_view(input).substr(at, step), now)) break;
    now += kSecond / 1'000;
  }
  server.End();
  return 0;
}
