// The protocols of the matrix, with their samples and what the checks need to know of them.
#pragma once

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "json/reader.h"
#include "protocols/protocol.h"
#include "protocols/testing/event_stream_text.h"
#include "protocols/testing/wire_transcript.h"

namespace tidegate::protocols::matrix {

struct Side {
  core::Protocol protocol;
  std::string_view title;
  std::string_view folder;       // of src/protocols; its samples stand in testdata/features
  std::string_view path;         // of a chat
  std::string_view stream_path;  // of a streamed chat
  // A conversation whose middle is the answer `root`, in this protocol's own words.
  std::string (*history)(const json::Value& root);
  // Of streams that are not text: from a sample's lines to bytes.
  std::string (*to_bytes)(std::string_view text) = nullptr;
  std::string_view stream_sample = "stream";  // how the names of such samples end
  // What its usage can tell apart from the sums.
  bool says_cached = true, says_reasoning = true;

  const Protocol& codec() const { return Get(protocol); }
  // A sample's text, where there is one.
  std::optional<std::string> Sample(const std::string& name) const {
    std::ifstream in(TranscriptFolder(std::string(folder)) / "features" / name);
    if (!in) return std::nullopt;
    std::stringstream text;
    text << in.rdbuf();
    return std::move(text).str();
  }
  std::optional<std::string> Request(const std::string& feature) const {
    return Sample(feature + ".request.json");
  }
  std::optional<std::string> Answer(const std::string& feature, bool streamed) const {
    if (!streamed) return Sample(feature + ".whole.json");
    std::optional<std::string> text = Sample(feature + '.' + std::string(stream_sample));
    if (text && to_bytes != nullptr) text = to_bytes(*text);
    return text;
  }
};

inline std::string Raw(const json::Value& root, std::initializer_list<std::string_view> path) {
  json::Value at = root;
  for (const std::string_view step : path) {
    if (step == "0") {
      at = *at.Array()->begin();
    } else {
      at = *at.Object()->Find(step);
    }
  }
  return std::string(at.raw());
}

inline std::string Conversation(std::string_view head, const std::string& answer) {
  return std::string(head) + R"("messages":[{"role":"user","content":"Think"},)" + answer +
         R"(,{"role":"user","content":"Again"}]})";
}

inline std::string ChatHistory(const json::Value& root) {
  return Conversation(R"({"model":"m",)", Raw(root, {"choices", "0", "message"}));
}
inline std::string MessagesHistory(const json::Value& root) {
  return Conversation(R"({"model":"m","max_tokens":64,)",
                      R"({"role":"assistant","content":)" + Raw(root, {"content"}) + '}');
}

inline std::string Inner(const std::string& array) { return array.substr(1, array.size() - 2); }
inline std::string ResponsesHistory(const json::Value& root) {
  return R"({"model":"m","store":false,"input":[{"role":"user","content":"Think"},)" +
         Inner(Raw(root, {"output"})) + R"(,{"role":"user","content":"Again"}]})";
}
inline std::string GeminiHistory(const json::Value& root) {
  return R"({"contents":[{"role":"user","parts":[{"text":"Think"}]},)" +
         Raw(root, {"candidates", "0", "content"}) +
         R"(,{"role":"user","parts":[{"text":"Again"}]}]})";
}
inline std::string OllamaHistory(const json::Value& root) {
  return Conversation(R"({"model":"m","stream":false,)", Raw(root, {"message"}));
}
inline std::string ConverseHistory(const json::Value& root) {
  return R"({"messages":[{"role":"user","content":[{"text":"Think"}]},)" +
         Raw(root, {"output", "message"}) + R"(,{"role":"user","content":[{"text":"Again"}]}]})";
}

inline std::string CohereHistory(const json::Value& root) {
  return Conversation(R"({"model":"m",)", Raw(root, {"message"}));
}

inline const std::vector<Side>& Sides() {
  static const std::vector<Side> sides = {
      {.protocol = core::Protocol::kOpenAiChat,
       .title = "Chat",
       .folder = "openai_chat",
       .path = "/v1/chat/completions",
       .stream_path = "/v1/chat/completions",
       .history = ChatHistory},
      {.protocol = core::Protocol::kAnthropicMessages,
       .title = "Messages",
       .folder = "anthropic_messages",
       .path = "/v1/messages",
       .stream_path = "/v1/messages",
       .history = MessagesHistory,
       .says_reasoning = false},
      {.protocol = core::Protocol::kOpenAiResponses,
       .title = "Responses",
       .folder = "openai_responses",
       .path = "/v1/responses",
       .stream_path = "/v1/responses",
       .history = ResponsesHistory},
      {.protocol = core::Protocol::kGemini,
       .title = "Gemini",
       .folder = "gemini",
       .path = "/v1beta/models/m:generateContent",
       .stream_path = "/v1beta/models/m:streamGenerateContent?alt=sse",
       .history = GeminiHistory},
      {.protocol = core::Protocol::kOllama,
       .title = "Ollama",
       .folder = "ollama",
       .path = "/api/chat",
       .stream_path = "/api/chat",
       .history = OllamaHistory,
       .says_cached = false,
       .says_reasoning = false},
      {.protocol = core::Protocol::kCohereChat,
       .title = "Cohere",
       .folder = "cohere_chat",
       .path = "/v2/chat",
       .stream_path = "/v2/chat",
       .history = CohereHistory,
       .says_reasoning = false},
      {.protocol = core::Protocol::kBedrockConverse,
       .title = "Converse",
       .folder = "bedrock_converse",
       .path = "/model/m/converse",
       .stream_path = "/model/m/converse-stream",
       .history = ConverseHistory,
       .to_bytes = EventStreamFromText,
       .stream_sample = "frames",
       .says_reasoning = false},
  };
  return sides;
}

}  // namespace tidegate::protocols::matrix
