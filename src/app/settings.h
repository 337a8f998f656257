// The scalar settings of the program, as one table: parser, `config check`, documentation and
// defaults all come from it.
//
// To add a setting: one member of Settings and one entry in Options().
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tidegate::app {

struct Settings {
  std::vector<std::string> listen = {"127.0.0.1:11435"};
  std::vector<std::string> hosts, origins;
  std::string tls_certificate, tls_key;
  bool allow_insecure = false;
  std::int64_t shards = 0;
  std::string state_folder, runtime_folder;
  std::int64_t body_mib_max = 32;
  std::int64_t drain_s = 30;
  std::string log_level = "info", log_format = "text";
  bool engine_enabled = true;
  bool engine_sandbox = true;
  std::string engine_path;
  std::vector<std::string> engine_environment;
  std::int64_t engine_threads = 0;
  std::int64_t engine_context_tokens = 0;
  std::int64_t engine_slots = 0;
  std::int64_t engine_gpu_layers = -1;
  bool engine_require_gpu = false;
  std::int64_t engine_queue_max = 64;
  std::int64_t engine_wait_max_s = 300;
  std::int64_t engine_keep_alive_s = 300;
  std::int64_t engine_memory_mib = 0;
  std::int64_t engine_preload_mib = -1;
  std::string engine_cache_type_k = "f16", engine_cache_type_v = "f16";
  std::string engine_flash_attention = "auto";
  std::int64_t engine_prompt_cache_mib = 256;
  std::int64_t engine_conversation_mib = 8'192;
  std::string engine_speculation = "auto";
  std::vector<std::string> model_folders, model_files;
  std::string model_store;
  bool model_foreign = true;
  std::vector<std::string> registries = {"registry.ollama.ai", "hf.co", "huggingface.co"};
  std::vector<std::string> insecure_registries;
  std::vector<std::string> push_registries, registry_tokens, registry_storage;
  std::int64_t download_mib_per_s = 0;
  std::int64_t upload_mib_per_s = 0;
  std::string budget_day_usd;
  std::int64_t retention_days = 90;
  bool responses_keep = true;
  std::int64_t responses_days = 30;
  std::int64_t responses_count_max = 10'000;
  std::int64_t responses_mib_max = 256;
};

using SettingMember = std::variant<std::string Settings::*, std::int64_t Settings::*,
                                   bool Settings::*, std::vector<std::string> Settings::*>;

struct Option {
  std::string_view name;  // path in the configuration file
  SettingMember member;
  std::string_view help;
  std::int64_t low = 0, high = 0;  // of an integer, both included
  std::string_view allowed = {};   // of a string: the words, separated by '|'; empty = any
};

std::span<const Option> Options();
// As in the file: "127.0.0.1:11435", true, 300, ["a", "b"].
std::string ValueText(const Settings& settings, const Option& option);
// The table as Markdown, for docs/configuration.md.
std::string OptionsMarkdown();

}  // namespace tidegate::app
