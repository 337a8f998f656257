// The fields that chats and the older completions have in common: how to sample, and how to stream.
// `kNames` is the list of the root's names, which must have them all.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "core/request.h"
#include "json/value.h"
#include "protocols/fields.h"
#include "protocols/openai_chat/limits.h"
#include "protocols/request_texts.h"
#include "protocols/spans.h"

namespace tidegate::protocols::openai_chat {

// A number from `low` to `high`; nothing where it is missing.
Result<void> ReadNumber(const std::optional<json::Value>& value, double low, double high,
                        std::optional<double>& out);
// A string, or an array of them.
Result<void> DecodeStop(const json::Value& stop, RequestTexts& texts, core::Request& request);
Result<void> DecodeLogitBias(const json::Value& bias, RequestTexts& texts, core::Request& request);
Result<void> DecodeStreamOptions(const json::Value& options, RequestTexts& texts,
                                 core::Request& request);

// "stream" and "stream_options".
template <const auto& kNames, typename RootFields>
Result<void> DecodeStream(const RootFields& fields, RequestTexts& texts, core::Request& request) {
  if (const auto& member = fields.Member(kNames.Index("stream"))) {
    request.spans.stream = ToCore(member->value.span());
    if (!member->value.is_null()) {
      TIDEGATE_ASSIGN(request.stream, member->value.Bool());
    }
  }
  const auto& member = fields.Member(kNames.Index("stream_options"));
  if (!member) return {};
  request.spans.stream_options = ToCore(member->value.span());
  if (member->value.is_null()) return {};
  return DecodeStreamOptions(member->value, texts, request);
}

// "temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "seed", "stop",
// "logit_bias" and "n".
template <const auto& kNames, typename RootFields>
Result<void> DecodeSampling(const RootFields& fields, RequestTexts& texts, core::Request& request) {
  using core::Capability;
  TIDEGATE_TRY(ReadNumber(fields.Value(kNames.Index("temperature")), 0, kTemperatureMax,
                          request.temperature));
  TIDEGATE_TRY(ReadNumber(fields.Value(kNames.Index("top_p")), 0, kTopPMax, request.top_p));
  TIDEGATE_TRY(ReadNumber(fields.Value(kNames.Index("presence_penalty")), -kPenaltyMax, kPenaltyMax,
                          request.presence_penalty));
  TIDEGATE_TRY(ReadNumber(fields.Value(kNames.Index("frequency_penalty")), -kPenaltyMax,
                          kPenaltyMax, request.frequency_penalty));
  // A model that cannot be tuned still accepts the defaults.
  if (request.temperature.value_or(1) != 1 || request.top_p.value_or(1) != 1) {
    texts.Need(Capability::kTemperature);
  }
  if (request.presence_penalty.value_or(0) != 0 || request.frequency_penalty.value_or(0) != 0) {
    texts.Need(Capability::kPenalties);
  }
  if (const std::optional<json::Value> seed = fields.Value(kNames.Index("seed"))) {
    TIDEGATE_ASSIGN(request.seed, seed->Integer());
    texts.Need(Capability::kSeed);
  }
  if (const std::optional<json::Value> top_k = fields.Value(kNames.Index("top_k"))) {
    TIDEGATE_ASSIGN(request.top_k, top_k->IntegerIn(0, kTopKMax));
    texts.Need(Capability::kTopK);
  }
  if (const std::optional<json::Value> stop = fields.Value(kNames.Index("stop"))) {
    TIDEGATE_TRY(DecodeStop(*stop, texts, request));
  }
  if (const std::optional<json::Value> bias = fields.Value(kNames.Index("logit_bias"))) {
    TIDEGATE_TRY(DecodeLogitBias(*bias, texts, request));
  }
  const std::optional<json::Value> n = fields.Value(kNames.Index("n"));
  if (!n) return {};
  TIDEGATE_ASSIGN(request.choices, n->IntegerIn(1, kChoicesMax));
  if (request.choices > 1) texts.Need(Capability::kMultipleChoices);
  return {};
}

}  // namespace tidegate::protocols::openai_chat
