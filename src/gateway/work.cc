#include "gateway/work.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "protocols/cannot_say.h"
#include "protocols/embeddings/codec.h"
#include "protocols/rerank/codec.h"
#include "protocols/token_counter.h"

namespace tidegate::gateway {
namespace {

using dispatch::BodyReader;
using protocols::Protocol;
using protocols::UpstreamOptions;
using protocols::UpstreamRequest;

class EmbedReader final : public BodyReader {
 public:
  EmbedReader(const core::EmbedRequest& request, const protocols::EmbedCodec& client,
              const protocols::EmbedCodec& upstream, const RequestId& id,
              std::int64_t tokens_estimate)
      : request_(request),
        client_(client),
        upstream_(upstream),
        id_(id),
        tokens_estimate_(tokens_estimate) {}

  void NoteTimes(const protocols::AnswerTimes& times) override { times_ = times; }

  Result<Answer> Read(std::string_view body) override {
    if (&client_ == &upstream_ && request_.same_bytes) {
      TIDEGATE_ASSIGN(const std::optional<core::Usage> usage, upstream_.Inspect(body));
      return Answer{.usage = usage};
    }
    TIDEGATE_ASSIGN(core::EmbedAnswer answer, upstream_.DecodeAnswer(body, request_.inputs));
    if (!answer.usage) {  // Gemini, for one, does not say it, and OpenAI's clients count on it
      answer.usage = core::Usage{.input_tokens = tokens_estimate_, .estimated = true};
    }
    answer.load_nanos = times_.waited_nanos;
    answer.total_nanos = times_.waited_nanos + times_.taken_nanos;
    return Answer{.body = client_.EncodeAnswer(request_, answer, id_), .usage = answer.usage};
  }

 private:
  const core::EmbedRequest& request_;
  const protocols::EmbedCodec& client_;
  const protocols::EmbedCodec& upstream_;
  const RequestId id_;
  const std::int64_t tokens_estimate_;
  protocols::AnswerTimes times_;
};

class EmbedWork final : public Work {
 public:
  EmbedWork(core::EmbedRequest request, const protocols::EmbedCodec& client)
      : request_(std::move(request)), client_(client) {}

  const core::Envelope& asked() const override { return request_; }
  profile::Profile Profile() const override { return profile::Compute(request_); }
  core::EmbedRequest* MayCut() override {
    const bool texts = request_.texts.size() == static_cast<std::size_t>(request_.inputs);
    const bool asked =
        request_.truncate == core::Truncate::kStart || request_.truncate == core::Truncate::kEnd;
    return texts && asked ? &request_ : nullptr;
  }
  Result<UpstreamRequest> Encode(const Protocol& upstream,
                                 const UpstreamOptions& options) const override {
    const protocols::EmbedCodec* const codec = upstream.Embeddings();
    if (codec == nullptr) return protocols::CannotSay("input", "embeddings");
    return codec->EncodeRequest(request_, options);
  }
  std::unique_ptr<BodyReader> NewReader(const Protocol& upstream,
                                        const RequestId& id) const override {
    return std::make_unique<EmbedReader>(request_, client_, *upstream.Embeddings(), id,
                                         Profile().input_tokens_estimate);
  }

 private:
  core::EmbedRequest request_;
  const protocols::EmbedCodec& client_;
};

class RerankReader final : public BodyReader {
 public:
  RerankReader(const core::RerankRequest& request, const protocols::RerankCodec& client,
               const protocols::RerankCodec& upstream, const RequestId& id)
      : request_(request), client_(client), upstream_(upstream), id_(id) {}

  Result<Answer> Read(std::string_view body) override {
    if (&client_ == &upstream_ && request_.same_bytes) {
      TIDEGATE_ASSIGN(const protocols::RerankBill bill, upstream_.Inspect(body));
      return Priced({}, bill.usage, bill.search_units);
    }
    TIDEGATE_ASSIGN(const core::RerankAnswer answer,
                    upstream_.DecodeAnswer(body, request_.documents.size()));
    return Priced(client_.EncodeAnswer(request_, answer, id_), answer.usage, answer.search_units);
  }

 private:
  // Who bills by the search says how many there were, and nothing of tokens.
  Answer Priced(std::optional<std::string> body, std::optional<core::Usage> usage,
                std::int64_t search_units) const {
    if (!usage && search_units > 0) usage = core::Usage();
    constexpr std::int64_t kDocumentsPerSearch = 100;
    const auto documents = static_cast<std::int64_t>(request_.documents.size());
    if (search_units == 0) {
      search_units = (documents + kDocumentsPerSearch - 1) / kDocumentsPerSearch;
    }
    return {.body = std::move(body), .usage = usage, .requests = search_units};
  }

  const core::RerankRequest& request_;
  const protocols::RerankCodec& client_;
  const protocols::RerankCodec& upstream_;
  const RequestId id_;
};

class RerankWork final : public Work {
 public:
  RerankWork(core::RerankRequest request, const protocols::RerankCodec& client)
      : request_(std::move(request)), client_(client) {}

  const core::Envelope& asked() const override { return request_; }
  profile::Profile Profile() const override { return profile::Compute(request_); }
  Result<UpstreamRequest> Encode(const Protocol& upstream,
                                 const UpstreamOptions& options) const override {
    const protocols::RerankCodec* const codec = upstream.Rankings();
    if (codec == nullptr) return protocols::CannotSay("documents", "rankings");
    return codec->EncodeRequest(request_, options);
  }
  std::unique_ptr<BodyReader> NewReader(const Protocol& upstream,
                                        const RequestId& id) const override {
    return std::make_unique<RerankReader>(request_, client_, *upstream.Rankings(), id);
  }

 private:
  core::RerankRequest request_;
  const protocols::RerankCodec& client_;
};

}  // namespace

Result<std::unique_ptr<Work>> DecodeWork(const Protocol& protocol, const protocols::Route& route,
                                         std::string_view body,
                                         const protocols::ConstraintParser& constraints) {
  if (route.operation == protocols::Operation::kEmbed) {
    const protocols::EmbedCodec* const codec = protocol.Embeddings();
    CHECK(codec != nullptr);
    TIDEGATE_ASSIGN(core::EmbedRequest request, codec->DecodeRequest(route, body, constraints));
    return std::unique_ptr<Work>(std::make_unique<EmbedWork>(std::move(request), *codec));
  }
  const protocols::RerankCodec* const codec = protocol.Rankings();
  CHECK(route.operation == protocols::Operation::kRerank && codec != nullptr);
  TIDEGATE_ASSIGN(core::RerankRequest request, codec->DecodeRequest(route, body, constraints));
  return std::unique_ptr<Work>(std::make_unique<RerankWork>(std::move(request), *codec));
}

std::string_view NameOf(const Protocol& protocol, protocols::Operation operation) {
  if (operation == protocols::Operation::kEmbed) return protocol.Embeddings()->name();
  if (operation == protocols::Operation::kRerank) return protocol.Rankings()->name();
  if (operation == protocols::Operation::kCountTokens) return protocol.token_counter()->name();
  return core::ToString(protocol.id());
}

}  // namespace tidegate::gateway
