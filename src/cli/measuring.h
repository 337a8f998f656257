// `bench` and `tune`: long jobs of the gate that tell of their progress and end with a result.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "cli/gate_client.h"

namespace tidegate::cli {

// POSTs and shows each step on standard error, until {"status":"success","result":…}; returns the
// result's text. Errors: those of GateClient; what the gate reports in the stream; kProtocol when
// it ends before success. `what`: "bench", for the message.
Result<std::string> RunMeasuring(Context& context, GateClient& client, std::string path,
                                 std::string body, const std::string& what);

// The table of `bench`: a row for each length of prompts and number of requests at once.
Result<std::string> BenchText(std::string_view result, const Console& console);
// The trials of `tune`, and in the end one sentence on what came of it.
Result<std::string> TuneText(std::string_view result, const Console& console);

// "1,024, 4096" is no list, "1024,4096" is. `option` is named in the error.
Result<std::vector<std::int64_t>> ParseCounts(std::string_view text, const std::string& option);
Result<std::int64_t> ParseCount(std::string_view text, const std::string& option);

}  // namespace tidegate::cli
