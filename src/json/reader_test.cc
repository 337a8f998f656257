#include "json/reader.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::json {
namespace {

constexpr std::size_t kBytesMax = 1U << 20U;

Result<Value> Parse(Reader& reader, std::string_view text) {
  return reader.ParseCopy(text, kBytesMax);
}

class AcceptedText : public testing::TestWithParam<std::string_view> {};
TEST_P(AcceptedText, IsReadAndItsRootSpansItWithoutTheSpaceAround) {
  Reader reader;
  const Result<Value> root = Parse(reader, GetParam());
  ASSERT_TRUE(root.ok()) << Describe(root.error());
  std::string_view trimmed = GetParam();
  while (trimmed.find_first_of(" \t\r\n") == 0) trimmed.remove_prefix(1);
  while (!trimmed.empty() &&
         std::string_view(" \t\r\n").find(trimmed.back()) != std::string_view::npos) {
    trimmed.remove_suffix(1);
  }
  EXPECT_EQ(root->raw(), trimmed);
}
INSTANTIATE_TEST_SUITE_P(Grammar, AcceptedText,
                         testing::Values("[]", "{}", " [ ] ", "null", "true", "false", "\"\"", "0",
                                         "-0", "1e5", "1E+2", "0.5e-3", "-9223372036854775808",
                                         "18446744073709551615", "\n{\"a\" : [1 , 2]}\t",
                                         R"("\u0041\"\\\/\b\f\n\r\t")", R"("\ud83d\ude00")",
                                         "\"\x7F\"", "\"\xF0\x9F\x98\x80\"",
                                         R"([[[[]]],{"":{"":[]}}])", R"({"a":1,"a":2})"));

class RefusedText : public testing::TestWithParam<std::string_view> {};
TEST_P(RefusedText, IsInvalidJson) {
  Reader reader;
  const Result<Value> root = Parse(reader, GetParam());
  ASSERT_FALSE(root.ok());
  EXPECT_EQ(root.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(root.error().reason, "invalid_json");
  EXPECT_NE(root.error().message, "");
}
INSTANTIATE_TEST_SUITE_P(Grammar, RefusedText,
                         testing::Values("", " ", "[", "]", "{", "[1,]", "[,1]", "[1 2]", "{\"a\"}",
                                         "{\"a\":}", "{\"a\":1,}", "{a:1}", "{'a':1}", "[] []",
                                         "{} x", "nul", "True", "NaN", "[NaN]", "Infinity", "-",
                                         "+1", "01", "-01", "1.", ".5", "1e", "0x1", "1_000", "\"",
                                         "\"\\x\"", "\"\\u12\"", "\"a\nb\"",
                                         std::string_view("\"a\0b\"", 5), "\"\xFF\"",
                                         "\"\xC0\xAF\"", "\"\xED\xA0\x80\"", R"("\ud800")",
                                         R"("\udc00")", "[1]//x", "/**/[]", "\xEF\xBB\xBF{}",
                                         "[\"a\",\n4\n,1,", "18446744073709551616", "[\x0B]"));

TEST(Reader, AcceptsSixtyFourLevelsAndRefusesOneMore) {
  Reader reader;
  EXPECT_TRUE(Parse(reader, std::string(kDepthMax, '[') + std::string(kDepthMax, ']')).ok());
  const Result<Value> deeper =
      Parse(reader, std::string(kDepthMax + 1, '[') + std::string(kDepthMax + 1, ']'));
  ASSERT_FALSE(deeper.ok());
  EXPECT_NE(deeper.error().message.find("deeper than 64"), std::string::npos);
}

TEST(Reader, RefusesADocumentBeyondTheCallersLimitBeforeReadingIt) {
  Reader reader;
  EXPECT_TRUE(reader.ParseCopy("[12345]", 7).ok());
  const Result<Value> root = reader.ParseCopy("[123456]", 7);
  ASSERT_FALSE(root.ok());
  EXPECT_EQ(root.error().code, ErrorCode::kTooLarge);
}

TEST(Reader, ReadsInPlaceWhateverStandsInThePadding) {
  std::string text = R"({"a":12)";
  text += '}';
  const std::size_t size = text.size();
  text.append(kPaddingBytes, '9');
  Reader reader;
  const Result<Value> root = reader.Parse(std::string_view(text).substr(0, size), kBytesMax);
  ASSERT_TRUE(root.ok());
  EXPECT_EQ(*(*root->Object()->Get("a")).Integer(), 12);
  EXPECT_EQ(reader.text().data(), text.data());
}

TEST(Reader, IsUsableAfterARefusalAndAfterAHugeDocument) {
  Reader reader;
  EXPECT_FALSE(Parse(reader, "[1").ok());
  const std::string huge = "[\"" + std::string(kKeptDocumentBytes + 1, 'x') + "\"]";
  EXPECT_TRUE(reader.ParseCopy(huge, 4 * kKeptDocumentBytes).ok());
  const Result<Value> small = Parse(reader, "[7]");
  ASSERT_TRUE(small.ok());
  EXPECT_EQ(small->raw(), "[7]");
}

TEST(Value, GivesEachTypeAndRefusesTheOthersWithItsPath) {
  Reader reader;
  const Result<Value> root =
      Parse(reader, R"({"messages":[{},{"role":"user"},{"content":[{"type":7}]}],)"
                    R"("stream":"yes","odd key":{"x":[null]}})");
  ASSERT_TRUE(root.ok());
  const Object object = *root->Object();
  const Array messages = *(*object.Get("messages")).Array();
  EXPECT_EQ(messages.Count(), 3U);
  std::vector<Value> list;
  for (const Value message : messages) list.push_back(message);
  const Value type = *(*list[2].Object()->Get("content")->Array()->begin()).Object()->Find("type");
  const Result<std::string_view> text = type.String();
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().field, "messages[2].content[0].type");
  EXPECT_EQ(text.error().message, "expected a string, found an integer");
  EXPECT_EQ(object.Get("stream")->Bool().error().field, "stream");
  EXPECT_EQ(object.Get("model").error().field, "model");
  EXPECT_EQ(list[1].Object()->Get("content").error().field, "messages[1].content");
  EXPECT_EQ(object.Get("odd key")->Object()->Get("x")->Bool().error().field, R"(["odd key"].x)");
  EXPECT_EQ(root->Array().error().field, "");
}

TEST(Value, ReadsNumbersAtTheirLimits) {
  Reader reader;
  const Result<Value> root =
      Parse(reader, R"([9223372036854775807,-9223372036854775808,9223372036854775808,)"
                    R"(1e3,100.0,1.5,1e300,18446744073709551615])");
  ASSERT_TRUE(root.ok());
  std::vector<Value> n;
  for (const Value value : *root->Array()) n.push_back(value);
  EXPECT_EQ(*n[0].Integer(), INT64_MAX);
  EXPECT_EQ(*n[1].Integer(), INT64_MIN);
  EXPECT_FALSE(n[2].Integer().ok());
  EXPECT_EQ(*n[3].Integer(), 1000);
  EXPECT_EQ(*n[4].Integer(), 100);
  EXPECT_FALSE(n[5].Integer().ok());
  EXPECT_FALSE(n[6].Integer().ok());
  EXPECT_EQ(*n[5].Number(), 1.5);
  EXPECT_EQ(*n[7].Number(), 18446744073709551615.0);
  EXPECT_EQ(n[2].kind(), Kind::kInteger);
  EXPECT_EQ(n[4].kind(), Kind::kDouble);
  EXPECT_TRUE(n[4].IntegerIn(100, 100).ok());
  EXPECT_EQ(n[4].IntegerIn(0, 99).error().message, "must be an integer from 0 to 99, is 100");
  EXPECT_EQ(n[4].IntegerIn(0, 99).error().field, "[4]");
}

TEST(Value, KeepsTheTextOfEveryValueByteForByte) {
  Reader reader;
  const std::string_view text =
      "{ \"a\\n\" :\t{\"b\" : [ 1.50 , -0e1,true ,null,\"x\\\"]\\\\\" ] } , \"c\":{ } }";
  const Result<Value> root = Parse(reader, text);
  ASSERT_TRUE(root.ok());
  const Object object = *root->Object();
  const Member first = *object.begin();
  EXPECT_EQ(first.key, "a\n");
  EXPECT_EQ(first.key_span().Of(text), R"("a\n")");
  EXPECT_EQ(first.value.raw(), "{\"b\" : [ 1.50 , -0e1,true ,null,\"x\\\"]\\\\\" ] }");
  std::vector<std::string> raws;
  for (const Value value : *first.value.Object()->Get("b")->Array()) raws.emplace_back(value.raw());
  EXPECT_EQ(raws, (std::vector<std::string>{"1.50", "-0e1", "true", "null", R"("x\"]\\")"}));
  EXPECT_EQ(object.Get("c")->raw(), "{ }");
}

TEST(Object, RefusesARepeatedKeyHoweverItIsEscapedAndHoweverMany) {
  Reader reader;
  EXPECT_TRUE(Parse(reader, R"({"a":1,"b":{"a":1},"A":2})")->Object()->RequireUniqueKeys().ok());
  const Result<void> escaped =
      Parse(reader, R"({"model":1,"mo\u0064el":2})")->Object()->RequireUniqueKeys();
  ASSERT_FALSE(escaped.ok());
  EXPECT_EQ(escaped.error().field, "model");
  std::string many = "{";
  for (int i = 0; i < 500; ++i) many += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_TRUE(Parse(reader, many + "\"x\":0}")->Object()->RequireUniqueKeys().ok());
  EXPECT_EQ(Parse(reader, many + "\"k77\":0}")->Object()->RequireUniqueKeys().error().field, "k77");
}

// Writes a random document and notes, in the order of a walk, the text of every value.
class RandomDocument {
 public:
  explicit RandomDocument(std::uint32_t seed) : random_(seed) { Write(0); }
  const std::string& text() const { return text_; }
  std::vector<std::string> Raws() const {
    std::vector<std::string> raws;
    for (const auto& [begin, end] : spans_) raws.push_back(text_.substr(begin, end - begin));
    return raws;
  }

 private:
  std::size_t Pick(std::size_t n) { return random_() % n; }
  void Space() { text_.append(Pick(4) == 0 ? Pick(3) : 0, " \n\t"[Pick(3)]); }
  void Scalar() {
    constexpr std::string_view kScalars[] = {"0",
                                             "-12",
                                             "1.5e+3",
                                             "true",
                                             "false",
                                             "null",
                                             "\"\"",
                                             R"("a\"}]\\")",
                                             R"("\u00e9,:[{")",
                                             "18446744073709551615",
                                             "\"\xC3\xA9\""};
    text_ += kScalars[Pick(std::size(kScalars))];
  }
  void Write(int depth) {
    Space();
    const std::size_t slot = spans_.size();
    spans_.emplace_back(text_.size(), 0);
    const std::size_t kind = depth > 5 ? 0 : Pick(3);
    if (kind == 0) {
      Scalar();
    } else {
      text_ += kind == 1 ? '[' : '{';
      const std::size_t count = Pick(5);
      for (std::size_t i = 0; i < count; ++i) {
        if (i > 0) text_ += ',';
        Space();
        if (kind == 2) {
          text_ += "\"k" + std::to_string(i) + "\"";
          Space();
          text_ += ':';
        }
        Write(depth + 1);
      }
      Space();
      text_ += kind == 1 ? ']' : '}';
    }
    spans_[slot].second = text_.size();
    Space();
  }

  std::mt19937 random_;
  std::string text_;
  std::vector<std::pair<std::size_t, std::size_t>> spans_;
};

void Walk(Value value, std::vector<std::string>& raws) {
  raws.emplace_back(value.raw());
  if (value.is_array()) {
    for (const Value element : *value.Array()) Walk(element, raws);
  } else if (value.is_object()) {
    for (const Member& member : *value.Object()) {
      EXPECT_EQ(member.key_span().size(), member.key.size() + 2);
      Walk(member.value, raws);
    }
  }
}

TEST(Value, SpansAreExactInTenThousandRandomDocuments) {
  Reader reader;
  for (std::uint32_t seed = 0; seed < 10'000; ++seed) {
    const RandomDocument document(seed);
    const Result<Value> root = Parse(reader, document.text());
    ASSERT_TRUE(root.ok()) << document.text();
    std::vector<std::string> raws;
    Walk(*root, raws);
    ASSERT_EQ(raws, document.Raws()) << document.text();
  }
}

TEST(Value, KnowsItsPathAtEveryDepth) {
  Reader reader;
  const Result<Value> root = Parse(reader, R"({"a":{"b":[[],[1,{"c":2}]]},"d":3})");
  ASSERT_TRUE(root.ok());
  const Value a = *root->Object()->Get("a");
  const Value b = *a.Object()->Get("b");
  EXPECT_EQ(a.Path(), "a");
  EXPECT_EQ(b.Path(), "a.b");
  const Value second = *++b.Array()->begin();
  EXPECT_EQ(second.Path(), "a.b[1]");
  const Value inner = *++second.Array()->begin();
  EXPECT_EQ(inner.Object()->Get("c")->Path(), "a.b[1][1].c");
  EXPECT_EQ(root->Object()->Get("d")->Path(), "d");
}

}  // namespace
}  // namespace tidegate::json
