#include "protocols/gemini/path.h"

#include <gtest/gtest.h>

#include "protocols/gemini/codec.h"
#include "protocols/query.h"

namespace tidegate::protocols::gemini {
namespace {

TEST(GeminiPath, NamesAModelAndAMethod) {
  struct Case {
    std::string_view path, model;
    Method method;
  };
  constexpr Case kCases[] = {
      {"/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro", Method::kGenerate},
      {"/v1/models/gemini-2.5-pro:streamGenerateContent", "gemini-2.5-pro", Method::kStream},
      {"/v1alpha/models/local/tiny:latest:generateContent", "local/tiny:latest", Method::kGenerate},
      {"/v1beta/local/tiny:latest:generateContent", "local/tiny:latest", Method::kGenerate},
      {"/v1beta/tunedModels/g:streamGenerateContent", "tunedModels/g", Method::kStream},
      {"/v1/projects/p/locations/l/publishers/google/models/g:generateContent", "g",
       Method::kGenerate},
      {"/v1beta1/publishers/google/models/g:streamGenerateContent", "g", Method::kStream},
      {"/v1beta1/projects/p/locations/l/publishers/cloud/models/swift:generateContent",
       "cloud/swift", Method::kGenerate},
      {"/v1beta/models/gemini-embedding-001:embedContent", "gemini-embedding-001", Method::kEmbed},
      {"/v1beta/models/e:batchEmbedContents", "e", Method::kBatchEmbed},
      {"/v1beta/models/g:countTokens", "g", Method::kCountTokens}};
  for (const Case& each : kCases) {
    const std::optional<MethodPath> path = ParseMethodPath(each.path);
    ASSERT_TRUE(path.has_value()) << each.path;
    EXPECT_EQ(path->ModelName(), each.model) << each.path;
    EXPECT_EQ(path->method, each.method) << each.path;
  }
  for (const std::string_view other :
       {"/v1beta/models/g", "/v1beta/models/g:count", "/v1beta/models/:generateContent",
        "/v2/models/g:generateContent", "/v1beta/g:generateContent",
        "/v1/local/tiny:generateContent", "/v1/projects/p/locations/l/models/g:generateContent",
        "/v1/projects/p/locations//publishers/google/models/g:generateContent",
        "/v1/projects//locations/l/publishers/google/models/g:generateContent",
        "/v1/projects/p/regions/l/publishers/google/models/g:generateContent",
        "/v1/publishers//models/g:generateContent", "/v1/chat/completions", "", "/"}) {
    EXPECT_FALSE(ParseMethodPath(other).has_value()) << other;
  }
}

TEST(GeminiPath, TheListOfModelsIsGooglesForWhoComesWithItsKey) {
  class OneField final : public FieldLookup {
   public:
    explicit OneField(std::string_view name) : name_(name) {}
    std::optional<std::string_view> Find(std::string_view name) const override {
      return name == name_ ? std::optional<std::string_view>("x") : std::nullopt;
    }

   private:
    std::string_view name_;
  };
  const auto matches = [](std::string_view path, std::string_view query, std::string_view field) {
    const OneField fields(field);
    return Codec().Match({"GET", path, query, &fields}).has_value();
  };
  EXPECT_TRUE(matches("/v1beta/models", "", ""));
  EXPECT_TRUE(matches("/v1beta/models/cloud/swift", "", ""));
  EXPECT_FALSE(matches("/v1/models", "", ""));
  EXPECT_FALSE(matches("/v1/models", "", "anthropic-version"));
  EXPECT_TRUE(matches("/v1/models", "", "x-goog-api-key"));
  EXPECT_TRUE(matches("/v1/models/a", "pageSize=1&key=k", ""));
  EXPECT_FALSE(matches("/v1/models", "monkey=k", ""));
  EXPECT_FALSE(matches("/v1beta/models/", "", ""));
}

TEST(GeminiPath, OwnsWhatNoOtherProtocolHas) {
  for (const std::string_view own :
       {"/v1beta/whatever", "/v1/models/g:generateContent", "/v1/models/g:embedContent",
        "/v1/models/g:countTokens", "/v1/projects/p", "/v1beta1/publishers/google/models"}) {
    EXPECT_TRUE(IsOwnPath(own)) << own;
  }
  for (const std::string_view other :
       {"/v1/models", "/v1/models/auto:fast", "/v1/chat/completions", "/v1/messages", "/", ""}) {
    EXPECT_FALSE(IsOwnPath(other)) << other;
  }
}

TEST(GeminiPath, AnUpstreamsPathCannotBeLeftByAModelsName) {
  EXPECT_EQ(UpstreamPath("gemini-x", Method::kGenerate), "/models/gemini-x:generateContent");
  EXPECT_EQ(UpstreamPath("tunedModels/a", Method::kStream),
            "/tunedModels/a:streamGenerateContent?alt=sse");
  EXPECT_EQ(UpstreamPath("a?b#c d\r\n%", Method::kGenerate),
            "/models/a%3Fb%23c%20d%0D%0A%25:generateContent");
}

TEST(Query, FindsTheFirstParameterOfAName) {
  EXPECT_EQ(FindParameter("alt=sse&key=a=b&key=c", "key"), "a=b");
  EXPECT_EQ(FindParameter("key&alt=sse", "key"), "");
  EXPECT_EQ(FindParameter("&&alt=sse", "alt"), "sse");
  EXPECT_FALSE(FindParameter("xkey=1&keys=2", "key").has_value());
  EXPECT_FALSE(FindParameter("", "key").has_value());
}

}  // namespace
}  // namespace tidegate::protocols::gemini
