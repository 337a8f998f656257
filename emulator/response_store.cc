#include "emulator/response_store.h"

namespace tidegate::emulator {

void ResponseStore::Put(const std::string& id, StoredResponse response) {
  const std::lock_guard lock(mutex_);
  if (order_.size() == kStoredResponsesMax) {
    responses_.erase(order_.front());
    order_.pop_front();
  }
  order_.push_back(id);
  responses_.insert_or_assign(id, std::move(response));
}

std::optional<StoredResponse> ResponseStore::Find(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto found = responses_.find(id);
  if (found == responses_.end()) return std::nullopt;
  return found->second;
}

bool ResponseStore::Erase(std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto found = responses_.find(id);
  if (found == responses_.end()) return false;
  responses_.erase(found);
  return true;
}

void ResponseStore::Clear() {
  const std::lock_guard lock(mutex_);
  responses_.clear();
  order_.clear();
}

}  // namespace tidegate::emulator
