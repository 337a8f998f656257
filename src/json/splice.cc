#include "json/splice.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace tidegate::json {

namespace {

// A removed piece takes everything up to the next one with it, comma included. A run of removed
// pieces at the end has no next one: there each takes what stands behind the piece before it. When
// no piece stays, the last has no comma. Empty for a piece that stays.
std::vector<Span> RemovalsOf(const std::vector<Span>& pieces, const std::vector<bool>& removed) {
  std::size_t tail = pieces.size();  // first piece of the run of removed ones at the end
  while (tail > 0 && removed[tail - 1]) --tail;
  std::vector<Span> spans(pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (!removed[i]) continue;
    if (i >= tail && tail > 0) {
      spans[i] = {pieces[i - 1].end, pieces[i].end};
    } else {
      spans[i] = {pieces[i].begin, i + 1 < pieces.size() ? pieces[i + 1].begin : pieces[i].end};
    }
  }
  return spans;
}

}  // namespace

std::vector<Span> RemovalSpans(const Object& object, std::span<const std::string_view> keys) {
  std::vector<Span> pieces;
  std::vector<bool> removed;
  std::vector<std::size_t> key_of;
  for (const Member& member : object) {
    pieces.push_back({member.key_span().begin, member.value.span().end});
    const auto key = std::find(keys.begin(), keys.end(), member.key);
    key_of.push_back(static_cast<std::size_t>(key - keys.begin()));
    removed.push_back(key != keys.end());
  }
  const std::vector<Span> removals = RemovalsOf(pieces, removed);
  std::vector<Span> spans(keys.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (removed[i]) spans[key_of[i]] = removals[i];
  }
  return spans;
}

std::vector<Span> RemovalSpans(const Array& array, const std::vector<bool>& removed) {
  std::vector<Span> pieces;
  for (const Value element : array) pieces.push_back(element.span());
  CHECK(pieces.size() == removed.size());
  std::vector<Span> spans = RemovalsOf(pieces, removed);
  std::erase_if(spans, [](const Span& span) { return span.empty(); });
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
