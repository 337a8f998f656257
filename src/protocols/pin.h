// Keeping the texts of events alive.
#pragma once

#include <cstddef>
#include <variant>
#include <vector>

#include "core/event.h"
#include "protocols/text_arena.h"

namespace tidegate::protocols {

// Moves the texts of an event from the JSON reader's buffers, which the next frame overwrites, into
// the arena.
struct Pin {
  TextArena& arena;

  void operator()(core::StartEvent& event) const {
    event.id = arena.Copy(event.id);
    event.model = arena.Copy(event.model);
    event.system_fingerprint = arena.Copy(event.system_fingerprint);
  }
  void operator()(core::TextEvent& event) const { event.text = arena.Copy(event.text); }
  void operator()(core::ReasoningEvent& event) const { event.text = arena.Copy(event.text); }
  void operator()(core::StateEvent& event) const {
    event.state.bytes = arena.Copy(event.state.bytes);
    event.state.id = arena.Copy(event.state.id);
  }
  void operator()(core::RefusalEvent& event) const { event.text = arena.Copy(event.text); }
  void operator()(core::ToolCallEvent& event) const {
    event.id = arena.Copy(event.id);
    event.name = arena.Copy(event.name);
    event.arguments = arena.Copy(event.arguments);
  }
  void operator()(core::CitationEvent& event) const {
    event.url = arena.Copy(event.url);
    event.title = arena.Copy(event.title);
    event.cited_text = arena.Copy(event.cited_text);
    event.document = arena.Copy(event.document);
  }
  void operator()(core::LogprobsEvent& event) const { event.content = arena.Copy(event.content); }
  void operator()(core::FinishEvent& event) const {
    event.stop_sequence = arena.Copy(event.stop_sequence);
  }
  void operator()(core::UsageEvent&) const {}
  void operator()(core::ErrorEvent&) const {}
  void operator()(core::DoneEvent&) const {}
};

// All events from `first` on.
inline void PinFrom(std::size_t first, std::vector<core::Event>& events, TextArena& arena) {
  for (std::size_t i = first; i < events.size(); ++i) std::visit(Pin{arena}, events[i]);
}

}  // namespace tidegate::protocols
