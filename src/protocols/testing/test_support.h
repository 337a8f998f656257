// For the tests and fuzz targets of protocols/: constraints without policy/, padded texts, events
// as text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "core/event.h"
#include "json/reader.h"
#include "json/writer.h"
#include "protocols/protocol.h"

namespace tidegate::protocols {

// A body on the heap with nothing behind its padding, so that ASan sees a read beyond it.
class PaddedText {
 public:
  explicit PaddedText(std::string_view text)
      : bytes_(text.begin(), text.end()), size_(text.size()) {
    bytes_.resize(size_ + json::kPaddingBytes);
  }
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::vector<char> bytes_;
  std::size_t size_;
};

// Understands `privacy` ("open", "local"), `deadline_ms` and `providers.only`; of OpenRouter's
// fields `only`. Anything else is an error, as it is with the real one.
class SmallConstraintParser final : public ConstraintParser {
 public:
  Result<void> ApplyField(core::Constraints& out, std::string_view name,
                          const core::FieldValue& value, std::string_view path) const override {
    const std::string* text = std::get_if<std::string>(&value);
    const auto* number = std::get_if<std::int64_t>(&value);
    const auto* list = std::get_if<std::vector<std::string>>(&value);
    if (name == "privacy" && text != nullptr && core::ParsePrivacy(*text)) {
      out.privacy = core::ParsePrivacy(*text);
    } else if (name == "deadline_ms" && number != nullptr) {
      out.deadline_ms = *number;
    } else if (name == "providers.only" && list != nullptr) {
      out.providers_only = *list;
    } else {
      return InvalidArgument(std::string(path), "is unknown or of the wrong type");
    }
    return {};
  }
  Result<void> ApplyProviderAlias(core::Constraints& out, std::string_view name,
                                  const core::FieldValue& value,
                                  std::string_view path) const override {
    return ApplyField(out, "providers." + std::string(name), value, path);
  }
};

// A chat as the gateway hands it to a codec: POST to `path`, which may have a query.
inline Result<core::Request> DecodeChat(const Protocol& codec, std::string_view path,
                                        std::string_view body,
                                        const ConstraintParser& parser = SmallConstraintParser(),
                                        const FieldLookup& fields = NoFields()) {
  const std::size_t mark = path.find('?');
  const std::string_view query =
      mark == std::string_view::npos ? std::string_view() : path.substr(mark + 1);
  const ClientHead head{"POST", path.substr(0, mark), query, &fields};
  const std::optional<Route> route = codec.Match(head);
  if (!route) return NotFound("no route");
  return codec.DecodeRequest(head, *route, body, parser);
}

inline std::string Quote(std::string_view text) {
  std::string out = "\"";
  json::EscapeInto(out, text);
  return out + '"';
}

inline std::string Describe(const core::Usage& usage) {
  return "in=" + std::to_string(usage.input_tokens) +
         " out=" + std::to_string(usage.output_tokens) +
         " cached_read=" + std::to_string(usage.cached_read_tokens) +
         " cached_write=" + std::to_string(usage.cached_write_tokens) +
         " reasoning=" + std::to_string(usage.reasoning_tokens) +
         (usage.media_input_tokens != 0 ? " media_in=" + std::to_string(usage.media_input_tokens)
                                        : "") +
         (usage.media_output_tokens != 0 ? " media_out=" + std::to_string(usage.media_output_tokens)
                                         : "") +
         (usage.draft_tokens != 0 ? " drafts=" + std::to_string(usage.draft_accepted_tokens) + "/" +
                                        std::to_string(usage.draft_tokens)
                                  : "") +
         (usage.estimated ? " estimated" : "");
}

inline std::string DescribeError(const Error& error) {
  constexpr std::string_view kRetries[] = {"never", "same_target", "other_target"};
  std::string out(ToString(error.code));
  out += " retry=" + std::string(kRetries[static_cast<std::size_t>(error.retry)]);
  out += " source=" + std::string(ToString(error.source));
  if (!error.reason.empty()) out += " reason=" + error.reason;
  if (!error.field.empty()) out += " field=" + error.field;
  if (error.retry_after_s != 0) out += " retry_after_s=" + std::to_string(error.retry_after_s);
  return out + ' ' + Quote(error.message);
}

// One event as a line without its end, as `text 0 "Hello"`. Texts are quoted as in JSON.
struct EventLine {
  std::string operator()(const core::StartEvent& e) const {
    return "start id=" + std::string(e.id) + " model=" + std::string(e.model) +
           " created=" + std::to_string(e.created_s) +
           (e.system_fingerprint.empty() ? ""
                                         : " fingerprint=" + std::string(e.system_fingerprint));
  }
  std::string operator()(const core::TextEvent& e) const { return Text("text", e.choice, e.text); }
  std::string operator()(const core::ReasoningEvent& e) const {
    return Text("reasoning", e.choice, e.text);
  }
  std::string operator()(const core::StateEvent& e) const {
    constexpr std::string_view kOrigins[] = {"none", "anthropic", "openai", "gemini"};
    constexpr std::string_view kKinds[] = {"signature", "redacted", "of_part"};
    return "state " + std::to_string(e.choice) + ' ' +
           std::string(kOrigins[static_cast<std::size_t>(e.state.origin)]) + ' ' +
           std::string(kKinds[static_cast<std::size_t>(e.state.kind)]) +
           (e.state.id.empty() ? "" : " id=" + std::string(e.state.id)) + ' ' +
           Quote(e.state.bytes);
  }
  std::string operator()(const core::CitationEvent& e) const {
    return "citation " + std::to_string(e.choice) + ' ' + std::to_string(e.begin) + ".." +
           std::to_string(e.end) + " url=" + std::string(e.url) + " title=" + Quote(e.title) +
           " document=" + Quote(e.document) + ' ' + Quote(e.cited_text);
  }
  std::string operator()(const core::RefusalEvent& e) const {
    return Text("refusal", e.choice, e.text);
  }
  std::string operator()(const core::ToolCallEvent& e) const {
    std::string out = "call " + std::to_string(e.choice) + "." + std::to_string(e.index);
    if (!e.id.empty()) out += " id=" + std::string(e.id);
    if (!e.name.empty()) out += " name=" + std::string(e.name);
    return out + ' ' + Quote(e.arguments);
  }
  std::string operator()(const core::LogprobsEvent& e) const {
    return "logprobs " + std::to_string(e.choice) + (e.refusal ? " refusal " : " ") +
           std::string(e.content);
  }
  std::string operator()(const core::FinishEvent& e) const {
    constexpr std::string_view kWords[] = {
        "stop", "stop_sequence", "length", "tool_calls", "content_filter", "refusal", "other"};
    return "finish " + std::to_string(e.choice) + ' ' +
           std::string(kWords[static_cast<std::size_t>(e.reason)]) +
           (e.stop_sequence.empty() ? "" : ' ' + Quote(e.stop_sequence));
  }
  std::string operator()(const core::UsageEvent& e) const { return "usage " + Describe(e.usage); }
  std::string operator()(const core::ErrorEvent& e) const {
    return "error " + DescribeError(e.error());
  }
  std::string operator()(const core::DoneEvent&) const { return "done"; }

  static std::string Text(std::string_view word, std::int64_t choice, std::string_view text) {
    return std::string(word) + ' ' + std::to_string(choice) + ' ' + Quote(text);
  }
};
inline std::string Describe(const core::Event& event) { return std::visit(EventLine{}, event); }

// What a decoder makes of `bytes` fed in pieces of `step`, as lines; a failure is the last line,
// "fail …". `finish`: the body ends.
inline std::vector<std::string> DecodeInPieces(ResponseDecoder& decoder, std::string_view bytes,
                                               std::size_t step, bool finish) {
  std::vector<std::string> lines;
  Result<void> result;
  const auto collect = [&](const std::vector<core::Event>& events) {
    for (const core::Event& event : events) lines.push_back(Describe(event));
  };
  for (std::size_t at = 0; at < bytes.size() && result.ok(); at += step) {
    const std::vector<char> piece(
        bytes.begin() + static_cast<std::ptrdiff_t>(at),
        bytes.begin() + static_cast<std::ptrdiff_t>(std::min(at + step, bytes.size())));
    std::vector<core::Event> events;
    result = decoder.Feed({piece.data(), piece.size()}, events);
    collect(events);
  }
  if (result.ok() && finish) {
    std::vector<core::Event> events;
    result = decoder.Finish(events);
    collect(events);
  }
  if (!result.ok()) lines.push_back("fail " + DescribeError(result.error()));
  return lines;
}

// What a relay makes of `bytes` fed in pieces of `step`.
struct Relayed {
  std::string bytes;
  std::vector<std::size_t> frame_ends;  // offsets in `bytes` behind each released view
  bool failed = false;
  RelayState state;
};
inline Relayed RelayInPieces(StreamRelay& relay, std::string_view bytes, std::size_t step,
                             bool finish) {
  Relayed relayed;
  const auto collect = [&](const std::vector<std::string_view>& views) {
    for (const std::string_view view : views) {
      relayed.bytes += view;
      relayed.frame_ends.push_back(relayed.bytes.size());
    }
  };
  for (std::size_t at = 0; at < bytes.size() && !relayed.failed; at += step) {
    const std::vector<char> piece(
        bytes.begin() + static_cast<std::ptrdiff_t>(at),
        bytes.begin() + static_cast<std::ptrdiff_t>(std::min(at + step, bytes.size())));
    std::vector<std::string_view> views;
    relayed.failed = !relay.Feed({piece.data(), piece.size()}, views).ok();
    collect(views);
  }
  if (!relayed.failed && finish) {
    std::vector<std::string_view> views;
    relay.Finish(views);
    collect(views);
  }
  relayed.state = relay.state();
  return relayed;
}

}  // namespace tidegate::protocols
