#include "protocols/ollama/options_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/fields.h"
#include "protocols/ollama/limits.h"
#include "protocols/spans.h"

namespace tidegate::protocols::ollama {
namespace {

using core::Capability;

constexpr FieldNames kOptions{std::to_array<std::string_view>(
    {"num_predict", "temperature", "top_k", "top_p", "min_p", "typical_p", "seed", "stop",
     "repeat_penalty", "repeat_last_n", "presence_penalty", "frequency_penalty", "num_ctx",
     // hints: integers
     "num_keep", "num_batch", "num_gpu", "main_gpu", "num_thread", "draft_num_predict",
     // hints: booleans
     "use_mmap",
     // of older releases: ignored
     "mirostat", "mirostat_eta", "mirostat_tau", "tfs_z", "penalize_newline", "numa", "low_vram",
     "f16_kv", "logits_all", "vocab_only", "use_mlock", "num_gqa", "rope_frequency_base",
     "rope_frequency_scale"})};
using OptionFields = Fields<kOptions.names.size()>;

class OptionsDecoder {
 public:
  OptionsDecoder(const OptionFields& fields, RequestTexts& texts, core::Request& request)
      : fields_(fields), texts_(texts), request_(request) {}

  Result<void> Decode() {
    TIDEGATE_TRY(DecodeOutputLimit());
    TIDEGATE_TRY(DecodeSampling());
    TIDEGATE_TRY(DecodePenalties());
    TIDEGATE_TRY(DecodeStop());
    TIDEGATE_TRY(DecodeWindow());
    return CheckHints();
  }

 private:
  Result<void> ReadNumber(std::size_t index, double low, double high, std::optional<double>& out) {
    const std::optional<json::Value> value = fields_.Value(index);
    if (!value) return {};
    TIDEGATE_ASSIGN(const double number, value->Number());
    if (!(number >= low && number <= high)) {
      return value->Invalid("must be a number from " + std::to_string(static_cast<int>(low)) +
                            " to " + std::to_string(static_cast<int>(high)));
    }
    out = number;
    return {};
  }

  // -1 and -2: as much as the model wants to say, or its context holds.
  Result<void> DecodeOutputLimit() {
    const auto& member = fields_.Member(kOptions.Index("num_predict"));
    if (!member) return {};
    request_.spans.max_tokens = ToCore(member->value.span());
    if (member->value.is_null()) return {};
    TIDEGATE_ASSIGN(const std::int64_t limit, member->value.IntegerIn(-2, kOutputTokensMax));
    if (limit == 0) return member->value.Invalid("must be at least 1, or -1 for no limit");
    if (limit > 0) request_.max_output_tokens = limit;
    return {};
  }

  Result<void> DecodeSampling() {
    TIDEGATE_TRY(
        ReadNumber(kOptions.Index("temperature"), 0, kTemperatureMax, request_.temperature));
    TIDEGATE_TRY(ReadNumber(kOptions.Index("top_p"), 0, 1, request_.top_p));
    TIDEGATE_TRY(ReadNumber(kOptions.Index("min_p"), 0, 1, request_.min_p));
    TIDEGATE_TRY(ReadNumber(kOptions.Index("typical_p"), 0, 1, request_.typical_p));
    // A model that cannot be tuned still accepts what changes nothing.
    if (request_.temperature.value_or(1) != 1 || request_.top_p.value_or(1) != 1) {
      texts_.Need(Capability::kTemperature);
    }
    if (request_.min_p.value_or(0) == 0) request_.min_p.reset();
    if (request_.typical_p.value_or(1) == 1) request_.typical_p.reset();
    if (request_.min_p || request_.typical_p) texts_.Need(Capability::kLlamaSampling);
    if (const std::optional<json::Value> top_k = fields_.Value(kOptions.Index("top_k"))) {
      TIDEGATE_ASSIGN(request_.top_k, top_k->IntegerIn(0, kTopKMax));
      texts_.Need(Capability::kTopK);
    }
    const std::optional<json::Value> seed = fields_.Value(kOptions.Index("seed"));
    if (!seed) return {};
    TIDEGATE_ASSIGN(const std::int64_t number, seed->Integer());
    if (number < 0) return {};  // a new one for each answer
    request_.seed = number;
    texts_.Need(Capability::kSeed);
    return {};
  }

  Result<void> DecodePenalties() {
    TIDEGATE_TRY(ReadNumber(kOptions.Index("presence_penalty"), -kPenaltyMax, kPenaltyMax,
                            request_.presence_penalty));
    TIDEGATE_TRY(ReadNumber(kOptions.Index("frequency_penalty"), -kPenaltyMax, kPenaltyMax,
                            request_.frequency_penalty));
    if (request_.presence_penalty.value_or(0) != 0 || request_.frequency_penalty.value_or(0) != 0) {
      texts_.Need(Capability::kPenalties);
    }
    TIDEGATE_TRY(
        ReadNumber(kOptions.Index("repeat_penalty"), 0, kPenaltyMax, request_.repeat_penalty));
    if (request_.repeat_penalty.value_or(1) == 1) request_.repeat_penalty.reset();
    if (const std::optional<json::Value> last = fields_.Value(kOptions.Index("repeat_last_n"))) {
      TIDEGATE_ASSIGN(const std::int64_t tokens, last->IntegerIn(-1, kRepeatLastNMax));
      // Without a penalty there is nothing for it to say.
      if (request_.repeat_penalty || request_.needs.Has(Capability::kPenalties)) {
        request_.repeat_last_n = tokens;
      }
    }
    if (request_.repeat_penalty || request_.repeat_last_n) {
      texts_.Need(Capability::kLlamaSampling);
    }
    return {};
  }

  Result<void> DecodeStop() {
    const std::optional<json::Value> stop = fields_.Value(kOptions.Index("stop"));
    if (!stop) return {};
    TIDEGATE_ASSIGN(const json::Array array, stop->Array());
    for (const json::Value element : array) {
      if (request_.stop.size() == kStopSequencesMax) {
        return stop->Invalid("has more than " + std::to_string(kStopSequencesMax) + " strings");
      }
      TIDEGATE_ASSIGN(const std::string_view text, texts_.Keep(element));
      request_.stop.push_back(text);
    }
    if (!request_.stop.empty()) texts_.Need(Capability::kStop);
    return {};
  }

  // Less than one is Ollama's way to leave it to the server.
  Result<void> DecodeWindow() {
    const std::optional<json::Value> value = fields_.Value(kOptions.Index("num_ctx"));
    if (!value) return {};
    TIDEGATE_ASSIGN(const std::int64_t tokens, value->Integer());
    if (tokens > kWindowTokensMax) {
      return value->Invalid("must be at most " + std::to_string(kWindowTokensMax));
    }
    request_.window_tokens = std::max<std::int64_t>(0, tokens);
    return {};
  }

  Result<void> CheckHints() const {
    for (const std::size_t index :
         {kOptions.Index("num_keep"), kOptions.Index("num_batch"), kOptions.Index("num_gpu"),
          kOptions.Index("main_gpu"), kOptions.Index("num_thread"),
          kOptions.Index("draft_num_predict")}) {
      if (const std::optional<json::Value> value = fields_.Value(index)) {
        TIDEGATE_TRY(value->Integer());
      }
    }
    const std::optional<json::Value> mmap = fields_.Value(kOptions.Index("use_mmap"));
    if (mmap) TIDEGATE_TRY(mmap->Bool());
    return {};
  }

  const OptionFields& fields_;
  RequestTexts& texts_;
  core::Request& request_;
};

}  // namespace

Result<void> DecodeOptions(const json::Value& options, RequestTexts& texts,
                           core::Request& request) {
  request.spans.limit_parent = ToCore(options.span());
  if (options.is_null()) return {};
  TIDEGATE_ASSIGN(const OptionFields fields, ReadFields(kOptions, options));
  if (fields.has_unknown()) {
    TIDEGATE_TRY(fields.object().RequireUniqueKeys());
    texts.NeedVendor(fields.UnknownPath());
    texts.Count(options.raw().size());
  }
  return OptionsDecoder(fields, texts, request).Decode();
}

}  // namespace tidegate::protocols::ollama
