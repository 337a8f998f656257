#include "admin/pin_api.h"

#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/testing/api_server.h"

namespace tidegate::admin {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// The API alone, over HTTP on loopback, in front of pins that a test plays.
class PinApiTest : public ::testing::Test {
 protected:
  ~PinApiTest() override { server_.Close(); }

  std::string Ask(const std::string& path, const std::string& body,
                  const std::string& fields = "x-admin: 1\r\n",
                  const std::string& method = "POST") {
    return server_.Ask(method, path, body, fields + "content-type: application/json\r\n");
  }
  std::vector<std::string> changes() {
    const std::lock_guard lock(mutex_);
    return changes_;
  }

 private:
  Result<PinState> Change(const std::string& model, bool pinned) {
    const std::lock_guard lock(mutex_);
    changes_.push_back((pinned ? "+" : "-") + model);
    if (model == "gone") return NotFound("there is no model \"gone\" on this device");
    if (model == "large") {
      return Error{ErrorCode::kConflict, ErrorSource::kEngine, Retry::kNever, "no room"};
    }
    return PinState{"whole-" + model, pinned};
  }

  std::mutex mutex_;
  std::vector<std::string> changes_;  // guarded by mutex_
  const testing::Callers callers_;
  testing::ApiServer server_{
      [this](net::Exchange& exchange) { return api_.Handle(exchange, callers_.Of(exchange)); }};
  PinApi api_{[this](const std::string& model, bool pinned) { return Change(model, pinned); }};
};

TEST_F(PinApiTest, PinsAndUnpinsAndSaysWhichModelWasMeant) {
  EXPECT_THAT(Ask("/tidegate/models/pin", R"({"model":"m"})"),
              HasSubstr(R"({"model":"whole-m","pinned":true})"));
  EXPECT_THAT(Ask("/tidegate/models/unpin", R"({"model":"m"})"),
              HasSubstr(R"({"model":"whole-m","pinned":false})"));
  EXPECT_EQ(changes(), (std::vector<std::string>{"+m", "-m"}));
}

TEST_F(PinApiTest, TellsWhatIsWrong) {
  EXPECT_THAT(Ask("/tidegate/models/pin", R"({"model":"gone"})"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Ask("/tidegate/models/pin", R"({"model":"large"})"), StartsWith("HTTP/1.1 409"));
  EXPECT_EQ(changes().size(), 2U);
  EXPECT_THAT(Ask("/tidegate/models/pin", R"({"name":"m"})"), HasSubstr(R"("field":"name")"));
  EXPECT_THAT(Ask("/tidegate/models/pin", "{}"), HasSubstr(R"("field":"model")"));
  EXPECT_THAT(Ask("/tidegate/models/pin", "", "x-admin: 1\r\n", "GET"), StartsWith("HTTP/1.1 405"));
  EXPECT_EQ(changes().size(), 2U);
}

TEST_F(PinApiTest, IsForThoseWhoMayManageModels) {
  EXPECT_THAT(Ask("/tidegate/models/pin", R"({"model":"m"})", ""), StartsWith("HTTP/1.1 403"));
  EXPECT_TRUE(changes().empty());
}

}  // namespace
}  // namespace tidegate::admin
