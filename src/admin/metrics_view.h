// What the parts of the running gate say of themselves, as metrics. Pure: values in, text out.
// docs/metrics.md lists the families.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "admin/api.h"
#include "obs/metrics_text.h"

namespace tidegate::admin {

struct MetricsFacts {
  GateFacts gate;
  BookFacts books;
  std::vector<engine::ModelStatus> engine_models;
};

// `write_requests` adds the families of whoever counts the requests.
std::string EncodeMetrics(obs::MetricsFormat format, const MetricsFacts& facts,
                          const std::function<void(obs::MetricsText&)>& write_requests);

}  // namespace tidegate::admin
