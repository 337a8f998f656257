// What can be done to the models of this machine, as values: what is asked for, and what is told
// while it is under way.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "core/model_card.h"
#include "models/digest.h"
#include "models/model_name.h"

namespace tidegate::models {

// One step, in Ollama's words: "pulling manifest", "pulling 8eeb52dfb3bb", "success".
struct Progress {
  std::string status;
  std::optional<Digest> digest = {};
  std::uint64_t total = 0, completed = 0;  // bytes; total 0 = not known, or nothing to count
  // What the work ended with, one JSON value, with the last step of work that has such; or empty.
  std::string result = {};
};

// Who is told. Called from any thread, one call at a time; `done` last, once, and with kCancelled
// when it was ended from outside.
struct ProgressSink {
  std::function<void(Progress)> step;
  std::function<void(Result<void>)> done;
};

// A model made of others and of files that were sent before.
struct CreateSpec {
  ModelName model;
  std::string from;  // a model's name; empty = the weights are among `files`
  std::vector<std::pair<std::string, Digest>> files, adapters, drafts;  // by the names they had
  std::string draft_from;  // a model's name, whose weights are the draft; empty = as `drafts` says
  std::optional<std::string> system, chat_template;
  std::vector<std::string> licenses;
  core::ModelCard::Facts parameters;
  std::vector<core::ModelCard::Message> messages;
  // Which of Ollama's own it uses in the place of its template, and which release has them: kept
  // with the model, and of no effect here.
  std::optional<std::string> renderer, parser, required_version;
  std::string quantize;  // "Q4_K_M"; empty = as the weights are
};

}  // namespace tidegate::models
