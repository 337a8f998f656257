#include "emulator/job_store.h"

#include <utility>

#include <fmt/format.h>

namespace tidegate::emulator {

std::string JobStore::Add(std::string model, std::string request) {
  const std::lock_guard lock(mutex_);
  if (order_.size() == kJobsMax) {
    jobs_.erase(order_.front());
    order_.pop_front();
  }
  Job job;
  job.id = fmt::format("emulated{:016x}", ++added_);
  job.model = std::move(model);
  job.request = std::move(request);
  order_.push_back(job.id);
  const std::string id = job.id;
  jobs_.emplace(id, std::move(job));
  return id;
}

std::optional<Job> JobStore::Find(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Job> JobStore::Ask(std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return std::nullopt;
  Job before = found->second;
  ++found->second.asked;
  return before;
}

void JobStore::Finish(std::string_view id, std::string result) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  if (found != jobs_.end()) found->second.result = std::move(result);
}

std::optional<Job> JobStore::Cancel(std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return std::nullopt;
  if (found->second.result.empty()) found->second.cancelled = true;
  return found->second;
}

void JobStore::Clear() {
  const std::lock_guard lock(mutex_);
  jobs_.clear();
  order_.clear();
}

}  // namespace tidegate::emulator
