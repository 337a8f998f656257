#include "admin/model_api.h"

#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/testing/api_server.h"
#include "base/digest.h"
#include "net/testing/raw_client.h"

namespace tidegate::admin {
namespace {

using net::testing::RawClient;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// The API alone, over HTTP on loopback, in front of work that a test plays.
class ModelApiTest : public ::testing::Test {
 protected:
  ModelApiTest() {
    std::string pattern = ::testing::TempDir() + "model-api-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    blobs_ = std::make_unique<models::Blobs>(folder_ + "/blobs");
    api_ = std::make_unique<ModelApi>(Work());
  }
  ~ModelApiTest() override {
    server_.Close();
    api_.reset();
    if (worker_.joinable()) worker_.join();
    std::filesystem::remove_all(folder_);
  }

  std::string Ask(const std::string& method, const std::string& path, const std::string& body,
                  const std::string& fields = "content-type: application/json\r\n") {
    return server_.Ask(method, path, body, fields);
  }
  static models::Digest Of(std::string_view bytes) { return models::Digest(ComputeSha256(bytes)); }

  // What pull, push and create do: tell the steps, from another thread, then end so.
  std::vector<models::Progress> steps_;
  Result<void> end_;
  bool waits_ = false;  // for somebody to end it
  std::mutex mutex_;
  std::string said_;      // what the work was asked for; guarded by mutex_
  bool stopped_ = false;  // guarded by mutex_
  std::string folder_;
  std::unique_ptr<models::Blobs> blobs_;

  std::uint16_t port() const { return server_.port(); }
  std::string said() {
    const std::lock_guard lock(mutex_);
    return said_;
  }
  bool stopped() {
    const std::lock_guard lock(mutex_);
    return stopped_;
  }
  void Say(std::string text) {
    const std::lock_guard lock(mutex_);
    said_ = std::move(text);
  }

 private:
  std::function<void()> Play(models::ProgressSink sink) {
    if (worker_.joinable()) worker_.join();
    worker_ = std::thread([this, sink = std::move(sink)] {
      for (const models::Progress& step : steps_) sink.step(step);
      if (!waits_) sink.done(end_);
    });
    return [this] {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    };
  }
  ModelWork Work() {
    ModelWork work;
    work.is_served = [](std::string_view name) { return name.starts_with("auto"); };
    work.pull = [this](const models::PullRequest& request, models::ProgressSink sink) {
      Say("pull " + request.name.Full());
      return Play(std::move(sink));
    };
    work.push = [this](const models::ModelName& name, models::ProgressSink sink) {
      Say("push " + name.Full());
      return Play(std::move(sink));
    };
    work.create = [this](models::CreateSpec spec, models::ProgressSink sink) {
      std::string text = "create " + spec.model.Short() + " from " + spec.from;
      for (const auto& [name, digest] : spec.files) text += " " + name + "=" + digest.Short();
      for (const auto& [name, digest] : spec.drafts) text += " draft:" + name;
      for (const auto* kept : {&spec.renderer, &spec.parser, &spec.required_version}) {
        if (*kept) text += " kept:" + **kept;
      }
      for (const auto& [name, value] : spec.parameters) text += " " + name + "=" + value;
      for (const auto& message : spec.messages) text += " " + message.role + ":" + message.content;
      for (const auto& license : spec.licenses) text += " license:" + license;
      Say(text + " system:" + spec.system.value_or("none") + " quantize:" + spec.quantize);
      return Play(std::move(sink));
    };
    work.copy = [this](const std::string& source, const models::ModelName& destination,
                       models::ProgressSink sink) {
      Say("copy " + source + " " + destination.Short());
      if (source == "absent") end_ = NotFound("model 'absent' not found");
      return Play(std::move(sink));
    };
    work.remove = [this](const std::string& name) -> Result<std::string> {
      Say("remove " + name);
      if (name == "absent") return NotFound("model 'absent' not found");
      return std::string(name == "shared" ? "its files stay" : "");
    };
    work.blobs = blobs_.get();
    return work;
  }
  net::Task<void> Handle(net::Exchange& exchange) { co_await api_->Handle(exchange); }

  std::thread worker_;
  testing::ApiServer server_{[this](net::Exchange& exchange) { return Handle(exchange); }};
  std::unique_ptr<ModelApi> api_;
};

TEST_F(ModelApiTest, APullIsToldLineByLine) {
  steps_ = {{"pulling manifest"},
            {"pulling 2c26b46b68ff", Of("foo"), 3, 1},
            {"verifying sha256 digest"},
            {"success"}};
  const std::string answer = Ask("POST", "/api/pull", R"({"model":"tiny"})");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("content-type: application/x-ndjson"));
  EXPECT_THAT(answer, HasSubstr("{\"status\":\"pulling manifest\"}\n"));
  EXPECT_THAT(answer, HasSubstr("{\"status\":\"pulling 2c26b46b68ff\",\"digest\":\"" +
                                Of("foo").ToString() + "\",\"total\":3,\"completed\":1}\n"));
  EXPECT_THAT(answer, HasSubstr("{\"status\":\"success\"}\n"));
  EXPECT_EQ(said(), "pull registry.ollama.ai/library/tiny:latest");
  Ask("POST", "/api/pull", R"({"model":"https://models.example/a/My%20Model.gguf"})");
  EXPECT_EQ(said(), "pull models.example/files/My-Model:latest");
  Ask("POST", "/api/pull", R"({"model":"https://models.example/a/x.gguf","destination":"mine"})");
  EXPECT_EQ(said(), "pull registry.ollama.ai/library/mine:latest");
}

TEST_F(ModelApiTest, WithoutAStreamOnlyTheEndIsTold) {
  steps_ = {{"pulling manifest"}, {"success"}};
  const std::string answer = Ask("POST", "/api/push", R"({"name":"ann/tiny:v1","stream":false})");
  EXPECT_THAT(answer, HasSubstr("content-type: application/json"));
  EXPECT_THAT(answer, ::testing::EndsWith("\r\n\r\n{\"status\":\"success\"}"));
  EXPECT_EQ(said(), "push registry.ollama.ai/ann/tiny:v1");
}

TEST_F(ModelApiTest, WhatIsServedAlreadyIsNotPulled) {
  const std::string answer = Ask("POST", "/api/pull", R"({"model":"auto:private"})");
  EXPECT_THAT(answer, HasSubstr("{\"status\":\"success\"}\n"));
  EXPECT_THAT(answer, ::testing::Not(HasSubstr("pulling")));
  EXPECT_EQ(said(), "");
  Ask("POST", "/api/push", R"({"model":"auto:private"})");
  EXPECT_EQ(said(), "push registry.ollama.ai/library/auto:private");
}

TEST_F(ModelApiTest, AnErrorBeforeAnythingWasToldHasItsStatus) {
  end_ = NotFound("no such model in the registry");
  const std::string answer = Ask("POST", "/api/pull", R"({"model":"absent"})");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(answer, HasSubstr(R"({"error":"no such model in the registry","code":"not_found"})"));
}

TEST_F(ModelApiTest, AnErrorOnTheWayIsTheLastLine) {
  steps_ = {{"pulling manifest"}};
  end_ = Unavailable(ErrorSource::kUpstream, "the registry went away");
  const std::string answer = Ask("POST", "/api/pull", R"({"model":"tiny"})");
  EXPECT_THAT(answer, Not(HasSubstr("success")));
  // Told or not, depending on who was faster; the error is there either way.
  EXPECT_THAT(answer, HasSubstr("the registry went away"));
}

TEST_F(ModelApiTest, ACopyThatNobodyWaitsForEndsAndHoldsUpNoOther) {
  waits_ = true;
  {
    RawClient client = RawClient::Tcp(port());
    client.Send(
        "POST /api/copy HTTP/1.1\r\nhost: localhost\r\ncontent-length: 34\r\n\r\n"
        R"({"source":"a","destination":"bbb"})");
    for (int i = 0; i < 500 && said().empty(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(said(), "copy a bbb:latest");
    EXPECT_THAT(Ask("DELETE", "/api/delete", R"({"model":"tiny"})"), StartsWith("HTTP/1.1 200"));
    EXPECT_FALSE(stopped());
  }
  for (int i = 0; i < 500 && !stopped(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(stopped());
}

TEST_F(ModelApiTest, WorkThatNobodyWaitsForEnds) {
  steps_ = {{"pulling manifest"}};
  waits_ = true;
  {
    RawClient client = RawClient::Tcp(port());
    client.Send(
        "POST /api/pull HTTP/1.1\r\nhost: localhost\r\ncontent-length: 14\r\n\r\n"
        R"({"model":"tt"})");
    EXPECT_THAT(client.ReadThrough("manifest"), HasSubstr("HTTP/1.1 200"));
    EXPECT_FALSE(stopped());
  }
  for (int i = 0; i < 500 && !stopped(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(stopped());
}

TEST_F(ModelApiTest, AModelIsCreatedFromAllThatIsSaid) {
  steps_ = {{"success"}};
  const std::string answer =
      Ask("POST", "/api/create",
          R"({"model":"mine","from":"tiny","files":{},"system":"Be brief.","license":["MIT","X"],)"
          R"("parameters":{"temperature":0.25,"stop":["a"]},"quantize":"Q8_0",)"
          R"("messages":[{"role":"user","content":"hi"}]})");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200")) << answer;
  EXPECT_EQ(said(),
            "create mine:latest from tiny temperature=0.25 stop=[\"a\"] user:hi license:MIT "
            "license:X system:Be brief. quantize:Q8_0");
  Ask("POST", "/api/create",
      R"({"model":"mine","files":{"a.gguf":")" + Of("foo").ToString() + R"("}})");
  EXPECT_EQ(said(), "create mine:latest from  a.gguf=2c26b46b68ff system:none quantize:");
  Ask("POST", "/api/create",
      R"({"model":"mine","from":"tiny","renderer":"a","parser":"b","requires":"v0.14.0",)"
      R"("draft_files":{"d.gguf":")" +
          Of("foo").ToString() + R"("}})");
  EXPECT_EQ(said(),
            "create mine:latest from tiny draft:d.gguf kept:a kept:b kept:0.14.0 system:none "
            "quantize:");
}

TEST_F(ModelApiTest, ModelsAreCopiedAndRemoved) {
  steps_ = {{"copying file tiny.gguf", {}, 9, 9}, {"success"}};
  const std::string quiet =
      Ask("POST", "/api/copy", R"({"source":"tiny","destination":"ann/b:v2"})");
  EXPECT_THAT(quiet, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(quiet, ::testing::EndsWith("\r\n\r\n")) << "as Ollama's: no body";
  const std::string told =
      Ask("POST", "/api/copy", R"({"source":"tiny","destination":"ann/b:v2","stream":true})");
  EXPECT_THAT(told, HasSubstr("{\"status\":\"copying file tiny.gguf\",\"total\":9,"));
  EXPECT_THAT(told, HasSubstr("{\"status\":\"success\"}\n"));
  EXPECT_EQ(said(), "copy tiny ann/b:v2");
  EXPECT_THAT(Ask("POST", "/api/copy", R"({"source":"absent","destination":"b"})"),
              StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Ask("DELETE", "/api/delete", R"({"model":"tiny"})"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(said(), "remove tiny");
  EXPECT_THAT(Ask("DELETE", "/api/delete", R"({"name":"absent"})"), StartsWith("HTTP/1.1 404"));
  const std::string warned = Ask("DELETE", "/api/delete", R"({"name":"shared"})");
  EXPECT_THAT(warned, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(warned, EndsWith("\r\n\r\n{\"warning\":\"its files stay\"}"));
}

TEST_F(ModelApiTest, BlobsAreKeptOnlyUnderTheDigestOfTheirBytes) {
  const std::string path = "/api/blobs/" + Of("harbour").ToString();
  const std::string fields;
  EXPECT_THAT(Ask("HEAD", path, "", fields), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Ask("POST", path, "herbour", fields), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Ask("POST", path, "herbour", fields), HasSubstr("digest mismatch"));
  EXPECT_THAT(Ask("HEAD", path, "", fields), StartsWith("HTTP/1.1 404"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/blobs"));
  EXPECT_THAT(Ask("POST", path, "harbour", fields), StartsWith("HTTP/1.1 201"));
  EXPECT_THAT(Ask("POST", path, "harbour", fields), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Ask("HEAD", "/api/blobs/sha256%3A" + Of("harbour").Hex(), "", fields),
              StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(blobs_->SizeOf(Of("harbour")), 7U);
  const std::string big(5'000'000, 'x');
  EXPECT_THAT(Ask("POST", "/api/blobs/" + Of(big).ToString(), big, fields),
              StartsWith("HTTP/1.1 201"));
  EXPECT_EQ(blobs_->SizeOf(Of(big)), big.size());
  EXPECT_THAT(Ask("POST", "/api/blobs/" + Of(big).ToString(), big, fields),
              StartsWith("HTTP/1.1 200"))
      << "it is there already, and is sent all the same";
}

TEST_F(ModelApiTest, ABlobThatIsCutLeavesNothingBehind) {
  {
    RawClient client = RawClient::Tcp(port());
    client.Send("POST /api/blobs/" + Of("harbour").ToString() +
                " HTTP/1.1\r\nhost: localhost\r\ncontent-length: 7\r\n\r\nhar");
  }
  const std::string blobs = folder_ + "/blobs";
  // It may be there for a moment; in the end it is not.
  bool empty = false;
  for (int i = 0; i < 500 && !empty; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    empty = !std::filesystem::exists(blobs) || std::filesystem::is_empty(blobs);
  }
  EXPECT_TRUE(empty);
}

TEST_F(ModelApiTest, BadBodiesAreRefusedWithTheirField) {
  struct Case {
    const char *method, *path, *body, *says;
  };
  const Case cases[] = {
      {"POST", "/api/pull", "", "missing request body"},
      {"POST", "/api/pull", "[1]", "error"},
      {"POST", "/api/pull", "{", "error"},
      {"POST", "/api/pull", "{}", "model: is required"},
      {"POST", "/api/pull", R"({"model":7})", R"("param":"model")"},
      {"POST", "/api/pull", R"({"model":"../../etc/passwd"})", R"("param":"model")"},
      {"POST", "/api/pull", R"({"model":"a","model":"b"})", R"("param":"model")"},
      {"POST", "/api/pull", R"({"model":"a","stream":"no"})", R"("param":"stream")"},
      {"POST", "/api/pull", R"({"model":"a","insecure":true})", R"("param":"insecure")"},
      {"POST", "/api/pull", R"({"model":"a","destination":"b"})", R"("param":"destination")"},
      {"POST", "/api/pull", R"({"model":"https://models.example/a.gguf#sha256=1"})", "#sha256="},
      {"POST", "/api/push", R"({"model":"https://models.example/a.gguf"})", "is a URL"},
      {"POST", "/api/pull", R"({"model":"a","password":"x"})", R"("param":"password")"},
      {"POST", "/api/pull", R"({"model":"a","depth":1})", R"("param":"depth")"},
      {"POST", "/api/pull", R"({"model":"http://a/b/c"})", R"("param":"model")"},
      {"POST", "/api/create", R"({"model":"a"})", R"("param":"from")"},
      {"POST", "/api/create", R"({"model":"a","from":"b","files":{"x":"sha256:1"}})",
       R"("param":"files.x")"},
      {"POST", "/api/create", R"({"model":"a","from":"b","messages":[{"role":"x"}]})",
       R"("param":"messages[0].role")"},
      {"POST", "/api/create", R"({"model":"a","from":"b","messages":[{"role":"user"}]})",
       R"("param":"messages[0].content")"},
      {"POST", "/api/create",
       R"({"model":"a","from":"b","messages":[{"role":"user","content":"x","images":["aGk="]}]})",
       R"("param":"messages[0].images")"},
      {"POST", "/api/create", R"({"model":"auto","from":"b"})", R"("param":"model")"},
      {"POST", "/api/create", R"({"model":"auto:private","from":"b"})", "leaves the choice"},
      {"POST", "/api/create", R"({"model":"library/auto:new","from":"b"})", R"("param":"model")"},
      {"POST", "/api/copy", R"({"source":"a","destination":"auto:fast"})",
       R"("param":"destination")"},
      {"POST", "/api/create", R"({"model":"a","from":"b","parameters":[]})",
       R"("param":"parameters")"},
      {"POST", "/api/create", R"({"model":"a","from":"b","requires":"soon"})",
       R"("param":"requires")"},
      {"POST", "/api/create", R"({"model":"a","from":"b","draft_files":{"x":"sha256:1"}})",
       R"("param":"draft_files.x")"},
      {"POST", "/api/create", R"({"model":"a","from":"b","draft_quantize":"q4_0"})",
       R"("param":"draft_quantize")"},
      {"POST", "/api/create", R"({"model":"a","from":"b","license":[1]})",
       R"("param":"license[0]")"},
      {"POST", "/api/copy", R"({"source":"a"})", R"("param":"destination")"},
      {"POST", "/api/copy", R"({"source":"a","destination":"../b"})", R"("param":"destination")"},
      {"DELETE", "/api/delete", "{}", R"("param":"model")"},
      {"POST", "/api/blobs/sha256:xyz", "", R"("param":"digest")"},
      {"POST", "/api/blobs/../../etc/passwd", "", R"("param":"digest")"},
  };
  for (const Case& one : cases) {
    const std::string answer = Ask(one.method, one.path, one.body);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400")) << one.path << one.body;
    EXPECT_THAT(answer, HasSubstr(one.says)) << one.path << one.body;
  }
  EXPECT_THAT(Ask("POST", "/api/pull", R"({"model":"a"})", "content-type: text/plain\r\n"),
              HasSubstr("Content-Type"));
  EXPECT_EQ(said(), "");
}

}  // namespace
}  // namespace tidegate::admin
