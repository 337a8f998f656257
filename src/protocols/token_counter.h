// How a protocol asks for the number of tokens that a chat has, and answers.
//
// The request is a chat as every other (Operation::kCountTokens, UpstreamOptions::count_only), so
// that whoever counts sees what a model would see.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidegate::protocols {

// Immutable; any thread.
class TokenCounter {
 public:
  virtual ~TokenCounter() = default;
  // For records, as "anthropic_count_tokens".
  virtual std::string_view name() const = 0;
  virtual std::string EncodeCount(std::int64_t tokens) const = 0;
  // Errors: kProtocol, or what the body reports. REQUIRES: json::kPaddingBytes readable bytes
  // behind `body`.
  virtual Result<std::int64_t> DecodeCount(std::string_view body) const = 0;
};

// Of the protocols whose answer is an object with the number as one of its members.
class MemberCounter final : public TokenCounter {
 public:
  struct Shape {
    std::string_view name;
    std::string_view object;  // what the member "object" says; empty = there is none
    std::string_view member;
  };
  explicit MemberCounter(const Shape& shape) : shape_(shape) {}
  std::string_view name() const override { return shape_.name; }
  std::string EncodeCount(std::int64_t tokens) const override;
  Result<std::int64_t> DecodeCount(std::string_view body) const override;

 private:
  const Shape shape_;
};

}  // namespace tidegate::protocols
