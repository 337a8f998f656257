// Frames are kept in lists by size, one set for each thread. A frame may end on another thread than
// it began on, when a coroutine is made here and spawned there; it then stays there.
#include "net/task.h"

#include <array>
#include <new>

#include "net/limits.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TIDEGATE_RECYCLE_FRAMES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TIDEGATE_RECYCLE_FRAMES 0
#endif
#endif
#ifndef TIDEGATE_RECYCLE_FRAMES
#define TIDEGATE_RECYCLE_FRAMES 1
#endif

namespace tidegate::net {

#if TIDEGATE_RECYCLE_FRAMES
namespace {

constexpr std::size_t kStepBytes = 64;
constexpr std::size_t kSizes = kFrameBytesRecycledMax / kStepBytes + 1;

struct FreeFrameLink {
  FreeFrameLink* next;
};
struct FreeFrames {
  std::array<FreeFrameLink*, kSizes> lists;
  std::size_t bytes;
  bool ended;
};
thread_local constinit FreeFrames free_frames{};

// Gives a thread's frames back when it ends.
struct Release {
  ~Release() {
    free_frames.ended = true;
    for (FreeFrameLink*& list : free_frames.lists) {
      while (list != nullptr) ::operator delete(std::exchange(list, list->next));
    }
  }
};

[[gnu::noinline]] void* AllocateFresh(std::size_t size) {
  thread_local Release release;
  static_cast<void>(release);
  return ::operator new(size);
}

}  // namespace

void* AllocateFrame(std::size_t size) {
  const std::size_t step = (size + kStepBytes - 1) / kStepBytes;
  if (step >= kSizes) return ::operator new(size);
  FreeFrameLink*& list = free_frames.lists[step];
  if (list == nullptr) return AllocateFresh(step * kStepBytes);
  FreeFrameLink* const frame = list;
  list = frame->next;
  free_frames.bytes -= step * kStepBytes;
  return frame;
}

void FreeFrame(void* frame, std::size_t size) noexcept {
  const std::size_t step = (size + kStepBytes - 1) / kStepBytes;
  if (step >= kSizes || free_frames.bytes >= kFrameBytesKeptMax || free_frames.ended) {
    return ::operator delete(frame);
  }
  free_frames.lists[step] = new (frame) FreeFrameLink{free_frames.lists[step]};
  free_frames.bytes += step * kStepBytes;
}
#else
void* AllocateFrame(std::size_t size) { return ::operator new(size); }
void FreeFrame(void* frame, std::size_t) noexcept { ::operator delete(frame); }
#endif

}  // namespace tidegate::net
