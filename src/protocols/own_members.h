// The gate's own members at the top of a body.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/envelope.h"
#include "json/splice.h"
#include "protocols/extension_decoder.h"
#include "protocols/fields.h"
#include "protocols/spans.h"

namespace tidegate::protocols {

// Reads "tidegate", and OpenRouter's "provider" where `names` lists it, and notes what has to go
// before the body is passed on. REQUIRES: `names` lists "tidegate".
template <std::size_t N>
Result<void> TakeOwnMembers(const FieldNames<N>& names, const Fields<N>& root,
                            const ConstraintParser& parser, core::Envelope& request) {
  constexpr std::array<std::string_view, 2> kOurs = {"tidegate", "provider"};
  const auto find = [&](std::string_view key) {
    const std::size_t index = names.Find(key);
    return index == N ? std::optional<json::Member>() : root.Member(index);
  };
  const std::optional<json::Member> tidegate = find(kOurs[0]);
  const std::optional<json::Member> provider = find(kOurs[1]);
  if (tidegate && !tidegate->value.is_null()) {
    TIDEGATE_TRY(DecodeExtension(tidegate->value, parser, request.constraints));
  }
  if (provider && !provider->value.is_null()) {
    TIDEGATE_TRY(DecodeProviderAlias(provider->value, parser, request.constraints));
  }
  if (!tidegate && !provider) return {};
  const std::vector<json::Span> spans =
      json::RemovalSpans(root.object(), std::span(kOurs.data(), provider ? 2U : 1U));
  request.spans.tidegate_member = ToCore(spans[0]);
  if (provider) request.spans.provider_member = ToCore(spans[1]);
  return {};
}

}  // namespace tidegate::protocols
