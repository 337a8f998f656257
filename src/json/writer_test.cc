#include "json/writer.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "json/reader.h"

namespace tidegate::json {
namespace {

std::string Escaped(std::string_view text) {
  std::string out;
  EscapeInto(out, text);
  return out;
}

std::string ReadBack(std::string_view json) {
  Reader reader;
  const Result<Value> root = reader.ParseCopy(json, 1U << 20U);
  EXPECT_TRUE(root.ok()) << json;
  return root.ok() ? std::string(*root->String()) : "";
}

TEST(Writer, PlacesCommasAndColons) {
  std::string out = "before ";
  Writer writer(out);
  writer.BeginObject()
      .Key("a")
      .Integer(-5)
      .Key("b")
      .BeginArray()
      .Null()
      .Bool(true)
      .Double(0.1)
      .BeginObject()
      .EndObject();
  writer.EndArray()
      .Key("c")
      .Raw("{ }")
      .Key("d")
      .BeginArray()
      .EndArray()
      .Key("e")
      .String("x")
      .EndObject();
  EXPECT_EQ(out, R"(before {"a":-5,"b":[null,true,0.1,{}],"c":{ },"d":[],"e":"x"})");
}

TEST(Writer, WritesNumbersThatReadBackTheSame) {
  std::mt19937_64 random(1);
  Reader reader;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t bits = random();
    double number = 0;
    std::memcpy(&number, &bits, sizeof(number));
    if (!std::isfinite(number)) continue;
    std::string out;
    Writer(out).Double(number);
    const Result<Value> root = reader.ParseCopy(out, 100);
    ASSERT_TRUE(root.ok()) << out;
    ASSERT_EQ(*root->Number(), number) << out;
  }
}

TEST(Writer, WritesExtremeIntegersAndNoNumberAsNull) {
  std::string out;
  Writer(out)
      .BeginArray()
      .Integer(INT64_MIN)
      .Integer(INT64_MAX)
      .Double(NAN)
      .Double(INFINITY)
      .EndArray();
  EXPECT_EQ(out, "[-9223372036854775808,9223372036854775807,null,null]");
}

TEST(EscapeInto, EscapesWhatMustBeAndNothingElse) {
  EXPECT_EQ(Escaped(std::string_view("\0\x01\x1f \x7f\"\\/\b\f\n\r\t", 13)),
            "\\u0000\\u0001\\u001f \x7f\\\"\\\\/\\b\\f\\n\\r\\t");
  EXPECT_EQ(Escaped("Grüße 😀 𝄞"), "Grüße 😀 𝄞");
}

TEST(EscapeInto, ReplacesEachMaximalInvalidPart) {
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(Escaped("a\xFFz"), "a" + bad + "z");
  EXPECT_EQ(Escaped("\xC0\xAF"), bad + bad);                      // overlong: two parts
  EXPECT_EQ(Escaped("\xED\xA0\x80"), bad + bad + bad);            // a surrogate
  EXPECT_EQ(Escaped("\xF0\x9F\x98"), bad);                        // cut at the end
  EXPECT_EQ(Escaped("\xF0\x9F\x98g"), bad + "g");                 // cut in the middle
  EXPECT_EQ(Escaped("\xF4\x90\x80\x80"), bad + bad + bad + bad);  // beyond U+10FFFF
}

TEST(EscapeInto, MakesValidJsonOfAnyBytes) {
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes;
    for (std::size_t n = random() % 12; n > 0; --n) bytes += static_cast<char>(random());
    std::string out = "\"";
    EscapeInto(out, bytes);
    out += '"';
    ReadBack(out);
  }
}

TEST(EscapeInto, GivesValidTextBackUnchanged) {
  const std::string text = "line\n\ttab \"quoted\" back\\slash é 漢字 😀 \x01";
  EXPECT_EQ(ReadBack("\"" + Escaped(text) + "\""), text);
}

}  // namespace
}  // namespace tidegate::json
