#include "protocols/gemini/candidate.h"

#include <algorithm>
#include <utility>

#include "protocols/arguments.h"
#include "protocols/gemini/encode_parts.h"
#include "protocols/gemini/logprobs.h"
#include "protocols/gemini/signatures.h"

namespace tidegate::protocols::gemini {

using core::StateKind;

Candidate::Part& Candidate::Open(Kind kind) {
  if (parts_.empty() || parts_.back().kind != kind || parts_.back().closed || held_) {
    Part& part = parts_.emplace_back();
    part.kind = kind;
    if (held_) part.signature = *std::exchange(held_, std::nullopt);
    return part;
  }
  return parts_.back();
}

// A state whose part did not come stands in a part of its own.
void Candidate::PlaceHeld() {
  if (held_) Open(Kind::kText).closed = true;
}

void Candidate::AddText(std::string_view text) {
  Part& part = Open(Kind::kText);
  part.text += text;
  text_bytes_ += static_cast<std::int64_t>(text.size());
}

void Candidate::Take(const core::RefusalEvent& event) {
  refused_ = true;  // the API has no part for it: it is text, and the finish reason says so
  AddText(event.text);
}

void Candidate::Take(const core::ReasoningEvent& event) {
  PlaceHeld();
  if (shows_thoughts_) Open(Kind::kThought).text += event.text;
}

void Candidate::Take(const core::StateEvent& event) {
  PlaceHeld();
  if (event.state.kind == StateKind::kOfPart) {
    held_ = SignatureFor(event.state);
    return;
  }
  if (event.state.kind == StateKind::kRedacted && !parts_.empty()) parts_.back().closed = true;
  Part& thought = Open(Kind::kThought);
  thought.signature = SignatureFor(event.state);
  thought.closed = true;
}

void Candidate::Take(const core::ToolCallEvent& event) {
  for (Part& part : parts_) {
    if (part.kind != Kind::kCall || part.call != event.index) continue;
    if (part.id.empty()) part.id = event.id;
    part.name += event.name;
    part.text += event.arguments;
    return;
  }
  const auto number = static_cast<std::size_t>(event.index);
  if (number < sent_calls_.size() && sent_calls_[number]) {
    mixed_ |= !event.arguments.empty();
    return;
  }
  if (!parts_.empty()) parts_.back().closed = true;
  Part& part = Open(Kind::kCall);
  part.call = event.index;
  part.id = event.id;
  part.name = event.name;
  part.text = event.arguments;
}

void Candidate::Take(const core::LogprobsEvent& event) {
  if (!logprobs_.empty()) logprobs_ += ',';
  logprobs_ += event.content;
}

void Candidate::Take(const core::CitationEvent& event) {
  if (!sources_.empty()) sources_ += ',';
  json::Writer source(sources_);
  const bool web = !event.url.empty() && event.cited_text.empty();
  source.BeginObject().Key(web ? "web" : "retrievedContext").BeginObject();
  if (!event.url.empty()) source.Key("uri").String(event.url);
  if (!event.title.empty()) source.Key("title").String(event.title);
  if (!event.cited_text.empty()) source.Key("text").String(event.cited_text);
  if (!event.document.empty() && !web) source.Key("documentName").String(event.document);
  source.EndObject().EndObject();
  if (!supports_.empty()) supports_ += ',';
  json::Writer support(supports_);
  support.BeginObject().Key("segment").BeginObject();
  if (event.begin > 0) support.Key("startIndex").Integer(event.begin);
  support.Key("endIndex").Integer(event.end >= 0 ? event.end : text_bytes_).EndObject();
  support.Key("groundingChunkIndices").BeginArray().Integer(source_count_++).EndArray();
  support.EndObject();
}

std::size_t Candidate::ReadyParts() const {
  std::size_t count = parts_.size();
  while (count > 0 && parts_[count - 1].kind == Kind::kCall) --count;
  return count;
}

void Candidate::WritePart(json::Writer& out, const Part& part, bool signs_calls) {
  switch (part.kind) {
    case Kind::kText:
      return WriteText(out, part.text, part.signature);
    case Kind::kThought:
      return WriteThought(out, part.text, part.signature);
    case Kind::kCall:
      break;
  }
  const Result<std::string_view> args = ObjectArguments(part.text, "");
  const auto number = static_cast<std::size_t>(part.call);
  if (sent_calls_.size() <= number) sent_calls_.resize(number + 1);
  sent_calls_[number] = true;
  if (!args.ok() || part.name.empty()) {  // the finish reason says so, with what came
    if (!malformed_.empty()) malformed_ += '\n';
    malformed_ += part.name + '(' + part.text + ')';
    return;
  }
  const bool first = !std::exchange(called_, true);
  const std::string_view stand_in = first && signs_calls ? kNobodysSignature : std::string_view();
  WriteCall(out, part.id, part.name, *args, part.signature.empty() ? stand_in : part.signature);
}

// Up to and with the parts; the candidate stays open.
void Candidate::WriteParts(json::Writer& out, std::size_t count, bool signs_calls) {
  std::string parts;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text;
    json::Writer writer(text);
    WritePart(writer, parts_[i], signs_calls);
    if (text.empty()) continue;
    if (!parts.empty()) parts += ',';
    parts += text;
  }
  parts_.erase(parts_.begin(), parts_.begin() + static_cast<std::ptrdiff_t>(count));
  // Clients take a content without parts for a broken one.
  if (parts.empty()) parts = R"({"text":""})";
  out.BeginObject().Key("content").BeginObject().Key("parts").BeginArray().Raw(parts);
  out.EndArray().Key("role").String("model").EndObject();
  if (!logprobs_.empty()) WriteLogprobs(out.Key("logprobsResult"), logprobs_);
  logprobs_.clear();
}

void Candidate::WriteReady(json::Writer& out, bool signs_calls) {
  WriteParts(out, ReadyParts(), signs_calls);
  out.Key("index").Integer(index_).EndObject();
}

void Candidate::WriteLast(json::Writer& out, bool signs_calls) {
  PlaceHeld();
  WriteParts(out, parts_.size(), signs_calls);
  const core::FinishReason reason =
      refused_ ? core::FinishReason::kRefusal : finish_.value_or(core::FinishReason::kStop);
  if (malformed_.empty()) {
    out.Key("finishReason").String(FinishWord(reason));
  } else {
    out.Key("finishReason").String("MALFORMED_FUNCTION_CALL");
    out.Key("finishMessage").String("Malformed function call: " + malformed_);
  }
  if (!sources_.empty()) WriteGrounding(out);
  out.Key("index").Integer(index_).EndObject();
}

void Candidate::WriteGrounding(json::Writer& out) const {
  out.Key("groundingMetadata").BeginObject();
  out.Key("groundingChunks").BeginArray().Raw(sources_).EndArray();
  out.Key("groundingSupports").BeginArray().Raw(supports_).EndArray().EndObject();
}

}  // namespace tidegate::protocols::gemini
