#include "protocols/openai_chat/sampling_decoder.h"

namespace tidegate::protocols::openai_chat {
namespace {

constexpr FieldNames kStreamOptions{
    std::to_array<std::string_view>({"include_usage", "include_obfuscation"})};

}  // namespace

Result<void> ReadNumber(const std::optional<json::Value>& value, double low, double high,
                        std::optional<double>& out) {
  if (!value) return {};
  TIDEGATE_ASSIGN(const double number, value->Number());
  if (!(number >= low && number <= high)) {
    return value->Invalid("must be a number from " + std::to_string(static_cast<int>(low)) +
                          " to " + std::to_string(static_cast<int>(high)));
  }
  out = number;
  return {};
}

Result<void> DecodeStop(const json::Value& stop, RequestTexts& texts, core::Request& request) {
  if (!stop.is_string() && !stop.is_array())
    return stop.Mismatch("a string or an array of strings");
  if (stop.is_string()) {
    TIDEGATE_ASSIGN(const std::string_view text, texts.Keep(stop));
    request.stop.push_back(text);
  } else {
    const json::Array elements = *stop.Array();
    for (const json::Value element : elements) {
      if (request.stop.size() == kStopSequencesMax) {
        return stop.Invalid("has more than " + std::to_string(kStopSequencesMax) + " strings");
      }
      TIDEGATE_ASSIGN(const std::string_view text, texts.Keep(element));
      request.stop.push_back(text);
    }
  }
  if (!request.stop.empty()) texts.Need(core::Capability::kStop);
  return {};
}

Result<void> DecodeLogitBias(const json::Value& bias, RequestTexts& texts, core::Request& request) {
  TIDEGATE_ASSIGN(const json::Object object, bias.Object());
  for (const json::Member& member : object) {
    TIDEGATE_TRY(member.value.IntegerIn(-kLogitBiasMax, kLogitBiasMax));
  }
  if (object.empty()) return {};
  request.logit_bias = bias.raw();
  texts.Need(core::Capability::kLogitBias);
  return {};
}

Result<void> DecodeStreamOptions(const json::Value& value, RequestTexts& texts,
                                 core::Request& request) {
  TIDEGATE_ASSIGN(const auto options, ReadFields(kStreamOptions, value));
  if (!request.stream) return value.Invalid("is only allowed when `stream` is true");
  if (options.has_unknown()) {
    texts.NeedVendor(options.UnknownPath());
    texts.Count(value.raw().size());
  }
  if (const auto& usage = options.Member(kStreamOptions.Index("include_usage"))) {
    request.spans.include_usage = ToCore(usage->value.span());
    if (!usage->value.is_null()) {
      TIDEGATE_ASSIGN(request.stream_usage, usage->value.Bool());
    }
  }
  if (const auto obfuscation = options.Value(kStreamOptions.Index("include_obfuscation"))) {
    TIDEGATE_TRY(obfuscation->Bool());
  }
  if (request.stream_usage) texts.Need(core::Capability::kStreamUsage);
  return {};
}

}  // namespace tidegate::protocols::openai_chat
