#include "core/shorten.h"

#include <algorithm>

namespace tidegate::core {
namespace {

bool Instructs(const Message& message) {
  return message.role == Role::kSystem || message.role == Role::kDeveloper;
}

bool IsResult(const Part& part) { return part.kind == PartKind::kToolResult; }

// It answers a call, whoever's name it bears.
bool HoldsResults(const Message& message) {
  return message.role == Role::kTool ||
         std::any_of(message.parts.begin(), message.parts.end(), IsResult);
}

bool IsSaidByUser(const Message& message) {
  return message.role == Role::kUser && !HoldsResults(message);
}

}  // namespace

Shortening::Shortening(const Request& request) : request_(request) {
  const std::vector<Message>& messages = request.messages;
  const auto last = std::find_if(messages.rbegin(), messages.rend(), IsSaidByUser);
  if (last == messages.rend()) return;
  last_user_ = static_cast<std::size_t>(messages.rend() - last) - 1;
  bool past = false;  // there is something to leave out
  for (std::size_t i = 0; i <= last_user_; ++i) {
    if (past && IsSaidByUser(messages[i])) steps_.push_back({i, last_user_ + 1});
    past = past || !Instructs(messages[i]);
  }
  // Then what was done since for the last question: each answer goes with the results of its calls,
  // and the newest stays.
  for (std::size_t i = last_user_ + 2; i < messages.size(); ++i) {
    if (!HoldsResults(messages[i]) && !Instructs(messages[i])) steps_.push_back({last_user_, i});
  }
}

bool Shortening::Goes(const Step& step, std::size_t message) const {
  if (Instructs(request_.messages[message])) return false;
  return message < step.past_end || (message > last_user_ && message < step.work_end);
}

std::int64_t Shortening::Dropped(std::size_t step) const {
  std::int64_t dropped = 0;
  for (std::size_t i = 0; i < request_.messages.size(); ++i) {
    if (Goes(steps_[step - 1], i)) ++dropped;
  }
  return dropped;
}

Request Shortening::After(std::size_t step) const {
  Request left = request_;
  left.same_bytes = false;
  left.messages.clear();
  for (std::size_t i = 0; i < request_.messages.size(); ++i) {
    if (!Goes(steps_[step - 1], i)) left.messages.push_back(request_.messages[i]);
  }
  return left;
}

std::vector<std::int64_t> CutTokens(std::span<const std::int64_t> marked,
                                    std::span<const std::int64_t> plain, std::size_t tokens_max,
                                    Truncate truncate) {
  if (marked.size() <= tokens_max) return {marked.begin(), marked.end()};
  const auto text = std::search(marked.begin(), marked.end(), plain.begin(), plain.end());
  const auto text_end =
      text == marked.end() ? text : text + static_cast<std::ptrdiff_t>(plain.size());
  const std::size_t marks = marked.size() - static_cast<std::size_t>(text_end - text);
  const std::size_t room = tokens_max > marks ? tokens_max - marks : 0;
  const std::span<const std::int64_t> kept = truncate == Truncate::kStart
                                                 ? plain.last(std::min(room, plain.size()))
                                                 : plain.first(std::min(room, plain.size()));
  std::vector<std::int64_t> tokens(marked.begin(), text);
  tokens.insert(tokens.end(), kept.begin(), kept.end());
  tokens.insert(tokens.end(), text_end, marked.end());
  if (tokens.size() > tokens_max) tokens.resize(tokens_max);
  return tokens;
}

}  // namespace tidegate::core
