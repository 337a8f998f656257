#include "cli/answer_screen.h"

#include "cli/display_text.h"

namespace tidegate::cli {

AnswerScreen::AnswerScreen(Context& context, Spinner& spinner, const AnswerStyle& style)
    : context_(context),
      spinner_(spinner),
      style_(style),
      terminal_(context.console.out_terminal),
      columns_(terminal_ && style.wrap ? context.console.columns : 0),
      wrap_(columns_) {}

void AnswerScreen::Write(std::string_view text) {
  if (text.empty()) return;
  context_.console.out.Write(text);
  open_line_ = !text.ends_with('\n');
}

void AnswerScreen::ShowThinking(const std::string& thinking) {
  const Paint paint = context_.console.OutPaint();
  if (!thinking_) Write(paint(Ink::kDim, "Thinking...") + "\n");
  thinking_ = true;
  const std::string shown = wrap_.Feed(Printable(thinking));
  if (shown.empty()) return;
  context_.console.out.Write(paint(Ink::kDim, shown));
  open_line_ = !shown.ends_with('\n');
}

void AnswerScreen::EndThinking() {
  if (!thinking_) return;
  thinking_ = false;
  const Paint paint = context_.console.OutPaint();
  const std::string rest = wrap_.Flush();
  context_.console.out.Write(paint(Ink::kDim, rest));
  if (open_line_ || !rest.empty()) context_.console.out.Write("\n");
  Write(paint(Ink::kDim, "...done thinking.") + "\n\n");
  wrap_ = WordWrap(columns_);
}

void AnswerScreen::ShowText(const std::string& text) {
  EndThinking();
  Write(wrap_.Feed(terminal_ ? Printable(text) : text));
}

// We offer no functions, so what the model wants to call it has made up.
void AnswerScreen::ShowCalls(const ChatDelta& delta) {
  EndThinking();
  Write(wrap_.Flush());
  if (open_line_) Write("\n");
  for (const std::string& name : delta.calls) {
    context_.console.err.Write("the model called a function that there is not: " + Printable(name) +
                               "\n");
  }
}

void AnswerScreen::Show(const ChatDelta& delta) {
  if (context_.json) return;
  const bool thoughts = terminal_ && style_.show_thinking && !delta.thinking.empty();
  if (!thoughts && delta.text.empty() && delta.calls.empty()) return;
  spinner_.Stop();
  if (thoughts) ShowThinking(delta.thinking);
  if (!delta.text.empty()) ShowText(delta.text);
  if (!delta.calls.empty()) ShowCalls(delta);
}

void AnswerScreen::End() {
  spinner_.Stop();
  if (context_.json) return;
  EndThinking();
  Write(wrap_.Flush());
  if (open_line_) Write("\n");
}

}  // namespace tidegate::cli
