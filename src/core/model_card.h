// What a model on this device says of itself to people and to clients that ask, beyond what is
// needed to run and to choose it. Texts may be long (licenses, templates): a card is shared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tidegate::core {

struct ModelCard {
  // A name and a JSON value, as text.
  using Facts = std::vector<std::pair<std::string, std::string>>;
  struct Message {
    std::string role, content;
    friend bool operator==(const Message&, const Message&) = default;
  };
  // Where it came from, as far as that is known.
  struct Provenance {
    std::string source;           // a URL, "file:NAME", "ollama:NAME"; empty when it was made here
    std::string digest;           // of its manifest: what this is said of
    std::int64_t time_s = 0;      // when it came, since 1970
    std::string licence, signer;  // or empty
    std::string quantised_from, quantised_by;  // likewise
  };
  struct Tensor {
    std::string name, type;
    std::vector<std::uint64_t> shape;
  };

  std::string parent;         // the model that it was made from; empty when that is not known
  std::string chat_template;  // as it was made with, else as in its file
  std::string template_note;  // why another one is used; empty where that one is
  std::string system;
  std::string modelfile;
  std::string renderer, parser, required_version;  // of Ollama's; of no effect here
  std::vector<std::string> licenses;
  Facts parameters;  // "temperature": 0.2, "stop": ["a", "b"]
  std::vector<Message> messages;
  Facts info;            // of the file: "llama.block_count": 32; long lists are empty
  Facts projector_info;  // likewise of what lets it see or hear
  std::vector<Tensor> tensors;
  std::optional<Provenance> provenance = {};
};

}  // namespace tidegate::core
