// Reading the gate's own JSON without a test after every member.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "base/result.h"
#include "json/value.h"

namespace tidegate::cli {

// Reads members of one object. An absent or null member is the empty value, since the gate may be
// older than we are; a member of a wrong type is an error, which the first one keeps: ask error()
// once, at the end.
class JsonFields {
 public:
  // Every read fails when `value` is no object.
  explicit JsonFields(json::Value value);

  std::string Text(std::string_view key);
  std::int64_t Integer(std::string_view key);
  double Number(std::string_view key);
  bool Flag(std::string_view key);
  std::vector<std::string> Texts(std::string_view key);
  Money Amount(std::string_view name);  // the member `<name>_nanodollars`
  std::vector<json::Value> Items(std::string_view key);
  std::optional<json::Value> Find(std::string_view key) const;  // nothing for null as well

  // Takes the error of a nested reader.
  void Absorb(const Result<void>& nested);
  Result<void> status() const;

 private:
  template <typename T>
  void Keep(Result<T> read, T& into);
  std::optional<json::Object> object_;
  std::optional<Error> error_;
};

// The error for an answer that is not what a gate of this version says.
Error UnexpectedAnswer(const Error& cause);

}  // namespace tidegate::cli
