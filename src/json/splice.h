// Changing a few places of a document without touching any other byte.
//
// What is forwarded must stay what the caller wrote: prompt caches, signatures and fields we never
// heard of survive only if the bytes do. A Splice collects edits by span and yields the changed
// text as slices for a scatter write, most of which view the original.
#pragma once

#include <cstddef>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "json/span.h"
#include "json/value.h"

namespace tidegate::json {

// The spans to erase so that the members named `keys` disappear together, each with the comma that
// must go with it; result i belongs to keys[i] and is empty when there is no such member. The spans
// do not overlap, and erasing all of them leaves valid JSON; erasing only some of them need not.
// REQUIRES: the keys of `object` are unique, and so are `keys`.
std::vector<Span> RemovalSpans(const Object& object, std::span<const std::string_view> keys);

// The same for the elements of an array of which `removed` says so; the result has a span for each
// of those, in order. REQUIRES: one flag for each element.
std::vector<Span> RemovalSpans(const Array& array, const std::vector<bool>& removed);

// Not thread-safe. Views `text` and the replacements given to it, which must outlive the slices.
class Splice {
 public:
  explicit Splice(std::string_view text) : text_(text) {}
  Splice(Splice&&) = default;
  Splice& operator=(Splice&&) = default;

  // An empty span inserts; an empty replacement erases. Edits may come in any order; insertions at
  // one offset stay in the order they came in and stand before what replaces a span that begins
  // there. REQUIRES: the span lies in the text and overlaps no span given before (checked by
  // Slices).
  void Replace(Span span, std::string_view replacement);
  // Replace with a text that the Splice keeps.
  void ReplaceOwned(Span span, std::string replacement);
  void Insert(std::uint32_t offset, std::string_view text) { Replace(Span{offset, offset}, text); }
  void Erase(Span span) { Replace(span, {}); }

  bool empty() const { return edits_.empty(); }
  // The changed text in order, without empty slices. They live as long as the Splice and what it
  // views.
  std::vector<std::string_view> Slices() const;
  std::size_t Size() const;  // bytes of all slices
  std::string Join() const;  // all slices as one string

 private:
  struct Edit {
    Span span;
    std::string_view replacement;
  };
  std::string_view text_;
  std::vector<Edit> edits_;
  std::list<std::string> owned_;
};

}  // namespace tidegate::json
