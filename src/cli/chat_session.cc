#include "cli/chat_session.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "cli/answer.h"
#include "cli/chat_options.h"
#include "cli/display_text.h"
#include "cli/exit_code.h"
#include "cli/history.h"
#include "cli/line_reader.h"
#include "cli/model_show.h"
#include "cli/model_views.h"
#include "cli/prompt_files.h"
#include "cli/repl_input.h"
#include "cli/transfer.h"
#include "cli/transfer_progress.h"

namespace tidegate::cli {
namespace {

constexpr std::string_view kPrompt = ">>> ";
constexpr std::string_view kMorePrompt = "... ";

// As a model can keep them.
std::vector<ChatMessage> WithoutMedia(std::vector<ChatMessage> messages) {
  for (ChatMessage& message : messages) message.images.clear();
  return messages;
}

class ChatSession {
 public:
  ChatSession(Context& context, GateClient& client, ChatSetup setup)
      : context_(context),
        client_(client),
        request_(std::move(setup.request)),
        style_(setup.style),
        insecure_(setup.insecure) {}

  Result<int> Run();

 private:
  // Learns about the model and has it loaded.
  Result<void> Enter(const std::string& model, bool may_pull);
  Result<void> Preload(const std::string& model);
  void ShowLoadedMessages();
  bool Obey(const ReplStep& step);  // false = leave
  void ObeySet(const ReplStep& step);
  void SetParameter(const std::vector<std::string>& words);
  Result<void> Send(const std::string& text);
  Result<void> Show(const std::string& what);
  Result<void> ShowParameters(const ShownModel& model);
  Result<void> List();
  Result<void> Load(const std::string& model);
  Result<void> Save(const std::string& name);
  std::string SaveBody(const std::string& name) const;
  void Remember(const std::string& text);
  void Note(std::string_view text) {
    context_.console.err.Write(context_.console.ErrPaint()(Ink::kDim, text) + "\n");
  }
  // Errors of one command do not end the chat.
  void Tell(const Result<void>& done);
  void WriteOut(const std::string& text) {
    context_.console.out.Write(Printable(text) + (text.ends_with('\n') ? "" : "\n"));
  }

  Context& context_;
  GateClient& client_;
  ChatRequest request_;  // its messages are the conversation, without the system message
  AnswerStyle style_;
  const bool insecure_;
  std::string system_;
  std::vector<ChatMessage> loaded_;  // that the model itself begins with
  History history_;
  bool remember_ = true;
  bool history_warned_ = false;
};

void ChatSession::Tell(const Result<void>& done) {
  if (done.ok()) return;
  if (done.error().code == ErrorCode::kCancelled) return Note("stopped");
  context_.console.err.Write(context_.console.ErrPaint()(Ink::kBad, "tidegate: ") +
                             Printable(done.error().message) + "\n");
}

void ChatSession::Remember(const std::string& text) {
  if (!remember_) return;
  const Result<void> kept = history_.Add(text);
  if (kept.ok() || history_warned_) return;
  history_warned_ = true;  // once: it is a nuisance, not a reason to stop
  Note("not kept for next time: " + Printable(kept.error().message));
}

Result<void> ChatSession::Preload(const std::string& model) {
  std::string body;
  json::Writer writer(body);
  writer.BeginObject().Key("model").String(model).Key("stream").Bool(false);
  if (!request_.keep_alive_json.empty()) writer.Key("keep_alive").Raw(request_.keep_alive_json);
  writer.EndObject();
  Spinner spinner(context_.console, "loading " + model);
  TIDEGATE_TRY(client_.Post("/api/generate", std::move(body), kStreamStallNanos));
  return Result<void>();
}

Result<void> ChatSession::Enter(const std::string& model, bool may_pull) {
  Result<ShownModel> shown = FetchShownModel(client_, model);
  if (!shown.ok() && may_pull && shown.error().code == ErrorCode::kNotFound) {
    TIDEGATE_TRY(PullMissing(context_.console, client_, model, insecure_, shown.error()));
    shown = FetchShownModel(client_, model);
  }
  if (!shown.ok()) return shown.error();
  if (shown->local) {
    const Result<void> loaded = Preload(model);
    if (!loaded.ok() && loaded.error().code != ErrorCode::kCancelled) return loaded;
  }
  request_.model = model;
  request_.messages.clear();
  loaded_ = std::move(shown->messages);
  return Result<void>();
}

void ChatSession::ShowLoadedMessages() {
  for (const ChatMessage& message : loaded_) {
    if (message.role == "user") {
      WriteOut(std::string(kPrompt) + message.content);
    } else if (message.role == "assistant") {
      WriteOut(message.content + "\n");
    }
  }
}

Result<void> ChatSession::Send(const std::string& text) {
  TIDEGATE_ASSIGN(AttachedFiles files, AttachFiles(text, context_.console.environment.home));
  for (const std::string& note : files.notes) Note(Printable(note));
  request_.messages.push_back({"user", std::move(files.text), std::move(files.base64)});
  ChatRequest request = request_;
  if (!system_.empty()) request.messages.insert(request.messages.begin(), {"system", system_});
  const Answer answer = ReceiveAnswer(context_, client_, request, style_);
  if (answer.text.empty()) {
    request_.messages.pop_back();  // a question without an answer would confuse the next
  } else {
    request_.messages.push_back({"assistant", answer.text});
  }
  if (style_.verbose && answer.answered) {
    context_.console.err.Write(VerboseText(context_, client_, answer));
  }
  context_.console.out.Write("\n");
  if (answer.error && !answer.interrupted) return *answer.error;
  return Result<void>();
}

Result<void> ChatSession::ShowParameters(const ShownModel& model) {
  std::string out = "Model defined parameters:\n";
  if (model.parameters.empty()) out += "  none\n";
  std::string_view rest = model.parameters;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    out += "  " + std::string(line) + "\n";
  }
  if (!request_.options_json.empty()) out += "\nUser defined parameters:\n";
  constexpr std::size_t kNameColumns = 30;
  for (const auto& [name, json] : request_.options_json) {
    out += "  " + name + std::string(kNameColumns - std::min(kNameColumns - 1, name.size()), ' ') +
           json + "\n";
  }
  WriteOut(out);
  return Result<void>();
}

Result<void> ChatSession::Show(const std::string& what) {
  TIDEGATE_ASSIGN(const ShownModel model, FetchShownModel(client_, request_.model));
  if (what == "parameters") return ShowParameters(model);
  const std::string& text = what == "info"        ? model.info
                            : what == "license"   ? model.license
                            : what == "modelfile" ? model.modelfile
                            : what == "template"  ? model.model_template
                            : system_.empty()     ? model.system
                                                  : system_;
  if (text.empty()) {
    Note("the model has no " + what);
  } else {
    WriteOut(text);
  }
  return Result<void>();
}

Result<void> ChatSession::List() {
  TIDEGATE_ASSIGN(const std::string answer, client_.Get("/api/tags"));
  TIDEGATE_ASSIGN(
      const std::string text,
      ListText(answer, "", SystemClock().WallNanos() / kNanosPerSecond, context_.console));
  context_.console.out.Write(text);
  return Result<void>();
}

Result<void> ChatSession::Load(const std::string& model) {
  TIDEGATE_TRY(Enter(model, false));
  // They were for the other model, and this one may have its own.
  system_.clear();
  request_.options_json.clear();
  Note("Chatting with " + Printable(model));
  ShowLoadedMessages();
  return Result<void>();
}

std::string ChatSession::SaveBody(const std::string& name) const {
  std::string body;
  json::Writer writer(body);
  writer.BeginObject();
  writer.Key("model").String(name);
  writer.Key("from").String(request_.model);
  writer.Key("stream").Bool(false);
  if (!system_.empty()) writer.Key("system").String(system_);
  if (!request_.options_json.empty()) {
    writer.Key("parameters").BeginObject();
    WriteOptions(writer, request_.options_json);
    writer.EndObject();
  }
  if (!loaded_.empty() || !request_.messages.empty()) {
    writer.Key("messages").BeginArray();
    WriteMessages(writer, loaded_);
    WriteMessages(writer, WithoutMedia(request_.messages));
    writer.EndArray();
  }
  writer.EndObject();
  return body;
}

Result<void> ChatSession::Save(const std::string& name) {
  Spinner spinner(context_.console, "saving " + name);
  TIDEGATE_ASSIGN(const std::string answer,
                  client_.Post("/api/create", SaveBody(name), kStreamStallNanos));
  spinner.Stop();
  json::Reader reader;
  TIDEGATE_ASSIGN(const TransferStatus status, ReadTransferLine(reader, answer));
  if (status.status != "success") {
    return Error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kNever,
                 "the model was not saved: " + status.status};
  }
  const bool shown = std::any_of(request_.messages.begin(), request_.messages.end(),
                                 [](const ChatMessage& one) { return !one.images.empty(); });
  if (shown) Note("A model keeps no pictures or sounds: those of this chat are left out.");
  Note("Created new model '" + Printable(name) + "'");
  return Result<void>();
}

void ChatSession::SetParameter(const std::vector<std::string>& words) {
  const std::vector<std::string> values(words.begin() + 1, words.end());
  const Result<std::string> json = ParameterJson(words.front(), values);
  if (!json.ok()) return Note(Printable(json.error().message));
  request_.options_json[words.front()] = *json;
  Note("Set parameter '" + words.front() + "' to " + Printable(*json));
}

void ChatSession::ObeySet(const ReplStep& step) {
  switch (step.kind) {
    case ReplKind::kSetSystem:
      system_ = step.text;
      return Note(system_.empty() ? "no system message" : "Set system message.");
    case ReplKind::kSetParameter:
      return SetParameter(step.words);
    case ReplKind::kSetHistory:
      remember_ = step.on;
      return Note(step.on ? "what you type is kept" : "what you type is not kept");
    case ReplKind::kSetWordWrap:
      style_.wrap = step.on;
      return Note(step.on ? "Set 'wordwrap' mode." : "Set 'nowordwrap' mode.");
    case ReplKind::kSetVerbose:
      style_.verbose = step.on;
      return Note(step.on ? "Set 'verbose' mode." : "Set 'quiet' mode.");
    case ReplKind::kSetFormat:
      request_.format_json = step.text.empty() ? "" : "\"" + step.text + "\"";
      return Note(step.text.empty() ? "Disabled format." : "Set format to 'json' mode.");
    default: {
      const Result<std::string> json = ThinkJson(step.text);
      if (!json.ok()) return Note(Printable(json.error().message));
      request_.think_json = *json;
      return Note(step.text == "false" ? "Set 'nothink' mode." : "Set 'think' mode.");
    }
  }
}

bool ChatSession::Obey(const ReplStep& step) {
  switch (step.kind) {
    case ReplKind::kNothing:
    case ReplKind::kMore:
      break;
    case ReplKind::kMessage:
      Remember(step.text);
      Tell(Send(step.text));
      break;
    case ReplKind::kBye:
      return false;
    case ReplKind::kClear:
      request_.messages.clear();
      Note("Cleared session context");
      break;
    case ReplKind::kList:
      Tell(List());
      break;
    case ReplKind::kShow:
      Tell(Show(step.text));
      break;
    case ReplKind::kLoad:
      Tell(Load(step.text));
      break;
    case ReplKind::kSave:
      Tell(Save(step.text));
      break;
    case ReplKind::kHelp:
      context_.console.err.Write(ReplHelp(step.text));
      break;
    case ReplKind::kUnknown:
      Note("no command " + Printable(step.text) + "; /? lists them");
      break;
    default:
      ObeySet(step);
  }
  return true;
}

Result<int> ChatSession::Run() {
  TIDEGATE_TRY(Enter(request_.model, true));
  const std::string& folder = context_.console.environment.state_folder;
  if (!folder.empty()) {
    const Result<void> loaded = history_.Load(folder + "/history");
    if (!loaded.ok()) Note(Printable(loaded.error().message));
  }
  LineReader reader(context_.console, history_);
  ReplInput input;
  Note("Chatting with " + Printable(request_.model) + ". /? helps, /bye leaves.");
  ShowLoadedMessages();
  bool warned = false;  // the last key was a Ctrl-C on an empty line
  while (true) {
    const LineReader::Line line = reader.Read(input.open() ? kMorePrompt : kPrompt);
    if (line.outcome == EditOutcome::kEnd) return kExitOk;
    if (line.outcome == EditOutcome::kInterrupt) {
      if (warned) return kExitOk;
      warned = true;
      input.Reset();
      Note("Ctrl-C again or /bye leaves");
      continue;
    }
    warned = false;
    if (!Obey(input.Feed(line.text))) return kExitOk;
  }
}

}  // namespace

Result<int> RunChatSession(Context& context, GateClient& client, ChatSetup setup) {
  return ChatSession(context, client, std::move(setup)).Run();
}

}  // namespace tidegate::cli
