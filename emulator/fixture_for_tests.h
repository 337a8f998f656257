// A running emulator and ways to ask it, for tests.
#pragma once

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "emulator/client_for_tests.h"
#include "emulator/emulator.h"
#include "json/reader.h"
#include "net/http_head.h"

namespace tidegate::emulator {

inline Model FastModel(std::string name) {
  Model model;
  model.name = std::move(name);
  model.input_price = Price{5'000'000'000};
  model.cached_input_price = Price{1'000'000'000};
  model.output_price = Price{15'000'000'000};
  return model;
}

class EmulatorFixture : public ::testing::Test {
 protected:
  static constexpr std::size_t kBytesMax = 10'000'000;

  void Start(std::vector<Model> models) {
    EmulatorOptions options;
    options.listen = {"127.0.0.1", 0, {}};
    options.journal_bodies = true;
    options.models = std::move(models);
    auto started = Emulator::Start(std::move(options), SystemClock());
    ASSERT_TRUE(started.ok()) << Describe(started.error());
    emulator_ = *std::move(started);
  }

  std::uint16_t port() const { return emulator_->bound().port; }

  static std::string Request(std::string_view method, std::string_view path,
                             std::string_view fields, std::string_view body) {
    return fmt::format(
        "{} {} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{}content-length: {}\r\n\r\n{}",
        method, path, fields, body.size(), body);
  }
  RawAnswer Send(std::string_view method, std::string_view path, std::string_view fields = "",
                 std::string_view body = "") {
    RawClient client(port());
    if (client.connected()) client.Send(Request(method, path, fields, body));
    return client.ReadToEnd();
  }
  static int Status(const RawAnswer& answer) {
    constexpr std::string_view kStart = "HTTP/1.1 ";
    int status = 0;
    if (answer.bytes.starts_with(kStart)) {
      const char* from = answer.bytes.data() + kStart.size();
      std::from_chars(from, from + 3, status);
    }
    return status;
  }
  // The body of a stream without its chunks, as far as it came.
  static std::string Stream(const RawAnswer& answer) {
    const std::string body = answer.body();
    std::string_view left = body;
    std::string text;
    net::ChunkReader chunks;
    while (!left.empty() && !chunks.done()) {
      const auto step = chunks.Next(left);
      if (!step.ok() || step->consumed == 0) break;
      text += step->payload;
      left.remove_prefix(step->consumed);
    }
    return text;
  }
  // The value in a JSON document found by following names, and numbers in arrays; as written.
  static std::string Find(std::string_view document,
                          std::initializer_list<std::string_view> names) {
    json::Reader reader;
    Result<json::Value> at = reader.ParseCopy(document, kBytesMax);
    for (const std::string_view name : names) {
      if (!at.ok()) break;
      at = Step(*at, name);
    }
    return at.ok() ? std::string(at->raw()) : Describe(at.error());
  }
  // Find of a string, unescaped.
  static std::string FindText(std::string_view document,
                              std::initializer_list<std::string_view> names) {
    const std::string raw = Find(document, names);
    json::Reader reader;
    const Result<json::Value> value = reader.ParseCopy(raw, kBytesMax);
    if (!value.ok() || !value->is_string()) return "no string: " + raw;
    return std::string(*value->String());
  }
  static bool IsJson(std::string_view text) {
    json::Reader reader;
    return reader.ParseCopy(text, kBytesMax).ok();
  }
  std::string Bill() { return Send("GET", "/emulator/bill").body(); }
  static std::size_t Count(std::string_view text, std::string_view what) {
    std::size_t count = 0;
    for (std::size_t at = text.find(what); at != std::string_view::npos;
         at = text.find(what, at + what.size())) {
      ++count;
    }
    return count;
  }

  std::unique_ptr<Emulator> emulator_;

 private:
  static Result<json::Value> Step(const json::Value& at, std::string_view name) {
    if (at.is_array()) {
      std::size_t index = 0;
      std::from_chars(name.data(), name.data() + name.size(), index);
      for (const json::Value element : *at.Array()) {
        if (index-- == 0) return element;
      }
      return NotFound("no such element");
    }
    TIDEGATE_ASSIGN(const json::Object object, at.Object());
    return object.Get(name);
  }
};

}  // namespace tidegate::emulator
