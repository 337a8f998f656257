#include "profile/profile.h"

#include <algorithm>

#include "profile/difficulty.h"
#include "profile/tokens.h"

namespace tidegate::profile {

namespace {

// Cohere's unit of a search: a query with up to 100 documents, and a document with its query is one
// for each 500 tokens of it. Nobody bills by a smaller one.
constexpr std::int64_t kDocumentsPerSearch = 100;
constexpr std::int64_t kTokensPerDocument = 500;

// Of a token that is given by its number, with its comma: the usual.
constexpr std::int64_t kBytesPerTokenNumber = 6;

// What needs no answer in words is as hard for one model as for another.
constexpr double kNeitherEasyNorHard = 0.5;

Profile OfWork(const core::Envelope& request) {
  Profile profile;
  profile.writes = false;
  profile.protocol = request.protocol;
  profile.needs = request.needs;
  profile.difficulty = kNeitherEasyNorHard;
  return profile;
}

}  // namespace

Profile Compute(const core::Request& request) {
  const TokenCounts input = CountInput(request);
  const Signs signs = ReadSigns(LastUserText(request));
  Profile profile;
  profile.input_tokens_estimate = input.estimate;
  profile.media_tokens_estimate = input.media_estimate;
  profile.input_tokens_max = input.max;
  profile.choices = std::max<std::int64_t>(request.choices, 1);
  profile.protocol = request.protocol;
  profile.needs = request.needs.With(core::Capability::kChat);
  profile.window_tokens = request.window_tokens;
  profile.may_shorten = request.may_shorten;
  profile.difficulty = Difficulty(request, signs);
  profile.output_tokens_limit = request.max_output_tokens.value_or(0);
  profile.output_tokens_estimate = ExpectedOutputTokens(request, signs, profile.difficulty);
  if (profile.output_tokens_limit > 0) {
    profile.output_tokens_estimate =
        std::min(profile.output_tokens_estimate, profile.output_tokens_limit);
  }
  return profile;
}

Profile Compute(const core::EmbedRequest& request) {
  Profile profile = OfWork(request);
  const TextCounts texts = CountTexts(request.texts);
  profile.prompts = std::max<std::int64_t>(request.inputs, 1);
  // Only a caller who wants no text to be cut needs room for all of it.
  const bool whole = request.truncate == core::Truncate::kNone;
  profile.longest_prompt_estimate = whole ? texts.longest_estimate : 0;
  // What is no text was counted while decoding.
  const std::int64_t numbers = std::max<std::int64_t>(request.text_bytes - texts.sum.max, 0);
  profile.input_tokens_estimate =
      texts.sum.estimate + numbers / kBytesPerTokenNumber + request.media_parts * kImageTokens;
  profile.input_tokens_max = std::max(texts.sum.max, request.text_bytes) +
                             profile.prompts * kMessageTokensMax +
                             request.media_parts * kImageTokensMax;
  return profile;
}

// Each document is read together with the query, and cut to what fits beside it.
Profile Compute(const core::RerankRequest& request) {
  Profile profile = OfWork(request);
  const TextCounts query = CountTexts({&request.query, 1});
  const TextCounts documents = CountTexts(request.documents);
  const auto count = static_cast<std::int64_t>(request.documents.size());
  profile.prompts = std::max<std::int64_t>(count, 1);
  profile.longest_prompt_estimate = query.sum.estimate;
  profile.input_tokens_estimate = count * query.sum.estimate + documents.sum.estimate;
  profile.input_tokens_max = count * (query.sum.max + kMessageTokensMax) + documents.sum.max;
  const std::int64_t pieces = count + profile.input_tokens_max / kTokensPerDocument;
  profile.requests_max = (pieces + kDocumentsPerSearch - 1) / kDocumentsPerSearch;
  return profile;
}

}  // namespace tidegate::profile
