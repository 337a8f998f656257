// One JSON reader per thread, lent for the duration of one call.
//
// A json::Reader keeps some 60 KB of buffers. Ten thousand streams cannot each own one, and a
// request should not allocate one. No codec needs a document any longer than the call that reads
// it, so all that run on a thread can share its reader.
#pragma once

#include "json/reader.h"

namespace tidegate::protocols {

// REQUIRES: used on the thread that made it; no other ScratchReader of this thread is alive
// (checked).
class ScratchReader {
 public:
  ScratchReader();
  ~ScratchReader();
  ScratchReader(const ScratchReader&) = delete;
  ScratchReader& operator=(const ScratchReader&) = delete;

  json::Reader* operator->() const { return &reader_; }

 private:
  json::Reader& reader_;
};

}  // namespace tidegate::protocols
