#include "cli/table.h"

#include <gtest/gtest.h>

namespace tidegate::cli {
namespace {

Table Sample() {
  Table table({{"NAME", Align::kLeft, Overflow::kCut},
               {"COST", Align::kRight},
               {"WHY", Align::kLeft, Overflow::kWrap}});
  table.Row({"日本/モデル", "$0.02", "it is the only one that may run the request"});
  table.Row({"local/small", "$12.00", ""});
  return table;
}

TEST(Table, ColumnsAlignByWhatTheEyeSees) {
  EXPECT_EQ(Sample().Render(Layout{}),
            "NAME           COST  WHY\n"
            "日本/モデル   $0.02  it is the only one that may run the request\n"
            "local/small  $12.00\n");
}

TEST(Table, ANarrowTerminalWrapsWhatMayWrapAndCutsWhatMayBeCut) {
  EXPECT_EQ(Sample().Render(Layout{40}),
            "NAME           COST  WHY\n"
            "日本/モデル   $0.02  it is the only one\n"
            "                     that may run the\n"
            "                     request\n"
            "local/small  $12.00\n");
  EXPECT_EQ(Sample().Render(Layout{30}),
            "NAME          COST  WHY\n"
            "日本/モデ…   $0.02  it is the\n"
            "                    only one\n"
            "                    that may\n"
            "                    run the\n"
            "                    request\n"
            "local/sma…  $12.00\n");
}

TEST(Table, ColoursSurroundTheTextAndNotThePadding) {
  Table table({{"A"}, {"B"}});
  table.Row({{"x", Ink::kGood}, "y"});
  EXPECT_EQ(table.Render(Layout{0, 2, Paint(true)}),
            "  \x1b[2mA\x1b[0m  \x1b[2mB\x1b[0m\n"
            "  \x1b[32mx\x1b[0m  y\n");
}

TEST(Table, AHostileCellCannotBreakItsLine) {
  Table table({{"A"}, {"B"}});
  table.Row({"one\ntwo\x1b[31m", "b"});
  EXPECT_EQ(table.Render(Layout{}), "A            B\none two[31m  b\n");
}

}  // namespace
}  // namespace tidegate::cli
