// Any body is refused or decoded, and what is decoded means the same when it is sent on; any answer
// is refused, or has a vector for each input that every client can be given.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "protocols/embeddings/codec.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols::embeddings {
namespace {

std::string Join(const BodyPieces& body) {
  std::string joined;
  for (const std::string_view piece : body.pieces) joined += piece;
  return joined;
}

// The number of the path that a request was sent to.
int FormOf(const EmbedCodec& codec, std::string_view path) {
  if (&codec == &Gemini())
    return path.ends_with("batchEmbedContents") ? kGeminiBatch : kGeminiSingle;
  return path.ends_with("/embeddings") && &codec == &Ollama() ? kOllamaOld : 0;
}

void RunRequest(const EmbedCodec& from, const EmbedCodec& to, int form, std::string_view text) {
  const Route route{.model = "of-path", .form = form};
  const SmallConstraintParser parser;
  const PaddedText body(text);
  const Result<core::EmbedRequest> request = from.DecodeRequest(route, body.view(), parser);
  if (!request.ok()) return CHECK(!request.error().message.empty());
  CHECK(request->inputs >= 1 && request->texts.size() <= static_cast<std::size_t>(request->inputs));
  const UpstreamOptions options{.model = "up-stream"};
  const Result<UpstreamRequest> same = from.EncodeRequest(*request, options);
  CHECK(same.ok());
  const PaddedText sent(Join(same->body));
  const Route same_route{.model = "up-stream", .form = FormOf(from, same->path)};
  const Result<core::EmbedRequest> again = from.DecodeRequest(same_route, sent.view(), parser);
  CHECK(again.ok() && again->model == "up-stream" && again->inputs == request->inputs);
  CHECK(again->texts == request->texts && again->spans.tidegate_member.empty());
  if (request->needs.Has(core::Capability::kVendorFields)) return;
  const Result<UpstreamRequest> other = to.EncodeRequest(*request, options);
  if (!other.ok()) return CHECK(other.error().retry == Retry::kOtherTarget);
  const PaddedText crossed(Join(other->body));
  const Route there_route{.model = "up-stream", .form = FormOf(to, other->path)};
  const Result<core::EmbedRequest> there = to.DecodeRequest(there_route, crossed.view(), parser);
  if (!there.ok()) return;  // an empty text, which only one of them takes
  CHECK(there->texts == request->texts && there->dimensions == request->dimensions);
}

void RunAnswer(const EmbedCodec& upstream, std::string_view text) {
  const PaddedText body(text);
  (void)upstream.Inspect(body.view()).ok();
  for (const std::int64_t inputs : {1, 2}) {
    const Result<core::EmbedAnswer> answer = upstream.DecodeAnswer(body.view(), inputs);
    if (!answer.ok()) continue;
    CHECK(upstream.Inspect(body.view()).ok());
    CHECK(answer->embeddings.size() == static_cast<std::size_t>(inputs));
    for (const EmbedCodec* client : {&OpenAi(), &Cohere(), &Gemini(), &Ollama()}) {
      for (const bool base64 : {false, true}) {
        core::EmbedRequest request;
        request.inputs = inputs;
        request.form = client == &Gemini() && inputs > 1 ? kGeminiBatch : 0;
        request.as_base64 = base64;
        request.as_numbers = !base64;
        const PaddedText written(client->EncodeAnswer(request, *answer, RequestId{1, 2}));
        CHECK(client->DecodeAnswer(written.view(), inputs).ok());
      }
    }
  }
}

}  // namespace
}  // namespace tidegate::protocols::embeddings

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate::protocols::embeddings;
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const tidegate::protocols::EmbedCodec* const codecs[] = {&OpenAi(), &Cohere(), &Gemini(),
                                                           &Ollama()};
  const tidegate::protocols::EmbedCodec& one = *codecs[data[0] & 3U];
  const tidegate::protocols::EmbedCodec& other = *codecs[(data[0] >> 2U) & 3U];
  RunRequest(one, other, static_cast<int>(data[1] & 1U), text);
  RunAnswer(one, text);
  return 0;
}
