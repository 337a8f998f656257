// Residency under any order of events: what holds whatever models are asked for, and however long
// their answers take.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/residency.h"

namespace tidegate::engine {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMs;
constexpr std::uint64_t kGib = 1ULL << 30U;

// Models of random sizes that ask, load, serve and go at random.
class Simulation {
 public:
  // Requests end within `request_max`, and wait for memory within `wait_max`; 0 = however long.
  Simulation(unsigned seed, std::int64_t request_max, std::int64_t wait_max)
      : random_(seed), request_max_(request_max) {
    limits_.budget_bytes = kBudget;
    limits_.preload_bytes = seed % 2 == 0 ? kBudget : 0;
    limits_.wait_nanos_max = wait_max;
    limits_.quantum_nanos_max = 4 * kSecond;
    limits_.overtaking_max = 1;
    residency_.emplace(limits_);
    for (char name = 'a'; name < 'g'; ++name) {
      Model& model = models_[std::string(1, name)];
      model.bytes = (1 + Pick(10)) * kGib;
      model.use.load_nanos = static_cast<std::int64_t>(1 + Pick(5)) * kSecond;
      residency_->Add(std::string(1, name), model.bytes);
    }
  }

  void Step() {
    now_ += static_cast<std::int64_t>(Pick(200)) * kMs;
    if (residency_->wake_at() && *residency_->wake_at() <= now_) {
      Apply(residency_->OnTimer(now_));
      Settle();
    }
    for (auto& [name, model] : models_) {
      const bool wants = model.use.phase == Phase::kWanting;
      if (wants && model.use.waiting > 0 && limits_.wait_nanos_max == 0) {
        EXPECT_LE(now_ - model.since, model.bound) << name;
      } else if (limits_.wait_nanos_max > 0 && (wants || model.yields) && model.use.waiting > 0) {
        EXPECT_LE(now_ - model.use.waiting_since, limits_.wait_nanos_max) << name;
      }
      if (!Live(model)) continue;
      changed_.push_back(name);
      Settle();
      const bool begins =
          model.use.phase == Phase::kWanting && model.use.waiting > 0 && model.since == now_;
      if (begins) model.bound = TurnsBefore(name);
    }
  }
  int starts() const { return starts_; }
  int evictions() const { return evictions_; }
  int expired() const { return expired_; }

 private:
  static constexpr std::uint64_t kBudget = 10 * kGib;
  static constexpr int kSlots = 4;
  struct Model {
    engine::Use use;
    std::uint64_t bytes = 0;
    std::int64_t until = 0;  // of loading, of the oldest request, of leaving
    std::int64_t since = 0;  // that somebody waits for memory
    std::int64_t bound = 0;
    bool yields = false;
    std::deque<std::int64_t> came = {};  // of those who wait
  };

  std::uint64_t Pick(std::uint64_t n) { return static_cast<std::uint64_t>(random_()) % n; }

  // Each that is before it, and itself, waits at most for the turn of those it meets and of those
  // that overtake it, for their last requests and for their end.
  std::int64_t TurnsBefore(const std::string& name) const {
    std::int64_t load_max = 0, before = 0;
    for (const auto& [other, model] : models_) {
      load_max = std::max(load_max, model.use.load_nanos);
      const bool waits = model.use.phase == Phase::kWanting && model.use.waiting > 0;
      if (other != name && waits) ++before;
    }
    const std::int64_t turn = (1 + limits_.overtaking_max) * (limits_.quantum_nanos_max + load_max);
    return (before + 1) * (turn + request_max_ + kSecond);
  }

  void Come(Model& model) {
    model.came.push_back(now_);
    Count(model);
  }
  static void Count(Model& model) {
    model.use.waiting = model.came.size();
    model.use.waiting_since = model.came.empty() ? 0 : model.came.front();
  }

  void Apply(const Decisions& decisions) {
    for (const Decision& decision : decisions) {
      Model& model = models_[decision.model];
      changed_.push_back(decision.model);
      switch (decision.kind) {
        case Decision::Kind::kStart:
          EXPECT_EQ(model.use.phase, Phase::kWanting);
          model.use.phase = Phase::kLoading;
          model.until = now_ + model.use.load_nanos;
          ++starts_;
          break;
        case Decision::Kind::kYield:
          EXPECT_EQ(model.use.phase, Phase::kResident);
          model.yields = true;
          ++evictions_;
          break;
        case Decision::Kind::kResume:
          model.yields = false;
          break;
        case Decision::Kind::kPreload:
          EXPECT_EQ(model.use.phase, Phase::kAbsent);
          model.use.phase = Phase::kWanting;
          break;
        case Decision::Kind::kExpire:
          EXPECT_TRUE(model.use.phase == Phase::kWanting || model.yields);
          EXPECT_FALSE(model.came.empty());
          while (!model.came.empty() && model.came.front() <= decision.since) {
            model.came.pop_front();
            ++expired_;
          }
          Count(model);
          break;
        case Decision::Kind::kRefuse:
          ADD_FAILURE() << "everybody fits: " << decision.error.message;
      }
    }
  }

  // Until nothing more follows from what changed.
  void Settle() {
    while (!changed_.empty()) {
      const std::string name = std::move(changed_.back());
      changed_.pop_back();
      Model& model = models_[name];
      if (model.use.phase == Phase::kResident && model.yields && model.use.users == 0) {
        model.use.phase = Phase::kLeaving;
        model.yields = false;
        model.until = now_ + static_cast<std::int64_t>(Pick(1'000)) * kMs;
      }
      Apply(residency_->Update(now_, name, model.use));
    }
    std::uint64_t held = 0;
    for (const auto& [name, model] : models_) {
      const Phase phase = model.use.phase;
      if (phase != Phase::kAbsent && phase != Phase::kWanting) held += model.bytes;
    }
    EXPECT_LE(held, kBudget);
  }

  void Serve(Model& model) {
    while (!model.yields && model.use.waiting > 0 && model.use.users < kSlots) {
      if (model.use.users++ == 0) model.until = now_ + request_max_;
      model.came.pop_front();
      Count(model);
      ++model.use.grants;
    }
  }

  // Whether something happened to it.
  bool Live(Model& model) {
    engine::Use& use = model.use;
    const bool due = now_ >= model.until;
    if (use.phase == Phase::kLoading && due) {
      use.phase = Phase::kResident;
      Serve(model);
    } else if (use.phase == Phase::kLeaving && due) {
      use.phase = use.waiting > 0 ? Phase::kWanting : Phase::kAbsent;
      model.since = now_;
    } else if (use.phase == Phase::kResident && use.users > 0 && (due || Pick(4) == 0)) {
      use.users = due ? 0 : use.users - 1;
      Serve(model);
    } else if (Pick(10) == 0) {
      if (use.waiting == 0) model.since = now_;
      Come(model);
      if (use.phase == Phase::kAbsent) use.phase = Phase::kWanting;
      if (use.phase == Phase::kResident) Serve(model);
    } else {
      return false;
    }
    return true;
  }

  std::mt19937 random_;
  const std::int64_t request_max_;
  ResidencyLimits limits_;
  std::optional<Residency> residency_;
  std::map<std::string, Model> models_;
  std::vector<std::string> changed_;
  std::int64_t now_ = 1'000 * kSecond;
  int starts_ = 0, evictions_ = 0, expired_ = 0;
};

TEST(ResidencySimulationTest, UnderAnyOrderOfEventsTheBudgetHoldsAndNobodyWaitsBeyondTheBound) {
  int starts = 0;
  int evictions = 0;
  for (unsigned seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Simulation simulation(seed, 3 * kSecond, 0);
    for (int step = 0; step < 3'000 && !testing::Test::HasFailure(); ++step) simulation.Step();
    starts += simulation.starts();
    evictions += simulation.evictions();
  }
  EXPECT_GT(starts, 500);  // it is no idle run
  EXPECT_GT(evictions, 500);
}

TEST(ResidencySimulationTest, HoweverLongAnswersAreNobodyWaitsBeyondTheLimitAndAllComeToLoad) {
  int expired = 0, starts = 0;
  for (unsigned seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Simulation simulation(seed, 100 * kSecond, 20 * kSecond);
    for (int step = 0; step < 3'000 && !testing::Test::HasFailure(); ++step) simulation.Step();
    expired += simulation.expired();
    starts += simulation.starts();
    EXPECT_GT(simulation.starts(), 5);
  }
  EXPECT_GT(expired, 500);  // it is no idle run
  EXPECT_GT(starts, 300);
}

}  // namespace
}  // namespace tidegate::engine
