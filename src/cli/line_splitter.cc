#include "cli/line_splitter.h"

#include <utility>

namespace tidegate::cli {

Result<void> LineSplitter::Finish(const Handler& handler) {
  std::string line = std::exchange(line_, std::string());
  if (line.ends_with('\r')) line.pop_back();
  return line.empty() ? Result<void>() : handler(line);
}

Result<void> LineSplitter::Feed(std::string_view bytes, const Handler& handler) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (line_.size() + piece.size() > kAnswerLineBytesMax) {
      return Error{
          ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kNever,
          "a line of the answer is larger than " + std::to_string(kAnswerLineBytesMax) + " bytes"};
    }
    line_ += piece;
    if (end == std::string_view::npos) return Result<void>();
    bytes.remove_prefix(end + 1);
    TIDEGATE_TRY(Finish(handler));
  }
  return Result<void>();
}

}  // namespace tidegate::cli
