// RunAttempt against a real server on loopback that answers as each test says.
#include "dispatch/attempt.h"

#include <atomic>
#include <functional>
#include <future>
#include <memory>

#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include "net/server.h"
#include "protocols/aws_sigv4/verifier.h"

namespace tidegate::dispatch {
namespace {

using core::AttemptOutcome;

constexpr std::string_view kWhole =
    R"({"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,)"
    R"("message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],)"
    R"("usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}})";
constexpr std::string_view kRole =
    "data: "
    "{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
    "\"finish_reason\":null}]}\n\n";
constexpr std::string_view kText =
    "data: "
    "{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"},\"finish_reason\":"
    "null}]}\n\n";
constexpr std::string_view kStop =
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
constexpr std::string_view kUsage =
    "data: "
    "{\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_"
    "tokens\":10}}\n\n";
constexpr std::string_view kDone = "data: [DONE]\n\n";

// Keeps what the client would have got.
class FakeSink : public AnswerSink {
 public:
  net::Task<Result<void>> Whole(AnswerHead, std::span<const std::string_view> body) override {
    Append(body);
    whole = true;
    co_return Result<void>();
  }
  net::Task<Result<void>> Begin(AnswerHead) override {
    begun = true;
    co_return Result<void>();
  }
  net::Task<Result<void>> Write(std::span<const std::string_view> pieces) override {
    Append(pieces);
    ++writes;
    co_return Result<void>();
  }
  net::Task<Result<void>> End(std::span<const std::string_view> last) override {
    Append(last);
    ended = true;
    co_return Result<void>();
  }
  std::string bytes;
  int writes = 0;
  bool whole = false, begun = false, ended = false;

 private:
  void Append(std::span<const std::string_view> pieces) {
    for (const std::string_view piece : pieces) bytes += piece;
  }
};

class NoConstraints : public protocols::ConstraintParser {
 public:
  Result<void> ApplyField(core::Constraints&, std::string_view, const core::FieldValue&,
                          std::string_view) const override {
    return {};
  }
  Result<void> ApplyProviderAlias(core::Constraints&, std::string_view, const core::FieldValue&,
                                  std::string_view) const override {
    return {};
  }
};

class AttemptTest : public testing::Test {
 protected:
  // Starts an upstream; `handler` answers every request.
  void Serve(net::Handler handler) {
    net::ServerOptions options;
    options.listen = {*net::ParseListenAddress("127.0.0.1:0")};
    options.drain_nanos = 0;
    server_ =
        std::make_unique<net::HttpServer>(server_shards_, std::move(options), std::move(handler),
                                          [](std::string_view, const Error& error) {
                                            return net::RefusalBody{error.message, "text/plain"};
                                          });
    ASSERT_TRUE(server_->Listen().ok());
    target_.name = "fake/m";
    target_.origin.host = "127.0.0.1";
    target_.origin.port = server_->bound().front().port;
  }

  void Read(bool stream) {
    body_ = std::string(R"({"model":"m","stream":)") + (stream ? "true" : "false") +
            R"(,"messages":[{"role":"user","content":"hi"}]})";
    body_.append(net::kPaddingBytes, '\0');
    const std::string_view text(body_.data(), body_.size() - net::kPaddingBytes);
    const protocols::NoFields fields;
    const protocols::ClientHead head{"POST", "/v1/chat/completions", "", &fields};
    auto decoded = protocol_.DecodeRequest(head, *protocol_.Match(head), text, NoConstraints());
    ASSERT_TRUE(decoded.ok()) << Describe(decoded.error());
    request_ = *std::move(decoded);
  }

  AttemptResult Run(bool force_stream = false, bool free = true) {
    protocols::UpstreamOptions options;
    options.model = "m";
    options.force_stream = force_stream;
    auto encoded = protocol_.EncodeRequest(request_, options);
    EXPECT_TRUE(encoded.ok());
    auto cleared = privacy::Clear({core::Privacy::kOpen, core::PlaceSet::All()},
                                  core::Place::kCloud, encoded->body.pieces);
    EXPECT_TRUE(cleared.ok());
    const AttemptInput input{.request = request_,
                             .client = protocol_,
                             .upstream = protocol_,
                             .target = target_,
                             .id = {},
                             .created_s = 1,
                             .path = encoded->path,
                             .fields = encoded->fields,
                             .accept = encoded->accept,
                             .streaming = encoded->streaming,
                             .hide_stream_usage = encoded->hide_stream_usage,
                             .free = free,
                             .reader = reader_};
    return net::SpawnFuture(shards_[0].io(),
                            RunAttempt(client_, input, *std::move(cleared), sink_, cancel_))
        .get();
  }

  void TearDown() override {
    if (server_) server_->Drain();
    server_shards_.Stop();
    shards_.Stop();
  }

  const protocols::Protocol& protocol_ = protocols::Get(core::Protocol::kOpenAiChat);
  net::ShardSet server_shards_{1}, shards_{1};
  net::HttpClient client_{shards_[0], {}};
  std::unique_ptr<net::HttpServer> server_;
  Target target_;
  std::string body_;
  core::Request request_;
  FakeSink sink_;
  net::CancelToken cancel_;
  BodyReader* reader_ = nullptr;
};

net::Task<void> AnswerWith(net::Exchange& exchange, int status, std::string type,
                           std::string body) {
  const auto read = co_await exchange.ReadBody(1 << 20);
  EXPECT_TRUE(read.ok());
  EXPECT_TRUE((co_await exchange.Respond(status, "content-type: " + type + "\r\n", body)).ok());
}

// Streams the frames; `cut` ends without completing the body.
net::Task<void> StreamFrames(net::Exchange& exchange, std::vector<std::string> frames, bool cut) {
  const auto read = co_await exchange.ReadBody(1 << 20);
  EXPECT_TRUE(read.ok());
  EXPECT_TRUE(
      (co_await exchange.BeginStream(200, "content-type: text/event-stream\r\n", true)).ok());
  for (const std::string& frame : frames) {
    const std::string_view pieces[] = {frame};
    if (!(co_await exchange.WriteStream(pieces)).ok()) co_return;
  }
  if (cut) co_return exchange.AbortStream();
  EXPECT_TRUE((co_await exchange.EndStream()).ok());
}

net::Handler Frames(std::vector<std::string_view> frames, bool cut = false) {
  std::vector<std::string> owned(frames.begin(), frames.end());
  return [owned, cut](net::Exchange& exchange) { return StreamFrames(exchange, owned, cut); };
}

TEST_F(AttemptTest, AWholeAnswerPassesUnchangedAndItsUsageIsRead) {
  Serve([](net::Exchange& exchange) {
    return AnswerWith(exchange, 200, "application/json", std::string(kWhole));
  });
  Read(false);
  const AttemptResult result = Run();
  EXPECT_EQ(result.outcome, AttemptOutcome::kOk) << (result.error ? Describe(*result.error) : "");
  EXPECT_EQ(sink_.bytes, kWhole);
  EXPECT_EQ(result.usage->input_tokens, 7);
  EXPECT_EQ(result.usage->output_tokens, 3);
  EXPECT_TRUE(result.committed);
}

TEST_F(AttemptTest, AStreamPassesUnchangedButForTheUsageFrameThatNobodyAskedFor) {
  Serve(Frames({kRole, kText, kStop, kUsage, kDone}));
  Read(true);
  const AttemptResult result = Run();
  EXPECT_EQ(result.outcome, AttemptOutcome::kOk) << (result.error ? Describe(*result.error) : "");
  EXPECT_EQ(sink_.bytes,
            std::string(kRole) + std::string(kText) + std::string(kStop) + std::string(kDone));
  EXPECT_EQ(result.usage->output_tokens, 3);
  EXPECT_TRUE(sink_.ended);
}

TEST_F(AttemptTest, AStreamThatBreaksBeforeItsFirstContentHasNotReachedTheClient) {
  Serve(Frames({kRole}, true));
  Read(true);
  const AttemptResult result = Run();
  EXPECT_EQ(result.outcome, AttemptOutcome::kFailed);
  EXPECT_FALSE(result.committed);
  EXPECT_FALSE(sink_.begun);
  EXPECT_EQ(result.error->retry, Retry::kOtherTarget);
}

TEST_F(AttemptTest, AStreamThatBreaksLaterIsNeverComplete) {
  Serve(Frames({kRole, kText}, true));
  Read(true);
  const AttemptResult result = Run();
  EXPECT_EQ(result.outcome, AttemptOutcome::kCut);
  EXPECT_TRUE(result.committed);
  EXPECT_FALSE(sink_.ended);
  EXPECT_EQ(sink_.bytes, std::string(kRole) + std::string(kText));
}

TEST_F(AttemptTest, AStreamWithoutItsEndMarkerIsCut) {
  Serve(Frames({kRole, kText}));
  Read(true);
  const AttemptResult result = Run();
  EXPECT_EQ(result.outcome, AttemptOutcome::kCut);
  EXPECT_FALSE(sink_.ended);
}

TEST_F(AttemptTest, AForcedStreamIsCollectedForACallerWhoDidNotAskForOne) {
  Serve(Frames({kRole, kText, kStop, kUsage, kDone}));
  Read(false);
  const AttemptResult result = Run(true);
  EXPECT_EQ(result.outcome, AttemptOutcome::kOk) << (result.error ? Describe(*result.error) : "");
  EXPECT_TRUE(sink_.whole);
  EXPECT_NE(sink_.bytes.find(R"("content":"hello")"), std::string::npos) << sink_.bytes;
  EXPECT_NE(sink_.bytes.find(R"("completion_tokens":3)"), std::string::npos) << sink_.bytes;
}

TEST_F(AttemptTest, BehindTheEndMarkerACutForcedStreamIsComplete) {
  Serve(Frames({kRole, kText, kStop, kUsage, kDone}, true));
  Read(false);
  const AttemptResult result = Run(true);
  EXPECT_EQ(result.outcome, AttemptOutcome::kOk) << (result.error ? Describe(*result.error) : "");
  EXPECT_TRUE(sink_.whole);
  EXPECT_EQ(result.usage->output_tokens, 3);
}

TEST_F(AttemptTest, ACutForcedStreamReachesNobody) {
  Serve(Frames({kRole, kText}, true));
  Read(false);
  const AttemptResult result = Run(true);
  EXPECT_EQ(result.outcome, AttemptOutcome::kFailed);
  EXPECT_FALSE(result.committed);
  EXPECT_TRUE(sink_.bytes.empty());
}

TEST_F(AttemptTest, AnErrorStatusIsTakenApartAndNothingReachesTheClient) {
  Serve([](net::Exchange& exchange) {
    return AnswerWith(exchange, 429, "application/json",
                      R"({"error":{"message":"slow down","type":"rate_limit_error"}})");
  });
  Read(false);
  const AttemptResult result = Run();
  EXPECT_EQ(result.outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(result.upstream_status, 429);
  EXPECT_EQ(result.error->code, ErrorCode::kRateLimited);
  EXPECT_NE(result.error->message.find("fake/m"), std::string::npos) << "the target is named";
  EXPECT_TRUE(sink_.bytes.empty());
}

TEST_F(AttemptTest, ABodyThatIsNotAnAnswerIsAProtocolError) {
  Serve([](net::Exchange& exchange) {
    return AnswerWith(exchange, 200, "application/json", "<html>");
  });
  Read(false);
  const AttemptResult result = Run();
  EXPECT_EQ(result.outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(result.error->code, ErrorCode::kProtocol);
  EXPECT_FALSE(result.committed);
}

// Answers with the length of what it read, or with what the body says.
class LengthReader : public BodyReader {
 public:
  Result<Answer> Read(std::string_view body) override {
    if (body == "bad") return Error{ErrorCode::kProtocol, ErrorSource::kUpstream, {}, "bad"};
    core::Usage usage;
    usage.input_tokens = static_cast<std::int64_t>(body.size());
    if (body == "same") return Answer{.usage = usage};
    return Answer{.body = std::to_string(body.size()), .usage = usage, .requests = 3};
  }
};

TEST_F(AttemptTest, AnAnswerThatIsNoChatIsWhatItsReaderMakesOfIt) {
  Serve([](net::Exchange& exchange) {
    return AnswerWith(exchange, 200, "application/json", "twelve bytes");
  });
  Read(false);
  LengthReader reader;
  reader_ = &reader;
  const AttemptResult result = Run();
  EXPECT_EQ(result.outcome, AttemptOutcome::kOk);
  EXPECT_TRUE(sink_.whole);
  EXPECT_EQ(sink_.bytes, "12");
  EXPECT_EQ(result.usage->input_tokens, 12);
  EXPECT_EQ(result.requests, 3);
}

TEST_F(AttemptTest, AReaderMayPassTheBodyOnAsItIs) {
  Serve([](net::Exchange& exchange) {
    return AnswerWith(exchange, 200, "application/json", "same");
  });
  Read(false);
  LengthReader reader;
  reader_ = &reader;
  EXPECT_EQ(Run().requests, 1);
  EXPECT_EQ(sink_.bytes, "same");
}

TEST_F(AttemptTest, WhatAReaderRefusesReachesNobody) {
  Serve(
      [](net::Exchange& exchange) { return AnswerWith(exchange, 200, "application/json", "bad"); });
  Read(false);
  LengthReader reader;
  reader_ = &reader;
  const AttemptResult result = Run();
  EXPECT_EQ(result.outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(result.error->code, ErrorCode::kProtocol);
  EXPECT_FALSE(result.committed);
  EXPECT_FALSE(sink_.whole);
}

TEST_F(AttemptTest, NobodyListeningMeansNothingWasDispatched) {
  Read(false);
  target_.name = "fake/m";
  target_.origin.host = "127.0.0.1";
  target_.origin.port = 1;
  const AttemptResult result = Run();
  EXPECT_FALSE(result.dispatched);
  EXPECT_EQ(result.outcome, AttemptOutcome::kFailed);
}

net::Task<void> WaitForGone(net::Exchange& exchange, std::promise<void>& begun,
                            std::promise<void>& gone) {
  const auto read = co_await exchange.ReadBody(1 << 20);
  EXPECT_TRUE(read.ok());
  begun.set_value();
  net::asio::steady_timer forever(exchange.shard().io());
  forever.expires_after(std::chrono::hours(1));
  const net::CancelToken::Scope scope(exchange.cancel(), [&forever] { forever.cancel(); });
  co_await forever.async_wait(net::kAwait);
  gone.set_value();
}

TEST_F(AttemptTest, ACancelledAttemptClosesItsUpstreamConnection) {
  std::promise<void> begun, gone;
  Serve([&](net::Exchange& exchange) { return WaitForGone(exchange, begun, gone); });
  Read(false);
  std::thread canceller([&] {
    begun.get_future().wait();
    shards_[0].Post([&] { cancel_.Cancel(ErrorCode::kCancelled); });
  });
  const AttemptResult result = Run();
  canceller.join();
  EXPECT_EQ(result.outcome, AttemptOutcome::kCancelled);
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready)
      << "the upstream did not notice";
}

// Closes each connection after its first answer without saying so.
net::Task<void> AnswerOnce(net::Exchange& exchange, std::shared_ptr<std::atomic<int>> requests) {
  const auto read = co_await exchange.ReadBody(1 << 20);
  EXPECT_TRUE(read.ok());
  if (++*requests == 2) {
    EXPECT_TRUE((co_await exchange.BeginStream(200, "", false)).ok());
    co_return exchange.AbortStream();  // before any byte
  }
  EXPECT_TRUE((co_await exchange.Respond(200, "content-type: application/json\r\n", kWhole)).ok());
}

TEST_F(AttemptTest, AFreeRequestIsSentAgainWhenItsPooledConnectionTurnsOutDead) {
  const auto requests = std::make_shared<std::atomic<int>>(0);
  Serve([requests](net::Exchange& exchange) { return AnswerOnce(exchange, requests); });
  Read(false);
  EXPECT_EQ(Run().outcome, AttemptOutcome::kOk);
  const AttemptResult again = Run();
  EXPECT_EQ(again.outcome, AttemptOutcome::kOk) << (again.error ? Describe(*again.error) : "");
  EXPECT_EQ(requests->load(), 3);
}

TEST_F(AttemptTest, APaidRequestIsNotSentTwiceUnderOneReservation) {
  const auto requests = std::make_shared<std::atomic<int>>(0);
  Serve([requests](net::Exchange& exchange) { return AnswerOnce(exchange, requests); });
  Read(false);
  EXPECT_EQ(Run(false, false).outcome, AttemptOutcome::kOk);
  const AttemptResult again = Run(false, false);
  EXPECT_EQ(again.outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(again.error->retry, Retry::kSameTarget);
  EXPECT_EQ(requests->load(), 2);
}

// --- Signed requests ---

namespace sigv4 = protocols::aws_sigv4;

constexpr std::int64_t kSigned = 1'750'000'000LL * 1'000'000'000;

// What AWS would check of one request.
net::Task<void> CheckSignature(net::Exchange& exchange, const Secret& secret,
                               std::int64_t wall_nanos, std::vector<std::string>& seen) {
  const Result<std::string_view> body = co_await exchange.ReadBody(1 << 20);
  EXPECT_TRUE(body.ok());
  const net::HttpHead& head = exchange.head();
  std::vector<sigv4::HeaderField> fields;
  for (std::size_t i = 0; i < head.fields(); ++i) fields.push_back({head.name(i), head.value(i)});
  const std::string_view pieces[] = {*body};
  const sigv4::Request request{head.method(), head.path(), head.query(), fields, pieces};
  sigv4::SigningKeys keys;
  const auto secret_of = [&](std::string_view id) { return id == "AKIA1" ? &secret : nullptr; };
  const Result<sigv4::Signature> signature =
      sigv4::Verify(request, secret_of, {.service = "bedrock"}, wall_nanos, keys);
  seen.push_back(signature.ok() ? std::string(head.path()) : Describe(signature.error()));
  seen.emplace_back(head.Find("x-amz-security-token").value_or("none"));
  seen.emplace_back(*body);
  EXPECT_EQ(head.Count("authorization"), 1U);
  constexpr std::string_view kAnswer =
      R"({"output":{"message":{"role":"assistant","content":[{"text":"hello"}]}},)"
      R"("stopReason":"end_turn","usage":{"inputTokens":7,"outputTokens":3,"totalTokens":10}})";
  EXPECT_TRUE((co_await exchange.Respond(200, "content-type: application/json\r\n", kAnswer)).ok());
}

class SignedAttemptTest : public AttemptTest {
 protected:
  AttemptResult RunSigned(std::int64_t wall_nanos) {
    clock_.SetWall(wall_nanos);
    const protocols::Protocol& converse = protocols::Get(core::Protocol::kBedrockConverse);
    protocols::UpstreamOptions options;
    options.model = "arn:aws:bedrock:eu:1:profile/a b";
    auto encoded = converse.EncodeRequest(request_, options);
    EXPECT_TRUE(encoded.ok());
    auto cleared = privacy::Clear({core::Privacy::kOpen, core::PlaceSet::All()},
                                  core::Place::kCloud, encoded->body.pieces);
    EXPECT_TRUE(cleared.ok());
    const Signing signing{clock_, keys_};
    const AttemptInput input{.request = request_,
                             .client = protocol_,
                             .upstream = converse,
                             .target = target_,
                             .id = {},
                             .created_s = 1,
                             .path = encoded->path,
                             .fields = encoded->fields,
                             .accept = encoded->accept,
                             .streaming = encoded->streaming,
                             .hide_stream_usage = encoded->hide_stream_usage,
                             .free = true,
                             .signing = &signing};
    return net::SpawnFuture(shards_[0].io(),
                            RunAttempt(client_, input, *std::move(cleared), sink_, cancel_))
        .get();
  }

  FakeClock clock_;
  sigv4::SigningKeys keys_;
};

TEST_F(SignedAttemptTest, WhatLeavesIsSignedAsItStandsOnTheWireAtTheTimeItIsSent) {
  const Secret secret("the-secret");
  std::vector<std::string> seen;
  std::int64_t now = kSigned;
  Serve([&](net::Exchange& exchange) { return CheckSignature(exchange, secret, now, seen); });
  target_.base_path = "/behind/a/proxy";
  target_.signer = std::make_shared<const sigv4::Signer>(
      *sigv4::Signer::Make({"AKIA1", secret, Secret("session")}, "eu-central-1", "bedrock"));
  Read(false);
  const AttemptResult result = RunSigned(kSigned);
  EXPECT_EQ(result.outcome, AttemptOutcome::kOk) << (result.error ? Describe(*result.error) : "");
  EXPECT_EQ(result.usage->input_tokens, 7);
  EXPECT_NE(sink_.bytes.find(R"("content":"hello")"), std::string::npos) << sink_.bytes;
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0],
            "/behind/a/proxy/model/arn%3Aaws%3Abedrock%3Aeu%3A1%3Aprofile%2Fa%20b/converse");
  EXPECT_EQ(seen[1], "session");
  EXPECT_EQ(seen[2], R"({"messages":[{"role":"user","content":[{"text":"hi"}]}]})");

  // An hour later on the same connection: the date is that of the sending.
  now += 3600 * net::kSecond;
  RunSigned(now);
  EXPECT_EQ(seen[3], seen[0]);
  RunSigned(kSigned);
  EXPECT_NE(seen[6], seen[0]) << "the server would have noticed a date of an hour ago";
}

TEST_F(SignedAttemptTest, ATargetThatDoesNotSignGetsNothingOfAws) {
  std::string head;
  Serve([&](net::Exchange& exchange) {
    for (std::size_t i = 0; i < exchange.head().fields(); ++i) {
      head += std::string(exchange.head().name(i)) + "\n";
    }
    return AnswerWith(exchange, 200, "application/json", std::string(kWhole));
  });
  Read(false);
  EXPECT_EQ(Run().outcome, AttemptOutcome::kOk);
  EXPECT_EQ(head, "host\ncontent-type\naccept-encoding\naccept\ncontent-length\n");
}

}  // namespace
}  // namespace tidegate::dispatch
