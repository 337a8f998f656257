// A growing read buffer: bytes arrive at its end and are consumed from its front. It always keeps
// kPaddingBytes readable bytes behind the last one, because JSON readers look ahead in words.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/check.h"
#include "net/limits.h"

namespace tidegate::net {

class ReadBuffer {
 public:
  std::string_view data() const { return {bytes_.get() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::size_t capacity() const { return capacity_; }

  // Room for at least `size` more bytes; moves what is there to the front first. Views into the
  // buffer become invalid.
  char* Prepare(std::size_t size) {
    if (capacity_ - end_ >= size && bytes_) return bytes_.get() + end_;
    const std::size_t used = this->size();
    if (bytes_ && begin_ > 0 && capacity_ - used >= size) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, used);
    } else {
      std::size_t capacity = capacity_ < kReadBufferBytes ? kReadBufferBytes : capacity_;
      while (capacity - used < size) capacity *= 2;
      std::unique_ptr<char[]> bigger(new char[capacity + kPaddingBytes]);
      if (used > 0) std::memcpy(bigger.get(), bytes_.get() + begin_, used);
      std::memset(bigger.get() + capacity, 0, kPaddingBytes);
      bytes_ = std::move(bigger);
      capacity_ = capacity;
    }
    begin_ = 0;
    end_ = used;
    return bytes_.get() + end_;
  }
  std::size_t writable() const { return capacity_ - end_; }
  void Commit(std::size_t size) { end_ += size; }
  void Consume(std::size_t size) {
    begin_ += size;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  // The bytes of data(), to be changed in place.
  char* mutable_data() { return bytes_.get() + begin_; }
  // Removes `count` bytes at `offset` from the front; later bytes move down. REQUIRES: both within
  // size().
  void Erase(std::size_t offset, std::size_t count) {
    CHECK(offset <= size() && count <= size() - offset);
    if (count == 0) return;
    char* at = bytes_.get() + begin_ + offset;
    std::memmove(at, at + count, size() - offset - count);
    end_ -= count;
  }
  // Gives the memory back. REQUIRES: nothing views it.
  void Release() {
    bytes_.reset();
    capacity_ = begin_ = end_ = 0;
  }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace tidegate::net
