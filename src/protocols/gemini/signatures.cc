#include "protocols/gemini/signatures.h"

#include "protocols/gemini/proto_fields.h"
#include "protocols/opaque.h"

namespace tidegate::protocols::gemini {
namespace {

using core::StateKind;
using core::StateOrigin;

constexpr std::string_view kOtherStandIn = "context_engineering_is_the_way_to_go";

}  // namespace

std::string SignatureFor(const core::OpaqueState& state) {
  return WrapState(state, StateOrigin::kGemini, state.kind);
}

std::optional<core::OpaqueState> ReadSignature(std::string_view text, bool of_thought,
                                               RequestTexts& texts) {
  if (text.empty() || text == kNobodysSignature || text == kOtherStandIn) {
    return core::OpaqueState();
  }
  const StateKind kind = of_thought ? StateKind::kSignature : StateKind::kOfPart;
  // Clients that keep bytes write them anew, some of them in the other alphabet. An envelope must
  // be read; Google's own signature means the same in both.
  if (!IsPlainBase64(text) && IsEnvelope(text)) text = texts.Own(ToPlainBase64(text));
  return UnwrapState(text, StateOrigin::kGemini, kind, texts);
}

}  // namespace tidegate::protocols::gemini
