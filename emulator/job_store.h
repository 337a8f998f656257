// Jobs that a provider was given and is asked about afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace tidegate::emulator {

inline constexpr std::size_t kJobsMax = 1'000;

struct Job {
  std::string id, model;
  std::string request;  // as it came
  std::string result;   // as it was told; empty = not done
  bool cancelled = false;
  std::int64_t asked = 0;  // how often, before it was done
};

// The oldest gives way when there is no room. Thread-safe.
class JobStore {
 public:
  // Its id.
  std::string Add(std::string model, std::string request);
  std::optional<Job> Find(std::string_view id) const;
  // As it was before it was asked about once more.
  std::optional<Job> Ask(std::string_view id);
  void Finish(std::string_view id, std::string result);
  // What it is then; nothing = there is none.
  std::optional<Job> Cancel(std::string_view id);
  void Clear();

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Job, std::less<>> jobs_;
  std::deque<std::string> order_;
  std::uint64_t added_ = 0;
};

}  // namespace tidegate::emulator
