#include "app/settings.h"

#include <array>

#include <fmt/format.h>

namespace tidegate::app {

namespace {

constexpr std::int64_t kDay = 86'400;

constexpr std::string_view kCacheTypes = "f32|f16|bf16|q8_0|q5_1|q5_0|q4_1|q4_0|iq4_nl";

constexpr std::array kOptions = {
    Option{"listen", &Settings::listen, "addresses to serve on: IP:PORT or unix:/PATH"},
    Option{"hosts", &Settings::hosts,
           "host names that clients may use, beside localhost, 127.0.0.1 and [::1]"},
    Option{"origins", &Settings::origins,
           "web origins whose pages may call the gate, exact: https://app.example"},
    Option{"tls.certificate", &Settings::tls_certificate,
           "PEM file with the certificate chain; turns TLS on"},
    Option{"tls.key", &Settings::tls_key, "PEM file with the certificate's private key"},
    Option{"allow_insecure", &Settings::allow_insecure,
           "serve beyond this machine although there is no key or no TLS; anybody who reaches "
           "the port can then spend your money"},
    Option{"shards", &Settings::shards,
           "threads that serve requests; 0 = one for each two processors", 0, 256},
    Option{"state_folder", &Settings::state_folder,
           "ledger and decisions; default $XDG_STATE_HOME/tidegate"},
    Option{"runtime_folder", &Settings::runtime_folder,
           "sockets of engines; default $XDG_RUNTIME_DIR/tidegate"},
    Option{"body_mib_max", &Settings::body_mib_max, "largest request body in MiB", 1, 1024},
    Option{"drain_s", &Settings::drain_s,
           "seconds that requests may still take after SIGTERM; work on models ends at once", 0,
           3600},
    Option{"log.level", &Settings::log_level, "how much is logged", 0, 0,
           "debug|info|warning|error"},
    Option{"log.format", &Settings::log_format, "lines for people or JSON for collectors", 0, 0,
           "text|json"},
    Option{"engine.enabled", &Settings::engine_enabled, "run models on this machine"},
    Option{"engine.path", &Settings::engine_path,
           "the llama-server to run; default: PATH, then the installed one"},
    Option{"engine.environment", &Settings::engine_environment,
           "variables that local models' processes get beside those that choose devices: "
           "NAME=value; no secrets"},
    Option{"engine.sandbox", &Settings::engine_sandbox,
           "a model's process sees its own files only and no network; false only where a driver "
           "needs more"},
    Option{"engine.threads", &Settings::engine_threads,
           "threads of each model; 0 = one for each physical core, but one fewer than there are "
           "processors",
           0, 1024},
    Option{"engine.context_tokens", &Settings::engine_context_tokens,
           "window that local models are loaded with, and larger for requests that need it; 0 = up "
           "to 8192 tokens, as far as they fit",
           0, 100'000'000},
    Option{"engine.slots", &Settings::engine_slots,
           "requests that one local model answers at once; 0 = up to 4, as far as they fit", 0,
           256},
    Option{"engine.gpu_layers", &Settings::engine_gpu_layers,
           "layers of each local model on graphics devices; -1 = as many as they hold; where there "
           "is no device for them, ps --wide and the log say so",
           -1, 100'000},
    Option{"engine.require_gpu", &Settings::engine_require_gpu,
           "no local model runs without a graphics device: it is refused where there is none, or "
           "where its driver is lost"},
    Option{"engine.queue_max", &Settings::engine_queue_max,
           "requests that may wait for a local model", 0, 100'000},
    Option{"engine.wait_max_s", &Settings::engine_wait_max_s,
           "seconds that a request may wait for memory that other local models hold; then it is "
           "answered 503 with who holds it; 0 = for ever",
           0, kDay},
    Option{"engine.keep_alive_s", &Settings::engine_keep_alive_s,
           "seconds an unused local model stays loaded; -1 = for ever", -1, 365 * kDay},
    Option{"engine.memory_mib", &Settings::engine_memory_mib,
           "memory that local models may hold together, in MiB; 0 = three quarters of what the "
           "machine has, or all but 8 GiB where that is more",
           0, 1'000'000'000},
    Option{
        "engine.preload_mib", &Settings::engine_preload_mib,
        "memory in MiB, of that of local models, into which those that are used most are loaded "
        "before anybody asks (behind a restart, or when others had to make room); 0 = none is, -1 "
        "= half of what local models may hold",
        -1, 1'000'000'000},
    Option{"engine.cache_type_k", &Settings::engine_cache_type_k,
           "how local models keep what they read of a conversation, its keys: q8_0 takes half the "
           "memory of f16",
           0, 0, kCacheTypes},
    Option{"engine.cache_type_v", &Settings::engine_cache_type_v,
           "the same of its values; what is smaller than f16 needs flash attention", 0, 0,
           kCacheTypes},
    Option{"engine.flash_attention", &Settings::engine_flash_attention,
           "a way to compute that needs less memory; auto: where the device has it", 0, 0,
           "auto|on|off"},
    Option{"engine.prompt_cache_mib", &Settings::engine_prompt_cache_mib,
           "MiB that each local model may use beside its slots for conversations that wait; 0 = "
           "none",
           0, 1'000'000},
    Option{"engine.conversation_mib", &Settings::engine_conversation_mib,
           "MiB of the disk for what local models remember of conversations, encrypted, so that "
           "these survive that the model is unloaded; 0 = nothing is kept",
           0, 100'000'000},
    Option{"engine.speculation", &Settings::engine_speculation,
           "whether local models guess ahead: auto = where there is a draft that fits, draft = the "
           "same and says where there is none, ngram = by what was said before",
           0, 0, "auto|off|draft|ngram"},
    Option{"models.folders", &Settings::model_folders,
           "folders with *.gguf files; default $XDG_DATA_HOME/tidegate/models"},
    Option{"models.files", &Settings::model_files, "single GGUF files beside those in the folders"},
    Option{"models.store", &Settings::model_store,
           "where pulled and made models are kept, laid out as Ollama's; default "
           "$XDG_DATA_HOME/tidegate/store"},
    Option{"models.foreign", &Settings::model_foreign,
           "also serve the models that Ollama, LM Studio, GPT4All, llama.cpp and Hugging Face's "
           "libraries keep on this machine, where they lie"},
    Option{"models.registries", &Settings::registries, "the only hosts that models come from"},
    Option{"models.insecure_registries", &Settings::insecure_registries,
           "HOST:PORT of registries that are spoken to without TLS"},
    Option{"models.push_registries", &Settings::push_registries,
           "the only hosts that models are pushed to"},
    Option{"models.registry_tokens", &Settings::registry_tokens,
           "what a registry gives out tokens for, or is shown itself: HOST=env:NAME or "
           "HOST=file:/path"},
    Option{"models.registry_storage", &Settings::registry_storage,
           "where a registry may send for its blobs although the address is not public: "
           "HOST=https://storage.lan:9000"},
    Option{"models.download_mib_per_s", &Settings::download_mib_per_s,
           "MiB a second of all downloads together; 0 = as fast as it goes", 0, 1'000'000},
    Option{"models.upload_mib_per_s", &Settings::upload_mib_per_s,
           "MiB a second of all pushes together; 0 = as fast as it goes", 0, 1'000'000},
    Option{"budget.day_usd", &Settings::budget_day_usd,
           "dollars that all callers together may spend a UTC day; empty = no limit"},
    Option{"decisions.retention_days", &Settings::retention_days,
           "days that decision records are kept", 1, 36'500},
    Option{"responses.keep", &Settings::responses_keep,
           "keep what callers of the Responses protocol ask to be stored, for "
           "previous_response_id; false: nothing is written down"},
    Option{"responses.days", &Settings::responses_days,
           "days that a response is kept after its conversation went on last", 1, 36'500},
    Option{"responses.count_max", &Settings::responses_count_max,
           "responses kept for one key; the oldest make room", 1, 100'000'000},
    Option{"responses.mib_max", &Settings::responses_mib_max, "MiB of responses kept for one key",
           1, 1'000'000},
};

}  // namespace

std::span<const Option> Options() { return kOptions; }

namespace {

struct TextOf {
  const Settings& settings;
  std::string operator()(std::string Settings::*member) const {
    return "\"" + settings.*member + "\"";
  }
  std::string operator()(std::int64_t Settings::*member) const {
    return std::to_string(settings.*member);
  }
  std::string operator()(bool Settings::*member) const {
    return settings.*member ? "true" : "false";
  }
  std::string operator()(std::vector<std::string> Settings::*member) const {
    std::string out = "[";
    for (const std::string& item : settings.*member)
      out += (out.size() > 1 ? ", \"" : "\"") + item + "\"";
    return out + "]";
  }
};

struct TypeOf {
  std::string_view operator()(std::string Settings::*) const { return "string"; }
  std::string_view operator()(std::int64_t Settings::*) const { return "integer"; }
  std::string_view operator()(bool Settings::*) const { return "boolean"; }
  std::string_view operator()(std::vector<std::string> Settings::*) const {
    return "list of strings";
  }
};

}  // namespace

std::string ValueText(const Settings& settings, const Option& option) {
  return std::visit(TextOf{settings}, option.member);
}

std::string OptionsMarkdown() {
  const Settings defaults;
  std::string out = "| setting | type | default | meaning |\n|---|---|---|---|\n";
  for (const Option& option : Options()) {
    std::string meaning(option.help);
    if (!option.allowed.empty()) {
      meaning += " (";
      for (const char c : option.allowed)
        meaning += c == '|' ? std::string(", ") : std::string(1, c);
      meaning += ")";
    }
    if (option.high != 0) meaning += fmt::format(" ({} … {})", option.low, option.high);
    out += fmt::format("| `{}` | {} | `{}` | {} |\n", option.name,
                       std::visit(TypeOf{}, option.member), ValueText(defaults, option), meaning);
  }
  return out;
}

}  // namespace tidegate::app
