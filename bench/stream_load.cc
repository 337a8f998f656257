// Opens many streamed chats at once and checks every frame of each: nothing lost, nothing changed,
// nothing out of order.
//
// The emulator's text depends on model, prompt and seed only, so every stream must carry the same
// text as one reference stream read directly from it. An engine's text may differ with the company
// that a request has: --any-text asks only that streams are complete, and reads no reference.
// Prints one JSON object.
#include <algorithm>
#include <cstdio>
#include <future>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include "net/client.h"

namespace {

namespace net = tidegate::net;
using tidegate::Result;

struct Load {
  std::string reference_url, url, model, reference_model, key;
  int streams = 100;
  int tokens = 50;
  int spread_ms = 500;
  bool serial = false;  // one after the other, for latencies without queueing
  bool any_text = false;
  bool fresh = false;  // a connection of its own for each stream
  int never = -1;      // a token that the model may not say: its end, for answers of one length
};

struct StreamResult {
  bool complete = false;
  std::string text;
  std::int64_t first_byte_nanos = 0;
  int frames = 0;
  std::string error;
};

std::string Body(const Load& load, const std::string& model) {
  return fmt::format(
      R"({{"model":"{}","stream":true,"max_tokens":{},"seed":7,{}"messages":)"
      R"([{{"role":"user","content":)"
      R"("Count slowly and tell a long story about the sea, the moon and the tides."}}]}})",
      model, load.tokens,
      load.never >= 0 ? fmt::format(R"("logit_bias":{{"{}":-100}},)", load.never) : "");
}

// The value of the last "content":"…" in a frame, as written.
std::string_view Content(std::string_view frame) {
  constexpr std::string_view kKey = "\"content\":\"";
  const std::size_t at = frame.rfind(kKey);
  if (at == std::string_view::npos) return {};
  std::size_t end = at + kKey.size();
  while (end < frame.size() && frame[end] != '"') end += frame[end] == '\\' ? 2 : 1;
  return frame.substr(at + kKey.size(), end - at - kKey.size());
}

void ReadFrames(std::string& pending, StreamResult& result) {
  std::size_t begin = 0;
  for (std::size_t end = pending.find("\n\n"); end != std::string::npos;
       end = pending.find("\n\n", begin)) {
    const std::string_view frame = std::string_view(pending).substr(begin, end - begin);
    if (frame == "data: [DONE]") {
      result.complete = true;
    } else {
      ++result.frames;
      result.text += Content(frame);
    }
    begin = end + 2;
  }
  pending.erase(0, begin);
}

net::Task<StreamResult> ReadStream(net::HttpClient& client, net::Url url, const Load& load,
                                   std::string model) {
  const std::string body = Body(load, model);
  StreamResult result;
  const std::int64_t begun = net::MonotonicNow();
  Result<net::ClientExchange> exchange = co_await client.Open(url.origin);
  if (!exchange.ok()) {
    result.error = exchange.error().message;
    co_return result;
  }
  const std::string head = fmt::format(
      "POST {}/chat/completions HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: "
      "application/json\r\n"
      "{}content-length: {}\r\n\r\n",
      url.path, url.origin.HostField(), load.key, load.fresh ? "connection: close\r\n" : "",
      body.size());
  const std::string_view pieces[] = {head, body};
  const Result<void> sent = co_await exchange->Send(pieces);
  if (!sent.ok()) result.error = sent.error().message;
  Result<const net::HttpHead*> answer = co_await exchange->ReadHead();
  if (!answer.ok() || (*answer)->status() != 200) {
    result.error =
        answer.ok() ? fmt::format("status {}", (*answer)->status()) : answer.error().message;
    co_return result;
  }
  std::string pending;
  while (true) {
    const Result<std::string_view> bytes = co_await exchange->ReadBody();
    if (!bytes.ok()) {
      result.error = bytes.error().message;
      co_return result;
    }
    if (bytes->empty()) break;
    if (result.first_byte_nanos == 0) result.first_byte_nanos = net::MonotonicNow() - begun;
    pending += *bytes;
    ReadFrames(pending, result);
  }
  co_return result;
}

struct Run {
  net::Shard& shard;
  net::HttpClient& client;
  const Load& load;
  net::Url url, reference_url;
  std::vector<StreamResult> results;
  std::int64_t begun_nanos = 0, ended_nanos = 0;  // of all of them, without the reference
  int running = 0;
  std::promise<void> done;
};

net::Task<void> OneStream(Run& run, int number) {
  if (!run.load.serial && run.load.spread_ms > 0) {
    net::asio::steady_timer delay(run.shard.io());
    delay.expires_after(
        std::chrono::microseconds(1000LL * run.load.spread_ms * number / run.load.streams));
    co_await delay.async_wait(net::kAwait);
  }
  run.results[static_cast<std::size_t>(number)] =
      co_await ReadStream(run.client, run.url, run.load, run.load.model);
  if (--run.running > 0) co_return;
  run.ended_nanos = net::MonotonicNow();
  run.done.set_value();
}

net::Task<void> Drive(Run& run, StreamResult* reference) {
  if (!run.load.any_text) {  // a stream more would be one that only some servers answer
    *reference =
        co_await ReadStream(run.client, run.reference_url, run.load, run.load.reference_model);
  }
  run.running = run.load.streams;
  run.begun_nanos = net::MonotonicNow();
  for (int i = 0; i < run.load.streams; ++i) {
    if (run.load.serial) {
      co_await OneStream(run, i);
    } else {
      net::Spawn(run.shard.io(), OneStream(run, i), [](std::exception_ptr) {});
    }
  }
}

double Percentile(std::vector<std::int64_t> values, double p) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto at = static_cast<std::size_t>(p * static_cast<double>(values.size() - 1));
  return static_cast<double>(values[at]) / 1000.0;
}

int Report(const Run& run, const StreamResult& reference) {
  int complete = 0, same = 0, failed = 0, frames = 0;
  std::vector<std::int64_t> first;
  std::string error;
  for (const StreamResult& result : run.results) {
    complete += result.complete ? 1 : 0;
    same += result.complete && result.text == reference.text ? 1 : 0;
    failed += result.error.empty() ? 0 : 1;
    if (!result.error.empty()) error = result.error;
    frames += result.frames;
    first.push_back(result.first_byte_nanos);
  }
  fmt::print(
      "{{\"streams\":{},\"complete\":{},\"same_text\":{},\"failed\":{},\"frames\":{},\"reference_"
      "frames\":{},"
      "\"first_byte_us_p50\":{:.1f},\"first_byte_us_p99\":{:.1f},\"seconds\":{:.6f},"
      "\"error\":\"{}\"}}\n",
      run.results.size(), complete, same, failed, frames, reference.frames, Percentile(first, 0.5),
      Percentile(first, 0.99), static_cast<double>(run.ended_nanos - run.begun_nanos) / 1e9, error);
  if (run.load.any_text) return complete == run.load.streams ? 0 : 1;
  return reference.complete && !reference.text.empty() && same == run.load.streams ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Many streamed chats at once, each checked frame by frame.");
  Load load;
  app.add_option("--reference-url", load.reference_url, "base URL of the emulator");
  app.add_option("--url", load.url, "base URL under load")->required();
  app.add_option("--model", load.model)->required();
  app.add_option("--reference-model", load.reference_model);
  app.add_option("--key", load.key);
  app.add_option("--streams", load.streams);
  app.add_option("--tokens", load.tokens);
  app.add_option("--spread-ms", load.spread_ms, "streams begin over so many milliseconds");
  app.add_flag("--serial", load.serial);
  app.add_flag("--any-text", load.any_text, "texts need not be equal");
  app.add_flag("--fresh", load.fresh, "a connection of its own for each stream");
  app.add_option("--never", load.never, "a token that the model may not say, as its end");
  CLI11_PARSE(app, argc, argv);
  const auto url = net::ParseUrl(load.url);
  const auto reference_url = net::ParseUrl(load.any_text ? load.url : load.reference_url);
  if (!url.ok() || !reference_url.ok()) {
    fmt::print(stderr, "not a URL\n");
    return 64;
  }
  net::ShardSet shards(1);
  net::HttpClient client(shards[0], {.tls = {}, .proxy = {}});
  Run run{shards[0], client, load, *url, *reference_url, {}, 0, 0, 0, {}};
  run.results.resize(static_cast<std::size_t>(load.streams));
  StreamResult reference;
  auto done = run.done.get_future();
  net::Spawn(shards[0].io(), Drive(run, &reference), [](std::exception_ptr) {});
  done.wait();
  const int code = Report(run, reference);
  shards.Stop();
  return code;
}
