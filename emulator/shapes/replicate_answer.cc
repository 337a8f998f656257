#include <fmt/format.h>

#include "base/clock.h"
#include "emulator/fields.h"
#include "emulator/shapes/replicate.h"
#include "json/writer.h"

namespace tidegate::emulator::replicate {
namespace {

const Extra& ExtraOf(const Reply& reply) { return static_cast<const Extra&>(*reply.request.extra); }

void WriteHead(json::Writer& writer, std::string_view id, std::string_view model,
               std::string_view status, std::string_view origin) {
  writer.BeginObject().Key("id").String(id).Key("model").String(model);
  writer.Key("version").String("emulated").Key("status").String(status);
  writer.Key("logs").String("").Key("data_removed").Bool(false).Key("source").String("api");
  writer.Key("urls").BeginObject();
  const std::string job = fmt::format("{}/v1/predictions/{}", origin, id);
  writer.Key("get").String(job).Key("cancel").String(job + "/cancel");
  writer.Key("stream").String(fmt::format("{}/v1/streams/{}", origin, id)).EndObject();
}

// An event whose data may have several lines.
void AppendLines(std::string& out, std::string_view event, std::string_view data) {
  out += fmt::format("event: {}\n", event);
  while (true) {
    const std::size_t end = data.find('\n');
    out += "data: ";
    out += data.substr(0, end);
    out += '\n';
    if (end == std::string_view::npos) break;
    data.remove_prefix(end + 1);
  }
  out += '\n';
}

class ReplicateFrames final : public Frames {
 public:
  explicit ReplicateFrames(const Reply& reply) : answer_(reply.answer), faults_(reply.faults) {}

  void Open(std::size_t, std::string&) override {}
  void Tokens(std::size_t choice, std::size_t begin, std::size_t end, std::string& out) override {
    const Choice& from = answer_.choices[choice];
    while (begin < end) {
      const std::size_t run = RunEnd(from, begin, end);
      AppendLines(out, "output", JoinRange(from, begin, run));
      begin = run;
    }
  }
  void Finish(std::size_t, std::string&) override {}
  void End(std::string& out) override {
    if (!faults_.no_done.value_or(false)) AppendLines(out, "done", "{}");
  }
  void Fail(std::string& out) override {
    std::string data;
    json::Writer(data).BeginObject().Key("detail").String(kFailedMidway).EndObject();
    AppendLines(out, "error", data);
    AppendLines(out, "done", R"({"reason":"error"})");
  }
  void Malformed(std::string& out) override { out += "event: done\ndata: {\"reason\":\n\n"; }

 private:
  const Answer& answer_;
  const Faults& faults_;
};

}  // namespace

void WriteState(const Job& job, std::string_view status, std::string_view origin,
                std::string& out) {
  json::Writer writer(out);
  WriteHead(writer, job.id, job.model, status, origin);
  writer.Key("input").BeginObject().EndObject();
  writer.Key("output").Null().Key("error").Null().EndObject();
}

void WriteWhole(const Reply& reply, std::string& out) {
  const Extra& extra = ExtraOf(reply);
  const Job job{extra.job, reply.request.model, {}, {}, false, 0};
  if (extra.started) return WriteState(job, "starting", extra.origin, out);
  json::Writer writer(out);
  WriteHead(writer, job.id, job.model, "succeeded", extra.origin);
  writer.Key("created_at").String(FormatUtc(reply.answer.created_s * 1'000'000'000));
  writer.Key("input").BeginObject().EndObject().Key("error").Null();
  writer.Key("output").BeginArray();
  for (const Token& token : reply.answer.choices.front().tokens) writer.String(token.text);
  writer.EndArray();
  writer.Key("metrics").BeginObject().Key("predict_time").Double(0.5);
  if (TellsUsage(reply.faults)) {
    const Usage usage = Told(reply.answer.usage, reply.faults);
    writer.Key("input_token_count").Integer(usage.prompt);
    writer.Key("output_token_count").Integer(usage.completion);
  }
  writer.EndObject().EndObject();
}

std::unique_ptr<Frames> MakeFrames(const Reply& reply) {
  return std::make_unique<ReplicateFrames>(reply);
}

}  // namespace tidegate::emulator::replicate
