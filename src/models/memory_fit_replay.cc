#include "models/memory_fit_replay.h"

#include <algorithm>
#include <limits>

namespace tidegate::models {
namespace {

constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max() / 2;
// Larger tensors count as this: sums of as many as a graph can have do not wrap then.
constexpr std::uint64_t kTensorBytesMax = 1ULL << 46;

// One buffer, with the free places in it by their position.
class Places {
 public:
  explicit Places(std::uint64_t alignment) : alignment_(alignment), free_{{0, kEndless}} {}

  std::uint64_t Take(std::uint64_t bytes) {
    bytes = Rounded(bytes);
    // The smallest that is large enough, the later of equals; the open end only when none is.
    std::size_t best = free_.size() - 1;
    std::uint64_t best_bytes = kEndless;
    for (std::size_t i = 0; i + 1 < free_.size(); ++i) {
      if (free_[i].bytes >= bytes && free_[i].bytes <= best_bytes) {
        best = i;
        best_bytes = free_[i].bytes;
      }
    }
    Place& place = free_[best];
    const std::uint64_t start = place.start;
    place.start += bytes;
    place.bytes -= std::min(bytes, place.bytes);
    if (place.bytes == 0 && best + 1 < free_.size()) {
      free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(best));
    }
    peak_ = std::max(peak_, start + bytes);
    return start;
  }

  void Free(std::uint64_t start, std::uint64_t bytes) {
    bytes = Rounded(bytes);
    const auto next = std::find_if(free_.begin(), free_.end(),
                                   [start](const Place& place) { return place.start > start; });
    auto at = free_.insert(next, Place{start, bytes});
    Join(at);
    if (at != free_.begin()) Join(at - 1);
  }

  std::uint64_t peak() const { return peak_; }

 private:
  struct Place {
    std::uint64_t start, bytes;
  };
  std::uint64_t Rounded(std::uint64_t bytes) const {
    return (std::min(bytes, kTensorBytesMax) + alignment_ - 1) / alignment_ * alignment_;
  }
  // With the one behind it, when there is nothing between them.
  void Join(std::vector<Place>::iterator at) {
    const auto behind = at + 1;
    if (behind == free_.end() || at->start + at->bytes != behind->start) return;
    at->bytes += behind->bytes;
    free_.erase(behind);
  }

  const std::uint64_t alignment_;
  std::vector<Place> free_;  // never empty: its last one is the open end
  std::uint64_t peak_ = 0;
};

}  // namespace

class GraphReplay {
 public:
  GraphReplay(const TensorGraph& graph, std::uint64_t alignment)
      : graph_(graph), places_(alignment), states_(graph.items_.size()) {}

  std::uint64_t Run() {
    for (TensorGraph::Tensor t = 0; t < states_.size(); ++t) {
      const auto& item = graph_.items_[t];
      for (const auto source : item.sources) ++states_[source].uses;
      if (item.kind == TensorGraph::Kind::kView) ++states_[item.root].views;
      if (item.kind == TensorGraph::Kind::kInput) Place(t);
    }
    for (TensorGraph::Tensor t = 0; t < states_.size(); ++t) Compute(t);
    return places_.peak();
  }

 private:
  struct State {
    std::uint32_t uses = 0, views = 0;
    bool placed = false;
    std::uint64_t start = 0;
  };

  void Place(TensorGraph::Tensor t) {
    const std::uint64_t bytes = graph_.items_[t].bytes;
    if (bytes == 0) return;
    states_[t].start = places_.Take(bytes);
    states_[t].placed = true;
  }

  bool TakesOver(TensorGraph::Tensor t) {
    for (const auto source : graph_.items_[t].sources) {
      State& from = states_[source];
      if (graph_.items_[source].kind == TensorGraph::Kind::kView || !from.placed ||
          from.uses != 1 || from.views != 0 ||
          graph_.items_[source].bytes != graph_.items_[t].bytes) {
        continue;
      }
      states_[t].start = from.start;
      states_[t].placed = true;
      from.placed = false;
      return true;
    }
    return false;
  }

  void Compute(TensorGraph::Tensor t) {
    const auto& item = graph_.items_[t];
    const bool in_place = item.kind == TensorGraph::Kind::kInPlace && TakesOver(t);
    if (!in_place &&
        (item.kind == TensorGraph::Kind::kNode || item.kind == TensorGraph::Kind::kInPlace)) {
      Place(t);
    }
    for (const auto source : item.sources) {
      State& used = states_[source];
      if (--used.uses > 0 || used.views > 0) continue;
      const TensorGraph::Tensor root = graph_.items_[source].root;
      if (root != source) {
        State& owner = states_[root];
        if (--owner.views > 0 || owner.uses > 0) continue;
      }
      Free(root);
    }
  }

  void Free(TensorGraph::Tensor t) {
    if (!states_[t].placed) return;
    states_[t].placed = false;
    places_.Free(states_[t].start, graph_.items_[t].bytes);
  }

  const TensorGraph& graph_;
  Places places_;
  std::vector<State> states_;
};

TensorGraph::Tensor TensorGraph::Input(std::uint64_t bytes) {
  const auto tensor = static_cast<Tensor>(items_.size());
  items_.push_back({Kind::kInput, bytes, tensor, {}});
  return tensor;
}

TensorGraph::Tensor TensorGraph::Node(std::uint64_t bytes, std::initializer_list<Tensor> sources) {
  const auto tensor = static_cast<Tensor>(items_.size());
  items_.push_back({Kind::kNode, bytes, tensor, sources});
  return tensor;
}

TensorGraph::Tensor TensorGraph::InPlace(std::uint64_t bytes,
                                         std::initializer_list<Tensor> sources) {
  const Tensor tensor = Node(bytes, sources);
  items_.back().kind = Kind::kInPlace;
  return tensor;
}

TensorGraph::Tensor TensorGraph::View(Tensor of) {
  const auto tensor = static_cast<Tensor>(items_.size());
  items_.push_back({Kind::kView, 0, items_[of].root, {of}});
  return tensor;
}

std::uint64_t TensorGraph::PeakBytes(std::uint64_t alignment) const {
  return GraphReplay(*this, alignment).Run();
}

}  // namespace tidegate::models
