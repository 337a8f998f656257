#include "admin/measure_api.h"

#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/measure_views.h"
#include "admin/testing/api_server.h"
#include "json/reader.h"
#include "net/testing/raw_client.h"

namespace tidegate::admin {
namespace {

using net::testing::RawClient;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// The API alone, over HTTP on loopback, in front of work that a test plays.
class MeasureApiTest : public ::testing::Test {
 protected:
  ~MeasureApiTest() override { server_.Close(); }

  std::string Ask(const std::string& path, const std::string& body,
                  const std::string& fields = "x-admin: 1\r\ncontent-type: application/json\r\n",
                  const std::string& method = "POST") {
    return server_.Ask(method, path, body, fields);
  }
  std::string said() {
    const std::lock_guard lock(mutex_);
    return said_;
  }
  bool stopped() {
    const std::lock_guard lock(mutex_);
    return stopped_;
  }
  std::uint16_t port() const { return server_.port(); }

  std::vector<models::Progress> steps_;
  Result<void> end_;
  bool waits_ = false;  // for somebody to end it

 private:
  std::function<void()> Play(std::string said, const models::ProgressSink& sink) {
    {
      const std::lock_guard lock(mutex_);
      said_ = std::move(said);
    }
    for (const models::Progress& step : steps_) sink.step(step);
    if (!waits_) sink.done(end_);
    return [this] {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    };
  }
  MeasureWork Work() {
    MeasureWork work;
    work.bench = [this](const BenchRequest& request, const models::ProgressSink& sink) {
      std::string text = "bench " + request.model;
      for (const std::int64_t one : request.wishes.contexts) text += " c" + std::to_string(one);
      for (const std::int64_t one : request.wishes.concurrency) text += " n" + std::to_string(one);
      if (request.wishes.output_tokens) {
        text += " t" + std::to_string(*request.wishes.output_tokens);
      }
      if (request.wishes.seconds_max) text += " s" + std::to_string(*request.wishes.seconds_max);
      return Play(text + (request.wishes.quick ? " quick" : ""), sink);
    };
    work.tune = [this](const TuneRequest& request, const models::ProgressSink& sink) {
      std::string text = "tune " + request.model;
      text += " " + std::string(engine::ToString(request.wishes.goal));
      if (request.reset) text += " reset";
      if (request.wishes.allow_kv_quantisation) text += " kv";
      return Play(text, sink);
    };
    return work;
  }

  std::mutex mutex_;
  std::string said_;      // what the work was asked for; guarded by mutex_
  bool stopped_ = false;  // guarded by mutex_
  const testing::Callers callers_;
  testing::ApiServer server_{
      [this](net::Exchange& exchange) { return api_.Handle(exchange, callers_.Of(exchange)); }};
  MeasureApi api_{Work()};
};

TEST_F(MeasureApiTest, TellsEachStepAndEndsWithTheResult) {
  models::Progress last{"success"};
  last.result = R"({"model":"m"})";
  steps_ = {{"loading m"}, {"128 tokens, 1 at once (1 of 1)"}, last};
  const std::string answer =
      Ask("/tidegate/models/bench",
          R"({"model":"m","contexts":[128,512],"concurrency":[1],"tokens":16,"seconds_max":9,)"
          R"("quick":true})");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("content-type: application/x-ndjson"));
  EXPECT_THAT(answer, HasSubstr("{\"status\":\"loading m\"}\n"));
  EXPECT_THAT(answer, HasSubstr("{\"status\":\"success\",\"result\":{\"model\":\"m\"}}\n"));
  EXPECT_EQ(said(), "bench m c128 c512 n1 t16 s9 quick");
}

TEST_F(MeasureApiTest, TunesForAGoal) {
  steps_ = {{"success"}};
  Ask("/tidegate/models/tune", R"({"model":"m"})");
  EXPECT_EQ(said(), "tune m balanced");
  Ask("/tidegate/models/tune", R"({"model":"m","for":"latency","allow_kv_quantisation":true})");
  EXPECT_EQ(said(), "tune m latency kv");
  Ask("/tidegate/models/tune", R"({"model":"m","reset":true})");
  EXPECT_EQ(said(), "tune m balanced reset");
}

TEST_F(MeasureApiTest, AnotherMeasurementIsAConflict) {
  end_ = Error{ErrorCode::kConflict, ErrorSource::kCaller, Retry::kSameTarget, "one at a time"};
  const std::string answer = Ask("/tidegate/models/bench", R"({"model":"m"})");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 409"));
  EXPECT_THAT(answer, HasSubstr(R"({"error":{"code":"conflict","message":"one at a time"}})"));
}

TEST_F(MeasureApiTest, AnErrorOnTheWayIsALineInTheSameShape) {
  steps_ = {{"loading m"}};
  end_ = Unavailable(ErrorSource::kEngine, "it broke");
  const std::string answer = Ask("/tidegate/models/bench", R"({"model":"m"})");
  EXPECT_THAT(answer, HasSubstr(R"({"error":{"code":"unavailable","message":"it broke"}})"));
  EXPECT_THAT(answer, Not(HasSubstr("success")));
}

TEST_F(MeasureApiTest, TheClientsLeavingEndsTheWork) {
  steps_ = {{"loading m"}};
  waits_ = true;
  {
    RawClient client = RawClient::Tcp(port());
    client.Send(
        "POST /tidegate/models/tune HTTP/1.1\r\nhost: localhost\r\nx-admin: 1\r\n"
        "content-length: 13\r\n\r\n{\"model\":\"m\"}");
    EXPECT_THAT(client.ReadThrough("loading"), HasSubstr("HTTP/1.1 200"));
    EXPECT_FALSE(stopped());
  }
  for (int i = 0; i < 500 && !stopped(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(stopped());
}

TEST_F(MeasureApiTest, OnlyCallersWithAdminRightsMayMeasure) {
  for (const char* path : {"/tidegate/models/bench", "/tidegate/models/tune"}) {
    EXPECT_THAT(Ask(path, R"({"model":"m"})", ""), StartsWith("HTTP/1.1 403")) << path;
    EXPECT_THAT(Ask(path, "", "x-admin: 1\r\n", "GET"), StartsWith("HTTP/1.1 405")) << path;
  }
  EXPECT_EQ(said(), "");
}

TEST_F(MeasureApiTest, BadBodiesAreRefusedWithTheirField) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "missing request body"},
      {"{}", R"("field":"model")"},
      {R"({"model":7})", R"("field":"model")"},
      {R"({"model":"m","contexts":128})", R"("field":"contexts")"},
      {R"({"model":"m","contexts":["x"]})", R"("field":"contexts[0]")"},
      {R"({"model":"m","quick":"yes"})", R"("field":"quick")"},
      {R"({"model":"m","tokens":1.5})", R"("field":"tokens")"},
      {R"({"model":"m","for":"latency"})", R"("field":"for")"},
  };
  for (const auto& [body, says] : cases) {
    const std::string answer = Ask("/tidegate/models/bench", body);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400")) << body;
    EXPECT_THAT(answer, HasSubstr(says)) << body;
  }
  EXPECT_THAT(Ask("/tidegate/models/tune", R"({"model":"m","for":"beauty"})"),
              HasSubstr(R"("field":"for")"));
  EXPECT_THAT(Ask("/tidegate/models/tune", "{}", "x-admin: 1\r\ncontent-type: text/plain\r\n"),
              HasSubstr("Content-Type"));
  std::string many = R"({"model":"m","contexts":[1)";
  for (int i = 0; i < 100; ++i) many += ",1";
  EXPECT_THAT(Ask("/tidegate/models/bench", many + "]}"), HasSubstr(R"("field":"contexts")"));
  EXPECT_EQ(said(), "");
}

TEST(MeasureViews, SayEveryFigureOnce) {
  core::SpeedPoint point;
  point.prompt_tokens = 128;
  point.at_once = 2;
  point.requests = 4;
  point.ttft_ms_p50 = 41.5;
  point.tokens_per_s = 20.25;
  const core::SpeedProfile profile({point}, 1'764'000'000, "threads=2");
  engine::BenchReport report;
  report.left_out = {{4'096, 4}};
  report.nanos = 1'500'000'000;
  json::Reader reader;
  const std::string text = EncodeBench("m", report, profile);
  EXPECT_TRUE(reader.ParseCopy(text, 100'000).ok()) << text;
  EXPECT_THAT(text, HasSubstr(R"("complete":false,"left_out":[{"prompt_tokens":4096,)"
                              R"("concurrency":4}])"));
  EXPECT_THAT(text, HasSubstr(R"("measured_at":"2025-11-24T16:00:00)"));
  EXPECT_THAT(text, HasSubstr(R"("ttft_ms":41.5,)"));

  engine::TuneReport tuned;
  tuned.after.threads = 3;
  tuned.verdict = {true, std::log(1.25), std::log(1.01)};
  tuned.trials.push_back({tuned.after, 0.25, {point}});
  tuned.trials.push_back({{}, 0, {}, "it does not start"});
  const std::string tune = EncodeTune("m", engine::TuneGoal::kLatency, tuned);
  EXPECT_TRUE(reader.ParseCopy(tune, 100'000).ok()) << tune;
  EXPECT_THAT(tune, HasSubstr(R"("changed":true,"before":{},"after":{"threads":3},"gain":0.25)"));
  EXPECT_THAT(tune, HasSubstr(R"("problem":"it does not start")"));
  EXPECT_EQ(EncodeReset("m", true), R"({"model":"m","reset":true})");
}

}  // namespace
}  // namespace tidegate::admin
