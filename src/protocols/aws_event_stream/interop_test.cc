// Messages as AWS's own JavaScript implementation writes them (testdata/smithy_messages.json, made
// by testdata/make_vectors.mjs): read the same, and written byte for byte.
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "json/reader.h"
#include "protocols/aws_event_stream/message.h"
#include "protocols/aws_event_stream/splitter.h"

namespace tidegate::protocols::aws_event_stream {
namespace {

struct Vector {
  std::string name;
  std::vector<std::string> texts;  // what the headers view, two for each
  std::vector<Header> headers;
  std::string payload, wire;
};

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(
        static_cast<char>(std::strtol(std::string(hex.substr(i, 2)).c_str(), nullptr, 16)));
  }
  return bytes;
}

std::string TextOf(const json::Object& object, std::string_view key) {
  const auto value = object.Find(key);
  return value ? std::string(*value->String()) : "";
}

Vector ReadVector(const json::Object& object) {
  Vector vector;
  vector.name = TextOf(object, "name");
  vector.payload = TextOf(object, "payload");
  vector.wire = FromHex(TextOf(object, "wire"));
  const json::Array headers = *object.Get("headers")->Array();
  vector.texts.reserve(2 * headers.Count());
  for (const json::Value value : headers) {
    const json::Object header = *value.Object();
    Header read;
    read.type = static_cast<HeaderType>(*header.Get("type")->Integer());
    read.number = std::strtoll(TextOf(header, "number").c_str(), nullptr, 10);
    read.name = vector.texts.emplace_back(TextOf(header, "name"));
    read.bytes = vector.texts.emplace_back(FromHex(TextOf(header, "bytes")));
    vector.headers.push_back(read);
  }
  return vector;
}

std::vector<Vector> ReadVectors() {
  std::ifstream file(TIDEGATE_SOURCE_DIR
                     "/src/protocols/aws_event_stream/testdata/smithy_messages.json");
  std::ostringstream text;
  text << file.rdbuf();
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(text.str(), 1U << 20U);
  EXPECT_TRUE(root.ok());
  if (!root.ok()) return {};
  std::vector<Vector> vectors;
  for (const json::Value value : *root->Object()->Get("cases")->Array()) {
    vectors.push_back(ReadVector(*value.Object()));
  }
  return vectors;
}

TEST(AwsEventStreamInterop, WeWriteWhatAwsWrites) {
  const std::vector<Vector> vectors = ReadVectors();
  ASSERT_EQ(vectors.size(), 7U);
  for (const Vector& vector : vectors) {
    std::string written;
    ASSERT_TRUE(AppendMessage(vector.headers, vector.payload, written).ok()) << vector.name;
    EXPECT_EQ(ToHex(written), ToHex(vector.wire)) << vector.name;
  }
}

TEST(AwsEventStreamInterop, WeReadWhatAwsWrites) {
  for (const Vector& vector : ReadVectors()) {
    Splitter splitter;
    std::vector<std::string_view> frames;
    ASSERT_TRUE(splitter.Feed(vector.wire, frames).ok()) << vector.name;
    ASSERT_EQ(frames.size(), 1U) << vector.name;
    std::vector<Header> headers;
    const Result<Message> message = ParseMessage(frames[0], headers);
    ASSERT_TRUE(message.ok()) << vector.name;
    EXPECT_EQ(headers, vector.headers) << vector.name;
    EXPECT_EQ(message->payload, vector.payload) << vector.name;
  }
}

}  // namespace
}  // namespace tidegate::protocols::aws_event_stream
