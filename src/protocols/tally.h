// What events say about an answer that passes by.
#pragma once

#include <cstddef>
#include <variant>

#include "core/event.h"
#include "protocols/protocol.h"

namespace tidegate::protocols {

// Adds one event to `state`: std::visit(Tally{state}, event).
struct Tally {
  RelayState& state;

  void operator()(const core::TextEvent& event) const { Content(event.text.size()); }
  void operator()(const core::ReasoningEvent& event) const { Content(event.text.size()); }
  void operator()(const core::RefusalEvent& event) const { Content(event.text.size()); }
  void operator()(const core::ToolCallEvent& event) const {
    Content(event.name.size() + event.arguments.size());
  }
  void operator()(const core::UsageEvent& event) const { state.usage = event.usage; }
  void operator()(const core::ErrorEvent& event) const { state.error = event.error(); }
  void operator()(const core::StartEvent&) const {}
  void operator()(const core::StateEvent&) const {}
  void operator()(const core::CitationEvent&) const {}
  void operator()(const core::LogprobsEvent&) const {}
  void operator()(const core::FinishEvent&) const {}
  void operator()(const core::DoneEvent&) const {}

  void Content(std::size_t bytes) const {
    state.content_seen = true;
    state.content_bytes += static_cast<std::int64_t>(bytes);
    ++state.content_events;
  }
};

}  // namespace tidegate::protocols
