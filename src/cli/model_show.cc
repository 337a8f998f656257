#include "cli/model_show.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include <fmt/format.h>

#include "cli/display_text.h"
#include "cli/json_fields.h"
#include "cli/units.h"
#include "json/reader.h"
#include "json/writer.h"

namespace tidegate::cli {
namespace {

constexpr std::size_t kGap = 4;
constexpr std::size_t kHeadLines = 2;             // of a system message and of a license
constexpr std::size_t kMetadataBytesMax = 1'000;  // of one value

using Rows = std::vector<std::vector<std::string>>;

std::string OneLine(std::string_view text) {
  std::string line = Printable(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::replace(line.begin(), line.end(), '\t', ' ');
  return line;
}

// A heading and rows below it whose cells stand under each other; nothing without rows.
std::string Block(std::string_view title, Rows rows) {
  if (rows.empty()) return "";
  std::vector<std::size_t> widths;
  for (std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = OneLine(row[i]);
      widths[i] = std::max(widths[i], DisplayWidth(row[i]));
    }
  }
  std::string out = "  " + std::string(title) + "\n";
  for (const std::vector<std::string>& row : rows) {
    std::string line(kGap, ' ');
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - DisplayWidth(row[i]) + kGap, ' ');
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out + "\n";
}

// "8.0B", "134.5M".
std::string HumanCount(double count) {
  if (count >= 1e9) return fmt::format("{:.1f}B", count / 1e9);
  if (count >= 1e6) return fmt::format("{:.1f}M", count / 1e6);
  if (count >= 1e3) return fmt::format("{:.1f}K", count / 1e3);
  return fmt::format("{:.0f}", count);
}

// The members of an object of metadata: numbers as they are written, texts without quotes.
using Metadata = std::map<std::string, std::string>;
Metadata ReadMetadata(const std::optional<json::Value>& value, JsonFields& fields) {
  Metadata metadata;
  if (!value) return metadata;
  const Result<json::Object> object = value->Object();
  if (!object.ok()) {
    fields.Absorb(object.error());
    return metadata;
  }
  for (const json::Member& member : *object) {
    if (member.value.is_null()) continue;
    const Result<std::string_view> text = member.value.String();
    const std::string_view shown = text.ok() ? *text : member.value.raw();
    std::string& kept = metadata[std::string(member.key)];
    kept = shown.substr(0, kMetadataBytesMax);
    if (shown.size() > kMetadataBytesMax) kept += "…";
  }
  return metadata;
}

std::string At(const Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::string() : found->second;
}

void Add(Rows& rows, const char* name, const std::string& value) {
  if (!value.empty()) rows.push_back({name, value});
}

std::string ParameterCount(const Metadata& info) {
  const std::string count = At(info, "general.parameter_count");
  return count.empty() ? count : HumanCount(std::strtod(count.c_str(), nullptr));
}

Rows ModelRows(JsonFields& fields, JsonFields& details, const Metadata& info) {
  Rows rows;
  Add(rows, "Remote model", fields.Text("remote_model"));
  Add(rows, "Remote URL", fields.Text("remote_host"));
  const std::string architecture = At(info, "general.architecture");
  Add(rows, "architecture", architecture.empty() ? details.Text("family") : architecture);
  const std::string size = details.Text("parameter_size");
  Add(rows, "parameters", size.empty() ? ParameterCount(info) : size);
  Add(rows, "context length", At(info, architecture + ".context_length"));
  Add(rows, "embedding length", At(info, architecture + ".embedding_length"));
  Add(rows, "quantization", details.Text("quantization_level"));
  Add(rows, "made from", details.Text("parent_model"));
  Add(rows, "requires", fields.Text("requires"));
  if (const std::optional<json::Value> extension = fields.Find("tidegate")) {
    JsonFields ours(*extension);
    Add(rows, "chat template", ours.Text("template_note"));
    fields.Absorb(ours.status());
  }
  return rows;
}

// A member of the gate's own object, where there is one.
std::optional<json::Value> FindOurs(const JsonFields& fields, std::string_view key) {
  const std::optional<json::Value> ours = fields.Find("tidegate");
  return ours ? JsonFields(*ours).Find(key) : std::nullopt;
}

// What `tidegate bench` found, where it did.
Rows SpeedRows(JsonFields& fields) {
  const std::optional<json::Value> value = FindOurs(fields, "speed");
  if (!value) return {};
  JsonFields speed(*value);
  Rows rows = {
      {"first token", fmt::format("{:.0f} ms", speed.Number("ttft_ms")),
       "after a prompt of " + FormatCount(speed.Integer("prompt_tokens")) + " tokens"},
      {"reads", fmt::format("{:.0f} tokens/s", speed.Number("prompt_tokens_per_s"))},
      {"writes", fmt::format("{:.1f} tokens/s", speed.Number("tokens_per_s"))},
  };
  fields.Absorb(speed.status());
  return rows;
}

Rows ProjectorRows(const Metadata& info) {
  Rows rows;
  const std::string architecture = At(info, "general.architecture");
  Add(rows, "architecture", architecture);
  Add(rows, "parameters", ParameterCount(info));
  const auto either = [&](const char* name) {
    const std::string vision = At(info, architecture + ".vision." + name);
    return vision.empty() ? At(info, architecture + ".audio." + name) : vision;
  };
  Add(rows, "embedding length", either("embedding_length"));
  Add(rows, "dimensions", either("projection_dim"));
  return rows;
}

// What it takes of the gate's machine, as the gate has estimated it.
Rows MemoryRows(JsonFields& memory) {
  const auto bytes = [&memory](const char* name) { return memory.Integer(name); };
  Rows rows;
  const bool fits = memory.Flag("fits");
  Add(rows, "fits", fits ? "yes" : "no: " + memory.Text("why_not"));
  const std::int64_t window = memory.Integer("context_tokens");
  const std::int64_t most = memory.Integer("context_tokens_max");
  Add(rows, "window",
      FormatCount(window) + " tokens" +
          (most > window ? ", up to " + FormatCount(most) + " when asked" : ""));
  Add(rows, "note", memory.Text("window_note"));
  Add(rows, "requests at once", std::to_string(memory.Integer("slots")));
  std::string devices;
  for (const std::string& device : memory.Texts("devices")) {
    devices += (devices.empty() ? " on " : ", ") + device;
  }
  if (!devices.empty()) {
    Add(rows, "layers",
        fmt::format("{} of {}{}", memory.Integer("device_layers"), memory.Integer("layers"),
                    devices));
  }
  Add(rows, "note", memory.Text("layers_note"));
  Add(rows, "weights", FormatBytes(bytes("weights_bytes")));
  Add(rows, "window's cache", FormatBytes(bytes("cache_bytes")));
  Add(rows, "computing", FormatBytes(bytes("compute_bytes")));
  Add(rows, "everything else", FormatBytes(bytes("other_bytes")));
  const auto whole = [&](const char* name, const char* part, const char* budget) {
    if (bytes(part) == 0) return;
    const std::int64_t most_bytes = bytes(budget);
    Add(rows, name,
        FormatBytes(bytes(part)) +
            (most_bytes == 0 ? "" : " of " + FormatBytes(most_bytes) + " for models"));
  };
  whole("memory", "host_bytes", "host_budget_bytes");
  whole("graphics memory", "device_bytes", "device_budget_bytes");
  return rows;
}

// Where a model of the gate's store came from.
Rows ProvenanceRows(JsonFields& fields) {
  const std::optional<json::Value> value = FindOurs(fields, "provenance");
  if (!value) return {};
  JsonFields known(*value);
  const std::string source = known.Text("source");
  Rows rows = {{"from", source.empty() ? "made here" : source}};
  Add(rows, "digest", known.Text("digest"));
  Add(rows, "since", known.Text("time"));
  Add(rows, "license", known.Text("license"));
  Add(rows, "signed by", known.Text("signer"));
  Add(rows, "quantized from", known.Text("quantized_from"));
  Add(rows, "quantized by", known.Text("quantized_by"));
  fields.Absorb(known.status());
  return rows;
}

// The block of it, and what keeps it from being loaded.
void ReadMemory(JsonFields& fields, ShownModel& model) {
  const std::optional<json::Value> extension = fields.Find("tidegate");
  if (!extension) return;
  JsonFields ours(*extension);
  if (const std::optional<json::Value> value = ours.Find("memory")) {
    JsonFields memory(*value);
    if (!memory.Flag("fits")) model.unfit = memory.Text("why_not");
    model.info += Block("Memory", MemoryRows(memory));
    ours.Absorb(memory.status());
  }
  fields.Absorb(ours.status());
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) continue;
    lines.emplace_back(line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1));
  }
  return lines;
}

// "stop    "<|end|>"": the name and the rest.
Rows ParameterRows(const std::string& parameters) {
  Rows rows;
  for (const std::string& line : Lines(parameters)) {
    const std::size_t blank = std::min(line.find_first_of(" \t"), line.size());
    const std::size_t value = std::min(line.find_first_not_of(" \t", blank), line.size());
    rows.push_back({line.substr(0, blank), line.substr(value)});
  }
  return rows;
}

// The first lines of a long text.
Rows Head(const std::string& text) {
  Rows rows;
  for (const std::string& line : Lines(text)) {
    if (rows.size() == kHeadLines) {
      rows.push_back({"..."});
      break;
    }
    rows.push_back({line});
  }
  return rows;
}

Rows TensorRows(JsonFields& fields) {
  Rows rows;
  for (const json::Value item : fields.Items("tensors")) {
    JsonFields tensor(item);
    const std::optional<json::Value> shape = tensor.Find("shape");
    rows.push_back({tensor.Text("name"), tensor.Text("type"),
                    shape ? std::string(shape->raw()) : std::string()});
    fields.Absorb(tensor.status());
  }
  return rows;
}

std::vector<ChatMessage> ReadMessages(JsonFields& fields) {
  std::vector<ChatMessage> messages;
  for (const json::Value item : fields.Items("messages")) {
    JsonFields message(item);
    messages.push_back({message.Text("role"), message.Text("content"), message.Texts("images")});
    fields.Absorb(message.status());
  }
  return messages;
}

}  // namespace

Result<ShownModel> ReadShownModel(std::string_view answer, bool verbose) {
  json::Reader reader;
  const Result<json::Value> root = reader.ParseCopy(answer, kAnswerBytesMax);
  if (!root.ok()) return UnexpectedAnswer(root.error());
  JsonFields fields(*root);
  ShownModel model;
  model.license = fields.Text("license");
  model.modelfile = fields.Text("modelfile");
  model.parameters = fields.Text("parameters");
  model.model_template = fields.Text("template");
  model.system = fields.Text("system");
  model.messages = ReadMessages(fields);
  const std::optional<json::Value> details_value = fields.Find("details");
  if (!details_value) return UnexpectedAnswer(InvalidArgument("details", "is required"));
  JsonFields details(*details_value);
  model.local = !details.Text("format").empty() && fields.Text("remote_host").empty();
  const Metadata info = ReadMetadata(fields.Find("model_info"), fields);
  std::string& out = model.info;
  out += Block("Model", ModelRows(fields, details, info));
  ReadMemory(fields, model);
  Rows capabilities;
  for (const std::string& one : fields.Texts("capabilities")) capabilities.push_back({one});
  out += Block("Capabilities", capabilities);
  out += Block("Measured", SpeedRows(fields));
  out += Block("Provenance", ProvenanceRows(fields));
  out += Block("Projector", ProjectorRows(ReadMetadata(fields.Find("projector_info"), fields)));
  out += Block("Parameters", ParameterRows(model.parameters));
  if (verbose) {
    Rows metadata;
    for (const auto& [key, value] : info) metadata.push_back({key, value});
    out += Block("Metadata", metadata);
    out += Block("Tensors", TensorRows(fields));
  }
  out += Block("System", Head(model.system));
  out += Block("License", Head(model.license));
  fields.Absorb(details.status());
  TIDEGATE_TRY(fields.status());
  return model;
}

std::string ShowBody(const std::string& model, bool verbose) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("model").String(model);
  if (verbose) writer.Key("verbose").Bool(true);
  writer.EndObject();
  return out;
}

// A gate that does not say of it what it takes leaves nothing to warn of.
void WarnIfUnfit(Console& console, GateClient& client, const std::string& model) {
  const Result<ShownModel> shown = FetchShownModel(client, model);
  if (!shown.ok() || shown->unfit.empty()) return;
  console.err.Write("warning: " + model +
                    " cannot be loaded on this machine: " + Printable(shown->unfit) + "\n");
}

Result<ShownModel> FetchShownModel(GateClient& client, const std::string& model) {
  TIDEGATE_ASSIGN(const std::string answer, client.Post("/api/show", ShowBody(model, false)));
  return ReadShownModel(answer, false);
}

}  // namespace tidegate::cli
