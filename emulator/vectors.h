// Embeddings and relevance without a model: words are hashed into the dimensions of a vector, so
// that texts with common words are near each other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "json/writer.h"

namespace tidegate::emulator {

// Of length 1. REQUIRES: dimensions > 0.
std::vector<double> EmbedText(std::string_view text, std::size_t dimensions);
// 0 … 1: how near `document` is to `query`.
double Relevance(std::string_view query, std::string_view document);
// The documents by falling relevance, at most `top`.
struct Ranked {
  std::size_t index = 0;
  double score = 0;
};
std::vector<Ranked> Rank(std::string_view query, const std::vector<std::string_view>& documents,
                         std::size_t top);

void WriteVector(json::Writer& writer, const std::vector<double>& vector);
// The vector as little-endian 32-bit floats in base64.
std::string PackVector(const std::vector<double>& vector);

}  // namespace tidegate::emulator
