#include "protocols/scratch_reader.h"

#include "base/check.h"

namespace tidegate::protocols {
namespace {

struct ThreadReader {
  json::Reader reader;
  bool lent = false;
};

ThreadReader& OfThisThread() {
  thread_local ThreadReader reader;
  return reader;
}

}  // namespace

ScratchReader::ScratchReader() : reader_(OfThisThread().reader) {
  CHECK(!OfThisThread().lent);
  OfThisThread().lent = true;
}

ScratchReader::~ScratchReader() { OfThisThread().lent = false; }

}  // namespace tidegate::protocols
