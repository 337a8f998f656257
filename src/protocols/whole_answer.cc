#include "protocols/whole_answer.h"

#include <string>
#include <variant>

#include "protocols/limits.h"
#include "protocols/pin.h"
#include "protocols/scratch_reader.h"
#include "protocols/tally.h"
#include "protocols/upstream_error.h"

namespace tidegate::protocols {
namespace {

class WholeDecoder final : public ResponseDecoder {
 public:
  explicit WholeDecoder(ReadWhole read) : read_(read) {}

  Result<void> Feed(std::string_view bytes, std::vector<core::Event>&) override {
    if (body_.size() + bytes.size() > kWholeAnswerBytesMax) {
      return MalformedAnswer("is larger than " + std::to_string(kWholeAnswerBytesMax) + " bytes");
    }
    body_ += bytes;
    return {};
  }

  Result<void> Finish(std::vector<core::Event>& out) override {
    const std::size_t first = out.size();
    const ScratchReader json;
    const Result<json::Value> root = json->ParseCopy(body_, kWholeAnswerBytesMax);
    if (!root.ok()) return MalformedAnswer(root.error());
    TIDEGATE_TRY(read_(*root, out));
    PinFrom(first, out, texts_);
    if (!std::holds_alternative<core::ErrorEvent>(out.back())) {
      out.emplace_back(core::DoneEvent{});
    }
    return {};
  }

 private:
  ReadWhole read_;
  std::string body_;
  TextArena texts_;
};

}  // namespace

std::unique_ptr<ResponseDecoder> NewWholeDecoder(ReadWhole read) {
  return std::make_unique<WholeDecoder>(read);
}

Result<RelayState> InspectWholeAnswer(std::string_view body, ReadWhole read) {
  const ScratchReader json;
  const Result<json::Value> root = json->Parse(body, kWholeAnswerBytesMax);
  if (!root.ok()) return MalformedAnswer(root.error());
  // Kept by the thread: this is on the way of every answer.
  thread_local std::vector<core::Event> events;
  events.clear();
  TIDEGATE_TRY(read(*root, events));
  RelayState state;
  for (const core::Event& event : events) std::visit(Tally{state}, event);
  state.complete = !state.error;
  return state;
}

}  // namespace tidegate::protocols
