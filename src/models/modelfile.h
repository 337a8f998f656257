// Modelfiles: the text from which Ollama's `create` makes a model. Reading and writing them.
//
//   file      = { blank | comment | command }          with at least one FROM
//   comment   = "#" … end of line                      only where a command may begin
//   command   = WORD blanks value                      WORD in any case
//             | "PARAMETER" blanks KEY blanks value    KEY of letters, digits and _
//             | "MESSAGE" blanks ROLE blanks value     ROLE system, user or assistant
//   value     = """ … """ | " … "                      over lines; nothing is escaped
//             | … end of line                          without the blanks around it
//
// A quoted value ends with its mark at the end of a line, so that marks inside of lines are text.
// Everything that Ollama reads is read alike, but for two mistakes of its own: blanks in front of a
// KEY or ROLE are passed over, and of what has no width only control characters are dropped.
// TEMPLATE is kept as it is written; what becomes of it is templates/jinja.h's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/layer_texts.h"
#include "models/manifest.h"

namespace tidegate::models {

inline constexpr std::size_t kModelfileBytesMax = std::size_t{8} << 20U;
inline constexpr std::size_t kModelfileCommandsMax = 4'096;
inline constexpr std::size_t kModelfileWordBytesMax = 64;  // of a command, a KEY or a ROLE

struct ModelfileCommand {
  enum class Kind : std::uint8_t {
    kFrom,
    kLicense,
    kTemplate,
    kSystem,
    kAdapter,
    kDraft,
    kRenderer,
    kParser,
    kParameter,
    kMessage,
    kRequires,
  };
  Kind kind;
  std::string value;
  std::string key = {};    // of a parameter, or the role of a message
  std::uint32_t line = 0;  // where it begins; not compared
  friend bool operator==(const ModelfileCommand& a, const ModelfileCommand& b) {
    return a.kind == b.kind && a.value == b.value && a.key == b.key;
  }
};

struct Modelfile {
  std::vector<ModelfileCommand> commands;  // at least one of kFrom
};

// UTF-8, with or without a byte order mark, or UTF-16 with one. Errors: kInvalidArgument "(line N):
// …" with what to do; kTooLarge.
Result<Modelfile> ParseModelfile(std::string_view text);

// The version in a REQUIRES, "0.14.0", without the "v" that may stand before it. Errors:
// kInvalidArgument with `field`.
Result<std::string> ParseRequiredVersion(std::string_view text, std::string field);

// A text that reads as the same commands, each in the plainest form that can hold its value.
// Errors: kInvalidArgument for a value that no form can hold, such as one with control characters.
Result<std::string> WriteModelfile(const Modelfile& modelfile);

// What a Modelfile asks for, the commands of one kind together.
struct ModelfileParts {
  std::vector<std::string> from, adapters, drafts;
  std::optional<std::string> system, go_template, renderer, parser, required_version;  // the last
  std::vector<std::string> licences;
  std::vector<StoredMessage> messages;
  ModelOptions parameters;            // values as JSON; `stop` is the list of all that were given
  std::vector<std::string> warnings;  // "(line N): …": what is accepted and has no effect
};
// Errors: kInvalidArgument "(line N): …" for a parameter that Ollama does not know, or whose value
// is of another type, and for a REQUIRES that is no version.
Result<ModelfileParts> TakeApart(const Modelfile& modelfile);

// The home directory of a user, or of this one for an empty name; nothing when there is no such.
using HomeLookup = std::function<std::optional<std::string>(const std::string& user)>;
// The path that a FROM, ADAPTER or DRAFT names, if it is one: "~/x" and "~ann/x" are below home
// directories, and what is not absolute is below `folder`, where the Modelfile lies. Errors:
// kInvalidArgument when the user is not known.
Result<std::string> ExpandPath(std::string_view value, const std::string& folder,
                               const HomeLookup& home);

}  // namespace tidegate::models
