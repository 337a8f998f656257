#include "cli/line_editor.h"

#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

// Types `bytes` and returns the text with '|' where the cursor is.
std::string Typed(std::string_view bytes, const History& history = {}) {
  LineEditor editor(history);
  KeyDecoder decoder;
  std::vector<Key> keys;
  decoder.Feed(bytes, keys);
  for (const Key& key : keys) editor.Press(key);
  std::string text = editor.text();
  return text.insert(editor.cursor(), "|");
}

TEST(LineEditor, CharactersGoInWhereTheCursorIs) {
  EXPECT_EQ(Typed("helo\x1b[Dl"), "hell|o");
  EXPECT_EQ(Typed("日語\x1b[D本"), "日本|語");
  EXPECT_EQ(Typed("abc\x01X\x05Y"), "XabcY|");
}

TEST(LineEditor, BackspaceTakesAWholeCharacterWithItsMarks) {
  EXPECT_EQ(Typed("日本\x7f"), "日|");
  EXPECT_EQ(Typed("ae\xCC\x81\x7f"), "a|");
  EXPECT_EQ(Typed("\x7f"), "|");
  EXPECT_EQ(Typed("ab\x01\x1b[3~"), "|b");
}

TEST(LineEditor, KillKeysCutToTheEndTheBeginningAndTheWord) {
  EXPECT_EQ(Typed("one two three\x17"), "one two |");
  EXPECT_EQ(Typed("one two\x1b[D\x1b[D\x0b"), "one t|");
  EXPECT_EQ(Typed("one two\x1b[D\x15"), "|o");
  EXPECT_EQ(Typed("a.b c/d  \x17"), "a.b |");
}

TEST(LineEditor, WordKeysJumpOverWords) {
  EXPECT_EQ(Typed("one two\x1b"
                  "bX"),
            "one X|two");
  EXPECT_EQ(Typed("one two\x01\x1b"
                  "fX"),
            "oneX| two");
}

TEST(LineEditor, CtrlTSwapsTheCharactersAroundTheCursor) {
  EXPECT_EQ(Typed("ab\x14"), "ba|");
  EXPECT_EQ(Typed("a\x14"), "a|");
  EXPECT_EQ(Typed("日本x\x1b[D\x14"), "日x本|");
}

TEST(LineEditor, UpAndDownRecallWhatWasTypedAndKeepTheDraft) {
  History history;
  ASSERT_TRUE(history.Add("first").ok());
  ASSERT_TRUE(history.Add("second").ok());
  EXPECT_EQ(Typed("draft\x1b[A", history), "second|");
  EXPECT_EQ(Typed("draft\x1b[A\x1b[A\x1b[A", history), "first|");
  EXPECT_EQ(Typed("draft\x1b[A\x1b[A\x1b[B\x1b[B\x1b[B", history), "draft|");
}

TEST(LineEditor, EnterEndsTheLineExceptInsideAPaste) {
  const History history;
  LineEditor editor(history);
  EXPECT_EQ(editor.Press({KeyKind::kPasteBegin}), EditOutcome::kEditing);
  EXPECT_EQ(editor.Press({KeyKind::kText, "a"}), EditOutcome::kEditing);
  EXPECT_EQ(editor.Press({KeyKind::kEnter}), EditOutcome::kEditing);
  EXPECT_EQ(editor.Press({KeyKind::kControl, "C"}), EditOutcome::kEditing);
  EXPECT_EQ(editor.Press({KeyKind::kPasteEnd}), EditOutcome::kEditing);
  EXPECT_EQ(editor.Press({KeyKind::kEnter}), EditOutcome::kLine);
  EXPECT_EQ(editor.text(), "a\n");
}

TEST(LineEditor, CtrlDEndsAnEmptyLineAndDeletesInAnother) {
  const History history;
  LineEditor empty(history);
  EXPECT_EQ(empty.Press({KeyKind::kControl, "D"}), EditOutcome::kEnd);
  EXPECT_EQ(empty.Press({KeyKind::kControl, "C"}), EditOutcome::kInterrupt);
  EXPECT_EQ(Typed("ab\x01\x04"), "|b");
}

TEST(LineView, AShortLineIsDrawnWithTheCursorInItsPlace) {
  LineView view;
  EXPECT_EQ(view.Show("> ", "abc", 1, 80), "\r\x1b[J> abc\r\x1b[3C");
  EXPECT_EQ(view.Leave(), "\r\n");
}

TEST(LineView, ALongLineTakesRowsAndIsRedrawnFromItsFirst) {
  LineView view;
  EXPECT_EQ(view.Show("> ", "abcdefgh", 8, 6), "\r\x1b[J> abcd\r\nefgh\r\x1b[4C");
  // The cursor is on the second row now: go up one before drawing again.
  EXPECT_EQ(view.Show("> ", "abcdefgh", 0, 6), "\r\x1b[1A\x1b[J> abcd\r\nefgh\r\x1b[1A\x1b[2C");
  EXPECT_EQ(view.Leave(), "\x1b[1B\r\n");
}

TEST(LineView, AFullRowPutsTheCursorOnTheNext) {
  LineView view;
  EXPECT_EQ(view.Show("> ", "abcd", 4, 6), "\r\x1b[J> abcd\r\n\r");
}

TEST(LineView, AWideCharacterNeverSplitsOverTwoRows) {
  LineView view;
  EXPECT_EQ(view.Show("> ", "abc日", 6, 6), "\r\x1b[J> abc\r\n日\r\x1b[2C");
}

TEST(LineView, LineBreaksOfAPasteAreRows) {
  LineView view;
  EXPECT_EQ(view.Show("> ", "a\nb", 3, 20), "\r\x1b[J> a\r\nb\r\x1b[1C");
}

}  // namespace
}  // namespace tidegate::cli
