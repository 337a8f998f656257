// Vectors in answers: as JSON arrays of numbers, or as base64 of 32-bit floats.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "core/embed.h"
#include "json/value.h"
#include "json/writer.h"

namespace tidegate::protocols::embeddings {

// The vector that `value` is, an array or a string. Errors: kProtocol: it is neither, or empty, or
// holds something that is no number.
Result<core::Embedding> ReadVector(const json::Value& value, core::EmbedAnswer& answer);

// The vector as numbers: as they came, or from base64. The shortest text that reads back as the
// same 32-bit float.
void WriteNumbers(json::Writer& out, const core::Embedding& vector);
// The vector as a string of base64.
void WriteBase64(json::Writer& out, const core::Embedding& vector);

// An answer with `count` vectors where `inputs` were asked for.
Error WrongCount(std::size_t count, std::int64_t inputs);

}  // namespace tidegate::protocols::embeddings
