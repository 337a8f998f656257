#include "protocols/opaque.h"

#include <gtest/gtest.h>

#include "core/request.h"

namespace tidegate::protocols {
namespace {

using core::OpaqueState;
using core::PartKind;
using core::StateKind;
using core::StateOrigin;

TEST(OpaqueState, OnesOwnStaysAsItIsAndAnothersComesBackByteForByte) {
  const std::string bytes("\x01\0sig\xFF\"\\", 8);
  for (const StateOrigin origin :
       {StateOrigin::kAnthropic, StateOrigin::kOpenAi, StateOrigin::kGemini}) {
    for (const StateKind kind : {StateKind::kSignature, StateKind::kRedacted, StateKind::kOfPart}) {
      const OpaqueState state{origin, kind, bytes, "rs_1"};
      const std::string text = WrapState(state, StateOrigin::kAnthropic, StateKind::kSignature);
      const bool own = origin == StateOrigin::kAnthropic && kind == StateKind::kSignature;
      EXPECT_EQ(text == bytes, own);
      core::Request request;
      RequestTexts texts(request);
      const auto back = UnwrapState(text, StateOrigin::kAnthropic, StateKind::kSignature, texts);
      ASSERT_TRUE(back);
      EXPECT_EQ(back->origin, origin);
      EXPECT_EQ(back->kind, kind);
      EXPECT_EQ(back->bytes, bytes);
      EXPECT_EQ(back->id, own ? "" : "rs_1");
    }
  }
}

TEST(OpaqueState, ADamagedEnvelopeIsNoState) {
  const std::string text = WrapState({StateOrigin::kGemini, StateKind::kOfPart, "bytes", "id"},
                                     StateOrigin::kAnthropic, StateKind::kSignature);
  core::Request request;
  RequestTexts texts(request);
  for (std::size_t size = 8; size < text.size(); ++size) {
    const auto cut = UnwrapState(std::string_view(text).substr(0, size), StateOrigin::kAnthropic,
                                 StateKind::kSignature, texts);
    EXPECT_TRUE(!cut || cut->bytes.size() < 5) << size;
  }
  EXPECT_FALSE(
      UnwrapState("VEdBVEUxAAAAAA==", StateOrigin::kAnthropic, StateKind::kSignature, texts))
      << "no such origin";
}

core::Part Carrier(std::string_view bytes) {
  return {.kind = PartKind::kReasoning,
          .state = {StateOrigin::kGemini, StateKind::kOfPart, bytes, {}}};
}

TEST(OpaqueState, AStateOfAPartMovesToThePartBehindItsCarrier) {
  std::vector<core::Part> parts = {Carrier("a"),
                                   {.text = "text"},
                                   {.text = "more"},
                                   Carrier("b"),
                                   {.kind = PartKind::kToolCall, .id = "c"},
                                   Carrier("d")};
  PutStatesInTheirParts(parts);
  ASSERT_EQ(parts.size(), 4U);
  EXPECT_EQ(parts[0].state.bytes, "a");
  EXPECT_TRUE(parts[1].state.empty());
  EXPECT_EQ(parts[2].state.bytes, "b");
  EXPECT_EQ(parts[2].id, "c");
  EXPECT_EQ(parts[3].state.bytes, "d") << "kept though nothing stands behind it";
}

}  // namespace
}  // namespace tidegate::protocols
