// Answers that a provider keeps and that later requests refer to by their id.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace tidegate::emulator {

inline constexpr std::size_t kStoredResponsesMax = 1'000;

struct StoredResponse {
  std::string model;
  std::string body;                 // as it was answered
  std::string input, conversation;  // JSON arrays: the items of the request; all up to the answer
};

// The oldest gives way when there is no room. Thread-safe.
class ResponseStore {
 public:
  void Put(const std::string& id, StoredResponse response);
  std::optional<StoredResponse> Find(std::string_view id) const;
  bool Erase(std::string_view id);
  void Clear();

 private:
  mutable std::mutex mutex_;
  std::map<std::string, StoredResponse, std::less<>> responses_;
  std::deque<std::string> order_;  // may name what was erased
};

}  // namespace tidegate::emulator
