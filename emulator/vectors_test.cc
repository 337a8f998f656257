#include "emulator/vectors.h"

#include <gtest/gtest.h>

namespace tidegate::emulator {
namespace {

TEST(Vectors, ATextIsNearestToItselfAndNearToWhatSharesItsWords) {
  EXPECT_NEAR(Relevance("The quiet harbour", "the QUIET harbour!"), 1, 1e-9);
  const double shared = Relevance("quiet harbour", "a harbour for ships");
  EXPECT_GT(shared, Relevance("quiet harbour", "fourteen lanterns"));
  EXPECT_LT(shared, 1);
}

TEST(Vectors, HaveTheLengthOneAndTheDimensionsAskedFor) {
  for (const char* text : {"", "one", "several words of a text"}) {
    const std::vector<double> vector = EmbedText(text, 7);
    ASSERT_EQ(vector.size(), 7U);
    double square = 0;
    for (const double number : vector) square += number * number;
    EXPECT_NEAR(square, 1, 1e-9) << text;
  }
}

TEST(Vectors, DocumentsAreRankedByRelevanceUpToTheNumberAskedFor) {
  const auto ranked = Rank("harbour", {"nothing here", "the harbour", "harbour"}, 2);
  ASSERT_EQ(ranked.size(), 2U);
  EXPECT_EQ(ranked[0].index, 2U);
  EXPECT_EQ(ranked[1].index, 1U);
}

TEST(Vectors, PackedTheyAreLittleEndianFloats) {
  EXPECT_EQ(PackVector({1.0}), "AACAPw==");  // 00 00 80 3f
}

}  // namespace
}  // namespace tidegate::emulator
