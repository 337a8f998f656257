#include "cli/transfer_progress.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/chat.h"
#include "cli/display_text.h"
#include "cli/json_fields.h"
#include "cli/line_splitter.h"
#include "cli/progress.h"
#include "cli/units.h"

namespace tidegate::cli {
namespace {

constexpr std::int64_t kSampleNanos = 250'000'000;
constexpr std::int64_t kSecondNanos = 1'000'000'000;
constexpr std::size_t kLabelColumnsMax = 60;
constexpr std::size_t kStepColumnsMax = 1'000;  // a step may be a sentence
constexpr std::size_t kBarColumnsMin = 4;
constexpr std::size_t kWrapColumnsMin = 20;
constexpr std::size_t kFilesMax = 10'000;  // a hostile server ends here

// "8eeb52dfb3bb" of "sha256:8eeb52dfb3bb…".
std::string ShortDigest(std::string_view digest) {
  constexpr std::string_view kPrefix = "sha256:";
  if (digest.starts_with(kPrefix)) digest.remove_prefix(kPrefix.size());
  return std::string(digest.substr(0, 12));
}

std::string OneLine(std::string_view text, std::size_t columns_max = kLabelColumnsMax) {
  std::string line = Printable(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::replace(line.begin(), line.end(), '\t', ' ');
  return Cut(line, columns_max);
}

std::string LabelOf(const TransferStatus& status) {
  const std::string digest = ShortDigest(status.digest);
  std::string label = status.status;
  if (label.find(digest) == std::string::npos) label += (label.empty() ? "" : " ") + digest;
  return OneLine(label) + ":";
}

std::string TimeLeft(double seconds) {
  constexpr double kLongest = 99.0 * 3600;
  if (seconds > kLongest) return "99h+";
  return FormatGoDuration(static_cast<std::int64_t>(seconds + 0.5) * kSecondNanos);
}

std::string Bar(std::size_t columns, double done) {
  const auto full = static_cast<std::size_t>(static_cast<double>(columns) * done);
  std::string bar = "▕";
  for (std::size_t i = 0; i < columns; ++i) bar += i < full ? "█" : " ";
  return bar + "▏";
}

}  // namespace

Result<TransferStatus> ReadTransferLine(json::Reader& reader, std::string_view line) {
  const Result<json::Value> root = reader.ParseCopy(line, kAnswerLineBytesMax);
  if (!root.ok()) return UnexpectedAnswer(root.error());
  JsonFields fields(*root);
  if (std::optional<Error> error = ErrorOfLine(fields, ErrorCode::kUnavailable)) {
    // Ollama's own errors have no code, and this one matters to scripts. A gate says what it means.
    const bool missing = error->message.find("does not exist") != std::string::npos ||
                         error->message.find("not found") != std::string::npos;
    const std::optional<json::Value> inner = fields.Find("error");
    const bool coded = fields.Find("code").has_value() || (inner && inner->is_object());
    if (!coded && missing) error->code = ErrorCode::kNotFound;
    return *std::move(error);
  }
  TransferStatus status;
  status.status = fields.Text("status");
  status.digest = fields.Text("digest");
  status.total = std::max<std::int64_t>(fields.Integer("total"), 0);
  status.completed = std::max<std::int64_t>(fields.Integer("completed"), 0);
  TIDEGATE_TRY(fields.status());
  if (status.status.empty() && status.digest.empty()) {
    return UnexpectedAnswer(InvalidArgument("status", "is required"));
  }
  return status;
}

TransferProgress::Row* TransferProgress::Find(const std::string& key) {
  const auto found =
      std::find_if(rows_.begin(), rows_.end(), [&](const Row& row) { return row.key == key; });
  return found == rows_.end() ? nullptr : &*found;
}

void TransferProgress::Take(const TransferStatus& status, std::int64_t now_nanos) {
  // What is copied or made anew has no digest before it is done.
  const std::string key =
      status.digest.empty() && status.total > 0 ? OneLine(status.status) : status.digest;
  if (key.empty()) {
    Row* last = rows_.empty() ? nullptr : &rows_.back();
    const std::string label = OneLine(status.status, kStepColumnsMax);
    if (last != nullptr && last->key.empty() && !last->finished && last->label == label) return;
    for (Row& row : rows_) row.finished = row.finished || row.key.empty();
    rows_.push_back(Row{.label = label, .key = "", .samples = {}});
    return;
  }
  // The first word of a file, sent when nothing of it has come, is no row yet.
  Row* row = Find(key);
  const bool known = row != nullptr || handed_out_.find(key) != handed_out_.end();
  if (row == nullptr) {
    if (known || status.completed == 0 || handed_out_.size() + rows_.size() >= kFilesMax) return;
    for (Row& other : rows_) other.finished = other.finished || other.key.empty();
    rows_.push_back(Row{.label = LabelOf(status), .key = key, .samples = {}});
    row = &rows_.back();
  }
  row->total = std::max(row->total, status.total);
  row->completed = row->total > 0 ? std::min(status.completed, row->total) : status.completed;
  row->finished = row->total > 0 && row->completed == row->total;
  if (row->samples.empty() || now_nanos - row->samples.back().at >= kSampleNanos) {
    row->samples.push_back({now_nanos, row->completed});
  }
  while (now_nanos - row->samples.front().at > kRateWindowNanos) row->samples.pop_front();
}

void TransferProgress::End(bool done) {
  for (Row& row : rows_) row.finished = row.finished || done || row.key.empty();
}

std::vector<std::string> TransferProgress::TakeFinished(std::size_t columns) {
  std::vector<std::string> texts;
  while (!rows_.empty() && rows_.front().finished) {
    const Row& row = rows_.front();
    if (row.key.empty() && columns >= kWrapColumnsMin) {
      const std::vector<std::string> lines = Wrap(row.label, columns);
      texts.insert(texts.end(), lines.begin(), lines.end());
    } else {
      texts.push_back(Text(row, columns));
    }
    if (!row.key.empty()) handed_out_[row.key] = true;
    rows_.pop_front();
  }
  return texts;
}

double TransferProgress::Rate(const Row& row) {
  if (row.samples.size() < 2) return 0;
  const Sample& first = row.samples.front();
  const Sample& last = row.samples.back();
  const std::int64_t bytes = last.completed - first.completed;
  if (bytes <= 0 || last.at <= first.at) return 0;
  return static_cast<double>(bytes) * static_cast<double>(kSecondNanos) /
         static_cast<double>(last.at - first.at);
}

std::string TransferProgress::Text(const Row& row, std::size_t columns) {
  if (row.key.empty()) return row.label;
  const bool whole = row.total > 0 && row.completed == row.total;
  const double done =
      row.total > 0 ? static_cast<double>(row.completed) / static_cast<double>(row.total) : 0;
  const std::string begin = fmt::format("{} {:3d}%", row.label, static_cast<int>(done * 100));
  std::string end = FormatBytes(row.completed);
  if (!whole && row.total > 0) end += "/" + FormatBytes(row.total);
  const double rate = whole ? 0 : Rate(row);
  if (rate > 0) {
    end += "  " + FormatBytes(static_cast<std::int64_t>(rate)) + "/s";
    if (row.total > 0)
      end += "  " + TimeLeft(static_cast<double>(row.total - row.completed) / rate);
  }
  // The same room for all, so that the bars stand below each other: "999 MB/999 MB  999 MB/s
  // 59m59s".
  constexpr std::size_t kEndColumns = 33;
  constexpr std::size_t kFrameColumns = 4;  // the bar's ends and the blanks beside it
  const std::size_t fixed = DisplayWidth(begin) + kFrameColumns + kEndColumns;
  if (columns < fixed + kBarColumnsMin) {
    return columns == 0 ? begin + " " + end : Cut(begin + " " + end, columns);
  }
  return begin + " " + Bar(columns - fixed, done) + " " + end;
}

std::vector<std::string> TransferProgress::Live(std::size_t columns, std::size_t frame,
                                                const Paint& paint) const {
  std::vector<std::string> texts;
  const std::size_t skipped = rows_.size() - std::min(rows_.size(), kTransferRowsMax);
  for (std::size_t i = skipped; i < rows_.size(); ++i) {
    const Row& row = rows_[i];
    const bool step = row.key.empty() && !row.finished;
    // One line, with the room that is beside it for the spinner.
    texts.push_back(row.key.empty() && columns > 2 ? Cut(row.label, columns - 2)
                                                   : Text(row, columns));
    if (step) texts.back() += " " + paint(Ink::kAccent, SpinnerFrame(frame));
  }
  return texts;
}

}  // namespace tidegate::cli
