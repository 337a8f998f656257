#include "protocols/opaque.h"

#include <algorithm>
#include <utility>

#include "base/base64.h"

namespace tidegate::protocols {
namespace {

// Six bytes are eight digits of base64, so an envelope is known by how its text begins.
constexpr std::string_view kMagic = "TGATE1";
constexpr std::string_view kMagicText = "VEdBVEUx";
constexpr std::size_t kHeadBytes = kMagic.size() + 4;  // origin, kind, two bytes of the id's length
constexpr std::size_t kIdBytesMax = 0xFFFF;

}  // namespace

std::string WrapState(const core::OpaqueState& state, core::StateOrigin origin,
                      core::StateKind kind) {
  if (state.origin == origin && state.kind == kind && !IsEnvelope(state.bytes)) {
    return std::string(state.bytes);
  }
  const std::string_view id = state.id.substr(0, kIdBytesMax);
  std::string envelope(kMagic);
  envelope += static_cast<char>(state.origin);
  envelope += static_cast<char>(state.kind);
  envelope += static_cast<char>(id.size() >> 8U);
  envelope += static_cast<char>(id.size() & 0xFFU);
  envelope += id;
  envelope += state.bytes;
  return EncodeBase64(envelope);
}

bool IsEnvelope(std::string_view text) { return text.starts_with(kMagicText); }

std::optional<core::OpaqueState> UnwrapState(std::string_view text, core::StateOrigin origin,
                                             core::StateKind kind, RequestTexts& texts) {
  if (!IsEnvelope(text)) {
    return core::OpaqueState{.origin = origin, .kind = kind, .bytes = text, .id = {}};
  }
  const std::optional<std::string> envelope = DecodeBase64(text);
  if (!envelope || envelope->size() < kHeadBytes) return std::nullopt;
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>((*envelope)[at]); };
  const unsigned origin_number = byte(kMagic.size());
  const unsigned kind_number = byte(kMagic.size() + 1);
  const std::size_t id_size = byte(kMagic.size() + 2) * 256U + byte(kMagic.size() + 3);
  if (origin_number == 0 || origin_number > static_cast<unsigned>(core::StateOrigin::kGemini) ||
      kind_number > static_cast<unsigned>(core::StateKind::kOfPart) ||
      envelope->size() - kHeadBytes < id_size) {
    return std::nullopt;
  }
  const std::string_view rest = texts.Own(std::string_view(*envelope).substr(kHeadBytes));
  return core::OpaqueState{.origin = static_cast<core::StateOrigin>(origin_number),
                           .kind = static_cast<core::StateKind>(kind_number),
                           .bytes = rest.substr(id_size),
                           .id = rest.substr(0, id_size)};
}

void PutStatesInTheirParts(std::vector<core::Part>& parts) {
  const auto carries = [](const core::Part& part) {
    return part.kind == core::PartKind::kReasoning && part.text.empty() &&
           part.state.kind == core::StateKind::kOfPart && !part.state.empty();
  };
  if (std::none_of(parts.begin(), parts.end(), carries)) return;
  std::vector<core::Part> placed;
  placed.reserve(parts.size());
  std::optional<core::Part> carrier;
  for (core::Part& part : parts) {
    if (carrier && part.state.empty()) {
      part.state = carrier->state;
      carrier.reset();
    }
    if (carrier) placed.push_back(*std::exchange(carrier, std::nullopt));
    if (carries(part)) {
      carrier = part;
    } else {
      placed.push_back(std::move(part));
    }
  }
  if (carrier)
    placed.push_back(*std::move(carrier));  // of nothing that came back: kept all the same
  parts = std::move(placed);
}

}  // namespace tidegate::protocols
