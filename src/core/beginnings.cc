#include "core/beginnings.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace tidegate::core {
namespace {

constexpr char kEnd = '\xff';  // of a text: no byte of UTF-8

class Stream {
 public:
  // A text that goes on begins as it did, so its length says nothing before its end does.
  void Add(std::string_view text) {
    Put(text);
    Put({&kEnd, 1});
  }
  template <typename Enum>
  void AddKind(Enum kind) {
    const char byte = static_cast<char>(kind);
    Put({&byte, 1});
  }
  void Add(const Part& part) {
    if (part.kind == PartKind::kReasoning) return;
    AddKind(part.kind);
    AddKind(part.source);
    if (IsMedia(part.kind)) {  // megabytes that are read in one piece
      Put(AsBytes(ComputeSha256(part.text)));
    } else {
      Add(part.text);
    }
    for (const std::string_view text : {part.media_type, part.name, part.detail, part.arguments}) {
      Add(text);
    }
    for (const Part& inner : part.content) Add(inner);
  }

  std::vector<Sha256> Finish() && { return std::move(beginnings_); }

 private:
  void Put(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t size = std::min(bytes.size(), kBeginningBytes - block_.size());
      block_ += bytes.substr(0, size);
      bytes.remove_prefix(size);
      if (block_.size() == kBeginningBytes) EndBlock();
    }
  }
  void EndBlock() {
    Sha256Stream digest;
    if (!beginnings_.empty()) digest.Update(AsBytes(beginnings_.back()));
    digest.Update(block_);
    beginnings_.push_back(digest.Finish());
    block_.clear();
  }

  std::string block_;
  std::vector<Sha256> beginnings_;
};

}  // namespace

std::vector<Sha256> BeginningsOf(const Request& request) {
  Stream stream;
  for (const ToolSpec& tool : request.tools) {
    for (const std::string_view text : {tool.group, tool.name, tool.description, tool.parameters}) {
      stream.Add(text);
    }
  }
  for (const Message& message : request.messages) {
    stream.AddKind(message.role);
    stream.Add(message.name);
    for (const Part& part : message.parts) stream.Add(part);
  }
  return std::move(stream).Finish();
}

}  // namespace tidegate::core
