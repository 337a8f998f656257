// Columns of text: aligned by what the eye sees, not by bytes, and never wider than the terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/ink.h"

namespace tidegate::cli {

inline constexpr std::size_t kColumnGap = 2;
inline constexpr std::size_t kShrunkColumnMin = 8;  // a column gives no more room than this

enum class Align : std::uint8_t { kLeft, kRight };
// What a column does when the table is too wide. kKeep columns never change.
enum class Overflow : std::uint8_t { kKeep, kCut, kWrap };

struct Column {
  std::string title;
  Align align = Align::kLeft;
  Overflow overflow = Overflow::kKeep;
};

struct Cell {
  Cell(std::string content, Ink color = Ink::kPlain)  // NOLINT: implicit
      : text(std::move(content)), ink(color) {}
  Cell(const char* content) : text(content) {}  // NOLINT: implicit
  std::string text;
  Ink ink = Ink::kPlain;
};

struct Layout {
  std::size_t columns = 0;  // of the terminal; 0 = as wide as it gets (a file, a pipe)
  std::size_t indent = 0;
  Paint paint{false};
  std::size_t gap = kColumnGap;
};

// Built row by row, then rendered. Cells may hold anything: they are made printable.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // REQUIRES: one cell per column.
  void Row(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }
  // The titles and the rows, each line ended by a newline and without blanks at its end.
  std::string Render(const Layout& layout) const;

 private:
  std::vector<std::size_t> Widths(const Layout& layout) const;
  void RenderRow(std::string& out, const std::vector<Cell>& cells,
                 const std::vector<std::size_t>& widths, const Layout& layout) const;
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace tidegate::cli
