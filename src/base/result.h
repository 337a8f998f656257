// A value or an Error. C++20 has no std::expected; this is the part of it that we use.
//
// Errors are rare and large, so they live on the heap and everything about them is kept out of the
// way: a Result<void> is one pointer, and the code that makes and frees errors is not inlined into
// those who merely pass results on.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/error.h"

namespace tidegate {

// Holds an error or nothing.
class ErrorBox {
 public:
  ErrorBox() = default;
  [[gnu::cold]] explicit ErrorBox(Error&& error);
  ErrorBox(ErrorBox&&) noexcept = default;
  ErrorBox& operator=(ErrorBox&&) noexcept = default;
  ErrorBox(const ErrorBox& other) {
    if (other.error_) [[unlikely]]
      *this = other.Copy();
  }
  ErrorBox& operator=(const ErrorBox& other) { return *this = ErrorBox(other); }
  ~ErrorBox() = default;

  bool empty() const { return error_ == nullptr; }
  Error& operator*() const { return *error_; }

 private:
  struct Free {
    [[gnu::cold]] void operator()(const Error* error) const;
  };
  [[gnu::cold]] ErrorBox Copy() const;
  std::unique_ptr<Error, Free> error_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T&& value) : value_(std::move(value)) {}                                // NOLINT: implicit
  Result(const T& value) : value_(value) {}                                      // NOLINT: implicit
  Result(Error error) : error_(std::move(error)) {}                              // NOLINT: implicit
  Result(ErrorBox error) : error_(std::move(error)) { CHECK(!error_.empty()); }  // NOLINT: implicit

  bool ok() const { return error_.empty(); }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok().
  T& value() & {
    CHECK(ok());
    return *value_;
  }
  const T& value() const& {
    CHECK(ok());
    return *value_;
  }
  // By value, so that `for (x : *Make())` iterates over something that lives.
  T value() && {
    CHECK(ok());
    return *std::move(value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: !ok().
  const Error& error() const& {
    CHECK(!ok());
    return *error_;
  }
  Error&& error() && {
    CHECK(!ok());
    return std::move(*error_);
  }
  // The error, to be passed on as it is. REQUIRES: !ok().
  ErrorBox TakeError() && { return std::move(error_); }

 private:
  std::optional<T> value_;
  ErrorBox error_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}                              // NOLINT: implicit
  Result(ErrorBox error) : error_(std::move(error)) { CHECK(!error_.empty()); }  // NOLINT: implicit

  bool ok() const { return error_.empty(); }
  explicit operator bool() const { return ok(); }

  // REQUIRES: !ok().
  const Error& error() const& {
    CHECK(!ok());
    return *error_;
  }
  Error&& error() && {
    CHECK(!ok());
    return std::move(*error_);
  }
  // The error, to be passed on as it is. REQUIRES: !ok().
  ErrorBox TakeError() && { return std::move(error_); }

 private:
  ErrorBox error_;
};

}  // namespace tidegate

// TIDEGATE_TRY(expr): returns the error of a Result<…> from the enclosing function, or goes on.
#define TIDEGATE_TRY(expr)                                         \
  do {                                                             \
    if (auto try_result = (expr); !try_result.ok()) [[unlikely]] { \
      return std::move(try_result).TakeError();                    \
    }                                                              \
  } while (false)

// TIDEGATE_ASSIGN(decl, expr): decl = value of expr, or returns its error from the enclosing
// function.
#define TIDEGATE_CONCAT_INNER(a, b) a##b
#define TIDEGATE_CONCAT(a, b) TIDEGATE_CONCAT_INNER(a, b)
#define TIDEGATE_ASSIGN(decl, expr) \
  TIDEGATE_ASSIGN_INNER(TIDEGATE_CONCAT(assign_result_, __LINE__), decl, expr)
#define TIDEGATE_ASSIGN_INNER(tmp, decl, expr) \
  auto tmp = (expr);                           \
  if (!tmp.ok()) [[unlikely]]                  \
    return std::move(tmp).TakeError();         \
  decl = *std::move(tmp)
