#include "protocols/openai_chat/sampling_writer.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace tidegate::protocols::openai_chat {
namespace {

void WriteNumber(json::Writer& out, std::string_view key, const std::optional<double>& value) {
  if (value) out.Key(key).Double(*value);
}

void WriteInteger(json::Writer& out, std::string_view key,
                  const std::optional<std::int64_t>& value) {
  if (value) out.Key(key).Integer(*value);
}

}  // namespace

void WriteSampling(json::Writer& out, const core::Request& request, const Dialect& dialect) {
  WriteNumber(out, "temperature", request.temperature);
  WriteNumber(out, "top_p", request.top_p);
  WriteNumber(out, "presence_penalty", request.presence_penalty);
  WriteNumber(out, "frequency_penalty", request.frequency_penalty);
  WriteInteger(out, dialect.seed, request.seed);
  if (!request.stop.empty()) {
    out.Key("stop").BeginArray();
    for (const std::string_view stop : request.stop) out.String(stop);
    out.EndArray();
  }
  if (!request.logit_bias.empty()) out.Key("logit_bias").Raw(request.logit_bias);
  if (request.choices != 1) out.Key("n").Integer(request.choices);
}

void WriteMoreSampling(json::Writer& out, const core::Request& request) {
  WriteInteger(out, "top_k", request.top_k);
  WriteNumber(out, "min_p", request.min_p);
  WriteNumber(out, "typical_p", request.typical_p);
  WriteNumber(out, "repeat_penalty", request.repeat_penalty);
  WriteInteger(out, "repeat_last_n", request.repeat_last_n);
}

}  // namespace tidegate::protocols::openai_chat
