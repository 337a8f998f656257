#include "protocols/openai_chat/frame_reader.h"

#include <variant>

#include "protocols/scratch_reader.h"
#include "protocols/sse/event.h"
#include "protocols/sse/splitter.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols::openai_chat {
namespace {

constexpr std::string_view kDoneData = "[DONE]";
constexpr std::string_view kBlanks = " \t";

std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

}  // namespace

Result<FrameKind> FrameReader::Read(std::string_view frame, std::vector<core::Event>& out) {
  const sse::Event event = sse::ParseEvent(frame, joined_);
  const std::string_view data = Trim(event.data);
  if (data.empty()) return FrameKind::kIdle;
  if (done_ || failed_) return FrameKind::kIgnored;
  if (data == kDoneData) {
    if (!answer_.said_anything()) return MalformedAnswer("is empty");
    done_ = true;
    out.emplace_back(core::DoneEvent{});
    return FrameKind::kDone;
  }
  const std::size_t before = out.size();
  const ScratchReader json;
  const Result<json::Value> root = json->ParseCopy(data, sse::kFrameBytesMax);
  if (!root.ok()) return MalformedAnswer(root.error());
  if (Result<void> read = answer_.ReadChunk(*root, event.name == "error", out); !read.ok()) {
    out.resize(before);
    return std::move(read).error();
  }
  if (out.size() == before) return FrameKind::kChunk;
  if (std::holds_alternative<core::ErrorEvent>(out.back())) {
    failed_ = true;
    return FrameKind::kError;
  }
  const bool has_usage = std::holds_alternative<core::UsageEvent>(out.back());
  return has_usage && !answer_.chunk_had_choices() ? FrameKind::kUsage : FrameKind::kChunk;
}

}  // namespace tidegate::protocols::openai_chat
