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
  }
  return "damaged";
}

std::string Json(const std::vector<VerifiedBlob>& blobs, bool ok) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("ok").Bool(ok).Key("files").BeginArray();
  for (const VerifiedBlob& blob : blobs) {
    writer.BeginObject();
    writer.Key("model").String(blob.model);
    writer.Key("digest").String(blob.digest);
    writer.Key("bytes").Integer(blob.bytes);
    writer.Key("state").String(Word(blob.state));
    writer.Key("problem").String(blob.problem);
    writer.EndObject();
  }
  writer.EndArray().EndObject();
  return out + "\n";
}

// Only what is wrong, and how much was right.
std::string Text(const std::vector<VerifiedBlob>& blobs, const Console& console) {
  Table table({{"MODEL"},
               {"FILE", Align::kLeft, Overflow::kCut},
               {"STATE"},
               {"PROBLEM", Align::kLeft, Overflow::kWrap}});
  std::int64_t bytes = 0;
  std::size_t good = 0;
  for (const VerifiedBlob& blob : blobs) {
    if (blob.state == BlobState::kGood) {
      bytes += blob.bytes;
      ++good;
    } else {
      table.Row(
          {blob.model, blob.digest, {std::string(Word(blob.state)), Ink::kBad}, blob.problem});
    }
  }
  const std::string sum = std::to_string(good) + (good == 1 ? " file" : " files") + ", " +
                          FormatBytes(bytes) + ", as their digests say\n";
  if (table.empty()) return sum;
  const Layout layout{console.out_terminal ? console.columns : 0, 0, console.OutPaint()};
  return table.Render(layout) + sum +
         "'tidegate pull MODEL' gets what is missing or damaged again\n";
}

Result<int> RunVerify(Context& context) {
  std::optional<TransferScreen> screen;
  if (!context.json) screen.emplace(context.console);
  const Result<std::vector<VerifiedBlob>> blobs = context.services.verify_models(
      context.arguments.Text("MODEL"), [&screen](const TransferStatus& status) {
        if (screen) screen->Take(status);
      });
  if (screen) screen->End(blobs.ok());
  if (!blobs.ok()) return blobs.error();
  const bool ok = std::all_of(blobs->begin(), blobs->end(), [](const VerifiedBlob& blob) {
    return blob.state == BlobState::kGood;
  });
  context.console.out.Write(context.json ? Json(*blobs, ok) : Text(*blobs, context.console));
  return ok ? kExitOk : kExitFailure;
}

}  // namespace

Command Verify() {
  Command command;
  command.name = "verify";
  command.group = Group::kModels;
  command.summary = "read the models' files again and compare them with their digests";
  command.details = "Needs no gate. Ends with 1 when a file is missing or damaged.";
  command.arguments = {{"MODEL", "only this one (default: all)", {}, false}};
  command.run = RunVerify;
  return command;
}

}  // namespace tidegate::cli::commands
