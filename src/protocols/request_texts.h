// The texts of a request: viewed where they stand in the body, copied only where an escape makes
// that impossible.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "core/envelope.h"
#include "json/value.h"
#include "protocols/fields.h"

namespace tidegate::protocols {

// Borrows the request it fills; not thread-safe. REQUIRES: request.body is the text of the
// document.
class RequestTexts {
 public:
  explicit RequestTexts(core::Envelope& request) : request_(request) {}

  // The string of a member or element; lives as long as the request and its body. Errors: not a
  // string.
  Result<std::string_view> Keep(const json::Member& member);
  Result<std::string_view> Keep(const json::Value& value);
  // The same, and its bytes count as text of the prompt.
  Result<std::string_view> KeepCounted(const json::Member& member);

  // A text that stands nowhere in the body.
  std::string_view Own(std::string_view text) { return request_.arena.emplace_back(text); }

  void Need(core::Capability capability) { request_.needs = request_.needs.With(capability); }
  // The field at `path` can only go to a target of the same protocol that passes on what it does
  // not know.
  void NeedVendor(std::string path) {
    if (request_.vendor_field.empty()) request_.vendor_field = std::move(path);
    Need(core::Capability::kVendorFields);
  }
  template <std::size_t N>
  void NeedVendorIfUnknown(const Fields<N>& fields) {
    if (fields.has_unknown()) NeedVendor(fields.UnknownPath());
  }

  // The members of the root that `names` does not list. What they do is unknown, so all of them may
  // reach the model as text. Errors: one stands twice.
  template <std::size_t N>
  Result<void> TakeUnknown(const FieldNames<N>& names, const Fields<N>& root) {
    if (!root.has_unknown()) return {};
    TIDEGATE_TRY(root.object().RequireUniqueKeys());
    NeedVendor(root.UnknownPath());
    for (const json::Member& member : root.object()) {
      if (names.Find(member.key) == N) Count(member.value.raw().size());
    }
    return {};
  }
  // The model that a body names, and where.
  Result<void> TakeModel(const json::Value& model, const json::Value& root);

  // Bytes of other text that reach the model, as a tool's schema.
  void Count(std::size_t bytes) { request_.text_bytes += static_cast<std::int64_t>(bytes); }

 private:
  core::Envelope& request_;
};

}  // namespace tidegate::protocols
