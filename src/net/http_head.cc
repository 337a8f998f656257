#include "net/http_head.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include <boost/beast/http/basic_parser.hpp>

#include "base/ascii.h"
#include "net/limits.h"

namespace tidegate::net {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

Error Malformed(std::string message) {
  Error error = InvalidArgument("", std::move(message));
  error.reason = "malformed_http";
  return error;
}

Error Smuggling(std::string message) {
  Error error = InvalidArgument("", std::move(message));
  error.reason = "smuggling";
  return error;
}

Error HeadTooLarge() {
  Error error = Malformed("the head of the message is larger than " +
                          std::to_string(kHeadBytesMax) + " bytes");
  error.code = ErrorCode::kTooLarge;
  return error;
}

Error FromParser(const error_code& ec) {
  if (ec == http::error::header_limit) return HeadTooLarge();
  std::string message = "malformed HTTP head: " + ec.message();
  const bool framing = ec == http::error::bad_content_length ||
                       ec == http::error::multiple_content_length ||
                       ec == http::error::bad_transfer_encoding || ec == http::error::bad_obs_fold;
  return framing ? Smuggling(std::move(message)) : Malformed(std::move(message));
}

// A path, or "*" for OPTIONS: what a server, and not a proxy, is asked for. Beast lets bytes from
// 0x80 and '#' pass, which others cut or recode.
bool IsTarget(std::string_view target, std::string_view method) {
  if (target == "*") return method == "OPTIONS";
  return target.starts_with('/') && std::none_of(target.begin(), target.end(), [](char c) {
           return static_cast<unsigned char>(c) > 0x7e || c == '#';
         });
}

bool IsDigits(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

std::string_view TrimEnd(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The line at the front of `input` without its end, or nothing as long as it is not complete.
Result<std::optional<std::string_view>> ReadLine(std::string_view input) {
  const std::size_t end = input.find("\r\n");
  const std::size_t seen = end == std::string_view::npos ? input.size() : end;
  const std::size_t pending = end == std::string_view::npos && input.ends_with('\r') ? 1 : 0;
  if (seen - pending > kChunkHeaderBytesMax)
    return Smuggling("a line of chunk framing is too long");
  const std::string_view line = input.substr(0, seen - pending);
  if (line.find_first_of(std::string_view("\n\r\0", 3)) != std::string_view::npos) {
    return Smuggling("a control character in chunk framing");  // whatever still comes
  }
  if (end == std::string_view::npos) return std::optional<std::string_view>();
  return std::optional(line);
}

// Beast's parser, told to report where things stand instead of building a container of fields.
template <bool kIsRequest>
class SpanParser : public http::basic_parser<kIsRequest> {
 public:
  SpanParser(std::string_view text, std::vector<FieldSpan>& fields) : text_(text), fields_(fields) {
    this->header_limit(static_cast<std::uint32_t>(kHeadBytesMax));
    this->body_limit(boost::none);
    this->eager(false);
  }

  std::string_view method, target;
  int status = 0;
  int version = 11;
  bool folded = false, too_many = false;
  int content_lengths = 0, transfer_encodings = 0;
  std::string_view content_length, transfer_encoding;

 private:
  void on_request_impl(http::verb, string_view method_text, string_view target_text, int v,
                       error_code&) override {
    method = {method_text.data(), method_text.size()};
    target = {target_text.data(), target_text.size()};
    version = v;
  }
  void on_response_impl(int code, string_view, int v, error_code&) override {
    status = code;
    version = v;
  }
  void on_field_impl(http::field id, string_view name, string_view value, error_code&) override {
    const std::string_view v(value.data(), value.size());
    const char* const after_colon = name.data() + name.size() + 1;
    const char* const text_end = text_.data() + text_.size();
    // Beast joins the lines of a folded field in a buffer of its own, or, where the first lines are
    // empty, skips them like blanks.
    constexpr std::less<const char*> before;
    if (before(v.data(), after_colon) || before(text_end, v.data()) ||
        std::find(after_colon, v.data(), '\r') != v.data()) {
      folded = true;
      return;
    }
    if (id == http::field::content_length) {
      ++content_lengths;
      content_length = v;
    } else if (id == http::field::transfer_encoding) {
      ++transfer_encodings;
      transfer_encoding = v;
    }
    if (fields_.size() >= kHeaderFieldsMax) {
      too_many = true;
      return;
    }
    FieldSpan span;
    span.name = static_cast<std::uint32_t>(name.data() - text_.data());
    span.name_size = static_cast<std::uint32_t>(name.size());
    span.value = static_cast<std::uint32_t>(v.data() - text_.data());
    span.value_size = static_cast<std::uint32_t>(v.size());
    fields_.push_back(span);
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
  std::size_t on_body_impl(string_view body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override {
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  std::string_view text_;
  std::vector<FieldSpan>& fields_;
};

// What both kinds must satisfy before anybody trusts the framing.
template <bool kIsRequest>
Result<void> CheckFraming(const SpanParser<kIsRequest>& parser) {
  if (parser.folded) return Smuggling("folded header fields are not accepted");
  if (parser.too_many) {
    Error error = Malformed("too many header fields; at most " + std::to_string(kHeaderFieldsMax));
    error.code = ErrorCode::kTooLarge;
    return error;
  }
  if (parser.content_lengths > 1) return Smuggling("repeated Content-Length");
  if (parser.content_lengths == 1 && !IsDigits(parser.content_length)) {
    return Smuggling("Content-Length is not a plain number");
  }
  if (parser.transfer_encodings > 1) return Smuggling("repeated Transfer-Encoding");
  if (parser.transfer_encodings == 1) {
    if (!EqualsIgnoreCase(parser.transfer_encoding, "chunked")) {
      return Smuggling("the only Transfer-Encoding accepted is chunked");
    }
    if (parser.content_lengths > 0) return Smuggling("Content-Length beside Transfer-Encoding");
    if (parser.version < 11) return Smuggling("Transfer-Encoding in an HTTP/1.0 message");
  }
  return {};
}

}  // namespace

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    const char* const first = text.data() + i + 1;
    if (text.size() - i < 3) return std::nullopt;
    const auto parsed = std::from_chars(first, first + 2, value, 16);
    if (parsed.ec != std::errc() || parsed.ptr != first + 2 || value == 0) return std::nullopt;
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return TrimEnd(text);
}

void AppendField(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

std::string_view HttpHead::path() const {
  const std::string_view whole = target();
  return whole.substr(0, whole.find('?'));
}

std::string_view HttpHead::query() const {
  const std::string_view whole = target();
  const std::size_t mark = whole.find('?');
  return mark == std::string_view::npos ? std::string_view() : whole.substr(mark + 1);
}

std::string_view HttpHead::name(std::size_t i) const {
  return {base_ + fields_[i].name, fields_[i].name_size};
}

std::string_view HttpHead::value(std::size_t i) const {
  return {base_ + fields_[i].value, fields_[i].value_size};
}

std::optional<std::string_view> HttpHead::Find(std::string_view wanted) const {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (EqualsIgnoreCase(name(i), wanted)) return value(i);
  }
  return std::nullopt;
}

std::size_t HttpHead::Count(std::string_view wanted) const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < fields_.size(); ++i)
    count += EqualsIgnoreCase(name(i), wanted) ? 1 : 0;
  return count;
}

void HeadReader::Reset() {
  std::vector<FieldSpan> fields = std::move(head_.fields_);
  fields.clear();
  head_ = HttpHead();
  head_.fields_ = std::move(fields);
  scanned_ = 0;
}

Result<bool> HeadReader::Read(std::string_view buffer) {
  constexpr std::string_view kBlankLine = "\r\n\r\n";
  const std::size_t from = scanned_ < kBlankLine.size() ? 0 : scanned_ - kBlankLine.size();
  const std::size_t end = buffer.find(kBlankLine, from);
  if (end == std::string_view::npos) {
    scanned_ = buffer.size();
    if (buffer.size() >= kHeadBytesMax) return HeadTooLarge();
    // A line that can never begin a message is refused at once instead of being waited for.
    if (kind_ == HeadKind::kRequest && !buffer.empty() &&
        (static_cast<unsigned char>(buffer[0]) < 0x21 ||
         static_cast<unsigned char>(buffer[0]) > 0x7e)) {
      return Malformed("this is not HTTP/1.1; is the client speaking TLS to a plain port?");
    }
    return false;
  }
  const std::size_t size = end + kBlankLine.size();
  if (size > kHeadBytesMax) return HeadTooLarge();
  head_.base_ = buffer.data();
  head_.size_ = size;
  head_.fields_.clear();
  TIDEGATE_TRY(Parse(buffer.substr(0, size)));
  return true;
}

Result<void> HeadReader::Parse(std::string_view text) {
  const auto offset = [&](std::string_view part) {
    return HttpHead::Range{static_cast<std::uint32_t>(part.data() - text.data()),
                           static_cast<std::uint32_t>(part.size())};
  };
  const auto run = [&](auto& parser) -> Result<void> {
    error_code ec;
    const std::size_t used = parser.put(boost::asio::const_buffer(text.data(), text.size()), ec);
    if (ec && ec != http::error::need_more) return FromParser(ec);
    TIDEGATE_TRY(CheckFraming(parser));
    if (!parser.is_header_done() || used < text.size()) return Malformed("malformed HTTP head");
    head_.version_minor_ = parser.version == 10 ? 0 : 1;
    head_.keep_alive_ = parser.keep_alive();
    head_.chunked_ = parser.transfer_encodings == 1;
    if (parser.content_lengths == 1) {
      std::uint64_t length = 0;
      const char* last = parser.content_length.data() + parser.content_length.size();
      const auto parsed = std::from_chars(parser.content_length.data(), last, length);
      if (parsed.ec != std::errc() || parsed.ptr != last) return Malformed("bad Content-Length");
      head_.content_length_ = length;
    }
    return {};
  };
  if (kind_ == HeadKind::kResponse) {
    SpanParser<false> parser(text, head_.fields_);
    TIDEGATE_TRY(run(parser));
    head_.status_ = parser.status;
    return {};
  }
  SpanParser<true> parser(text, head_.fields_);
  TIDEGATE_TRY(run(parser));
  if (parser.target.size() > kTargetBytesMax) {
    Error error = Malformed("the request target is longer than " + std::to_string(kTargetBytesMax) +
                            " bytes");
    error.code = ErrorCode::kTooLarge;
    return error;
  }
  if (!IsTarget(parser.target, parser.method)) {
    return Malformed("the request target must be a path, as in POST /v1/chat/completions");
  }
  head_.method_ = offset(parser.method);
  head_.target_ = offset(parser.target);
  return {};
}

Result<ChunkReader::Step> ChunkReader::ReadSize(std::string_view input) {
  TIDEGATE_ASSIGN(const std::optional<std::string_view> line, ReadLine(input));
  if (!line) return Step{};
  // An extension says nothing to us.
  const std::string_view digits = TrimEnd(line->substr(0, line->find(';')));
  const char* last = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), last, left_, 16);
  if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != last) {
    return Smuggling("the size of a chunk is not a hexadecimal number");
  }
  state_ = left_ == 0 ? State::kTrailer : State::kData;
  return Step{line->size() + 2, {}};
}

Result<ChunkReader::Step> ChunkReader::ReadTrailer(std::string_view input) {
  TIDEGATE_ASSIGN(const std::optional<std::string_view> line, ReadLine(input));
  if (!line) return Step{};
  trailer_bytes_ += line->size() + 2;
  if (trailer_bytes_ > kHeadBytesMax) return Smuggling("the trailers are too long");
  if (line->empty()) state_ = State::kDone;  // other trailer fields are read over
  return Step{line->size() + 2, {}};
}

Result<ChunkReader::Step> ChunkReader::Next(std::string_view input) {
  switch (state_) {
    case State::kSize:
      return ReadSize(input);
    case State::kData: {
      const std::size_t take =
          input.size() < left_ ? input.size() : static_cast<std::size_t>(left_);
      left_ -= take;
      if (left_ == 0) state_ = State::kDataEnd;
      return Step{take, input.substr(0, take)};
    }
    case State::kDataEnd:
      if (input.size() < 2) return Step{};
      if (input[0] != '\r' || input[1] != '\n') return Smuggling("a chunk is longer than it says");
      state_ = State::kSize;
      return Step{2, {}};
    case State::kTrailer:
      return ReadTrailer(input);
    case State::kDone:
      return Step{};
  }
  return Step{};
}

}  // namespace tidegate::net
