#include "cli/event_reader.h"

#include <utility>

namespace tidegate::cli {

Result<void> EventReader::Line(const Handler& handler) {
  std::string_view line = line_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) {
    const std::string data = std::exchange(data_, std::string());
    if (std::exchange(has_data_, false)) return handler(data);
    return Result<void>();
  }
  constexpr std::string_view kData = "data:";
  if (!line.starts_with(kData)) return Result<void>();
  line.remove_prefix(kData.size());
  if (line.starts_with(' ')) line.remove_prefix(1);
  if (has_data_) data_ += '\n';
  data_ += line;
  has_data_ = true;
  return Result<void>();
}

Result<void> EventReader::Feed(std::string_view bytes, const Handler& handler) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (line_.size() + data_.size() + piece.size() > kEventBytesMax) {
      return Error{
          ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kNever,
          "an event of the answer is larger than " + std::to_string(kEventBytesMax) + " bytes"};
    }
    line_ += piece;
    if (end == std::string_view::npos) return Result<void>();
    bytes.remove_prefix(end + 1);
    const Result<void> handled = Line(handler);
    line_.clear();
    if (!handled.ok()) return handled;
  }
  return Result<void>();
}

}  // namespace tidegate::cli
