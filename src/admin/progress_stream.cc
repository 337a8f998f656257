#include "admin/progress_stream.h"

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "admin/views.h"
#include "json/writer.h"
#include "protocols/protocol.h"

namespace tidegate::admin {
namespace {

constexpr std::size_t kStepsKeptMax = 64;
constexpr std::string_view kLines =
    "content-type: application/x-ndjson\r\ncache-control: no-store\r\n";
constexpr std::string_view kJson = "content-type: application/json\r\ncache-control: no-store\r\n";

std::string Line(const models::Progress& progress) {
  std::string line;
  json::Writer out(line);
  out.BeginObject().Key("status").String(progress.status);
  if (progress.digest) out.Key("digest").String(progress.digest->ToString());
  if (progress.total > 0) {
    out.Key("total").Integer(static_cast<std::int64_t>(progress.total));
    out.Key("completed").Integer(static_cast<std::int64_t>(progress.completed));
  }
  if (!progress.result.empty()) out.Key("result").Raw(progress.result);
  out.EndObject();
  return line;
}

const protocols::Protocol& Ollama() { return protocols::Get(core::Protocol::kOllama); }

// Between the threads of the work and the shard of the request. Any of them may be the last to let
// it go, so that it owns nothing of the shard: its timers know one thread only.
class Channel : public std::enable_shared_from_this<Channel> {
 public:
  // `wake` is cancelled when there is news; it lives until Close.
  Channel(net::Shard& shard, net::asio::steady_timer& wake) : shard_(shard), wake_(&wake) {}

  // --- any thread ---
  void Step(models::Progress progress) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      const bool newer = !steps_.empty() && steps_.back().status == progress.status &&
                         steps_.back().digest == progress.digest;
      if (newer) {
        steps_.back() = std::move(progress);
      } else if (steps_.size() < kStepsKeptMax) {
        steps_.push_back(std::move(progress));
      } else {
        Replace(std::move(progress));
      }
    }
    Wake();
  }
  void Done(Result<void> result) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      result_ = std::move(result);
    }
    Wake();
  }

  // --- the shard ---
  // What was told since last time. False: the work has ended, and this was all.
  bool Take(std::deque<models::Progress>& steps, std::optional<Result<void>>& result) {
    const std::lock_guard lock(mutex_);
    steps.swap(steps_);
    steps_.clear();
    if (result_) result.emplace(std::move(*std::exchange(result_, std::nullopt)));
    return !result.has_value();
  }
  bool quiet() {
    const std::lock_guard lock(mutex_);
    return steps_.empty() && !result_;
  }
  // Nobody listens any more.
  void Close() {
    wake_ = nullptr;
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }

 private:
  // The newest word of the same piece of work stands for all before it.
  void Replace(models::Progress progress) {
    for (models::Progress& step : steps_) {
      if (step.status != progress.status || step.digest != progress.digest) continue;
      step = std::move(progress);
      return;
    }
    steps_.pop_front();
    steps_.push_back(std::move(progress));
  }
  void Wake() {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    shard_.Post([self = shared_from_this()] {
      if (self->wake_ != nullptr) self->wake_->cancel();
    });
  }

  net::Shard& shard_;
  net::asio::steady_timer* wake_;  // used on the shard only
  std::mutex mutex_;
  std::deque<models::Progress> steps_;  // guarded by mutex_, as all below
  std::optional<Result<void>> result_;
  bool closed_ = false;
};

// Writes while the work lasts; the error of a client that is gone.
class Lines {
 public:
  explicit Lines(net::Exchange& exchange) : exchange_(exchange) {}

  net::Task<Result<void>> Write(const std::string& text) {
    if (!exchange_.responded()) {
      Result<void> begun = co_await exchange_.BeginStream(200, kLines, false);
      if (!begun.ok()) co_return begun;
    }
    const std::string line = text + "\n";
    const std::string_view pieces[] = {line};
    co_return co_await exchange_.WriteStream(pieces);
  }
  net::Task<void> End() { (void)co_await exchange_.EndStream(); }

 private:
  net::Exchange& exchange_;
};

}  // namespace

ErrorShape OllamaErrors() {
  return {[](const Error& error) { return Ollama().ErrorStatus(error); },
          [](const Error& error) { return Ollama().EncodeError(error); }};
}

ErrorShape OwnErrors() {
  return {[](const Error& error) { return HttpStatus(error.code); }, EncodeError};
}

net::Task<void> AnswerModelError(net::Exchange& exchange, const Error& error) {
  co_return co_await AnswerProgressError(exchange, error, OllamaErrors());
}

net::Task<void> AnswerProgressError(net::Exchange& exchange, const Error& error,
                                    ErrorShape errors) {
  std::string fields(kJson);
  if (error.retry_after_s > 0) {
    fields += "retry-after: " + std::to_string(error.retry_after_s) + "\r\n";
  }
  // A client that is gone cannot be told anything; the connection ends by itself.
  (void)co_await exchange.Respond(errors.status(error), fields, errors.encode(error));
}

net::Task<void> AnswerWithProgress(net::Exchange& exchange, StartWork start, Telling telling,
                                   ErrorShape errors) {
  net::asio::steady_timer wake(exchange.shard().io(), net::asio::steady_timer::time_point::max());
  const auto channel = std::make_shared<Channel>(exchange.shard(), wake);
  const std::function<void()> stop =
      start({[channel](models::Progress progress) { channel->Step(std::move(progress)); },
             [channel](Result<void> result) { channel->Done(std::move(result)); }});
  Lines lines(exchange);
  models::Progress last{"success"};
  std::optional<Result<void>> result;
  bool listening = true;
  while (listening) {
    std::deque<models::Progress> steps;
    {
      const net::CancelToken::Scope scope(exchange.cancel(), [&wake] { wake.cancel(); });
      // Both wake-ups come through this shard's own loop, so none is lost before the wait.
      while (channel->quiet() && !exchange.cancel().cancelled()) {
        co_await wake.async_wait(net::kAwait);
      }
    }
    if (exchange.cancel().cancelled()) break;
    listening = channel->Take(steps, result);
    for (models::Progress& step : steps) {
      if (telling == Telling::kEveryStep) {
        const Result<void> written = co_await lines.Write(Line(step));
        if (!written.ok()) listening = false;
        if (!written.ok()) break;
      }
      last = std::move(step);
    }
  }
  channel->Close();
  if (!result) {
    stop();
    co_return;
  }
  if (!result->ok() && !exchange.responded()) {
    co_return co_await AnswerProgressError(exchange, result->error(), errors);
  }
  if (telling == Telling::kNothing) {
    (void)co_await exchange.Respond(200, "", "");
    co_return;
  }
  if (telling == Telling::kLastStep) {
    (void)co_await exchange.Respond(200, kJson, Line(last));
    co_return;
  }
  Result<void> written;
  if (!result->ok()) written = co_await lines.Write(errors.encode(result->error()));
  if (!exchange.responded()) written = co_await lines.Write(Line(last));
  if (written.ok()) co_await lines.End();
}

}  // namespace tidegate::admin
