// The parts that messages are made of, in the order in which they stand.
//
// Order is meaning: a signed thought belongs in front of the tool call it led to, and a provider
// refuses a conversation in which the two have changed places. So everything a message holds is in
// one list, and no protocol's grouping of it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tidegate::core {

enum class PartKind : std::uint8_t {
  kText,
  kRefusal,
  kImage,
  kAudio,
  kVideo,
  kFile,
  kReasoning,   // what the model thought; the text may be empty though `state` is not
  kToolCall,    // assistant
  kToolResult,  // user or tool
};

// How media stand in a part's `text`.
enum class MediaSource : std::uint8_t {
  kNone,
  kUrl,     // "https://…", to be fetched by whoever answers
  kBase64,  // the bytes, base64 with padding, no "data:" in front
  kFileId,  // a name that only one provider knows
};

// Whose secret an opaque state is: only its maker can read it, and everybody else must hand it back
// byte for byte or leave it out as a whole.
enum class StateOrigin : std::uint8_t { kNone, kAnthropic, kOpenAi, kGemini };

enum class StateKind : std::uint8_t {
  kSignature,  // vouches for the text of the reasoning part it stands in, which may be empty
  kRedacted,   // is the reasoning, in a form that only its maker reads
  kOfPart,     // belongs to the part it stands in, whatever that is (Gemini's thought signatures)
};

struct OpaqueState {
  StateOrigin origin = StateOrigin::kNone;  // kNone = there is no state
  StateKind kind = StateKind::kSignature;
  std::string_view bytes = {};  // as its maker wrote it: text, base64 as a rule
  std::string_view id = {};     // the maker's name for it, where it has one
  bool empty() const { return origin == StateOrigin::kNone; }
};

// "What stands up to here is worth keeping in the provider's prompt cache."
enum class CacheMark : std::uint8_t { kNone, kShort, kLong };  // the default time; an hour

struct Part {
  PartKind kind = PartKind::kText;
  MediaSource source = MediaSource::kNone;
  CacheMark cache = CacheMark::kNone;
  bool is_error = false;             // tool result: the tool failed
  bool text_input = false;           // tool call and result: see ToolSpec::text_input
  std::string_view text = {};        // text, refusal, reasoning; media as `source` says
  std::string_view media_type = {};  // media: "image/png", "audio/wav", … or empty
  std::string_view name = {};    // file: its name; tool call and result: the tool's name, if known
  std::string_view detail = {};  // image: "auto", "low", "high", or empty
  std::string_view id = {};      // tool call: its id; tool result: the id of the call it answers
  std::string_view arguments =
      {};  // tool call: as the model wrote it; JSON only if the model was good
  OpaqueState state = {};
  std::vector<Part> content = {};  // tool result: text and media
};

inline bool IsMedia(PartKind kind) {
  return kind == PartKind::kImage || kind == PartKind::kAudio || kind == PartKind::kVideo ||
         kind == PartKind::kFile;
}

}  // namespace tidegate::core
