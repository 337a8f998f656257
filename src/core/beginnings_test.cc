#include "core/beginnings.h"

#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace tidegate::core {
namespace {

const std::string kLong(2'100, 't');  // two blocks, and some

Message Says(Role role, std::string_view text) {
  Message message;
  message.role = role;
  message.parts.emplace_back().text = text;
  return message;
}

Request Turn(std::vector<Message> messages) {
  Request request;
  request.messages = std::move(messages);
  return request;
}

TEST(BeginningsTest, ALaterTurnHasTheLastOfTheEarlierOneAmongItsOwn) {
  Request request = Turn({Says(Role::kSystem, "be brief"), Says(Role::kUser, kLong)});
  const std::vector<Sha256> first = BeginningsOf(request);
  ASSERT_EQ(first.size(), 2U);
  request.messages.push_back(Says(Role::kAssistant, "high"));
  request.messages.push_back(Says(Role::kUser, kLong));
  const std::vector<Sha256> second = BeginningsOf(request);
  ASSERT_EQ(second.size(), 4U);
  EXPECT_EQ(second[0], first[0]);
  EXPECT_EQ(second[1], first[1]);
  EXPECT_TRUE(BeginningsOf({}).empty());
  EXPECT_TRUE(BeginningsOf(Turn({Says(Role::kUser, "the tide?")})).empty());
}

TEST(BeginningsTest, TwoQuestionsAboutOneTextBeginAlike) {
  const std::string one = kLong + "And now?", other = kLong + "What of the moon, and of the sun?";
  EXPECT_EQ(BeginningsOf(Turn({Says(Role::kUser, one)})),
            BeginningsOf(Turn({Says(Role::kUser, other)})));
}

TEST(BeginningsTest, WhatTheModelReadsMakesAnotherConversation) {
  const Request usual = Turn({Says(Role::kUser, kLong)});
  const Sha256 end = BeginningsOf(usual).back();
  EXPECT_NE(BeginningsOf(Turn({Says(Role::kSystem, kLong)})).back(), end);
  const std::string_view text = kLong;
  EXPECT_NE(
      BeginningsOf(Turn({Says(Role::kUser, text.substr(0, 9)), Says(Role::kUser, text.substr(9))}))
          .back(),
      end);
  Request other = usual;
  other.tools.emplace_back().name = "look";
  EXPECT_NE(BeginningsOf(other).back(), end);
  Part picture;
  picture.kind = PartKind::kImage;
  picture.text = "aGk=";
  other = usual;
  other.messages[0].parts.insert(other.messages[0].parts.begin(), picture);
  const Sha256 seen = BeginningsOf(other).back();
  EXPECT_NE(seen, end);
  other.messages[0].parts[0].text = "eW8=";
  EXPECT_NE(BeginningsOf(other).back(), seen);
}

TEST(BeginningsTest, WhatItDoesNotReadMakesNone) {
  const Request usual = Turn({Says(Role::kAssistant, kLong)});
  Request other = usual;
  other.messages[0].parts[0].cache = CacheMark::kLong;
  other.messages[0].parts[0].id = "call_7";
  Part thought;
  thought.kind = PartKind::kReasoning;
  thought.text = "hm";
  other.messages[0].parts.insert(other.messages[0].parts.begin(), thought);
  EXPECT_EQ(BeginningsOf(other), BeginningsOf(usual));
}

}  // namespace
}  // namespace tidegate::core
