#include "protocols/openai_completions/encoder.h"

#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "json/writer.h"
#include "protocols/openai_chat/encode_parts.h"
#include "protocols/openai_chat/error_body.h"
#include "protocols/openai_completions/logprobs.h"

namespace tidegate::protocols::openai_completions {
namespace {

// Of one choice. A whole answer collects it, a stream sends it as it comes.
struct Choice {
  std::string text;
  std::string logprobs;          // entries, with commas between them
  std::int64_t text_offset = 0;  // of the next token
  std::optional<core::FinishReason> finish;
};

std::string_view FinishWord(core::FinishReason reason) {
  // A chat model may end with calls; here there are none, so that it has just stopped.
  if (reason == core::FinishReason::kToolCalls) return "stop";
  return openai_chat::FinishWord(reason);
}

// What streams and whole answers have in common.
class Encoder : public ResponseEncoder {
 public:
  explicit Encoder(EncoderOptions options) : options_(std::move(options)) {}

  void Encode(const core::Event& event, std::string& out) override {
    if (ended_) return;
    if (const auto* start = std::get_if<core::StartEvent>(&event)) {
      if (!start->model.empty()) options_.model = start->model;
      fingerprint_ = start->system_fingerprint;
    } else if (const auto* text = std::get_if<core::TextEvent>(&event)) {
      TakeText(text->choice, text->text, out);
    } else if (const auto* refusal = std::get_if<core::RefusalEvent>(&event)) {
      TakeText(refusal->choice, refusal->text, out);
    } else if (const auto* logprobs = std::get_if<core::LogprobsEvent>(&event)) {
      std::string& entries = choices_[logprobs->choice].logprobs;
      if (!entries.empty()) entries += ',';
      entries += logprobs->content;
    } else if (const auto* finish = std::get_if<core::FinishEvent>(&event)) {
      TakeFinish(choices_[finish->choice], *finish, out);
    } else if (const auto* usage = std::get_if<core::UsageEvent>(&event)) {
      usage_ = usage->usage;
    } else if (const auto* error = std::get_if<core::ErrorEvent>(&event)) {
      ended_ = true;
      TakeError(error->error(), out);
    } else if (std::holds_alternative<core::DoneEvent>(event)) {
      ended_ = true;
      TakeDone(out);
    }
  }

 protected:
  virtual void TakeText(std::int64_t choice, std::string_view text, std::string& out) = 0;
  virtual void TakeFinish(Choice& choice, const core::FinishEvent& event, std::string& out) = 0;
  virtual void TakeError(const Error& error, std::string& out) = 0;
  virtual void TakeDone(std::string& out) = 0;

  void WriteHead(json::Writer& writer) const {
    writer.BeginObject();
    writer.Key("id").String("cmpl-" + options_.id.ToString());
    writer.Key("object").String("text_completion");
    writer.Key("created").Integer(options_.created_s);
    writer.Key("model").String(options_.model);
    if (!fingerprint_.empty()) writer.Key("system_fingerprint").String(fingerprint_);
    writer.Key("choices").BeginArray();
  }

  // Takes the log-probabilities that wait.
  static void WriteChoice(json::Writer& writer, std::int64_t index, std::string_view text,
                          Choice& choice, std::optional<core::FinishReason> finish) {
    writer.BeginObject().Key("text").String(text).Key("index").Integer(index).Key("logprobs");
    if (choice.logprobs.empty()) {
      writer.Null();
    } else {
      WriteLogprobs(writer, choice.logprobs, choice.text_offset);
      choice.logprobs.clear();
    }
    writer.Key("finish_reason");
    if (finish) {
      writer.String(FinishWord(*finish));
    } else {
      writer.Null();
    }
    writer.EndObject();
  }

  EncoderOptions options_;
  std::string fingerprint_;
  std::map<std::int64_t, Choice> choices_;
  std::optional<core::Usage> usage_;

 private:
  bool ended_ = false;
};

class StreamEncoder final : public Encoder {
 public:
  using Encoder::Encoder;

 private:
  void TakeText(std::int64_t index, std::string_view text, std::string& out) override {
    WriteChunk(index, choices_[index], text, std::nullopt, out);
  }
  void TakeFinish(Choice& choice, const core::FinishEvent& event, std::string& out) override {
    if (choice.finish) return;
    choice.finish = event.reason;
    WriteChunk(event.choice, choice, {}, event.reason, out);
  }
  void TakeError(const Error& error, std::string& out) override {
    out += openai_chat::EncodeErrorEvent(error);
  }
  void TakeDone(std::string& out) override {
    for (auto& [index, choice] : choices_) {
      if (choice.finish) continue;  // else clients wait for a reason
      WriteChunk(index, choice, {}, core::FinishReason::kStop, out);
    }
    if (options_.include_usage && usage_) {
      out += "data: ";
      json::Writer writer(out);
      WriteHead(writer);
      writer.EndArray();
      openai_chat::WriteUsage(writer.Key("usage"), *usage_);
      writer.EndObject();
      out += "\n\n";
    }
    out += "data: [DONE]\n\n";
  }

  void WriteChunk(std::int64_t index, Choice& choice, std::string_view text,
                  std::optional<core::FinishReason> finish, std::string& out) {
    out += "data: ";
    json::Writer writer(out);
    WriteHead(writer);
    WriteChoice(writer, index, text, choice, finish);
    writer.EndArray();
    if (options_.include_usage) writer.Key("usage").Null();
    writer.EndObject();
    out += "\n\n";
  }
};

class WholeEncoder final : public Encoder {
 public:
  using Encoder::Encoder;

 private:
  void TakeText(std::int64_t index, std::string_view text, std::string&) override {
    choices_[index].text += text;
  }
  void TakeFinish(Choice& choice, const core::FinishEvent& event, std::string&) override {
    choice.finish = event.reason;
  }
  void TakeError(const Error&, std::string&) override {}  // answered with EncodeError
  void TakeDone(std::string& out) override {
    json::Writer writer(out);
    WriteHead(writer);
    for (auto& [index, choice] : choices_) {
      WriteChoice(writer, index, choice.text, choice,
                  choice.finish.value_or(core::FinishReason::kStop));
    }
    writer.EndArray();
    if (usage_) openai_chat::WriteUsage(writer.Key("usage"), *usage_);
    writer.EndObject();
  }
};

}  // namespace

std::unique_ptr<ResponseEncoder> NewStreamEncoder(EncoderOptions options) {
  return std::make_unique<StreamEncoder>(std::move(options));
}

std::unique_ptr<ResponseEncoder> NewWholeEncoder(EncoderOptions options) {
  return std::make_unique<WholeEncoder>(std::move(options));
}

}  // namespace tidegate::protocols::openai_completions
