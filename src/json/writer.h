// Writing JSON: append-only onto a string that the caller reuses. Commas are placed by the writer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tidegate::json {

// Appends `text` escaped for use between quotes. Bytes that are not UTF-8 become U+FFFD, one for
// each maximal invalid part, so that what we write is always valid.
void EscapeInto(std::string& out, std::string_view text);

// Not thread-safe. `out` outlives the writer and is only appended to. The caller keeps the grammar:
// a Key before each value in an object, none in an array, as many ends as begins.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  Writer& BeginObject() { return Begin('{'); }
  Writer& EndObject() { return End('}'); }
  Writer& BeginArray() { return Begin('['); }
  Writer& EndArray() { return End(']'); }
  Writer& Key(std::string_view key);
  Writer& String(std::string_view text);
  Writer& Integer(std::int64_t number);
  // The shortest text that reads back as the same double. NaN and infinities have no JSON: they are
  // written as null.
  Writer& Double(double number);
  Writer& Bool(bool value) { return Raw(value ? "true" : "false"); }
  Writer& Null() { return Raw("null"); }
  // REQUIRES: `json` is one JSON value.
  Writer& Raw(std::string_view json);

 private:
  Writer& Begin(char bracket);
  Writer& End(char bracket);
  void Separate() {
    if (comma_) out_ += ',';
    comma_ = true;
  }

  std::string& out_;
  bool comma_ = false;
};

}  // namespace tidegate::json
