// What is shown of a transfer of many files: a row for each file and each step, made from the lines
// of Ollama's NDJSON. Sans I/O; transfer_screen.h connects it to standard error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/ink.h"
#include "cli/services.h"
#include "json/reader.h"

namespace tidegate::cli {

inline constexpr std::size_t kTransferRowsMax = 12;  // that move at the same time
inline constexpr std::int64_t kRateWindowNanos = 8'000'000'000;

// A line {"status","digest"?,"total"?,"completed"?}. Errors: what {"error"} says; kProtocol.
Result<TransferStatus> ReadTransferLine(json::Reader& reader, std::string_view line);

class TransferProgress {
 public:
  // `now_nanos` never goes back.
  void Take(const TransferStatus& status, std::int64_t now_nanos);
  // The transfer is over. After a failure what was not done stays so.
  void End(bool done);
  // The rows that will not change any more, each handed out once; a step that is longer than a row
  // is several. `columns`: 0 = no bar, and rows of any length.
  std::vector<std::string> TakeFinished(std::size_t columns);
  // The rows that still change, as they are now; the last kTransferRowsMax.
  std::vector<std::string> Live(std::size_t columns, std::size_t frame, const Paint& paint) const;

 private:
  struct Sample {
    std::int64_t at = 0, completed = 0;
  };
  struct Row {
    std::string label;
    std::string key;  // of what is counted: the digest, or what is done; empty = a step
    std::int64_t total = 0, completed = 0;
    bool finished = false;
    std::deque<Sample> samples;
  };
  static std::string Text(const Row& row, std::size_t columns);
  static double Rate(const Row& row);  // bytes/s; 0 = not known yet
  Row* Find(const std::string& key);
  std::deque<Row> rows_;                    // not yet handed out, in the order of their beginning
  std::map<std::string, bool> handed_out_;  // keys of what is done
};

}  // namespace tidegate::cli
