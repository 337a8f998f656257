#include "cli/agents.h"

#include <algorithm>
#include <unistd.h>

#include <sys/stat.h>

#include "cli/file_reader.h"
#include "json/writer.h"

namespace tidegate::cli {
namespace {

constexpr std::string_view kMaskedKey = "$TIDEGATE_API_KEY";
constexpr std::string_view kNoKey = "unused";  // some agents refuse to start without a key

// opencode reads its configuration from a variable as well.
std::string OpencodeConfig(const std::string& url, const std::string& model,
                           const std::string& key) {
  std::string out;
  json::Writer writer(out);
  writer.BeginObject();
  writer.Key("$schema").String("https://opencode.ai/config.json");
  writer.Key("model").String("tidegate/" + model);
  writer.Key("provider").BeginObject().Key("tidegate").BeginObject();
  writer.Key("npm").String("@ai-sdk/openai-compatible");
  writer.Key("name").String("Tidegate");
  writer.Key("options").BeginObject();
  writer.Key("baseURL").String(url + "/v1");
  writer.Key("apiKey").String(key);
  writer.EndObject();
  writer.Key("models").BeginObject().Key(model).BeginObject();
  writer.Key("name").String(model);
  writer.EndObject().EndObject();
  writer.EndObject().EndObject().EndObject();
  return out;
}

// `text` with each {word} replaced. What stands in for a word is not looked at again.
std::string Fill(std::string_view text,
                 const std::vector<std::pair<std::string_view, std::string>>& words) {
  std::string out;
  while (!text.empty()) {
    const auto found = std::find_if(words.begin(), words.end(), [text](const auto& word) {
      return text.starts_with(word.first);
    });
    if (found == words.end()) {
      out += text.front();
      text.remove_prefix(1);
    } else {
      out += found->second;
      text.remove_prefix(found->first.size());
    }
  }
  return out;
}

bool IsProgram(const std::string& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

// For a POSIX shell; the masked key stays a variable.
std::string ShellWord(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string out = "'";
  std::string_view rest = text;
  while (!rest.empty()) {
    if (rest.starts_with(kMaskedKey)) {
      out += "'\"" + std::string(kMaskedKey) + "\"'";
      rest.remove_prefix(kMaskedKey.size());
      continue;
    }
    out += rest.front() == '\'' ? std::string("'\\''") : std::string(1, rest.front());
    rest.remove_prefix(1);
  }
  return out + "'";
}

// Of those who also sell models.
std::vector<Agent> VendorAgents() {
  return {
      {"claude",
       "Claude Code",
       "claude",
       {"~/.local/bin/claude", "~/.claude/local/claude"},
       "npm install -g @anthropic-ai/claude-code",
       {{"ANTHROPIC_BASE_URL", "{url}"},
        {"ANTHROPIC_AUTH_TOKEN", "{key}"},
        {"ANTHROPIC_API_KEY", ""},
        {"ANTHROPIC_DEFAULT_OPUS_MODEL", "{model}"},
        {"ANTHROPIC_DEFAULT_SONNET_MODEL", "{model}"},
        {"ANTHROPIC_DEFAULT_HAIKU_MODEL", "{model}"},
        {"CLAUDE_CODE_SUBAGENT_MODEL", "{model}"}},
       {"--model", "{model}"}},
      {"codex",
       "Codex",
       "codex",
       {},
       "npm install -g @openai/codex",
       {{"TIDEGATE_AGENT_KEY", "{key}"}},
       {"-c", "model_provider=\"tidegate\"", "-c", "model_providers.tidegate.name=\"Tidegate\"",
        "-c", "model_providers.tidegate.base_url=\"{url}/v1\"", "-c",
        "model_providers.tidegate.wire_api=\"responses\"", "-c",
        "model_providers.tidegate.env_key=\"TIDEGATE_AGENT_KEY\"", "-m", "{model}"}},
      {"gemini",
       "Gemini CLI",
       "gemini",
       {},
       "npm install -g @google/gemini-cli",
       {{"GOOGLE_GEMINI_BASE_URL", "{url}"},
        {"GEMINI_API_KEY", "{key}"},
        {"GEMINI_MODEL", "{model}"}},
       {}},
      {"copilot",
       "GitHub Copilot CLI",
       "copilot",
       {},
       "npm install -g @github/copilot",
       {{"COPILOT_PROVIDER_BASE_URL", "{url}/v1"},
        {"COPILOT_PROVIDER_API_KEY", "{key}"},
        {"COPILOT_PROVIDER_WIRE_API", "responses"},
        {"COPILOT_MODEL", "{model}"}},
       {}},
      {"qwen",
       "Qwen Code",
       "qwen",
       {},
       "npm install -g @qwen-code/qwen-code",
       {{"OPENAI_BASE_URL", "{url}/v1"}, {"OPENAI_API_KEY", "{key}"}, {"OPENAI_MODEL", "{model}"}},
       {}},
  };
}

std::vector<Agent> CommunityAgents() {
  return {
      {"opencode",
       "OpenCode",
       "opencode",
       {"~/.opencode/bin/opencode"},
       "npm install -g opencode-ai",
       {{"OPENCODE_CONFIG_CONTENT", "{config}"}},
       {}},
      {"goose",
       "Goose",
       "goose",
       {"~/.local/bin/goose"},
       "see the releases of the project 'goose'",
       {{"GOOSE_PROVIDER", "openai"},
        {"GOOSE_MODEL", "{model}"},
        {"OPENAI_HOST", "{url}"},
        {"OPENAI_BASE_PATH", "v1/chat/completions"},
        {"OPENAI_API_KEY", "{key}"}},
       {}},
      {"aider",
       "Aider",
       "aider",
       {"~/.local/bin/aider"},
       "pip install aider-install && aider-install",
       {{"OPENAI_API_BASE", "{url}/v1"}, {"OPENAI_API_KEY", "{key}"}},
       {"--model", "openai/{model}"}},
  };
}

}  // namespace

const std::vector<Agent>& Agents() {
  static const std::vector<Agent> agents = [] {
    std::vector<Agent> all = VendorAgents();
    for (const Agent& agent : CommunityAgents()) all.push_back(agent);
    return all;
  }();
  return agents;
}

const Agent* FindAgent(std::string_view name) {
  const auto found = std::find_if(Agents().begin(), Agents().end(),
                                  [name](const Agent& agent) { return agent.name == name; });
  return found == Agents().end() ? nullptr : &*found;
}

LaunchPlan PlanLaunch(const Agent& agent, const std::string& program, const LaunchOptions& options,
                      bool mask_key) {
  const std::string key(options.key.empty() ? kNoKey
                        : mask_key          ? kMaskedKey
                                            : options.key.Reveal());
  const std::vector<std::pair<std::string_view, std::string>> words = {
      {"{url}", options.url},
      {"{model}", options.model},
      {"{key}", key},
      {"{config}", OpencodeConfig(options.url, options.model, key)}};
  LaunchPlan plan;
  plan.program = program;
  for (const std::string_view argument : agent.arguments) {
    plan.arguments.push_back(Fill(argument, words));
  }
  plan.arguments.insert(plan.arguments.end(), options.arguments.begin(), options.arguments.end());
  for (const auto& [name, value] : agent.environment) {
    plan.environment.emplace_back(name, Fill(value, words));
  }
  return plan;
}

std::string FindProgram(const Agent& agent, std::string_view path, const std::string& home) {
  while (!path.empty()) {
    const std::string_view folder = path.substr(0, path.find(':'));
    path.remove_prefix(std::min(path.size(), folder.size() + 1));
    // A folder that is not absolute would make another program of it in each place.
    if (!folder.starts_with('/')) continue;
    const std::string candidate = std::string(folder) + "/" + std::string(agent.program);
    if (IsProgram(candidate)) return candidate;
  }
  for (const std::string_view place : agent.places) {
    const std::string candidate = ExpandHome(std::string(place), home);
    if (IsProgram(candidate)) return candidate;
  }
  return "";
}

std::string ShellText(const LaunchPlan& plan) {
  std::string out;
  for (const auto& [name, value] : plan.environment) {
    out += "export " + name + "=" + ShellWord(value) + "\n";
  }
  out += ShellWord(plan.program);
  for (const std::string& argument : plan.arguments) out += " " + ShellWord(argument);
  return out + "\n";
}

}  // namespace tidegate::cli
