#include "cli/table.h"

#include <algorithm>

#include "base/check.h"
#include "cli/display_text.h"

namespace tidegate::cli {

void Table::Row(std::vector<Cell> cells) {
  CHECK(cells.size() == columns_.size());
  for (Cell& cell : cells) {
    cell.text = Printable(cell.text);
    std::replace(cell.text.begin(), cell.text.end(), '\n', ' ');
    std::replace(cell.text.begin(), cell.text.end(), '\t', ' ');
  }
  rows_.push_back(std::move(cells));
}

// The natural widths; then, while the line is too long, the widest column that may shrink gives
// one.
std::vector<std::size_t> Table::Widths(const Layout& layout) const {
  std::vector<std::size_t> widths;
  std::size_t total = layout.indent + layout.gap * (columns_.size() - 1);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = DisplayWidth(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, DisplayWidth(row[i].text));
    widths.push_back(width);
    total += width;
  }
  while (layout.columns != 0 && total > layout.columns) {
    std::size_t widest = columns_.size();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].overflow == Overflow::kKeep || widths[i] <= kShrunkColumnMin) continue;
      if (widest == columns_.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == columns_.size()) break;
    --widths[widest];
    --total;
  }
  return widths;
}

void Table::RenderRow(std::string& out, const std::vector<Cell>& cells,
                      const std::vector<std::size_t>& widths, const Layout& layout) const {
  std::vector<std::vector<std::string>> texts;
  std::size_t lines = 1;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (columns_[i].overflow == Overflow::kWrap) {
      texts.push_back(Wrap(cells[i].text, std::max<std::size_t>(widths[i], 2)));
    } else {
      texts.push_back({Cut(cells[i].text, widths[i])});
    }
    lines = std::max(lines, texts.back().size());
  }
  for (std::size_t line = 0; line < lines; ++line) {
    std::string text(layout.indent, ' ');
    std::size_t blanks = 0;  // owed before the next text: none stand at the end of a line
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string_view part =
          line < texts[i].size() ? std::string_view(texts[i][line]) : std::string_view();
      const std::size_t padding = widths[i] - std::min(widths[i], DisplayWidth(part));
      const bool right = columns_[i].align == Align::kRight;
      if (right) blanks += padding;
      if (!part.empty()) {
        text.append(blanks, ' ');
        blanks = 0;
        text += layout.paint(cells[i].ink, part);
      }
      if (!right) blanks += padding;
      blanks += layout.gap;
    }
    out += text;
    out += '\n';
  }
}

std::string Table::Render(const Layout& layout) const {
  const std::vector<std::size_t> widths = Widths(layout);
  std::vector<Cell> titles;
  for (const Column& column : columns_) titles.emplace_back(column.title, Ink::kDim);
  std::string out;
  RenderRow(out, titles, widths, layout);
  for (const auto& row : rows_) RenderRow(out, row, widths, layout);
  return out;
}

}  // namespace tidegate::cli
