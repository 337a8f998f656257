#include "engine/measure_request.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "json/writer.h"

namespace tidegate::engine {
namespace {

constexpr int kPoolWords = 2'000;
constexpr std::size_t kPoolAnswerBytesMax = 1U << 20U;
constexpr std::size_t kToldBytesMax = 300;

// splitmix64 (public domain, S. Vigna): every seed gives another sequence.
class Sequence {
 public:
  explicit Sequence(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }

 private:
  std::uint64_t state_;
};

// Syllables make words that every vocabulary has pieces of.
std::string MadeUpText() {
  constexpr std::array<std::string_view, 16> kSyllables = {"ta",  "re", "mi",   "lo", "sun", "den",
                                                           "ker", "pa", "vor",  "il", "ast", "ne",
                                                           "bu",  "or", "ches", "wa"};
  Sequence sequence(1);
  std::string text;
  for (int i = 0; i < kPoolWords; ++i) {
    if (i > 0) text += ' ';
    const std::uint64_t bits = sequence.Next();
    for (std::uint64_t part = 0; part <= bits % 3; ++part) {
      text += kSyllables[(bits >> (8 + 4 * part)) % kSyllables.size()];
    }
  }
  return text;
}

Error Strange(const std::string& what) {
  return Error{ErrorCode::kProtocol, ErrorSource::kEngine, Retry::kNever,
               "llama-server's answer cannot be measured: " + what};
}

Result<std::int64_t> Count(const json::Object& timings, std::string_view key) {
  TIDEGATE_ASSIGN(const json::Value value, timings.Get(key));
  return value.Integer();
}

Result<double> Number(const json::Object& timings, std::string_view key) {
  TIDEGATE_ASSIGN(const json::Value value, timings.Get(key));
  return value.Number();
}

Result<void> ReadTimings(const json::Value& value, AnswerTimes& times) {
  TIDEGATE_ASSIGN(const json::Object timings, value.Object());
  TIDEGATE_ASSIGN(times.prompt_tokens, Count(timings, "prompt_n"));
  TIDEGATE_ASSIGN(times.output_tokens, Count(timings, "predicted_n"));
  TIDEGATE_ASSIGN(times.prompt_ms, Number(timings, "prompt_ms"));
  TIDEGATE_ASSIGN(times.output_ms, Number(timings, "predicted_ms"));
  // Older ones do not say it; the prompts are such that nothing can be kept of them.
  const std::optional<json::Value> cached = timings.Find("cache_n");
  if (cached) {
    TIDEGATE_ASSIGN(times.cached_tokens, cached->Integer());
  }
  return {};
}

}  // namespace

std::string PoolRequest() {
  std::string body;
  json::Writer(body).BeginObject().Key("content").String(MadeUpText()).EndObject();
  return body;
}

Result<std::vector<std::int32_t>> ReadPool(std::string_view answer) {
  constexpr std::int64_t kTokenMax = 0x7FFF'FFFF;
  json::Reader reader;
  std::vector<std::int32_t> pool;
  const auto read = [&]() -> Result<void> {
    TIDEGATE_ASSIGN(const json::Value root, reader.ParseCopy(answer, kPoolAnswerBytesMax));
    TIDEGATE_ASSIGN(const json::Object object, root.Object());
    TIDEGATE_ASSIGN(const json::Value tokens, object.Get("tokens"));
    TIDEGATE_ASSIGN(const json::Array array, tokens.Array());
    for (const json::Value element : array) {
      TIDEGATE_ASSIGN(const std::int64_t token, element.IntegerIn(0, kTokenMax));
      pool.push_back(static_cast<std::int32_t>(token));
    }
    return {};
  };
  const Result<void> done = read();
  if (!done.ok()) return Strange(Describe(done.error()));
  std::sort(pool.begin(), pool.end());
  pool.erase(std::unique(pool.begin(), pool.end()), pool.end());
  if (pool.size() < kTokenPoolMin) return Strange("it knows too few tokens");
  return pool;
}

std::vector<std::int32_t> MakePrompt(const std::vector<std::int32_t>& pool, std::int64_t tokens,
                                     std::uint64_t seed) {
  CHECK(pool.size() >= kTokenPoolMin);
  Sequence sequence(seed);
  std::vector<std::int32_t> prompt(static_cast<std::size_t>(tokens));
  for (std::int32_t& token : prompt) token = pool[sequence.Next() % pool.size()];
  return prompt;
}

std::string CompletionRequest(const std::vector<std::int32_t>& prompt, std::int64_t output_tokens,
                              std::uint64_t seed) {
  std::string body;
  json::Writer out(body);
  out.BeginObject().Key("prompt").BeginArray();
  for (const std::int32_t token : prompt) out.Integer(token);
  out.EndArray();
  out.Key("n_predict").Integer(output_tokens);
  out.Key("ignore_eos").Bool(true);
  out.Key("stream").Bool(true);
  out.Key("cache_prompt").Bool(false);
  // Drawn, so that a small model does not end in a circle that guessing ahead would profit from.
  out.Key("temperature").Double(1);
  out.Key("seed").Integer(static_cast<std::int64_t>(seed & 0x7FFF'FFFFU));
  out.Key("response_fields").BeginArray();
  for (const char* field : {"content", "stop", "timings"}) out.String(field);
  out.EndArray().EndObject();
  return body;
}

Result<void> AnswerReader::Feed(std::string_view bytes, std::int64_t now, AnswerTimes& times) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (line_.size() > kAnswerLineBytesMax) return Strange("a line of it is too long");
    if (end == bytes.npos) return {};
    bytes.remove_prefix(end + 1);
    const std::string line = std::exchange(line_, std::string());
    TIDEGATE_TRY(Line(line, now, times));
  }
  return {};
}

Result<void> AnswerReader::Line(std::string_view line, std::int64_t now, AnswerTimes& times) {
  constexpr std::string_view kData = "data: ";
  constexpr std::string_view kErrorField = "error: ";
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with(kErrorField)) return AnswerError(200, line.substr(kErrorField.size()));
  if (!line.starts_with(kData)) return {};
  line.remove_prefix(kData.size());
  if (line == "[DONE]") return {};
  const Result<json::Value> root = reader_.ParseCopy(line, kAnswerLineBytesMax);
  if (!root.ok()) return Strange(Describe(root.error()));
  const Result<json::Object> object = root->Object();
  if (!object.ok()) return Strange(Describe(object.error()));
  if (object->Find("error")) return AnswerError(200, line);
  if (times.first_token == 0) times.first_token = now;
  const std::optional<json::Value> timings = object->Find("timings");
  if (!timings) return {};
  const Result<void> read = ReadTimings(*timings, times);
  if (!read.ok()) return Strange(Describe(read.error()));
  complete_ = true;
  return {};
}

Result<void> AnswerReader::Finish(std::int64_t now, AnswerTimes& times) const {
  if (!complete_) return Strange("it ends without its timings");
  if (times.prompt_tokens + times.cached_tokens <= 0 || times.output_tokens <= 0) {
    return Strange("it has no tokens");
  }
  times.end = now;
  return {};
}

Error AnswerError(int status, std::string_view body) {
  std::string message = "llama-server answered " + std::to_string(status) + ": " +
                        std::string(body.substr(0, kToldBytesMax));
  return Error{ErrorCode::kUnavailable, ErrorSource::kEngine, Retry::kNever, std::move(message)};
}

}  // namespace tidegate::engine
