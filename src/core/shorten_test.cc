#include "core/shorten.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::core {
namespace {

// A letter for each message: s(ystem), u(ser), a(ssistant), c(all of a tool), r(esult of one).
Request Conversation(std::string_view letters) {
  Request request;
  for (const char letter : letters) {
    Message message;
    Part part;
    if (letter == 's') message.role = Role::kSystem;
    if (letter == 'a' || letter == 'c') message.role = Role::kAssistant;
    if (letter == 'c') part.kind = PartKind::kToolCall;
    if (letter == 'r') message.role = Role::kTool;
    if (letter == 'r') part.kind = PartKind::kToolResult;
    message.parts.push_back(part);
    request.messages.push_back(message);
  }
  return request;
}

char LetterOf(const Message& message) {
  if (message.role == Role::kSystem) return 's';
  if (message.role == Role::kTool) return 'r';
  if (message.role == Role::kUser) return 'u';
  return message.parts.front().kind == PartKind::kToolCall ? 'c' : 'a';
}

// What each step leaves.
std::vector<std::string> Left(std::string_view letters) {
  const Request request = Conversation(letters);
  const Shortening shortening(request);
  std::vector<std::string> left;
  for (std::size_t step = 1; step <= shortening.steps(); ++step) {
    const Request after = shortening.After(step);
    EXPECT_FALSE(after.same_bytes);
    std::string& text = left.emplace_back();
    for (const Message& message : after.messages) text += LetterOf(message);
    EXPECT_EQ(shortening.Dropped(step), static_cast<std::int64_t>(letters.size() - text.size()));
  }
  return left;
}

using Texts = std::vector<std::string>;

TEST(Shortening, LeavesOutTheOldestUpToSomethingThatTheUserSaid) {
  EXPECT_EQ(Left("suauau"), (Texts{"suau", "su"}));
  EXPECT_EQ(Left("uuu"), (Texts{"uu", "u"}));
}

TEST(Shortening, KeepsInstructionsWhereverTheyStand) {
  EXPECT_EQ(Left("suasuau"), (Texts{"ssuau", "ssu"}));
}

TEST(Shortening, KeepsACallAndItsResultsTogether) {
  EXPECT_EQ(Left("ucrrau"), (Texts{"u"}));
  EXPECT_EQ(Left("ucrcra"), (Texts{"ucra", "ua"}));
}

TEST(Shortening, KeepsTheLastQuestionAndTheNewestThatWasDoneForIt) {
  EXPECT_EQ(Left("uaucrrcr"), (Texts{"ucrrcr", "ucr"}));
}

TEST(Shortening, OfAResultInAUsersMessageIsNoQuestion) {
  Request request = Conversation("uaucu");
  request.messages.back().parts.front().kind = PartKind::kToolResult;
  const Shortening shortening(request);
  ASSERT_EQ(shortening.steps(), 1U);
  EXPECT_EQ(shortening.After(1).messages.size(), 3U) << "the question, the call, its result";
}

TEST(Shortening, OfOneMessageIsNone) {
  EXPECT_EQ(Left("su"), Texts());
  EXPECT_EQ(Left("s"), Texts());
  EXPECT_EQ(Left(""), Texts());
}

using Tokens = std::vector<std::int64_t>;

TEST(CutTokens, KeepsTheMarksAroundTheText) {
  const Tokens marked = {1, 5, 6, 7, 8, 2}, plain = {5, 6, 7, 8};
  EXPECT_EQ(CutTokens(marked, plain, 4, Truncate::kEnd), (Tokens{1, 5, 6, 2}));
  EXPECT_EQ(CutTokens(marked, plain, 4, Truncate::kStart), (Tokens{1, 7, 8, 2}));
}

TEST(CutTokens, LeavesWhatFits) {
  const Tokens marked = {1, 5, 6}, plain = {5, 6};
  EXPECT_EQ(CutTokens(marked, plain, 3, Truncate::kEnd), marked);
}

TEST(CutTokens, OfATokenizerWithoutMarksIsTheTextAlone) {
  const Tokens plain = {5, 6, 7};
  EXPECT_EQ(CutTokens(plain, plain, 2, Truncate::kEnd), (Tokens{5, 6}));
  EXPECT_EQ(CutTokens(plain, plain, 2, Truncate::kStart), (Tokens{6, 7}));
}

TEST(CutTokens, NeverHasMoreThanThereIsRoomFor) {
  const Tokens marked = {1, 5, 2}, plain = {5};
  EXPECT_EQ(CutTokens(marked, plain, 1, Truncate::kEnd).size(), 1U);
}

}  // namespace
}  // namespace tidegate::core
