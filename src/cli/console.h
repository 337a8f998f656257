// What a command reads from and writes to: the standard streams with what is known of them, and the
// few variables of the environment that commands obey. A test builds its own.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "cli/ink.h"

namespace tidegate::cli {

inline constexpr std::size_t kColumnsDefault = 80;
inline constexpr std::size_t kColumnsMin =
    40;  // narrower terminals are drawn as if they had so many

// Where text goes. Any one thread at a time.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void Write(std::string_view text) = 0;
  // A write failed for another reason than a reader that went away; the text is not all there.
  virtual bool failed() const { return false; }
};

// Writes through to a file descriptor that it does not own. After the first failure nothing more is
// written.
class FileSink : public Sink {
 public:
  explicit FileSink(int fd) : fd_(fd) {}
  void Write(std::string_view text) override;
  bool failed() const override { return failed_; }

 private:
  int fd_;
  bool failed_ = false;
  bool closed_ = false;  // the reader went away
};

class StringSink : public Sink {
 public:
  void Write(std::string_view text) override { text_ += text; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// What commands obey of the environment. docs/cli.md documents each variable.
struct Environment {
  std::string home;          // HOME
  std::string path;          // PATH, where programs are looked for
  std::string host;          // TIDEGATE_HOST
  Secret api_key;            // TIDEGATE_API_KEY
  bool no_color = false;     // NO_COLOR is set and not empty
  bool dumb = false;         // TERM is "dumb" or not set
  std::string state_folder;  // $XDG_STATE_HOME/tidegate or ~/.local/state/tidegate; empty = nowhere
  static Environment FromProcess();
};

enum class ColorChoice : std::uint8_t { kAuto, kAlways, kNever };

// Owns nothing but the environment's values; the sinks outlive it.
struct Console {
  Sink& out;
  Sink& err;
  int in_fd = 0;
  bool in_terminal = false;
  bool out_terminal = false;
  bool err_terminal = false;
  std::size_t columns = kColumnsDefault;  // of the terminal
  Environment environment = {};
  ColorChoice color = ColorChoice::kAuto;

  // Colours for standard output and standard error.
  Paint OutPaint() const { return Paint(Colored(out_terminal)); }
  Paint ErrPaint() const { return Paint(Colored(err_terminal)); }

 private:
  bool Colored(bool terminal) const;
};

}  // namespace tidegate::cli
