#include "cli/ink.h"

namespace tidegate::cli {
namespace {

// SGR parameters (ECMA-48). Only the eight basic colours: they follow the reader's own theme.
std::string_view Parameters(Ink ink) {
  switch (ink) {
    case Ink::kPlain:
      return "";
    case Ink::kBold:
      return "1";
    case Ink::kDim:
      return "2";
    case Ink::kGood:
      return "32";
    case Ink::kWarning:
      return "33";
    case Ink::kBad:
      return "31";
    case Ink::kAccent:
      return "36";
  }
  return "";
}

}  // namespace

std::string Paint::operator()(Ink ink, std::string_view text) const {
  const std::string_view parameters = Parameters(ink);
  if (!on_ || parameters.empty() || text.empty()) return std::string(text);
  std::string out = "\x1b[";
  out += parameters;
  out += 'm';
  out += text;
  out += "\x1b[0m";
  return out;
}

}  // namespace tidegate::cli
