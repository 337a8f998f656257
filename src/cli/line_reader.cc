#include "cli/line_reader.h"

#include <cerrno>
#include <termios.h>
#include <unistd.h>
#include <vector>

namespace tidegate::cli {
namespace {

constexpr std::string_view kBracketedPasteOn = "\x1b[?2004h";
constexpr std::string_view kBracketedPasteOff = "\x1b[?2004l";

// Keys arrive one by one, unechoed, Ctrl-C among them; as it was when it dies.
class RawMode {
 public:
  explicit RawMode(int fd) : fd_(fd), saved_(::tcgetattr(fd, &before_) == 0) {
    if (!saved_) return;
    termios raw = before_;
    raw.c_iflag &= ~static_cast<tcflag_t>(ICRNL | INLCR | IXON | ISTRIP);
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    ::tcsetattr(fd_, TCSADRAIN, &raw);
  }
  ~RawMode() {
    if (saved_) ::tcsetattr(fd_, TCSADRAIN, &before_);
  }
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;

 private:
  int fd_;
  termios before_{};
  bool saved_;
};

}  // namespace

bool LineReader::Fill() {
  char buffer[4096];
  ssize_t got = 0;
  do {
    got = ::read(console_.in_fd, buffer, sizeof(buffer));
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return false;
  std::vector<Key> keys;
  decoder_.Feed(std::string_view(buffer, static_cast<std::size_t>(got)), keys);
  keys_.insert(keys_.end(), keys.begin(), keys.end());
  return true;
}

LineReader::Line LineReader::Read(std::string_view prompt) {
  const RawMode raw(console_.in_fd);
  LineEditor editor(history_);
  LineView view;
  console_.out.Write(std::string(kBracketedPasteOn) + view.Show(prompt, "", 0, console_.columns));
  EditOutcome outcome = EditOutcome::kEditing;
  while (outcome == EditOutcome::kEditing) {
    if (keys_.empty() && !Fill()) {
      outcome = EditOutcome::kEnd;
      break;
    }
    // All that has come at once is drawn once: a pasted page would flicker otherwise.
    while (!keys_.empty() && outcome == EditOutcome::kEditing) {
      outcome = editor.Press(keys_.front());
      keys_.pop_front();
    }
    console_.out.Write(view.Show(prompt, editor.text(), editor.cursor(), console_.columns));
  }
  console_.out.Write(view.Leave() + std::string(kBracketedPasteOff));
  return Line{outcome, outcome == EditOutcome::kLine ? editor.text() : std::string()};
}

}  // namespace tidegate::cli
