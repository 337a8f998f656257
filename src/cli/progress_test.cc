#include "cli/progress.h"

#include <future>

#include <gtest/gtest.h>

#include "cli/display_text.h"

namespace tidegate::cli {
namespace {

// Tells when something was written first.
class WatchedSink : public Sink {
 public:
  void Write(std::string_view text) override {
    if (text_.empty()) written_.set_value();
    text_ += text;
  }
  void WaitForText() { written_.get_future().wait(); }
  const std::string& text() const { return text_; }

 private:
  std::promise<void> written_;
  std::string text_;
};

TEST(Progress, ALineShowsTheStepTheTextAndTheTime) {
  EXPECT_EQ(SpinnerLine("step 2/6 fetching packages", 12'345, 0, 80, Paint(false)),
            "⠋ [2/6] fetching packages  12 s");
  EXPECT_EQ(SpinnerLine("waiting", 999, 11, 80, Paint(false)), "⠙ waiting  0 s");
}

TEST(Progress, ALongLabelIsCutToTheTerminal) {
  const std::string line = SpinnerLine(std::string(200, 'x'), 1'000, 0, 40, Paint(false));
  EXPECT_EQ(DisplayWidth(line), 39U);
}

TEST(Progress, ASpinnerLeavesNothingBehind) {
  StringSink out;
  WatchedSink err;
  Console console{out, err};
  console.err_terminal = true;
  {
    Spinner spinner(console, "working", std::chrono::milliseconds(0));
    err.WaitForText();
  }
  EXPECT_NE(err.text().find("working"), std::string::npos);
  EXPECT_TRUE(err.text().ends_with("\r\x1b[K"));
  EXPECT_EQ(out.text(), "");
}

TEST(Progress, NothingIsDrawnBeforeItsTimeNorWhereNobodyWatches) {
  StringSink out;
  StringSink err;
  Console console{out, err};
  console.err_terminal = true;
  { const Spinner spinner(console, "quick", std::chrono::hours(1)); }
  console.err_terminal = false;
  { const Spinner spinner(console, "piped", std::chrono::milliseconds(0)); }
  EXPECT_EQ(err.text(), "");
}

}  // namespace
}  // namespace tidegate::cli
