#include "cli/json_fields.h"

namespace tidegate::cli {

JsonFields::JsonFields(json::Value value) {
  Result<json::Object> object = value.Object();
  if (object.ok()) {
    object_ = *object;
  } else {
    error_ = std::move(object).error();
  }
}

std::optional<json::Value> JsonFields::Find(std::string_view key) const {
  if (!object_) return std::nullopt;
  std::optional<json::Value> value = object_->Find(key);
  if (value && value->is_null()) return std::nullopt;
  return value;
}

template <typename T>
void JsonFields::Keep(Result<T> read, T& into) {
  if (read.ok()) {
    into = std::move(*read);
  } else if (!error_) {
    error_ = std::move(read).error();
  }
}

std::string JsonFields::Text(std::string_view key) {
  std::string_view text;
  if (const auto value = Find(key)) Keep(value->String(), text);
  return std::string(text);
}

std::int64_t JsonFields::Integer(std::string_view key) {
  std::int64_t number = 0;
  if (const auto value = Find(key)) Keep(value->Integer(), number);
  return number;
}

double JsonFields::Number(std::string_view key) {
  double number = 0;
  if (const auto value = Find(key)) Keep(value->Number(), number);
  return number;
}

bool JsonFields::Flag(std::string_view key) {
  bool flag = false;
  if (const auto value = Find(key)) Keep(value->Bool(), flag);
  return flag;
}

Money JsonFields::Amount(std::string_view name) {
  return Money{Integer(std::string(name) + "_nanodollars")};
}

std::vector<json::Value> JsonFields::Items(std::string_view key) {
  std::vector<json::Value> items;
  const std::optional<json::Value> value = Find(key);
  if (!value) return items;
  const Result<json::Array> array = value->Array();
  if (!array.ok()) {
    if (!error_) error_ = array.error();
    return items;
  }
  for (const json::Value item : *array) items.push_back(item);
  return items;
}

std::vector<std::string> JsonFields::Texts(std::string_view key) {
  std::vector<std::string> texts;
  for (const json::Value item : Items(key)) {
    std::string_view text;
    Keep(item.String(), text);
    texts.emplace_back(text);
  }
  return texts;
}

void JsonFields::Absorb(const Result<void>& nested) {
  if (!nested.ok() && !error_) error_ = nested.error();
}

Result<void> JsonFields::status() const {
  if (error_) return UnexpectedAnswer(*error_);
  return Result<void>();
}

Error UnexpectedAnswer(const Error& cause) {
  Error error{ErrorCode::kProtocol, ErrorSource::kUpstream, Retry::kNever,
              "the answer is not what this version of tidegate understands; is the gate of another "
              "version?"};
  error.field = cause.field;
  error.cause = std::make_shared<const Error>(cause);
  return error;
}

}  // namespace tidegate::cli
