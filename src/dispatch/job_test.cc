#include "dispatch/job.h"

#include <string>

#include <gtest/gtest.h>

namespace tidegate::dispatch {
namespace {

Target At(std::string host, net::Scheme scheme = net::Scheme::kHttps, std::uint16_t port = 443) {
  Target target;
  target.origin.scheme = scheme;
  target.origin.host = std::move(host);
  target.origin.port = port;
  target.base_path = "/v1";
  return target;
}

TEST(JobAddress, APathIsTheTargetsOwn) {
  const Result<JobAddress> address =
      AddressOf(At("api.example.com"), {.path = "/predictions/a", .accept = ""});
  ASSERT_TRUE(address.ok());
  EXPECT_EQ(address->origin.host, "api.example.com");
  EXPECT_EQ(address->path, "/v1/predictions/a");
  EXPECT_TRUE(address->with_credentials);
}

TEST(JobAddress, AnAddressIsFollowedToTheTargetOrToAHostOfItsDomainWithoutCredentials) {
  const auto follow = [](const Target& target, std::string url) {
    return AddressOf(target, {.url = std::move(url), .accept = ""});
  };
  const Result<JobAddress> own =
      follow(At("127.0.0.1", net::Scheme::kHttp, 9), "http://127.0.0.1:9/s/1");
  ASSERT_TRUE(own.ok());
  EXPECT_TRUE(own->with_credentials);
  EXPECT_EQ(own->path, "/s/1");
  const Result<JobAddress> sibling =
      follow(At("api.example.com"), "https://stream.example.com/v1/files/x");
  ASSERT_TRUE(sibling.ok());
  EXPECT_FALSE(sibling->with_credentials);
  EXPECT_EQ(sibling->origin.host, "stream.example.com");

  for (const std::string url :
       {"https://stream.example.org/x", "https://example.com.evil.org/x",
        "https://evilexample.com/x", "http://stream.example.com/x",
        "https://stream.example.com:8443/x", "https://169.254.169.254/x", "unix:/run/x.sock",
        "https://user@stream.example.com/x", "file:///etc/passwd", "nonsense", "https://com/x"}) {
    const Result<JobAddress> address = follow(At("api.example.com"), url);
    ASSERT_FALSE(address.ok()) << url;
    EXPECT_EQ(address.error().code, ErrorCode::kProtocol) << url;
  }
  EXPECT_FALSE(follow(At("example.com"), "https://other.com/x").ok()) << "no domain of its own";
  EXPECT_FALSE(follow(At("10.0.0.1"), "https://11.0.0.1/x").ok()) << "a number has no domain";
}

}  // namespace
}  // namespace tidegate::dispatch
