#include "models/capabilities.h"

#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::models {
namespace {

using WordList = std::vector<std::string_view>;

GgufMetadata Chatting() {
  GgufMetadata model;
  model.has_chat_template = true;
  return model;
}

TEST(CapabilitiesTest, AModelContinuesTextsAndWithATemplateItChats) {
  EXPECT_EQ(Words(CapabilitiesOf({}, nullptr)), (WordList{"completion"}));
  EXPECT_FALSE(CapabilitiesOf({}, nullptr).chat);
  EXPECT_TRUE(CapabilitiesOf(Chatting(), nullptr).chat);
}

TEST(CapabilitiesTest, ListsWhatTheTemplateAndTheVocabularyShow) {
  GgufMetadata model = Chatting();
  model.template_uses_tools = model.template_uses_reasoning = true;
  model.fill_in = GgufFillIn{1, 2, 3};
  EXPECT_EQ(Words(CapabilitiesOf(model, nullptr)),
            (WordList{"completion", "tools", "insert", "thinking"}));
}

TEST(CapabilitiesTest, SeesAndHearsWithAProjectorOnly) {
  GgufMetadata projector;
  projector.projector.vision = projector.projector.audio = true;
  EXPECT_FALSE(CapabilitiesOf(Chatting(), &projector).vision);  // it is no projector
  projector.kind = GgufKind::kProjector;
  const ModelCapabilities can = CapabilitiesOf(Chatting(), &projector);
  EXPECT_EQ(Words(can), (WordList{"completion", "vision", "audio"}));
}

TEST(CapabilitiesTest, WhatEmbedsOrRanksDoesNothingElse) {
  GgufMetadata model = Chatting();
  model.template_uses_tools = true;
  model.pooling = GgufPooling::kEmbedding;
  EXPECT_EQ(Words(CapabilitiesOf(model, nullptr)), (WordList{"embedding"}));
  model.pooling = GgufPooling::kRank;
  EXPECT_EQ(Words(CapabilitiesOf(model, nullptr)), (WordList{"rerank"}));
}

TEST(CapabilitiesTest, WhatBelongsToAModelDoesNothingAlone) {
  for (const GgufKind kind :
       {GgufKind::kProjector, GgufKind::kAdapter, GgufKind::kDraft, GgufKind::kOther}) {
    GgufMetadata file = Chatting();
    file.kind = kind;
    EXPECT_TRUE(Words(CapabilitiesOf(file, nullptr)).empty());
  }
}

}  // namespace
}  // namespace tidegate::models
