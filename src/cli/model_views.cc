#include "cli/model_views.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "base/ascii.h"
#include "cli/gate_client.h"
#include "cli/json_fields.h"
#include "cli/table.h"
#include "cli/time_text.h"
#include "cli/units.h"
#include "json/reader.h"

namespace tidegate::cli {
namespace {

constexpr std::size_t kOllamaGap = 4;
constexpr std::size_t kIdDigits = 12;

// The first twelve digits; a prefix "sha256:" is none of them.
std::string ShortId(std::string_view digest) {
  return std::string(digest.substr(digest.find(':') + 1).substr(0, kIdDigits));
}

std::string Processor(std::int64_t size, std::int64_t on_gpu) {
  if (on_gpu == 0) return "100% CPU";
  if (on_gpu == size) return "100% GPU";
  if (on_gpu > size || size == 0) return "Unknown";
  const double share = 100.0 * static_cast<double>(size - on_gpu) / static_cast<double>(size);
  const auto on_cpu = static_cast<int>(std::lround(share));
  return fmt::format("{}%/{}% CPU/GPU", on_cpu, 100 - on_cpu);
}

std::string Until(const std::string& expires_at, std::int64_t now_s) {
  const std::optional<std::int64_t> then = ParseTime(expires_at);
  if (!then) return "?";
  // Ollama's zero time lies before now as well.
  const std::string words = RelativeTime(*then, now_s, "Never");
  return *then < now_s && words != "Never" ? "Stopping..." : words;
}

// A gate says so; an Ollama knows nothing of the kind.
bool IsPinned(JsonFields& model) {
  const std::optional<json::Value> extension = model.Find("tidegate");
  if (!extension) return false;
  JsonFields fields(*extension);
  const bool pinned = fields.Flag("pinned");
  model.Absorb(fields.status());
  return pinned;
}

Layout LayoutOf(const Console& console) {
  Layout layout{console.out_terminal ? console.columns : 0, 0, console.OutPaint()};
  layout.gap = kOllamaGap;
  return layout;
}

}  // namespace

Result<std::string> ListText(std::string_view answer, const std::string& prefix, std::int64_t now_s,
                             const Console& console) {
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(answer, kAnswerBytesMax);
  if (!root.ok()) return UnexpectedAnswer(root.error());
  Table table({{"NAME"}, {"ID"}, {"SIZE"}, {"MODIFIED"}});
  JsonFields fields(*root);
  for (const json::Value item : fields.Items("models")) {
    JsonFields model(item);
    const std::string name = model.Text("name");
    const std::int64_t size = model.Integer("size");
    const std::optional<std::int64_t> modified = ParseTime(model.Text("modified_at"));
    const bool remote = !model.Text("remote_model").empty();
    // The gate also lists what is not on this device, and names of choices: they have no bytes.
    const bool wanted = size > 0 && StartsWithIgnoreCase(name, prefix);
    if (wanted) {
      table.Row({name, ShortId(model.Text("digest")), remote ? "-" : FormatBytes(size),
                 modified ? RelativeTime(*modified, now_s, "Never") : "?"});
    }
    fields.Absorb(model.status());
  }
  TIDEGATE_TRY(fields.status());
  return table.Render(LayoutOf(console));
}

Result<std::string> LoadedText(std::string_view answer, std::int64_t now_s,
                               const Console& console) {
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(answer, kAnswerBytesMax);
  if (!root.ok()) return UnexpectedAnswer(root.error());
  Table table({{"NAME"}, {"ID"}, {"SIZE"}, {"PROCESSOR"}, {"CONTEXT"}, {"UNTIL"}});
  JsonFields fields(*root);
  for (const json::Value item : fields.Items("models")) {
    JsonFields model(item);
    const std::int64_t size = model.Integer("size");
    const std::string until = Until(model.Text("expires_at"), now_s);
    table.Row({model.Text("name"), ShortId(model.Text("digest")), FormatBytes(size),
               Processor(size, model.Integer("size_vram")),
               std::to_string(model.Integer("context_length")),
               IsPinned(model) ? until + " (pinned)" : until});
    fields.Absorb(model.status());
  }
  TIDEGATE_TRY(fields.status());
  return table.Render(LayoutOf(console));
}

bool IsRegistryName(std::string_view name) {
  if (const std::size_t scheme = name.find("://"); scheme != std::string_view::npos) {
    name.remove_prefix(scheme + 3);
  }
  const auto plain = [](std::string_view part) {
    const auto letter = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    constexpr std::size_t kPartBytesMax = 350;
    return !part.empty() && part.size() <= kPartBytesMax && letter(part.front()) &&
           std::all_of(part.begin(), part.end(),
                       [letter](char c) { return letter(c) || c == '-' || c == '.' || c == ':'; });
  };
  if (name == "auto" || name.starts_with("auto:")) return false;
  std::size_t parts = 0;
  while (true) {
    const std::size_t slash = name.find('/');
    if (!plain(name.substr(0, slash))) return false;
    ++parts;
    if (slash == std::string_view::npos) break;
    name.remove_prefix(slash + 1);
  }
  return parts <= 3;
}

}  // namespace tidegate::cli
