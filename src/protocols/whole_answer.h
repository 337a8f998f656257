// Answers that come in one body.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/event.h"
#include "json/value.h"
#include "protocols/protocol.h"

namespace tidegate::protocols {

// Appends the events of a whole body, without the DoneEvent; their views are the document's. A body
// that says nothing, not even an error: kProtocol.
using ReadWhole = Result<void> (*)(const json::Value& root, std::vector<core::Event>& out);

// Collects up to kWholeAnswerBytesMax; all events come with Finish.
std::unique_ptr<ResponseDecoder> NewWholeDecoder(ReadWhole read);

// See Protocol::InspectWhole.
Result<RelayState> InspectWholeAnswer(std::string_view body, ReadWhole read);

}  // namespace tidegate::protocols
