// The variables of a template: each holds from where it is declared to the end of its block.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidegate::templates {

template <typename T>
class Scopes {
 public:
  void Enter() { blocks_.emplace_back(); }
  void Leave() { blocks_.pop_back(); }
  // REQUIRES: a block was entered.
  void Declare(std::string name, T value) {
    blocks_.back().emplace_back(std::move(name), std::move(value));
  }
  // The latest of that name; null where there is none.
  T* Find(std::string_view name) {
    for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block) {
      for (auto known = block->rbegin(); known != block->rend(); ++known) {
        if (known->first == name) return &known->second;
      }
    }
    return nullptr;
  }

 private:
  std::vector<std::vector<std::pair<std::string, T>>> blocks_;
};

}  // namespace tidegate::templates
