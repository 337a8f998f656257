// The list of protocols: one line each, in matching order.
#include <array>

#include "base/check.h"
#include "protocols/openai_chat/codec.h"
#include "protocols/protocol.h"

namespace tidegate::protocols {

std::span<const Protocol* const> All() {
  static const std::array kAll = {
      &openai_chat::Codec(),
  };
  return kAll;
}

const Protocol& Get(core::Protocol id) {
  const Protocol* found = nullptr;
  for (const Protocol* protocol : All()) {
    if (protocol->id() == id) found = protocol;
  }
  CHECK(found != nullptr);  // every value of core::Protocol has its line above
  return *found;
}

}  // namespace tidegate::protocols
