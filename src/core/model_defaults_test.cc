#include "core/model_defaults.h"

#include <string>

#include <gtest/gtest.h>

namespace tidegate::core {
namespace {

Request Conversation(std::initializer_list<std::pair<Role, std::string_view>> messages) {
  Request request;
  for (const auto& [role, text] : messages) {
    Message message;
    message.role = role;
    message.parts.emplace_back();
    message.parts.back().text = text;
    request.messages.push_back(message);
  }
  return request;
}

std::string Text(const Request& request) {
  std::string text;
  for (const Message& message : request.messages) {
    const char* roles[] = {"system", "developer", "user", "assistant", "tool"};
    text += std::string(roles[static_cast<int>(message.role)]) + ":";
    for (const Part& part : message.parts) text += part.text;
    text += " ";
  }
  return text;
}

TEST(ModelDefaults, SayWhatTheCallerLeftOut) {
  ModelDefaults defaults;
  defaults.system = "Be brief.";
  defaults.messages = {{"user", "2+2"}, {"assistant", "4"}};
  defaults.temperature = 0.2;
  defaults.top_k = 20;
  defaults.stop = {"###"};
  const Request asked = Conversation({{Role::kUser, "3+3"}});
  const Request seen = WithDefaults(asked, defaults);
  EXPECT_EQ(Text(seen), "system:Be brief. user:2+2 assistant:4 user:3+3 ");
  EXPECT_EQ(seen.temperature, 0.2);
  EXPECT_EQ(seen.top_k, 20);
  EXPECT_FALSE(seen.seed);
  EXPECT_EQ(seen.stop, std::vector<std::string_view>{"###"});
  EXPECT_FALSE(seen.same_bytes);
}

TEST(ModelDefaults, NeverReplaceWhatTheCallerSaid) {
  ModelDefaults defaults;
  defaults.system = "Be brief.";
  defaults.messages = {{"user", "2+2"}, {"assistant", "4"}};
  defaults.temperature = 0.2;
  defaults.max_output_tokens = 5;
  defaults.stop = {"###"};
  Request asked = Conversation({{Role::kDeveloper, "Be verbose."}, {Role::kUser, "3+3"}});
  asked.temperature = 0.0;
  asked.max_output_tokens = 9;
  asked.stop = {"x"};
  const Request seen = WithDefaults(asked, defaults);
  EXPECT_EQ(Text(seen), "developer:Be verbose. user:2+2 assistant:4 user:3+3 ");
  EXPECT_EQ(seen.temperature, 0.0);
  EXPECT_EQ(seen.max_output_tokens, 9);
  EXPECT_EQ(seen.stop, std::vector<std::string_view>{"x"});
}

TEST(ModelDefaults, PutNothingAroundATextThatIsContinuedOrFilledIn) {
  ModelDefaults defaults;
  defaults.system = "Be brief.";
  defaults.messages = {{"user", "2+2"}, {"assistant", "4"}};
  defaults.temperature = 0.2;
  Request raw = Conversation({{Role::kUser, "def f("}});
  raw.raw = true;
  EXPECT_EQ(Text(WithDefaults(raw, defaults)), "user:def f( ");
  EXPECT_EQ(WithDefaults(raw, defaults).temperature, 0.2);
  Request filled = Conversation({{Role::kUser, "def f("}});
  filled.suffix = "return";
  EXPECT_EQ(Text(WithDefaults(filled, defaults)), "user:def f( ");
}

TEST(ModelDefaults, AreEmptyWhenTheySayNothing) {
  EXPECT_TRUE(ModelDefaults().empty());
  ModelDefaults some;
  some.seed = 0;
  EXPECT_FALSE(some.empty());
}

}  // namespace
}  // namespace tidegate::core
