// How much memory ggml's allocator needs for a graph of tensors, by doing what it does.
//
// llama.cpp gives each tensor of a graph a place in one buffer before it runs: the inputs first,
// then tensor by tensor, and a place is free again behind the last use of its tensor. What it needs
// at most is its "compute buffer". Free places are filled best-fit, so that the peak depends on
// order and fragmentation and no simple sum gives it. Source: ggml_gallocr_alloc_graph_impl and
// ggml_dyn_tallocr_alloc_impl in ggml-alloc.c of ggml.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace tidegate::models {

// The tensors of one graph in the order in which they are computed. Weights and caches have memory
// of their own and are not part of it. Not thread-safe.
class TensorGraph {
 public:
  using Tensor = std::uint32_t;

  // Filled in from outside; it has its place before anything else has.
  Tensor Input(std::uint64_t bytes);
  Tensor Node(std::uint64_t bytes, std::initializer_list<Tensor> sources);
  // Like Node, but takes the place of its first source of the same size that nothing else uses, if
  // there is one and it is no view: so do sums, products, norms and softmax.
  Tensor InPlace(std::uint64_t bytes, std::initializer_list<Tensor> sources);
  // The same memory as `of`, looked at in another way.
  Tensor View(Tensor of);
  // Takes its sources to memory that is not part of the graph, as into a cache.
  void Sink(std::initializer_list<Tensor> sources) { Node(0, sources); }

  // REQUIRES: alignment > 0.
  std::uint64_t PeakBytes(std::uint64_t alignment) const;

 private:
  enum class Kind : std::uint8_t { kInput, kNode, kInPlace, kView };
  struct Item {
    Kind kind;
    std::uint64_t bytes;
    Tensor root;  // of a view: what has the memory; else itself
    std::vector<Tensor> sources;
  };
  friend class GraphReplay;

  std::vector<Item> items_;
};

}  // namespace tidegate::models
