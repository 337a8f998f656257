#include "models/memory_fit_replay.h"

#include <gtest/gtest.h>

namespace tidegate::models {
namespace {

using Tensor = TensorGraph::Tensor;

constexpr std::uint64_t kAlignment = 32;

TEST(TensorGraphTest, AnEmptyGraphNeedsNothing) {
  EXPECT_EQ(TensorGraph().PeakBytes(kAlignment), 0U);
}

TEST(TensorGraphTest, AChainNeedsTwoPlaces) {
  TensorGraph graph;
  Tensor last = graph.Input(64);
  for (int i = 0; i < 5; ++i) last = graph.Node(64, {last});
  EXPECT_EQ(graph.PeakBytes(kAlignment), 128U);
}

TEST(TensorGraphTest, AChainInPlaceNeedsOne) {
  TensorGraph graph;
  Tensor last = graph.Input(64);
  for (int i = 0; i < 5; ++i) last = graph.InPlace(64, {last});
  EXPECT_EQ(graph.PeakBytes(kAlignment), 64U);
}

TEST(TensorGraphTest, WhatIsUsedLaterIsNotOverwritten) {
  TensorGraph graph;
  const Tensor kept = graph.Input(64);
  const Tensor middle = graph.InPlace(64, {kept});
  graph.Node(64, {middle, kept});
  EXPECT_EQ(graph.PeakBytes(kAlignment), 192U);
}

TEST(TensorGraphTest, InPlaceNeedsTheSameSize) {
  TensorGraph graph;
  graph.InPlace(32, {graph.Input(64)});
  EXPECT_EQ(graph.PeakBytes(kAlignment), 96U);
}

TEST(TensorGraphTest, AViewKeepsItsTensorAndIsNotTakenOver) {
  TensorGraph graph;
  const Tensor tensor = graph.Node(64, {graph.Input(32)});
  const Tensor view = graph.View(tensor);
  graph.InPlace(64, {view});
  EXPECT_EQ(graph.PeakBytes(kAlignment), 32U + 64 + 64);
}

TEST(TensorGraphTest, AResultThatNobodyUsesStays) {
  TensorGraph graph;
  const Tensor input = graph.Input(32);
  graph.Node(64, {input});
  graph.Node(64, {});
  EXPECT_EQ(graph.PeakBytes(kAlignment), 32U + 64 + 64);
}

TEST(TensorGraphTest, TakesTheSmallestPlaceThatIsLargeEnough) {
  TensorGraph graph;
  const Tensor large = graph.Input(128);
  const Tensor wall = graph.Input(32);  // stays, so that the two places do not become one
  const Tensor small = graph.Input(64);
  graph.Input(32);
  graph.Sink({large, small});  // both are free now
  const Tensor fits = graph.Node(64, {});
  const Tensor also = graph.Node(128, {});
  graph.Sink({fits, also, wall});
  EXPECT_EQ(graph.PeakBytes(kAlignment), 256U);
}

TEST(TensorGraphTest, NeighboursThatAreFreeBecomeOnePlace) {
  TensorGraph graph;
  const Tensor first = graph.Input(32);
  const Tensor second = graph.Input(32);
  const Tensor third = graph.Input(32);
  graph.Sink({first});
  graph.Sink({third});
  graph.Sink({second});
  graph.Node(96, {});
  EXPECT_EQ(graph.PeakBytes(kAlignment), 96U);
}

TEST(TensorGraphTest, PlacesAreAligned) {
  TensorGraph graph;
  graph.Input(1);
  graph.Input(33);
  EXPECT_EQ(graph.PeakBytes(32), 96U);
  EXPECT_EQ(graph.PeakBytes(256), 512U);
}

TEST(TensorGraphTest, ImpossibleSizesDoNotWrap) {
  TensorGraph graph;
  for (int i = 0; i < 1'000; ++i) graph.Input(UINT64_MAX);
  EXPECT_EQ(graph.PeakBytes(kAlignment), 1'000 * (1ULL << 46));
}

}  // namespace
}  // namespace tidegate::models
