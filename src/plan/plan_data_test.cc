// Runs testdata/*.plan; the format is in testdata/README.md.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "plan/plan.h"
#include "plan/rules/rule.h"
#include "policy/fields.h"

namespace tidegate::plan {
namespace {

struct PlanCase {
  std::string file;
  std::string sentence;
  std::vector<core::Deployment> fleet;
  std::vector<core::LiveState> live;
  profile::Profile profile;
  core::Constraints constraints;
  std::string asked;
  core::PlaceSet key_places = core::PlaceSet::All();
  Money budget = Money::Max();
  std::vector<std::string> attempts;
  std::map<std::string, std::string> rejections;
  std::map<std::string, std::int64_t> limits;
  std::string error_code, error_reason;
};

[[noreturn]] void Fail(const std::string& what) { throw std::runtime_error(what); }

// "key=value" words behind the first ones of a line.
std::map<std::string, std::string> Pairs(std::istringstream& line) {
  std::map<std::string, std::string> pairs;
  std::string word;
  while (line >> word) {
    const std::size_t equals = word.find('=');
    if (word == "down") {
      std::string why;
      std::getline(line >> std::ws, why);
      pairs["down"] = why;
    } else {
      pairs[word.substr(0, equals)] = equals == std::string::npos ? "" : word.substr(equals + 1);
    }
  }
  return pairs;
}

class Words {
 public:
  Words(std::istringstream& line, std::set<std::string> known) : pairs_(Pairs(line)) {
    for (const auto& [key, value] : pairs_) {
      if (!known.contains(key)) Fail("unknown key " + key);
    }
  }
  bool Has(const std::string& key) const { return pairs_.contains(key); }
  std::string Text(const std::string& key, std::string otherwise = "") const {
    return Has(key) ? pairs_.at(key) : std::move(otherwise);
  }
  double Number(const std::string& key, double otherwise) const {
    return Has(key) ? std::stod(pairs_.at(key)) : otherwise;
  }
  std::int64_t Integer(const std::string& key, std::int64_t otherwise) const {
    return Has(key) ? std::stoll(pairs_.at(key)) : otherwise;
  }

 private:
  std::map<std::string, std::string> pairs_;
};

std::vector<std::string> SplitCommas(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');) words.push_back(word);
  return words;
}

core::CapabilitySet Capabilities(const std::string& text) {
  core::CapabilitySet set;
  for (const std::string& name : SplitCommas(text))
    set = set.With(core::ParseCapability(name).value());
  return set;
}

// "100:1:400:20,4000:1:8000:15": tokens of the prompt, requests at once, ms to the first token,
// tokens/s of each.
std::shared_ptr<const core::SpeedProfile> ReadSpeed(const std::string& text) {
  std::vector<core::SpeedPoint> points;
  for (const std::string& word : SplitCommas(text)) {
    std::istringstream fields(word);
    core::SpeedPoint point;
    char colon = 0;
    fields >> point.prompt_tokens >> colon >> point.at_once >> colon >> point.ttft_ms_p50 >>
        colon >> point.tokens_per_s;
    if (fields.fail() || !fields.eof()) Fail("no point of a profile: " + word);
    points.push_back(point);
  }
  return std::make_shared<const core::SpeedProfile>(std::move(points), 0, "");
}

core::Deployment ReadModel(std::istringstream& line) {
  std::string ref;
  line >> ref;
  const Words words(line, {"place", "q", "in", "out", "request_usd", "context", "context_max",
                           "output", "caps", "family", "region", "zdr", "ttft", "tps", "speed"});
  core::Deployment d;
  d.ref = {ref.substr(0, ref.find('/')), ref.substr(ref.find('/') + 1)};
  d.place = core::ParsePlace(words.Text("place", "cloud")).value();
  d.quality = words.Number("q", 0.5);
  if (words.Has("in")) {
    core::Prices prices;
    prices.input.nanodollars_per_mtok = MoneyFromDouble(words.Number("in", 0)).value().nanodollars;
    prices.output.nanodollars_per_mtok =
        MoneyFromDouble(words.Number("out", 0)).value().nanodollars;
    prices.per_request = MoneyFromDouble(words.Number("request_usd", 0)).value();
    d.prices = prices;
  }
  d.context_tokens = words.Integer("context", 100'000);
  d.context_tokens_max = words.Integer("context_max", 0);
  d.output_tokens_max = words.Integer("output", 8000);
  d.capabilities = Capabilities(words.Text("caps"));
  d.family = words.Text("family");
  d.region = words.Text("region");
  d.zero_data_retention = words.Has("zdr");
  d.ttft_ms_prior = words.Integer("ttft", 500);
  d.tokens_per_s_prior = words.Number("tps", 50);
  if (words.Has("speed")) d.speed = ReadSpeed(words.Text("speed"));
  return d;
}

void ReadAsk(std::istringstream& line, PlanCase& out) {
  line >> out.asked;
  if (out.asked == "-") out.asked.clear();
  const Words words(
      line, {"input", "input_max", "output", "limit", "difficulty", "choices", "needs", "prompts",
             "longest", "requests", "silent", "media", "shortens"});
  out.profile.input_tokens_estimate = words.Integer("input", 100);
  out.profile.media_tokens_estimate = words.Integer("media", 0);
  out.profile.may_shorten = words.Integer("shortens", 0) != 0;
  out.profile.input_tokens_max = words.Integer("input_max", 4 * out.profile.input_tokens_estimate);
  out.profile.output_tokens_estimate = words.Integer("output", 100);
  out.profile.output_tokens_limit = words.Integer("limit", 0);
  out.profile.difficulty = words.Number("difficulty", 0.5);
  out.profile.choices = words.Integer("choices", 1);
  out.profile.needs = Capabilities(words.Text("needs"));
  out.profile.prompts = words.Integer("prompts", 1);
  if (words.Has("longest")) out.profile.longest_prompt_estimate = words.Integer("longest", 0);
  out.profile.requests_max = words.Integer("requests", 1);
  out.profile.writes = !words.Has("silent");
  if (words.Has("silent")) out.profile.output_tokens_estimate = 0;
}

void ReadLive(std::istringstream& line, PlanCase& out) {
  std::string ref;
  line >> ref;
  const auto found =
      std::find_if(out.fleet.begin(), out.fleet.end(),
                   [&](const core::Deployment& d) { return d.ref.ToString() == ref; });
  if (found == out.fleet.end()) Fail("unknown model " + ref);
  const Words words(line, {"down", "unloaded", "queue", "wait", "window", "load", "users",
                           "samples", "ttft", "ttft95", "prompt", "tps", "tps05"});
  core::LiveState& live = out.live[static_cast<std::size_t>(found - out.fleet.begin())];
  live.available = !words.Has("down");
  live.unavailable_why = words.Text("down");
  live.loaded = !words.Has("unloaded");
  live.load_ms = words.Integer("unloaded", words.Integer("load", 0));
  live.expected_wait_ms = words.Integer("wait", 0);
  live.context_tokens = words.Integer("window", 0);
  live.queue_depth = words.Integer("queue", 0);
  live.users = words.Integer("users", 0);
  live.samples = words.Integer("samples", 0);
  live.ttft_ms_p50 = words.Number("ttft", 0);
  live.ttft_ms_p95 = words.Number("ttft95", 0);
  live.prompt_tokens_p50 = words.Number("prompt", 0);
  live.tokens_per_s_p50 = words.Number("tps", 0);
  live.tokens_per_s_p05 = words.Number("tps05", 0);
}

void ReadWant(std::istringstream& line, PlanCase& out) {
  std::string field;
  std::string value;
  line >> field;
  std::getline(line >> std::ws, value);
  const Result<void> applied = policy::ApplyText(out.constraints, field, value, field);
  if (!applied.ok()) Fail(Describe(applied.error()));
}

core::PlaceSet ReadPlaces(std::istringstream& line) {
  std::string text;
  line >> text;
  core::PlaceSet places;
  for (const std::string& name : SplitCommas(text))
    places = places.With(core::ParsePlace(name).value());
  return places;
}

void ReadCaseLine(const std::string& command, std::istringstream& line, PlanCase& out) {
  std::string first;
  std::string second;
  if (command == "ask") return ReadAsk(line, out);
  if (command == "want") return ReadWant(line, out);
  if (command == "live") return ReadLive(line, out);
  if (command == "key_places") {
    out.key_places = ReadPlaces(line);
  } else if (command == "budget") {
    double usd = 0;
    line >> usd;
    out.budget = Money{static_cast<std::int64_t>(usd * 1e9)};
  } else if (command == "try") {
    while (line >> first) {
      if (first != "nothing") out.attempts.push_back(first);
    }
  } else if (command == "reject" && line >> first >> second) {
    out.rejections[first] = second;
  } else if (command == "write" && line >> first >> second) {
    out.limits[first] = std::stoll(second);
  } else if (command == "error" && line >> out.error_code >> out.error_reason) {
  } else {
    Fail("unknown line: " + command);
  }
}

std::vector<PlanCase> LoadFile(const std::filesystem::path& path) {
  std::vector<core::Deployment> fleet;
  std::vector<PlanCase> cases;
  std::ifstream file(path);
  for (std::string text; std::getline(file, text);) {
    std::istringstream line(text.substr(0, text.find('#')));
    std::string command;
    if (!(line >> command)) continue;
    if (command == "model") {
      fleet.push_back(ReadModel(line));
    } else if (command == "case") {
      PlanCase next;
      next.file = path.stem().string();
      std::getline(line >> std::ws, next.sentence);
      next.fleet = fleet;
      next.live.resize(fleet.size());
      cases.push_back(next);
    } else {
      ReadCaseLine(command, line, cases.back());
    }
  }
  return cases;
}

std::vector<PlanCase> LoadAll() {
  std::vector<PlanCase> all;
  for (const auto& entry :
       std::filesystem::directory_iterator(TIDEGATE_SOURCE_DIR "/src/plan/testdata")) {
    if (entry.path().extension() != ".plan") continue;
    const std::vector<PlanCase> cases = LoadFile(entry.path());
    all.insert(all.end(), cases.begin(), cases.end());
  }
  return all;
}

// The places of a label, as privacy::ComputeLabel gives them.
core::PlaceSet LabelPlaces(core::Privacy privacy) {
  return privacy == core::Privacy::kMasked ? core::PlaceSet::Of(core::Place::kDevice)
                                           : core::PlacesFor(privacy);
}

void PrintTo(const PlanCase& data, std::ostream* out) {
  *out << data.file << ": " << data.sentence;
}

// "openai/strong 1.25", one candidate a line, for a failure's message.
std::string Scores(const Input& input, const Plan& plan) {
  std::ostringstream text;
  for (const Candidate& candidate : plan.candidates) {
    if (candidate.rejected) continue;
    text << input.deployments[candidate.deployment].ref.ToString() << " " << candidate.score
         << " total " << candidate.estimate.total_ms << " ms, quality "
         << candidate.estimate.quality << "\n";
  }
  return text.str();
}

class PlanData : public testing::TestWithParam<PlanCase> {};

TEST_P(PlanData, Holds) {
  const PlanCase& data = GetParam();
  const core::Privacy privacy = data.constraints.privacy.value_or(core::Privacy::kOpen);
  const Input input{.profile = data.profile,
                    .constraints = data.constraints,
                    .privacy = privacy,
                    .label_places = LabelPlaces(privacy),
                    .asked_model = data.asked,
                    .deployments = data.fleet,
                    .live = data.live,
                    .key_places = data.key_places,
                    .budget_left = data.budget};
  const Plan plan = Make(input);
  std::vector<std::string> attempts;
  std::map<std::string, std::int64_t> limits;
  for (const Attempt& attempt : plan.attempts) {
    attempts.push_back(data.fleet[attempt.deployment].ref.ToString());
    if (attempt.estimate.output_tokens_limit && data.limits.contains(attempts.back())) {
      limits[attempts.back()] = *attempt.estimate.output_tokens_limit;
    }
  }
  std::map<std::string, std::string> rejections;
  for (const core::Candidate& candidate :
       ToRecords(input, plan, data.fleet.size(), data.fleet.size())) {
    if (!candidate.rejected) continue;
    rejections[candidate.model] = core::ToString(candidate.reason);
    EXPECT_FALSE(candidate.detail.empty()) << candidate.model;
  }
  EXPECT_EQ(attempts, data.attempts) << Scores(input, plan);
  EXPECT_EQ(rejections, data.rejections);
  EXPECT_EQ(limits, data.limits);
  EXPECT_EQ(plan.candidates.size(), data.fleet.size());
  ASSERT_EQ(data.attempts.empty(), !data.error_code.empty())
      << "a case that tries nothing states its error";
  if (!plan.attempts.empty() || data.error_code.empty()) return;
  const Error error = NoCandidateError(input, plan);
  EXPECT_EQ(ToString(error.code), data.error_code) << error.message;
  EXPECT_EQ(error.reason, data.error_reason) << error.message;
  EXPECT_FALSE(error.message.empty());
}

std::string TestName(const testing::TestParamInfo<PlanCase>& info) {
  std::string name = info.param.file + "_";
  for (const char c : info.param.sentence)
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Files, PlanData, testing::ValuesIn(LoadAll()), TestName);

TEST(PlanFiles, HoldAtLeastFortyCasesAndEveryReason) {
  std::set<std::string> reasons;
  const std::vector<PlanCase> all = LoadAll();
  EXPECT_GE(all.size(), 40U);
  for (const PlanCase& data : all) {
    for (const auto& [model, reason] : data.rejections) reasons.insert(reason);
  }
  for (const Rule* rule : Rules())
    EXPECT_TRUE(reasons.contains(std::string(core::ToString(rule->reason))));
  EXPECT_TRUE(reasons.contains("fallback"));
}

}  // namespace
}  // namespace tidegate::plan
