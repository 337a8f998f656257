// What AWS's own implementations sign (testdata/README.md): signed the same by us, byte for byte,
// and their signatures accepted.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "json/reader.h"
#include "protocols/aws_sigv4/amz_date.h"
#include "protocols/aws_sigv4/signer.h"
#include "protocols/aws_sigv4/verifier.h"

namespace tidegate::protocols::aws_sigv4 {
namespace {

constexpr std::string_view kFolder = TIDEGATE_SOURCE_DIR "/src/protocols/aws_sigv4/testdata";

using Lines = std::vector<std::pair<std::string, std::string>>;

struct Vector {
  std::string name, access_key_id, secret, token, region, service, method, path, query, body;
  bool content_hash = false;
  Lines headers = {}, added = {};

  std::string_view Added(std::string_view name) const {
    for (const auto& [each, value] : added) {
      if (each == name) return value;
    }
    return {};
  }
  std::int64_t time() const { return *ParseAmzDate(Added("x-amz-date")); }
  Signer MakeSigner() const {
    return *Signer::Make({access_key_id, Secret(secret), Secret(token)}, region, service);
  }
};

Lines ReadLines(const json::Value& value) {
  Lines lines;
  for (const json::Value line : *value.Array()) {
    std::vector<std::string> words;
    for (const json::Value word : *line.Array()) words.emplace_back(*word.String());
    lines.emplace_back(words.at(0), words.at(1));
  }
  return lines;
}

Vector ReadVector(const json::Object& object) {
  const auto text = [&](std::string_view key) { return std::string(*object.Get(key)->String()); };
  Vector vector{text("name"),   text("access_key_id"), text("secret"), text("token"),
                text("region"), text("service"),       text("method"), text("path"),
                text("query"),  text("body")};
  vector.content_hash = *object.Get("content_hash")->Bool();
  vector.headers = ReadLines(*object.Get("headers"));
  vector.added = ReadLines(*object.Get("added"));
  return vector;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<Vector> ReadVectors() {
  json::Reader reader;
  const std::string text = ReadFile(std::filesystem::path(kFolder) / "smithy_signatures.json");
  const Result<json::Value> root = reader.ParseCopy(text, 1U << 20U);
  EXPECT_TRUE(root.ok());
  if (!root.ok()) return {};
  std::vector<Vector> vectors;
  for (const json::Value value : *root->Object()->Get("cases")->Array()) {
    vectors.push_back(ReadVector(*value.Object()));
  }
  return vectors;
}

// Calls `use` with views of the request, with the lines that sign it or without.
template <typename Use>
auto With(const Vector& vector, bool with_added, const Use& use) {
  std::vector<HeaderField> headers;
  for (const auto& [name, value] : vector.headers) headers.push_back({name, value});
  if (with_added) {
    for (const auto& [name, value] : vector.added) headers.push_back({name, value});
  }
  const std::string_view body[] = {vector.body};
  return use(Request{vector.method, vector.path, vector.query, headers, body});
}

bool StatesItsHash(const Vector& vector) {
  for (const auto& [name, value] : vector.headers) {
    if (name == kContentHashField) return true;
  }
  return false;
}

TEST(AwsSigv4Interop, WeSignWhatAwsSigns) {
  const std::vector<Vector> vectors = ReadVectors();
  ASSERT_EQ(vectors.size(), 16U);
  SigningKeys keys;
  for (const Vector& vector : vectors) {
    if (StatesItsHash(vector)) continue;  // what we never send
    const Secret lines = With(vector, false, [&](const Request& request) {
      return vector.MakeSigner().Sign(request, vector.time(), keys, {vector.content_hash});
    });
    std::string expected;
    for (const std::string_view name :
         {kDateField, kTokenField, kContentHashField, std::string_view("authorization")}) {
      if (vector.Added(name).empty()) continue;
      expected += std::string(name) + ": " + std::string(vector.Added(name)) + "\r\n";
    }
    EXPECT_EQ(lines.Reveal(), expected) << vector.name;
  }
}

TEST(AwsSigv4Interop, WeAcceptWhatAwsSigned) {
  SigningKeys keys;
  for (const Vector& vector : ReadVectors()) {
    const Secret secret(vector.secret);
    const bool accepted = With(vector, true, [&](const Request& request) {
      const VerifyOptions options{
          .service = "bedrock", .region = {}, .allow_unsigned_payload = true};
      return Verify(
                 request, [&](std::string_view) { return &secret; }, options, vector.time(), keys)
          .ok();
    });
    EXPECT_EQ(accepted, IsNormalPath(vector.path)) << vector.name;
  }
}

// A request of a .http file, as the head and the body that a server received.
struct Received {
  std::string text;
  std::string_view method, path, query;
  std::vector<HeaderField> headers;
  std::string body;
};

std::string_view TakeLine(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find("\r\n"));
  text.remove_prefix(line.size() + 2);
  return line;
}

void ReadReceived(const std::filesystem::path& path, Received& out) {
  out.text = ReadFile(path);
  std::string_view left = out.text;
  const std::string_view first = TakeLine(left);
  out.method = first.substr(0, first.find(' '));
  const std::string_view rest = first.substr(out.method.size() + 1);
  const std::string_view target = rest.substr(0, rest.find(' '));
  out.path = target.substr(0, target.find('?'));
  if (out.path.size() < target.size()) out.query = target.substr(out.path.size() + 1);
  for (std::string_view line = TakeLine(left); !line.empty(); line = TakeLine(left)) {
    const std::size_t colon = line.find(':', 1);
    out.headers.push_back({line.substr(0, colon), line.substr(colon + 2)});
  }
  out.body = left;
}

bool Holds(const Received& received) {
  std::string_view date;
  for (const HeaderField& header : received.headers) {
    if (IsNamed(header, kDateField)) date = header.value;
  }
  const Secret secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
  const std::string_view body[] = {received.body};
  SigningKeys keys;
  return Verify(
             {received.method, received.path, received.query, received.headers, body},
             [&](std::string_view id) { return id == "AKIDEXAMPLE" ? &secret : nullptr; },
             {.service = "bedrock", .region = "us-west-2"}, ParseAmzDate(date).value_or(0), keys)
      .ok();
}

TEST(AwsSigv4Interop, RequestsOfAwsClientsAreAcceptedAsTheyWereSent) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".http") continue;
    ++files;
    Received received;
    ReadReceived(entry.path(), received);
    EXPECT_TRUE(Holds(received)) << entry.path();
    received.body += ' ';
    EXPECT_FALSE(Holds(received)) << entry.path();
  }
  EXPECT_EQ(files, 4U);
}

}  // namespace
}  // namespace tidegate::protocols::aws_sigv4
