// Reading the head of an HTTP/1.1 message from one contiguous buffer, without copying it.
//
// Beast's parser does the work and the judging; this adds what a gateway in front of other servers
// must also refuse, so that no two parties ever read a message differently: folded fields, repeated
// or listed Content-Length, any Transfer-Encoding but a single "chunked", Content-Length beside it,
// and HTTP/1.0 with chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidegate::net {

// A header field as offsets from the first byte of the head, so that the buffer may move.
struct FieldSpan {
  std::uint32_t name = 0, name_size = 0, value = 0, value_size = 0;
};

// The parsed head. Views returned are valid while the buffer last given to Rebase stands.
class HttpHead {
 public:
  std::string_view method() const { return View(method_); }
  std::string_view target() const { return View(target_); }  // as sent
  std::string_view path() const;                             // target without query
  std::string_view query() const;                            // behind '?', or empty
  int status() const { return status_; }
  int version_minor() const { return version_minor_; }  // of HTTP/1.x
  bool keep_alive() const { return keep_alive_; }
  bool chunked() const { return chunked_; }
  std::optional<std::uint64_t> content_length() const { return content_length_; }
  std::size_t size() const { return size_; }  // bytes of the head, the blank line included

  // The first field of that name (ASCII case ignored), or nothing.
  std::optional<std::string_view> Find(std::string_view name) const;
  // How many fields have that name.
  std::size_t Count(std::string_view name) const;
  std::size_t fields() const { return fields_.size(); }
  std::string_view name(std::size_t i) const;
  std::string_view value(std::size_t i) const;

  // The head's bytes now begin at `base`.
  void Rebase(const char* base) { base_ = base; }

 private:
  friend class HeadReader;
  struct Range {
    std::uint32_t begin = 0, size = 0;
  };
  std::string_view View(Range range) const { return {base_ + range.begin, range.size}; }

  const char* base_ = nullptr;
  std::size_t size_ = 0;
  Range method_, target_;
  int status_ = 0;
  int version_minor_ = 1;
  bool keep_alive_ = false;
  bool chunked_ = false;
  std::optional<std::uint64_t> content_length_;
  std::vector<FieldSpan> fields_;
};

enum class HeadKind : std::uint8_t { kRequest, kResponse };

// Reads heads one after the other, reusing its memory. `Read` sees the buffer from the first byte
// of the head each time. Errors: kInvalidArgument (malformed or refused; reason = "smuggling" where
// two parties could disagree), kTooLarge.
class HeadReader {
 public:
  explicit HeadReader(HeadKind kind) : kind_(kind) {}
  // true: `head()` is complete. false: more bytes are needed.
  Result<bool> Read(std::string_view buffer);
  const HttpHead& head() const { return head_; }
  HttpHead& head() { return head_; }
  // Forget the last head; the next Read starts a new one.
  void Reset();

 private:
  Result<void> Parse(std::string_view text);
  HeadKind kind_;
  HttpHead head_;
  std::size_t scanned_ = 0;  // bytes already searched for the blank line
};

// Decodes the chunks of a body, sans I/O.
class ChunkReader {
 public:
  struct Step {
    std::size_t consumed = 0;  // bytes of the input used up
    std::string_view payload;  // decoded bytes, a view of the input; may be empty
  };
  // Takes the next step over `input`. Call until consumed == 0 or done(). Errors: kInvalidArgument.
  Result<Step> Next(std::string_view input);
  bool done() const { return state_ == State::kDone; }
  void Reset() { *this = ChunkReader(); }

 private:
  enum class State : std::uint8_t { kSize, kData, kDataEnd, kTrailer, kDone };
  Result<Step> ReadSize(std::string_view input);
  Result<Step> ReadTrailer(std::string_view input);
  State state_ = State::kSize;
  std::uint64_t left_ = 0;
  std::size_t trailer_bytes_ = 0;
};

// The text with its %XX replaced; nothing when one is malformed or stands for a NUL byte.
std::optional<std::string> PercentDecode(std::string_view text);
// Appends a header line.
void AppendField(std::string& out, std::string_view name, std::string_view value);
std::string_view Trim(std::string_view text);

}  // namespace tidegate::net
