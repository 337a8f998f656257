#include "json/splice.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace tidegate::json {

// A removed member takes everything up to the next member's name with it, comma included. A run of
// removed members at the end has no next member: there each takes what stands behind the value
// before it. When no member stays, the last has no comma.
std::vector<Span> RemovalSpans(const Object& object, std::span<const std::string_view> keys) {
  std::vector<Member> members;
  for (const Member& member : object) members.push_back(member);
  const auto key_index = [&](const Member& member) {
    return static_cast<std::size_t>(std::find(keys.begin(), keys.end(), member.key) - keys.begin());
  };
  std::size_t tail = members.size();  // first member of the run of removed ones at the end
  while (tail > 0 && key_index(members[tail - 1]) < keys.size()) --tail;

  std::vector<Span> spans(keys.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    const std::size_t key = key_index(members[i]);
    if (key == keys.size()) continue;
    const std::uint32_t end = members[i].value.span().end;
    if (i >= tail && tail > 0) {
      spans[key] = {members[i - 1].value.span().end, end};
    } else {
      spans[key] = {members[i].key_span().begin,
                    i + 1 < members.size() ? members[i + 1].key_span().begin : end};
    }
  }
  return spans;
}

void Splice::Replace(Span span, std::string_view replacement) {
  CHECK(span.begin <= span.end && span.end <= text_.size());
  const auto before = [](const Edit& edit, const Span& at) {
    return std::pair(edit.span.begin, !edit.span.empty()) <= std::pair(at.begin, !at.empty());
  };
  const auto place = std::lower_bound(edits_.begin(), edits_.end(), span, before);
  edits_.insert(place, Edit{span, replacement});
}

void Splice::ReplaceOwned(Span span, std::string replacement) {
  owned_.push_back(std::move(replacement));
  Replace(span, owned_.back());
}

std::vector<std::string_view> Splice::Slices() const {
  std::vector<std::string_view> slices;
  slices.reserve(2 * edits_.size() + 1);
  const auto add = [&](std::string_view slice) {
    if (!slice.empty()) slices.push_back(slice);
  };
  std::size_t copied = 0;
  for (const Edit& edit : edits_) {
    CHECK(edit.span.begin >= copied);  // no overlap
    add(text_.substr(copied, edit.span.begin - copied));
    add(edit.replacement);
    copied = edit.span.end;
  }
  add(text_.substr(copied));
  return slices;
}

std::size_t Splice::Size() const {
  std::size_t size = 0;
  for (const std::string_view slice : Slices()) size += slice.size();
  return size;
}

std::string Splice::Join() const {
  std::string text;
  text.reserve(Size());
  for (const std::string_view slice : Slices()) text += slice;
  return text;
}

}  // namespace tidegate::json
