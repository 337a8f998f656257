// Metrics as text for whoever scrapes them: Prometheus' format 0.0.4, or OpenMetrics 1.0.0, which
// says nearly the same.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "obs/metrics.h"

namespace tidegate::obs {

enum class MetricsFormat : std::uint8_t { kPrometheus, kOpenMetrics };
// What a client that says `accept` in its request's head wants; empty: it says nothing.
MetricsFormat ChooseMetricsFormat(std::string_view accept);
std::string_view ContentTypeOf(MetricsFormat format);

struct Label {
  std::string_view name, value;
};
using Labels = std::initializer_list<Label>;

// A family of samples begins with its name and what it means; all of its samples follow at once.
// REQUIRES: names and labels' names are made of letters, digits and '_'; no family begins twice and
// no labels stand twice in one. Labels' values may be any text.
class MetricsText {
 public:
  explicit MetricsText(MetricsFormat format) : format_(format) {}

  void Counter(std::string_view name, std::string_view help);  // its samples are NAME_total
  void Gauge(std::string_view name, std::string_view help);
  void Histogram(std::string_view name, std::string_view help);
  // What does not change while the program runs, in its labels.
  void Info(std::string_view name, std::string_view help, Labels labels);

  void Sample(Labels labels, std::int64_t value);
  void Sample(Labels labels, double value);
  // Of a histogram; in seconds.
  void Sample(Labels labels, const Durations& durations);

  std::string Finish() &&;

 private:
  void Begin(std::string_view name, std::string_view type, std::string_view suffix,
             std::string_view help);
  void Line(std::string_view suffix, Labels labels, const Label* last, std::string_view value);
  std::string Bound(std::int64_t us) const;

  const MetricsFormat format_;
  std::string name_, suffix_;  // of the family; its samples' names are both
  std::string out_;
};

}  // namespace tidegate::obs
