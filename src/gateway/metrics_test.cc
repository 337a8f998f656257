#include "gateway/metrics.h"

#include <string>

#include <gtest/gtest.h>

#include "gateway/inventory.h"

namespace tidegate::gateway {
namespace {

core::Deployment Model(const std::string& provider, const std::string& model,
                       core::Place place = core::Place::kCloud) {
  core::Deployment deployment;
  deployment.ref = {provider, model};
  deployment.place = place;
  return deployment;
}

Inventory Of(std::vector<core::Deployment> deployments) {
  std::vector<Route> routes(deployments.size());
  return Inventory(std::move(deployments), std::move(routes), nullptr);
}

core::AttemptRecord Attempt(core::AttemptOutcome outcome) {
  core::AttemptRecord attempt;
  attempt.outcome = outcome;
  attempt.started_us = 1'000;
  attempt.ttft_us = 1'000;
  attempt.usage.input_tokens = 100;
  attempt.usage.cached_read_tokens = 60;
  attempt.usage.output_tokens = 7;
  attempt.cost = Money{2'500'000};
  return attempt;
}

std::string Written(const Metrics& metrics, Inventory& inventory) {
  obs::MetricsText out(obs::MetricsFormat::kPrometheus);
  metrics.Write(inventory, 1, out);
  return std::move(out).Finish();
}

void ExpectLine(const std::string& text, const std::string& line) {
  EXPECT_NE(text.find(line + "\n"), std::string::npos) << line << "\nin\n" << text;
}

TEST(Metrics, AddsUpTheShardsAndKeepsCountingWhenTheListChanges) {
  Metrics metrics(2);
  Inventory inventory = Of({Model("a", "x"), Model("a", "y")});
  inventory.CountIn(metrics);
  core::DecisionRecord record;
  record.status = 200;
  record.total_us = 3'000;
  record.attempts.push_back(Attempt(core::AttemptOutcome::kOk));
  for (std::size_t shard = 0; shard < 2; ++shard) {
    ModelCells& cells = inventory.series(0)->On(shard);
    cells.CountAttempt(record.attempts.front());
    cells.CountRequest(core::Protocol::kOpenAiChat, protocols::Operation::kChat, record);
  }
  // The list is read again: another order, and one is gone.
  Inventory next = Of({Model("b", "z"), Model("a", "x")});
  next.CountIn(metrics);
  EXPECT_EQ(next.series(1), inventory.series(0));
  next.series(1)->On(0).CountRequest(core::Protocol::kOllama, protocols::Operation::kEmbed, record);

  const std::string text = Written(metrics, next);
  const std::string place = R"(provider="a",place="cloud")";
  const std::string model = R"(provider="a",model="x",place="cloud")";
  ExpectLine(text,
             "tidegate_requests_total{protocol=\"openai_chat\"," + place + ",status=\"2xx\"} 2");
  ExpectLine(text,
             "tidegate_requests_total{protocol=\"ollama_embed\"," + place + ",status=\"2xx\"} 1");
  ExpectLine(text, "tidegate_attempts_total{" + model + ",outcome=\"ok\"} 2");
  ExpectLine(text, "tidegate_tokens_total{" + model + ",kind=\"input\"} 80");
  ExpectLine(text, "tidegate_tokens_total{" + model + ",kind=\"cached_read\"} 120");
  ExpectLine(text, "tidegate_tokens_total{" + model + ",kind=\"output\"} 14");
  ExpectLine(text, "tidegate_cost_dollars_total{" + model + "} 0.005");
  ExpectLine(text, "tidegate_request_duration_seconds_bucket{" + place + ",le=\"0.0025\"} 0");
  ExpectLine(text, "tidegate_request_duration_seconds_bucket{" + place + ",le=\"0.005\"} 3");
  ExpectLine(text, "tidegate_request_duration_seconds_sum{" + place + "} 0.009");
  ExpectLine(text, "tidegate_time_to_first_content_seconds_bucket{" + place + ",le=\"0.0025\"} 3");
  ExpectLine(text, "tidegate_breaker_open{" + model + "} 0");
  EXPECT_EQ(text.find("model=\"y\""), std::string::npos) << "it was never tried";
}

TEST(Metrics, CountsWhatIsNoModels) {
  Metrics metrics(2);
  Inventory inventory = Of({});
  inventory.CountIn(metrics);
  core::DecisionRecord refused;
  refused.status = 499;
  metrics.none().On(1).CountRequest(core::Protocol::kGemini, protocols::Operation::kCountTokens,
                                    refused);
  metrics.On(0).CountError(InvalidArgument("model", "is missing"));
  metrics.On(1).CountError(InvalidArgument("model", "is missing"));
  metrics.On(1).fallbacks[static_cast<std::size_t>(ErrorCode::kUnavailable)].Add();
  metrics.On(0).rejections[static_cast<std::size_t>(core::RejectReason::kPrivacy)].Add(3);
  metrics.On(0).begun.Add(2);
  metrics.On(1).begun.Add(2);
  metrics.On(1).ended.Add();
  metrics.On(1).streams_begun.Add();
  EXPECT_EQ(metrics.Requests(), 4);
  EXPECT_EQ(metrics.InFlight(), 3);
  const std::string text = Written(metrics, inventory);
  ExpectLine(text, R"(tidegate_requests_total{protocol="gemini_count_tokens",provider="none",)"
                   R"(place="none",status="4xx"} 1)");
  ExpectLine(text, R"(tidegate_request_errors_total{code="invalid_argument",source="caller"} 2)");
  ExpectLine(text, R"(tidegate_fallbacks_total{code="unavailable"} 1)");
  ExpectLine(text, R"(tidegate_rejections_total{reason="privacy"} 3)");
  ExpectLine(text, "tidegate_requests_active 3");
  ExpectLine(text, "tidegate_streams_active 1");
}

TEST(Metrics, TellsWhichModelsAreLeftAlone) {
  Metrics metrics(1);
  Inventory inventory = Of({Model("a", "x"), Model("local", "x", core::Place::kDevice)});
  inventory.CountIn(metrics);
  const Error down = Unavailable(ErrorSource::kUpstream, "down");
  while (!inventory.breaker(1).Failed(0, down)) continue;
  inventory.series(1)->On(0).breaker_opened.Add();
  const std::string text = Written(metrics, inventory);
  const std::string model = R"(provider="local",model="x",place="device")";
  ExpectLine(text, "tidegate_breaker_open{" + model + "} 1");
  ExpectLine(text, "tidegate_breaker_openings_total{" + model + "} 1");
  EXPECT_EQ(text.find("provider=\"a\""), std::string::npos);
}

TEST(Metrics, HoldsABoundedNumberOfModels) {
  Metrics metrics(1);
  for (std::size_t i = 0; i < kModelSeriesMax; ++i) {
    metrics.Of(Model("p", "m" + std::to_string(i)));
  }
  ModelSeries& beyond = metrics.Of(Model("p", "one more"));
  EXPECT_EQ(beyond.model, "other");
  EXPECT_EQ(&metrics.Of(Model("p", "another")), &beyond);
  EXPECT_EQ(metrics.Of(Model("p", "m5")).model, "m5") << "known ones stay";
}

}  // namespace
}  // namespace tidegate::gateway
