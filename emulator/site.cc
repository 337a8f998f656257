#include "emulator/site.h"

#include <algorithm>

#include <fmt/format.h>

#include "emulator/seed.h"

namespace tidegate::emulator {

RateLimit::Decision ServedModel::Admit(std::int64_t now_nanos) {
  const std::lock_guard lock(mutex_);
  return limit_.Admit(now_nanos);
}

bool ServedModel::IsServedAs(std::string_view shape) const {
  const std::vector<std::string>& shapes = model_.quirks.shapes;
  return shapes.empty() || std::find(shapes.begin(), shapes.end(), shape) != shapes.end();
}

void ServedModel::Leave(std::int64_t tokens) {
  const std::lock_guard lock(mutex_);
  limit_.Leave(tokens);
}

CacheUse ServedModel::UseCache(const ChatRequest& request) {
  const std::lock_guard lock(mutex_);
  return prefixes_.Use(request);
}

Faults ServedModel::CurrentFaults() const {
  Faults faults = model_.faults;
  const std::lock_guard lock(mutex_);
  faults.Merge(faults_);
  return faults;
}

void ServedModel::SetFaults(const Faults& faults) {
  const std::lock_guard lock(mutex_);
  faults_ = faults;
}

bool ServedModel::DrawError(double error_rate) {
  const std::lock_guard lock(mutex_);
  return Random(Hash(model_.name) + ++draws_).Share() < error_rate;
}

void ServedModel::Reset() {
  const std::lock_guard lock(mutex_);
  limit_.ResetWindow();
  prefixes_.Clear();
  faults_ = Faults();
  draws_ = 0;
  if (load_mock_) load_mock_->Forget();
}

ServedModel* Site::FindModel(std::string_view name) const {
  for (const auto& served : models) {
    if (served->model().name == name) return served.get();
  }
  return nullptr;
}

void Site::Reset() {
  for (const auto& served : models) served->Reset();
  journal.Reset();
  responses.Clear();
  jobs.Clear();
  down = false;
}

Result<std::vector<std::unique_ptr<ServedModel>>> MakeServedModels(std::vector<Model> models) {
  std::vector<std::unique_ptr<ServedModel>> served;
  for (Model& model : models) {
    for (const auto& other : served) {
      if (other->model().name != model.name) continue;
      return InvalidArgument("name", fmt::format("there are two models named {}", model.name));
    }
    std::unique_ptr<LoadMock> mock;
    if (model.load_mock) {
      TIDEGATE_ASSIGN(mock, LoadMock::Make(model));
    }
    served.push_back(std::make_unique<ServedModel>(std::move(model), std::move(mock)));
  }
  return served;
}

}  // namespace tidegate::emulator
