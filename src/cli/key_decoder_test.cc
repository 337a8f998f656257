#include "cli/key_decoder.h"

#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

std::vector<Key> Decode(std::string_view bytes, std::size_t piece) {
  KeyDecoder decoder;
  std::vector<Key> keys;
  while (!bytes.empty()) {
    decoder.Feed(bytes.substr(0, piece), keys);
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  return keys;
}

TEST(KeyDecoder, KeysAreTheSameInAnyPieces) {
  constexpr std::string_view kBytes =
      "aé日\x01\r\x7f\x1b[A\x1b[1;5D\x1bOH\x1b[3~\x1b"
      "b\x1b[200~\x1b[201~\x1b[99;99u";
  const std::vector<Key> expected = {
      {KeyKind::kText, "a"},    {KeyKind::kText, "é"}, {KeyKind::kText, "日"},
      {KeyKind::kControl, "A"}, {KeyKind::kEnter},     {KeyKind::kBackspace},
      {KeyKind::kUp},           {KeyKind::kWordLeft},  {KeyKind::kHome},
      {KeyKind::kDelete},       {KeyKind::kWordLeft},  {KeyKind::kPasteBegin},
      {KeyKind::kPasteEnd},     {KeyKind::kOther},
  };
  for (std::size_t piece = 1; piece <= kBytes.size(); ++piece) {
    EXPECT_EQ(Decode(kBytes, piece), expected) << "in pieces of " << piece;
  }
}

TEST(KeyDecoder, BrokenBytesAreKeysThatDoNothing) {
  EXPECT_EQ(Decode("\xFF"
                   "a",
                   2),
            (std::vector<Key>{{KeyKind::kOther}, {KeyKind::kText, "a"}}));
  const std::string endless = "\x1b[" + std::string(100, '1');
  EXPECT_EQ(Decode(endless, 1).front(), Key{KeyKind::kOther});
}

}  // namespace
}  // namespace tidegate::cli
