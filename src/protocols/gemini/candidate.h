// One candidate of an answer while it is made.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"
#include "json/writer.h"

namespace tidegate::protocols::gemini {

// Not thread-safe. Takes events in and gives parts out: a stream takes what is ready after each
// event, a whole answer all at the end.
class Candidate {
 public:
  Candidate(std::int64_t index, bool shows_thoughts)
      : index_(index), shows_thoughts_(shows_thoughts) {}

  void Take(const core::TextEvent& event) { AddText(event.text); }
  void Take(const core::RefusalEvent& event);
  void Take(const core::ReasoningEvent& event);
  void Take(const core::StateEvent& event);
  void Take(const core::ToolCallEvent& event);
  void Take(const core::CitationEvent& event);
  void Take(const core::LogprobsEvent& event);
  void Take(const core::FinishEvent& event) { finish_ = event.reason; }

  std::int64_t index() const { return index_; }
  // Some part can be written now. Calls at the end wait: more of their arguments may come.
  bool ready() const { return ReadyParts() > 0; }
  // Arguments came for a call that had been sent already; what was sent of it is wrong.
  bool mixed() const { return mixed_; }
  // The candidate with the parts that are ready.
  void WriteReady(json::Writer& out, bool signs_calls);
  // The candidate with all that is left, and why it ended.
  void WriteLast(json::Writer& out, bool signs_calls);

 private:
  enum class Kind : std::uint8_t { kText, kThought, kCall };
  struct Part {
    Kind kind = Kind::kText;
    bool closed = false;                    // nothing can be added
    std::int64_t call = -1;                 // number of the call
    std::string text, id, name, signature;  // of a call the text is its arguments
  };

  Part& Open(Kind kind);
  void AddText(std::string_view text);
  void PlaceHeld();
  std::size_t ReadyParts() const;
  void WriteParts(json::Writer& out, std::size_t count, bool signs_calls);
  void WritePart(json::Writer& out, const Part& part, bool signs_calls);
  void WriteGrounding(json::Writer& out) const;

  std::int64_t index_;
  bool shows_thoughts_;
  std::vector<Part> parts_;
  std::vector<bool> sent_calls_;     // by number
  std::optional<std::string> held_;  // the signature of the part that comes next
  std::string logprobs_;
  std::string sources_, supports_;  // entries, with commas between them
  std::int64_t source_count_ = 0, text_bytes_ = 0;
  std::string malformed_;  // arguments that are no object
  std::optional<core::FinishReason> finish_;
  bool called_ = false, refused_ = false, mixed_ = false;
};

}  // namespace tidegate::protocols::gemini
