// Every client protocol with every upstream protocol, feature by feature.
//
// A request that a client wrote is decoded, encoded for the upstream and read back by the
// upstream's own decoder: it must say the same. An answer that an upstream wrote is decoded,
// encoded for the client and read back likewise. What a target cannot say must be refused with a
// reason; what is lost without one is a failure. `make matrix` writes the table to
// docs/protocols.md and prints it.
//
// The last column needs clients and upstreams that run: tests/e2e/pairs_test.mjs answers for it,
// and here its cells are kept as the docs have them.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocols/testing/matrix_features.h"

namespace tidegate::protocols {
namespace {

using matrix::Cell;
using matrix::Side;

constexpr std::string_view kNotTried = " not tried |";

// The last cell of the row that begins so, with the bar behind it.
std::string LastCell(std::string_view docs, std::string_view row) {
  const std::size_t begin = docs.find('\n' + std::string(row));
  if (begin == std::string_view::npos) return std::string(kNotTried);
  const std::string_view line = docs.substr(begin + 1, docs.find('\n', begin + 1) - begin - 1);
  const std::size_t bar = line.rfind('|', line.size() - 2);
  return std::string(line.substr(bar + 1));
}

std::string Table(std::string_view docs) {
  std::string out = "| client → upstream |";
  for (const matrix::Feature& feature : matrix::kFeatures) {
    out += ' ' + std::string(feature.title) + " |";
  }
  out += " cancel |\n|---|---|";
  for (std::size_t i = 0; i < std::size(matrix::kFeatures); ++i) out += "---|";
  out += '\n';
  std::vector<std::string> notes;
  for (const Side& client : matrix::Sides()) {
    for (const Side& upstream : matrix::Sides()) {
      const std::string row =
          "| " + std::string(client.title) + " → " + std::string(upstream.title) + " |";
      out += row;
      for (const matrix::Feature& feature : matrix::kFeatures) {
        const Cell cell = feature.check(client, upstream);
        EXPECT_NE(cell.kind, Cell::Kind::kLost) << client.title << " → " << upstream.title << ", "
                                                << feature.title << ": " << cell.note;
        out += ' ' + matrix::Mark(cell, notes) + " |";
      }
      out += LastCell(docs, row) + '\n';
    }
  }
  out += '\n';
  for (std::size_t i = 0; i < notes.size(); ++i) {
    out += std::to_string(i + 1) + ". " + notes[i] + '\n';
  }
  return out;
}

// The docs hold the table between two marks.
constexpr std::string_view kBegin = "<!-- matrix: begin -->\n";
constexpr std::string_view kEnd = "<!-- matrix: end -->";

TEST(Matrix, EveryPairKeepsEveryFeatureOrRefusesItAndTheDocsSayWhich) {
  const std::filesystem::path path =
      std::filesystem::path(TIDEGATE_SOURCE_DIR) / "docs" / "protocols.md";
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  std::string docs = text.str();
  const std::string table = Table(docs);
  const std::size_t begin = docs.find(kBegin);
  const std::size_t end = docs.find(kEnd);
  ASSERT_TRUE(begin != std::string::npos && end != std::string::npos && begin < end);
  const std::size_t from = begin + kBegin.size();
  if (std::getenv("TIDEGATE_MATRIX_REWRITE") != nullptr) {
    docs.replace(from, end - from, table);
    std::ofstream(path) << docs;
    return;
  }
  EXPECT_EQ(docs.substr(from, end - from), table) << "run `make matrix` and commit the docs";
}

}  // namespace
}  // namespace tidegate::protocols
