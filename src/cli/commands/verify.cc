#include <algorithm>
#include <optional>

#include "cli/commands/list.h"
#include "cli/exit_code.h"
#include "cli/table.h"
#include "cli/transfer_screen.h"
#include "cli/units.h"
#include "json/writer.h"

namespace tidegate::cli::commands {
namespace {

std::string_view Word(BlobState state) {
  switch (state) {
    case BlobState::kGood:
      return "ok";
    case BlobState::kMissing:
      return "missing";
    case BlobState::kDamaged:
      return "damaged";
    case BlobState::kSetAside:
      return "set aside";
    case BlobState::kUnreadable:
      return "unreadable";
    case BlobState::kUnknown:
      return "unknown";
  }
  return "damaged";
}

bool IsWrong(const VerifiedBlob& blob) {
  return blob.state != BlobState::kGood && blob.state != BlobState::kUnknown;
}

std::string Json(const std::vector<VerifiedBlob>& blobs, bool ok) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("ok").Bool(ok).Key("files").BeginArray();
  for (const VerifiedBlob& blob : blobs) {
    writer.BeginObject();
    writer.Key("model").String(blob.models.empty() ? std::string() : blob.models.front());
    writer.Key("models").BeginArray();
    for (const std::string& model : blob.models) writer.String(model);
    writer.EndArray();
    writer.Key("digest").String(blob.digest);
    if (!blob.path.empty()) writer.Key("path").String(blob.path);
    writer.Key("bytes").Integer(blob.bytes);
    writer.Key("state").String(Word(blob.state));
    writer.Key("problem").String(blob.problem);
    writer.EndObject();
  }
  writer.EndArray().EndObject();
  return out + "\n";
}

std::string Joined(const std::vector<std::string>& models) {
  std::string text;
  for (const std::string& model : models) text += (text.empty() ? "" : ", ") + model;
  return text.empty() ? "-" : text;
}

// What a number of files are, that took so many bytes.
class Sum {
 public:
  void Add(std::int64_t bytes) {
    ++files_;
    bytes_ += bytes;
  }
  bool empty() const { return files_ == 0; }
  std::string Text(std::string_view what) const {
    return std::to_string(files_) + (files_ == 1 ? " file, " : " files, ") + FormatBytes(bytes_) +
           ", " + std::string(what) + "\n";
  }

 private:
  std::int64_t files_ = 0, bytes_ = 0;
};

// Only what is not right, and how much was.
std::string Text(const std::vector<VerifiedBlob>& blobs, const Console& console) {
  Table table({{"MODEL", Align::kLeft, Overflow::kWrap},
               {"FILE", Align::kLeft, Overflow::kCut},
               {"STATE"},
               {"PROBLEM", Align::kLeft, Overflow::kWrap}});
  Sum good;
  Sum unknown;
  for (const VerifiedBlob& blob : blobs) {
    if (blob.state == BlobState::kGood) {
      good.Add(blob.bytes);
      continue;
    }
    if (blob.state == BlobState::kUnknown) unknown.Add(blob.bytes);
    const Ink ink = IsWrong(blob) ? Ink::kBad : Ink::kPlain;
    table.Row({Joined(blob.models),
               blob.path.empty() ? blob.digest : blob.path,
               {std::string(Word(blob.state)), ink},
               blob.problem});
  }
  std::string out;
  if (!table.empty()) {
    out = table.Render(Layout{console.out_terminal ? console.columns : 0, 0, console.OutPaint()});
  }
  if (!good.empty() || unknown.empty()) out += good.Text("as their digests say");
  if (!unknown.empty()) out += unknown.Text("without a digest to compare with");
  return out;
}

Result<int> RunVerify(Context& context) {
  std::optional<TransferScreen> screen;
  if (!context.json) screen.emplace(context.console);
  const VerifyOptions options{context.arguments.Text("MODEL"), context.arguments.Has("--repair"),
                              context.arguments.Text("--config")};
  const Result<std::vector<VerifiedBlob>> blobs =
      context.services.verify_models(options, [&screen](const TransferStatus& status) {
        if (screen) screen->Take(status);
      });
  if (screen) screen->End(blobs.ok());
  if (!blobs.ok()) return blobs.error();
  const bool ok = std::none_of(blobs->begin(), blobs->end(), IsWrong);
  context.console.out.Write(context.json ? Json(*blobs, ok) : Text(*blobs, context.console));
  return ok ? kExitOk : kExitFailure;
}

}  // namespace

Command Verify() {
  Command command;
  command.name = "verify";
  command.group = Group::kModels;
  command.summary = "read the models' files again and compare them with their digests";
  command.details =
      "A model of 'tidegate list', wherever it is kept; alone, all of the store. What is wrong "
      "comes with what to do. --repair takes damaged files out of the way, so that 'tidegate pull' "
      "gets them again; their bytes stay for a week, or until 'tidegate prune'. Needs no "
      "gate. Ends with 1 when anything is wrong.";
  command.arguments = {{"MODEL", "only this one (default: all of the store)", {}, false}};
  command.options = {{"--repair", "", "set damaged files aside"}, ConfigOption()};
  command.run = RunVerify;
  return command;
}

}  // namespace tidegate::cli::commands
