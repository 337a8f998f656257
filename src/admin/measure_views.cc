#include "admin/measure_views.h"

#include <cmath>

#include "base/clock.h"

namespace tidegate::admin {
namespace {

constexpr std::int64_t kNanosPerMs = 1'000'000;

void WritePoints(json::Writer& writer, const std::vector<core::SpeedPoint>& points) {
  writer.Key("points").BeginArray();
  for (const core::SpeedPoint& point : points) {
    writer.BeginObject();
    writer.Key("prompt_tokens").Integer(point.prompt_tokens);
    writer.Key("concurrency").Integer(point.at_once);
    writer.Key("requests").Integer(point.requests);
    writer.Key("ttft_ms_p50").Double(point.ttft_ms_p50);
    writer.Key("ttft_ms_p95").Double(point.ttft_ms_p95);
    writer.Key("prompt_tokens_per_s").Double(point.prompt_tokens_per_s);
    writer.Key("tokens_per_s").Double(point.tokens_per_s);
    writer.Key("tokens_per_s_total").Double(point.tokens_per_s_total);
    writer.Key("disturbed").Bool(point.disturbed);
    writer.EndObject();
  }
  writer.EndArray();
}

void WriteTuning(json::Writer& writer, std::string_view key, const engine::Tuning& tuning) {
  writer.Key(key).BeginObject();
  if (tuning.threads) writer.Key("threads").Integer(*tuning.threads);
  if (tuning.ubatch) writer.Key("ubatch").Integer(*tuning.ubatch);
  if (tuning.flash_attention) {
    writer.Key("flash_attention").String(engine::ToString(*tuning.flash_attention));
  }
  if (tuning.kv_type) writer.Key("kv_type").String(models::ToString(*tuning.kv_type));
  writer.EndObject();
}

}  // namespace

void WriteProfile(json::Writer& writer, const core::SpeedProfile& profile) {
  // The shortest prompt, alone: what people call the speed of a model.
  const core::SpeedPoint& first = profile.points().front();
  writer.BeginObject();
  writer.Key("measured_at").String(FormatUtc(profile.measured_s() * kNanosPerSecond));
  writer.Key("settings").String(profile.settings());
  writer.Key("prompt_tokens").Integer(first.prompt_tokens);
  writer.Key("ttft_ms").Double(first.ttft_ms_p50);
  writer.Key("prompt_tokens_per_s").Double(first.prompt_tokens_per_s);
  writer.Key("tokens_per_s").Double(first.tokens_per_s);
  WritePoints(writer, profile.points());
  writer.EndObject();
}

std::string EncodeBench(const std::string& model, const engine::BenchReport& report,
                        const core::SpeedProfile& profile) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject();
  writer.Key("model").String(model);
  writer.Key("duration_ms").Integer(report.nanos / kNanosPerMs);
  writer.Key("complete").Bool(report.left_out.empty());
  writer.Key("left_out").BeginArray();
  for (const engine::Cell& cell : report.left_out) {
    writer.BeginObject();
    writer.Key("prompt_tokens").Integer(cell.prompt_tokens);
    writer.Key("concurrency").Integer(cell.at_once);
    writer.EndObject();
  }
  writer.EndArray();
  writer.Key("profile");
  WriteProfile(writer, profile);
  writer.EndObject();
  return out;
}

std::string EncodeTune(const std::string& model, engine::TuneGoal goal,
                       const engine::TuneReport& report) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject();
  writer.Key("model").String(model);
  writer.Key("for").String(engine::ToString(goal));
  writer.Key("duration_ms").Integer(report.nanos / kNanosPerMs);
  writer.Key("complete").Bool(report.complete);
  writer.Key("changed").Bool(!(report.before == report.after));
  WriteTuning(writer, "before", report.before);
  WriteTuning(writer, "after", report.after);
  // How much better the best was, and how much two measurements of the same settings differed.
  writer.Key("gain").Double(std::expm1(report.verdict.gain));
  writer.Key("noise").Double(std::expm1(report.verdict.noise));
  writer.Key("trials").BeginArray();
  for (const engine::Trial& trial : report.trials) {
    writer.BeginObject();
    WriteTuning(writer, "settings", trial.tuning);
    writer.Key("gain").Double(trial.score);
    writer.Key("problem").String(trial.problem);
    WritePoints(writer, trial.points);
    writer.EndObject();
  }
  writer.EndArray();
  WritePoints(writer, report.points);
  writer.EndObject();
  return out;
}

std::string EncodeReset(const std::string& model, bool forgotten) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("model").String(model);
  writer.Key("reset").Bool(forgotten).EndObject();
  return out;
}

}  // namespace tidegate::admin
