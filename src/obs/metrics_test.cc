#include <limits>
#include <thread>

#include <gtest/gtest.h>

#include "obs/metrics_text.h"

namespace tidegate::obs {
namespace {

TEST(ChooseMetricsFormat, FollowsWhatTheClientPrefers) {
  struct Case {
    std::string_view accept;
    MetricsFormat format;
  };
  constexpr MetricsFormat kPlain = MetricsFormat::kPrometheus;
  constexpr MetricsFormat kOpen = MetricsFormat::kOpenMetrics;
  const Case cases[] = {
      {"", kPlain},
      {"*/*", kPlain},
      {"text/plain", kPlain},
      {"application/openmetrics-text", kOpen},
      {"Application/OpenMetrics-Text; version=1.0.0; charset=utf-8", kOpen},
      {"application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
       kOpen},
      {"application/openmetrics-text;q=0.2, text/plain;q=0.9", kPlain},
      {"application/openmetrics-text;q=0", kPlain},
      {"application/openmetrics-text; q = 1 , text/plain", kOpen},
      {"application/openmetrics-text;q=high", kPlain},
      {",;=,;q=,", kPlain},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(ChooseMetricsFormat(each.accept), each.format) << each.accept;
  }
}

TEST(MetricsText, WritesFamiliesInThePrometheusFormat) {
  MetricsText out(MetricsFormat::kPrometheus);
  out.Info("gate_build", "What \"runs\"", {{"version", "1.0"}});
  out.Counter("gate_things", "Things\nof \\ kinds");
  out.Sample({{"kind", "a \"b\"\\\n"}, {"place", "Köln"}}, std::int64_t{3});
  out.Gauge("gate_level", "Level");
  out.Sample({}, 0.25);
  EXPECT_EQ(std::move(out).Finish(), R"(# HELP gate_build_info What "runs"
# TYPE gate_build_info gauge
gate_build_info{version="1.0"} 1
# HELP gate_things_total Things\nof \\ kinds
# TYPE gate_things_total counter
gate_things_total{kind="a \"b\"\\\n",place="Köln"} 3
# HELP gate_level Level
# TYPE gate_level gauge
gate_level 0.25
)");
}

TEST(MetricsText, WritesTheSameInOpenMetrics) {
  MetricsText out(MetricsFormat::kOpenMetrics);
  out.Info("gate_build", "What \"runs\"", {{"version", "1.0"}});
  out.Counter("gate_things", "Things");
  out.Sample({}, std::int64_t{3});
  EXPECT_EQ(std::move(out).Finish(), R"(# HELP gate_build What \"runs\"
# TYPE gate_build info
gate_build_info{version="1.0"} 1
# HELP gate_things Things
# TYPE gate_things counter
gate_things_total 3
# EOF
)");
}

TEST(MetricsText, TextThatIsNoUtf8BecomesSuch) {
  MetricsText out(MetricsFormat::kPrometheus);
  out.Gauge("gate_level", "Level");
  out.Sample({{"model", "a\xFF\xC3"}}, std::int64_t{1});
  EXPECT_TRUE(
      std::move(out).Finish().ends_with("gate_level{model=\"a\xEF\xBF\xBD\xEF\xBF\xBD\"} 1\n"));
}

TEST(DurationBucket, IsTheNumberOfBoundsThatADurationIsBeyond) {
  const auto expected = [](std::int64_t us) {
    std::size_t beyond = 0;
    for (const std::int64_t bound : kDurationBoundsUs) beyond += us > bound ? 1 : 0;
    return beyond;
  };
  for (std::int64_t us = -2; us < 12'000; ++us) ASSERT_EQ(DurationBucket(us), expected(us)) << us;
  for (const std::int64_t bound : kDurationBoundsUs) {
    for (const std::int64_t us : {bound - 1, bound, bound + 1}) {
      EXPECT_EQ(DurationBucket(us), expected(us)) << us;
    }
  }
  for (int bits = 0; bits < 63; ++bits) {
    const std::int64_t power = std::int64_t{1} << bits;
    for (const std::int64_t us : {power - 1, power, power + 1}) {
      EXPECT_EQ(DurationBucket(us), expected(us)) << us;
    }
  }
  EXPECT_EQ(DurationBucket(std::numeric_limits<std::int64_t>::max()), kDurationBoundsUs.size());
}

TEST(DurationCells, EachDurationIsInTheBucketsThatHoldIt) {
  DurationCells cells;
  cells.Observe(0);
  cells.Observe(1'000);  // a bound belongs to its bucket
  cells.Observe(1'001);
  cells.Observe(kDurationBoundsUs.back() + 1);
  cells.Observe(std::int64_t{1} << 40);
  Durations sums;
  cells.AddTo(sums);
  EXPECT_EQ(sums.counts.front(), 2);
  EXPECT_EQ(sums.counts[1], 1);
  EXPECT_EQ(sums.counts.back(), 2);
  MetricsText out(MetricsFormat::kOpenMetrics);
  out.Histogram("gate_wait_seconds", "Waits");
  out.Sample({{"place", "device"}}, sums);
  const std::string text = std::move(out).Finish();
  for (const char* line : {"gate_wait_seconds_bucket{place=\"device\",le=\"0.001\"} 2\n",
                           "gate_wait_seconds_bucket{place=\"device\",le=\"0.0025\"} 3\n",
                           "gate_wait_seconds_bucket{place=\"device\",le=\"1.0\"} 3\n",
                           "gate_wait_seconds_bucket{place=\"device\",le=\"+Inf\"} 5\n",
                           "gate_wait_seconds_count{place=\"device\"} 5\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(Cell, IsReadWhileItsThreadWrites) {
  constexpr std::int64_t kTimes = 100'000;
  Cell cell;
  std::thread writer([&cell] {
    for (std::int64_t i = 0; i < kTimes; ++i) cell.Add();
  });
  std::int64_t last = 0;
  while (last < kTimes) {
    const std::int64_t now = cell.value();
    ASSERT_GE(now, last);
    last = now;
  }
  writer.join();
  EXPECT_EQ(cell.value(), kTimes);
}

}  // namespace
}  // namespace tidegate::obs
