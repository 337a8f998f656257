#include "emulator/keys.h"

#include <algorithm>

#include "base/secret.h"

namespace tidegate::emulator {
namespace {

std::string_view AfterWord(std::string_view value, std::string_view word) {
  if (!value.starts_with(word)) return {};
  return value.substr(word.size());
}

std::string_view QueryKey(std::string_view query) {
  constexpr std::string_view kKey = "key=";
  while (!query.empty()) {
    const std::string_view parameter = query.substr(0, query.find('&'));
    if (parameter.starts_with(kKey)) return parameter.substr(kKey.size());
    query.remove_prefix(std::min(query.size(), parameter.size() + 1));
  }
  return {};
}

}  // namespace

std::string_view GivenKey(const net::HttpHead& head, KeyPlace place) {
  switch (place) {
    case KeyPlace::kBearer:
      return AfterWord(head.Find("authorization").value_or(""), "Bearer ");
    case KeyPlace::kToken:
      return AfterWord(head.Find("authorization").value_or(""), "Token ");
    case KeyPlace::kXApiKey:
      return head.Find("x-api-key").value_or("");
    case KeyPlace::kApiKey:
      return head.Find("api-key").value_or("");
    case KeyPlace::kXGoogApiKey:
      return head.Find("x-goog-api-key").value_or("");
    case KeyPlace::kQuery:
      return QueryKey(head.query());
  }
  return {};
}

bool HasKey(const net::HttpHead& head, const Model& model, std::span<const KeyPlace> places) {
  if (model.api_key.empty()) return true;
  if (model.quirks.key_place) places = {&*model.quirks.key_place, 1};
  for (const KeyPlace place : places) {
    if (ConstantTimeEqual(GivenKey(head, place), model.api_key.Reveal())) return true;
  }
  return false;
}

}  // namespace tidegate::emulator
