#include "app/model_service.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>

#include <gtest/gtest.h>

#include "models/gguf_builder.h"

namespace tidegate::app {
namespace {

namespace fs = std::filesystem;

// A model in a folder, as people have them: 3 MiB, so that it is copied in several pieces.
std::string Weights() {
  models::GgufBuilder header(0, 2);
  header.KeyText("general.architecture", "llama").KeyText("general.type", "model");
  std::string bytes = header.bytes();
  bytes.resize(std::size_t{3} << 20U, 'w');
  return bytes;
}

// What one piece of work tells. It waits in its first step until it is let go.
class Listener {
 public:
  explicit Listener(bool waits) {
    if (!waits) go_on_.set_value();
  }
  models::ProgressSink Sink() {
    return {[this](const models::Progress&) {
              std::call_once(first_, [this] { begun_.set_value(); });
              may_go_on_.wait();
            },
            [this](Result<void> done) { done_.set_value(std::move(done)); }};
  }
  void AwaitFirstStep() { begun_.get_future().wait(); }
  void GoOn() { go_on_.set_value(); }
  Result<void> AwaitEnd() { return done_.get_future().get(); }

 private:
  std::once_flag first_;
  std::promise<void> begun_, go_on_;
  std::shared_future<void> may_go_on_ = go_on_.get_future().share();
  std::promise<Result<void>> done_;
};

class ModelServiceTest : public ::testing::Test {
 protected:
  ModelServiceTest() {
    std::string pattern = ::testing::TempDir() + "model-service-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    fs::create_directories(folder_ + "/loose");
    std::ofstream(folder_ + "/loose/big.gguf", std::ios::binary) << Weights();
    ModelServiceOptions options;
    options.library.where.store = folder_ + "/store";
    options.library.where.folders = {folder_ + "/loose"};
    service_ = std::make_unique<ModelService>(shards_[0], std::move(options));
  }
  ~ModelServiceTest() override {
    service_->Stop();
    shards_.Stop();
    service_.reset();
    fs::remove_all(folder_);
  }
  static models::ModelName Name(const std::string& text) {
    return *models::ModelName::Parse(text, "test");
  }
  std::function<void()> Copy(const std::string& from, const std::string& to, Listener& listener) {
    return service_->Work().copy(from, Name(to), listener.Sink());
  }
  bool IsStored(const std::string& name) {
    return service_->library().store().Find(Name(name)).ok();
  }
  bool NothingIsLeft() const {
    return !fs::exists(folder_ + "/store/blobs") || fs::is_empty(folder_ + "/store/blobs");
  }

  std::string folder_;
  net::ShardSet shards_{1};
  std::unique_ptr<ModelService> service_;
};

TEST_F(ModelServiceTest, WhileBytesAreCopiedOtherModelsAreCopiedAndRemoved) {
  Listener first(false), big(true), other(false), named(false);
  Copy("big", "kept", first);
  ASSERT_TRUE(first.AwaitEnd().ok());
  Copy("big", "b", big);
  big.AwaitFirstStep();
  Copy("big", "c", other);
  EXPECT_TRUE(other.AwaitEnd().ok());
  Copy("kept", "d", named);
  EXPECT_TRUE(named.AwaitEnd().ok());
  EXPECT_TRUE(service_->Work().remove("c").ok());
  EXPECT_FALSE(IsStored("b"));
  big.GoOn();
  EXPECT_TRUE(big.AwaitEnd().ok());
  EXPECT_TRUE(IsStored("b") && IsStored("d") && !IsStored("c"));
}

TEST_F(ModelServiceTest, ACopyThatIsGivenUpLeavesNothing) {
  Listener big(true);
  const std::function<void()> stop = Copy("big", "b", big);
  big.AwaitFirstStep();
  stop();
  big.GoOn();
  const Result<void> done = big.AwaitEnd();
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, ErrorCode::kCancelled);
  EXPECT_FALSE(IsStored("b"));
  EXPECT_TRUE(NothingIsLeft());
}

TEST_F(ModelServiceTest, ACopyEndsWhenTheGatewayDoes) {
  Listener big(true);
  Copy("big", "b", big);
  big.AwaitFirstStep();
  std::future<void> stopped = std::async(std::launch::async, [this] { service_->Stop(); });
  for (bool stopping = false; !stopping;) {
    Listener other(false);
    Copy("big", "c", other);
    stopping = !other.AwaitEnd().ok();
  }
  big.GoOn();
  const Result<void> done = big.AwaitEnd();
  stopped.wait();
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().reason, "stopping");
  EXPECT_FALSE(IsStored("b"));
}

TEST_F(ModelServiceTest, AFileAtAUrlTakesNoNameFromAnother) {
  Listener first(false);
  Copy("big", "taken", first);
  ASSERT_TRUE(first.AwaitEnd().ok());
  const models::Library& library = service_->library();
  EXPECT_TRUE(library.CheckSource(Name("free"), "https://hf.co/a.gguf").ok());
  const Result<void> taken = library.CheckSource(Name("taken"), "https://hf.co/a.gguf");
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().reason, "name_taken");
  EXPECT_NE(taken.error().message.find("came from file:big.gguf"), std::string::npos);
  EXPECT_TRUE(library.CheckSource(Name("taken"), "file:big.gguf").ok()) << "its newer version";
}

TEST_F(ModelServiceTest, WhatWasSentAndIsNoModelDoesNotStayWhenTheModelIsRefused) {
  models::Blobs& blobs = service_->library().store().blobs();
  models::CreateSpec spec;
  spec.model = Name("mine");
  spec.files = {{"w.gguf", *blobs.Put(Weights())}};
  spec.adapters = {{"id_rsa", *blobs.Put("-----BEGIN OPENSSH PRIVATE KEY-----")}};
  Listener listener(false);
  service_->Work().create(spec, listener.Sink());
  const Result<void> done = listener.AwaitEnd();
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().field, "adapters.id_rsa");
  EXPECT_TRUE(blobs.SizeOf(spec.files[0].second)) << "for the next try";
  EXPECT_FALSE(blobs.SizeOf(spec.adapters[0].second));
}

TEST_F(ModelServiceTest, WhatIsNotThereIsNotCopied) {
  Listener listener(false);
  Copy("absent", "b", listener);
  const Result<void> done = listener.AwaitEnd();
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace tidegate::app
