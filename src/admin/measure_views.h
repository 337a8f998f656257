// What was measured, as JSON. docs/admin_api.md lists the members.
#pragma once

#include <string>

#include "core/speed_profile.h"
#include "engine/bench_run.h"
#include "engine/tune.h"
#include "json/writer.h"

namespace tidegate::admin {

// The profile's headline and its points, as the value of a member.
void WriteProfile(json::Writer& writer, const core::SpeedProfile& profile);

// `profile`: what was made of the report and is kept.
std::string EncodeBench(const std::string& model, const engine::BenchReport& report,
                        const core::SpeedProfile& profile);
std::string EncodeTune(const std::string& model, engine::TuneGoal goal,
                       const engine::TuneReport& report);
std::string EncodeReset(const std::string& model, bool forgotten);

}  // namespace tidegate::admin
