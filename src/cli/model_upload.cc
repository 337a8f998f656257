#include "cli/model_upload.h"

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <system_error>

#include "base/digest.h"
#include "cli/chat.h"
#include "cli/file_reader.h"
#include "cli/transfer_screen.h"
#include "json/writer.h"

namespace tidegate::cli {
namespace {

constexpr std::size_t kPieceBytes = 1U << 20U;
constexpr std::size_t kFolderFilesMax = 1'000;

bool EndsWithAny(const std::string& name, std::initializer_list<const char*> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&name](const char* ending) { return name.ends_with(ending); });
}

// What describes safetensors.
bool IsCompanion(const std::string& name) {
  return EndsWithAny(name, {".json", "tokenizer.model"});
}

// The files of a folder that make a model: GGUF, or safetensors with what describes them.
Result<std::vector<ModelFile>> FilesOfFolder(const std::string& folder) {
  std::vector<ModelFile> gguf;
  std::vector<ModelFile> tensors;
  std::vector<ModelFile> companions;
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    std::error_code ignored;
    if (!entries->is_regular_file(ignored)) continue;
    ModelFile file{name, entries->path().string()};
    if (name.ends_with(".gguf"))
      gguf.push_back(std::move(file));
    else if (name.ends_with(".safetensors"))
      tensors.push_back(std::move(file));
    else if (IsCompanion(name))
      companions.push_back(std::move(file));
    if (gguf.size() + tensors.size() + companions.size() > kFolderFilesMax) {
      return InvalidArgument("", "'" + folder + "' holds too many files for a model");
    }
  }
  if (error) return NotFound("'" + folder + "': " + error.message());
  if (gguf.empty() && tensors.empty()) {
    return NotFound("'" + folder + "' holds no model: there is neither a .gguf nor a .safetensors");
  }
  std::vector<ModelFile> files = std::move(gguf);
  if (files.empty()) {
    files = std::move(tensors);
    files.insert(files.end(), companions.begin(), companions.end());
  }
  std::sort(files.begin(), files.end(),
            [](const ModelFile& a, const ModelFile& b) { return a.name < b.name; });
  return files;
}

std::string PathOf(const std::string& written, const std::string& folder, const std::string& home) {
  const std::filesystem::path path = ExpandHome(written, home);
  return path.is_absolute() ? path.string() : (std::filesystem::path(folder) / path).string();
}

// GGUF begins with its name; safetensors with the length of its header, which is JSON.
bool LooksLikeWeights(std::string_view head) {
  constexpr std::string_view kGguf = "GGUF";
  constexpr std::uint64_t kSafetensorsHeaderBytesMax = 100'000'000;
  if (head.starts_with(kGguf)) return true;
  std::uint64_t length = 0;
  if (head.size() <= sizeof length || head[sizeof length] != '{') return false;
  for (std::size_t i = sizeof length; i-- > 0;) {  // little-endian
    length = length << 8U | static_cast<unsigned char>(head[i]);
  }
  return length >= 2 && length <= kSafetensorsHeaderBytesMax;
}

// A slip in a Modelfile, or a Modelfile of somebody else, must not send any file that its reader
// can read to a gate. `what`: "ADAPTER './x'".
Result<void> CheckIsModel(const std::string& path, const std::string& what) {
  constexpr std::size_t kHeadBytes = 16;
  TIDEGATE_ASSIGN(const OpenedFile opened, OpenFile(path));
  std::string head;
  while (head.size() < kHeadBytes) {
    TIDEGATE_ASSIGN(const std::string piece, ReadSome(opened, kHeadBytes - head.size(), path));
    if (piece.empty()) break;
    head += piece;
  }
  if (LooksLikeWeights(head)) return {};
  return InvalidArgument("", what +
                                 " is no file of a model: it is neither GGUF nor safetensors; "
                                 "nothing was sent");
}

// Adds what `path` is: a file or the files of a folder. False: there is nothing. `what`: as in
// CheckIsModel.
Result<bool> AddFiles(const std::string& path, const std::string& what,
                      std::vector<ModelFile>& files) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return false;
  std::vector<ModelFile> found;
  if (std::filesystem::is_directory(status)) {
    TIDEGATE_ASSIGN(found, FilesOfFolder(path));
    for (const ModelFile& file : found) {
      // What describes safetensors has been chosen by its name.
      if (!IsCompanion(file.name)) TIDEGATE_TRY(CheckIsModel(file.path, "'" + file.path + "'"));
    }
  } else {
    TIDEGATE_TRY(CheckIsModel(path, what));
    found.push_back({std::filesystem::path(path).filename().string(), path});
  }
  for (ModelFile& file : found) {
    const bool twice = std::any_of(files.begin(), files.end(), [&file](const ModelFile& other) {
      return other.name == file.name;
    });
    if (twice) {
      return InvalidArgument("", "two files of the model are called '" + file.name +
                                     "'; give one of them another name");
    }
    files.push_back(std::move(file));
  }
  return true;
}

Result<void> AddNamed(const char* what, const std::vector<std::string>& written,
                      const std::string& folder, const std::string& home,
                      std::vector<ModelFile>& files) {
  for (const std::string& one : written) {
    const std::string line = std::string(what) + " '" + one + "'";
    TIDEGATE_ASSIGN(const bool found, AddFiles(PathOf(one, folder, home), line, files));
    if (!found) return NotFound(line + ": there is no such file");
  }
  return Result<void>();
}

// "./x.gguf", "~/x", "/x" and "x.gguf" mean files, also when they are not there.
bool MeansFile(const std::string& from) {
  return from.starts_with('/') || from.starts_with('.') || from.starts_with('~') ||
         EndsWithAny(from, {".gguf", ".safetensors", ".bin"});
}

void WriteFiles(json::Writer& writer, const char* key, const std::vector<ModelFile>& files,
                const std::map<std::string, std::string>& digests) {
  if (files.empty()) return;
  writer.Key(key).BeginObject();
  for (const ModelFile& file : files) writer.Key(file.name).String(digests.at(file.path));
  writer.EndObject();
}

void WriteText(json::Writer& writer, const char* key, const std::string& text) {
  if (!text.empty()) writer.Key(key).String(text);
}

// Hashes and sends one file after the other.
class Uploader {
 public:
  Uploader(Console& console, GateClient& client, bool show) : client_(client) {
    if (show) screen_.emplace(console);
  }

  Result<std::string> Send(const ModelFile& file) {
    TIDEGATE_ASSIGN(const std::string digest, Hash(file));
    TIDEGATE_ASSIGN(const bool there, client_.Exists("/api/blobs/" + digest));
    TIDEGATE_ASSIGN(const OpenedFile opened, OpenFile(file.path));
    if (there) {
      Tell("already there", digest, opened.bytes, opened.bytes);
      return digest;
    }
    std::string piece;
    std::int64_t sent = 0;
    UploadBody body{opened.bytes, [&]() -> Result<std::string_view> {
                      TIDEGATE_ASSIGN(piece, ReadSome(opened, kPieceBytes, file.path));
                      sent += static_cast<std::int64_t>(piece.size());
                      Tell("copying " + file.name, digest, opened.bytes, sent);
                      return std::string_view(piece);
                    }};
    TIDEGATE_TRY(client_.Upload("/api/blobs/" + digest, body));
    return digest;
  }

  void End(bool done) {
    if (screen_) screen_->End(done);
  }

 private:
  Result<std::string> Hash(const ModelFile& file) {
    TIDEGATE_ASSIGN(const OpenedFile opened, OpenFile(file.path));
    Sha256Stream hash;
    for (std::int64_t done = 0;;) {
      TIDEGATE_ASSIGN(const std::string piece, ReadSome(opened, kPieceBytes, file.path));
      if (piece.empty()) break;
      hash.Update(piece);
      done += static_cast<std::int64_t>(piece.size());
      Tell("hashing " + file.name, "", opened.bytes, done);
    }
    return "sha256:" + ToHex(hash.Finish());
  }

  void Tell(const std::string& status, const std::string& digest, std::int64_t total,
            std::int64_t completed) {
    if (screen_) screen_->Take({status, digest, total, completed});
  }

  GateClient& client_;
  std::optional<TransferScreen> screen_;
};

}  // namespace

Result<ModelRecipe> FindModelFiles(Modelfile file, const std::string& folder,
                                   const std::string& home) {
  ModelRecipe recipe;
  for (const std::string& from : file.from) {
    TIDEGATE_ASSIGN(const bool found,
                    AddFiles(PathOf(from, folder, home), "FROM '" + from + "'", recipe.files));
    if (found) continue;
    if (MeansFile(from)) return NotFound("FROM '" + from + "': there is no such file");
    if (!recipe.from.empty()) {
      return InvalidArgument("", "FROM names two models, '" + recipe.from + "' and '" + from + "'");
    }
    recipe.from = from;
  }
  TIDEGATE_TRY(AddNamed("ADAPTER", file.adapters, folder, home, recipe.adapters));
  for (const std::string& draft : file.drafts) {
    TIDEGATE_ASSIGN(const bool found,
                    AddFiles(PathOf(draft, folder, home), "DRAFT '" + draft + "'", recipe.drafts));
    if (found) continue;
    if (MeansFile(draft)) return NotFound("DRAFT '" + draft + "': there is no such file");
    recipe.draft_from = draft;  // the last counts, as llama-server takes one
  }
  recipe.file = std::move(file);
  return recipe;
}

std::string CreateBody(const std::string& model, const std::string& quantize,
                       const ModelRecipe& recipe,
                       const std::map<std::string, std::string>& digests) {
  const Modelfile& file = recipe.file;
  std::string out;
  json::Writer writer(out);
  writer.BeginObject().Key("model").String(model);
  WriteText(writer, "from", recipe.from);
  WriteFiles(writer, "files", recipe.files, digests);
  WriteFiles(writer, "adapters", recipe.adapters, digests);
  WriteFiles(writer, "draft_files", recipe.drafts, digests);
  WriteText(writer, "draft_from", recipe.draft_from);
  WriteText(writer, "template", file.model_template);
  WriteText(writer, "system", file.system);
  WriteText(writer, "renderer", file.renderer);
  WriteText(writer, "parser", file.parser);
  WriteText(writer, "requires", file.requires_version);
  WriteText(writer, "quantize", quantize);
  if (!file.licenses.empty()) {
    writer.Key("license").BeginArray();
    for (const std::string& license : file.licenses) writer.String(license);
    writer.EndArray();
  }
  if (!file.parameters_json.empty()) {
    writer.Key("parameters").BeginObject();
    WriteOptions(writer, file.parameters_json);
    writer.EndObject();
  }
  if (!file.messages.empty()) {
    std::vector<ChatMessage> messages;
    for (const auto& [role, text] : file.messages) messages.push_back({role, text});
    writer.Key("messages").BeginArray();
    WriteMessages(writer, messages);
    writer.EndArray();
  }
  writer.EndObject();
  return out;
}

Result<void> CreateModel(Console& console, GateClient& client, const std::string& model,
                         const std::string& quantize, const ModelRecipe& recipe,
                         TransferOutput output) {
  std::map<std::string, std::string> digests;
  Uploader uploader(console, client, output == TransferOutput::kProgress);
  for (const auto* files : {&recipe.files, &recipe.adapters, &recipe.drafts}) {
    for (const ModelFile& file : *files) {
      TIDEGATE_ASSIGN(digests[file.path], uploader.Send(file));
    }
  }
  uploader.End(true);
  return RunTransfer(console, client, "/api/create", CreateBody(model, quantize, recipe, digests),
                     "creation", output);
}

}  // namespace tidegate::cli
