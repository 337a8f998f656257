#include "obs/metrics_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/utf8.h"

namespace tidegate::obs {
namespace {

constexpr std::string_view kOpenMetricsType = "application/openmetrics-text";
constexpr double kMicrosPerSecond = 1e6;

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes what stands before the next `separator`.
std::string_view TakeUntil(std::string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view taken = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return Trim(taken);
}

// One of the ranges of an Accept field, with what it is worth to the client.
struct MediaRange {
  std::string_view type;
  double quality = 1;
};

MediaRange ParseRange(std::string_view text) {
  MediaRange range{TakeUntil(text, ';')};
  while (!text.empty()) {
    std::string_view parameter = TakeUntil(text, ';');
    const std::string_view name = TakeUntil(parameter, '=');
    if (!EqualsIgnoreCase(name, "q")) continue;
    parameter = Trim(parameter);
    range.quality = 0;  // also when it is no number
    std::from_chars(parameter.data(), parameter.data() + parameter.size(), range.quality);
  }
  return range;
}

// In a comment or, with quotes around it, as the value of a label.
void AppendEscaped(std::string& out, std::string_view text, bool in_quotes) {
  while (!text.empty()) {
    const char c = text.front();
    std::size_t bytes = 1;
    if (static_cast<unsigned char>(c) >= 0x80) {
      const Utf8Sequence sequence = FirstUtf8Sequence(text);
      bytes = sequence.bytes;
      out += sequence.valid ? text.substr(0, bytes) : kReplacementCharacter;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\\' || (c == '"' && in_quotes)) {
      out += '\\';
      out += c;
    } else {
      out += c;
    }
    text.remove_prefix(bytes);
  }
}

std::string NumberText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

}  // namespace

MetricsFormat ChooseMetricsFormat(std::string_view accept) {
  double open = 0;
  double plain = 0;
  while (!accept.empty()) {
    const MediaRange range = ParseRange(TakeUntil(accept, ','));
    if (EqualsIgnoreCase(range.type, kOpenMetricsType)) {
      open = std::max(open, range.quality);
    } else if (EqualsIgnoreCase(range.type, "text/plain")) {
      plain = std::max(plain, range.quality);
    }
  }
  return open > 0 && open >= plain ? MetricsFormat::kOpenMetrics : MetricsFormat::kPrometheus;
}

std::string_view ContentTypeOf(MetricsFormat format) {
  return format == MetricsFormat::kOpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

void MetricsText::Begin(std::string_view name, std::string_view type, std::string_view suffix,
                        std::string_view help) {
  name_ = name;
  suffix_ = suffix;
  // OpenMetrics names the family, the other format its samples.
  const std::string described = format_ == MetricsFormat::kOpenMetrics ? name_ : name_ + suffix_;
  out_ += "# HELP " + described + " ";
  AppendEscaped(out_, help, format_ == MetricsFormat::kOpenMetrics);
  out_ += "\n# TYPE " + described + " ";
  out_ += type;
  out_ += '\n';
}

void MetricsText::Counter(std::string_view name, std::string_view help) {
  Begin(name, "counter", "_total", help);
}

void MetricsText::Gauge(std::string_view name, std::string_view help) {
  Begin(name, "gauge", "", help);
}

void MetricsText::Histogram(std::string_view name, std::string_view help) {
  Begin(name, "histogram", "", help);
}

void MetricsText::Info(std::string_view name, std::string_view help, Labels labels) {
  Begin(name, format_ == MetricsFormat::kOpenMetrics ? "info" : "gauge", "_info", help);
  Line(suffix_, labels, nullptr, "1");
}

void MetricsText::Line(std::string_view suffix, Labels labels, const Label* last,
                       std::string_view value) {
  out_ += name_;
  out_ += suffix;
  char before = '{';
  const auto append = [&](const Label& label) {
    out_ += before;
    before = ',';
    out_ += label.name;
    out_ += "=\"";
    AppendEscaped(out_, label.value, true);
    out_ += '"';
  };
  for (const Label& label : labels) append(label);
  if (last != nullptr) append(*last);
  if (before == ',') out_ += '}';
  out_ += ' ';
  out_ += value;
  out_ += '\n';
}

void MetricsText::Sample(Labels labels, std::int64_t value) {
  Line(suffix_, labels, nullptr, std::to_string(value));
}

void MetricsText::Sample(Labels labels, double value) {
  Line(suffix_, labels, nullptr, NumberText(value));
}

// In OpenMetrics a bound always looks like a number with a fraction.
std::string MetricsText::Bound(std::int64_t us) const {
  std::string text = NumberText(static_cast<double>(us) / kMicrosPerSecond);
  const bool whole = text.find('.') == std::string::npos;
  if (whole && format_ == MetricsFormat::kOpenMetrics) text += ".0";
  return text;
}

void MetricsText::Sample(Labels labels, const Durations& durations) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < durations.counts.size(); ++i) {
    count += durations.counts[i];
    const bool bounded = i < kDurationBoundsUs.size();
    const std::string bound = bounded ? Bound(kDurationBoundsUs[i]) : "+Inf";
    const Label le{"le", bound};
    Line("_bucket", labels, &le, std::to_string(count));
  }
  Line("_sum", labels, nullptr,
       NumberText(static_cast<double>(durations.sum_us) / kMicrosPerSecond));
  Line("_count", labels, nullptr, std::to_string(count));
}

std::string MetricsText::Finish() && {
  if (format_ == MetricsFormat::kOpenMetrics) out_ += "# EOF\n";
  return std::move(out_);
}

}  // namespace tidegate::obs
