// Whatever is read: no crash, every span reads as the same value again, and removing members leaves
// valid JSON.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "json/reader.h"
#include "json/splice.h"
#include "json/writer.h"

namespace {

using tidegate::Result;
using tidegate::json::Kind;
using tidegate::json::Member;
using tidegate::json::Object;
using tidegate::json::Reader;
using tidegate::json::Splice;
using tidegate::json::Value;

constexpr std::size_t kBytesMax = 1U << 20U;

void CheckSpan(const Value& value) {
  Reader again;
  const Result<Value> root = again.ParseCopy(value.raw(), kBytesMax);
  CHECK(root.ok());
  CHECK(root->kind() == value.kind());
  CHECK(root->raw() == value.raw());
}

void CheckRemoval(const Object& object, std::string_view text) {
  if (!object.RequireUniqueKeys().ok()) return;
  std::vector<std::string_view> keys;
  std::size_t members = 0;
  for (const Member& member : object) {
    if (members++ % 2 == text.size() % 2) keys.push_back(member.key);
  }
  Splice splice(text);
  for (const tidegate::json::Span span : RemovalSpans(object, keys)) splice.Erase(span);
  Reader again;
  CHECK(again.ParseCopy(splice.Join(), kBytesMax).ok());
}

void Walk(const Value& value, std::string_view text, int& checks) {
  if (--checks < 0) return;
  CheckSpan(value);
  (void)value.Path();
  switch (value.kind()) {
    case Kind::kArray:
      for (const Value element : *value.Array()) Walk(element, text, checks);
      return;
    case Kind::kObject:
      CheckRemoval(*value.Object(), text);
      for (const Member& member : *value.Object()) Walk(member.value, text, checks);
      return;
    case Kind::kString: {
      std::string written;
      tidegate::json::Writer(written).String(*value.String());
      Reader again;
      CHECK(*again.ParseCopy(written, 8 * kBytesMax)->String() == *value.String());
      return;
    }
    case Kind::kInteger:
    case Kind::kDouble:
      (void)value.Integer();
      return;
    case Kind::kNull:
    case Kind::kBool:
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Reader reader;
  const Result<Value> root =
      reader.ParseCopy({reinterpret_cast<const char*>(data), size}, kBytesMax);
  if (!root.ok()) return 0;
  int checks = 64;
  Walk(*root, reader.text(), checks);
  return 0;
}
