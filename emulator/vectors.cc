#include "emulator/vectors.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cmath>
#include <numeric>

#include "base/base64.h"
#include "emulator/seed.h"

namespace tidegate::emulator {
namespace {

constexpr std::size_t kRelevanceDimensions = 256;

double Dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

bool IsWordByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || std::isalnum(byte) != 0;
}

}  // namespace

std::vector<double> EmbedText(std::string_view text, std::size_t dimensions) {
  std::vector<double> vector(dimensions, 0);
  std::string word;
  const auto add = [&] {
    if (word.empty()) return;
    Random random(Hash(word));
    vector[random.Below(dimensions)] += random.Below(2) == 0 ? 1 : -1;
    word.clear();
  };
  for (const char c : text) {
    if (!IsWordByte(c)) {
      add();
      continue;
    }
    word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  add();
  double length = std::sqrt(Dot(vector, vector));
  if (length == 0) vector[0] = length = 1;
  for (double& number : vector) number /= length;
  return vector;
}

double Relevance(std::string_view query, std::string_view document) {
  return std::clamp(
      Dot(EmbedText(query, kRelevanceDimensions), EmbedText(document, kRelevanceDimensions)), 0.0,
      1.0);
}

std::vector<Ranked> Rank(std::string_view query, const std::vector<std::string_view>& documents,
                         std::size_t top) {
  std::vector<Ranked> ranked;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    ranked.push_back({i, Relevance(query, documents[i])});
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Ranked& a, const Ranked& b) { return a.score > b.score; });
  ranked.resize(std::min(ranked.size(), top));
  return ranked;
}

void WriteVector(json::Writer& writer, const std::vector<double>& vector) {
  writer.BeginArray();
  for (const double number : vector) writer.Double(number);
  writer.EndArray();
}

std::string PackVector(const std::vector<double>& vector) {
  std::string bytes;
  for (const double number : vector) {
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(number));
    for (int shift = 0; shift < 32; shift += 8) {
      bytes.push_back(static_cast<char>(bits >> shift & 0xFFU));
    }
  }
  return EncodeBase64(bytes);
}

}  // namespace tidegate::emulator
