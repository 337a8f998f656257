#include "process/memory.h"

#include <cstdint>
#include <link.h>
#include <malloc.h>
#include <unistd.h>

#include <sys/mman.h>

// jemalloc's, in programs that are linked to it.
extern "C" [[gnu::weak]] int mallctl(const char* name, void* old_value, std::size_t* old_size,
                                     void* new_value, std::size_t new_size);

namespace tidegate::process {
namespace {

// Segments that are never written hold nothing but the file's bytes, so dropping their pages loses
// nothing. What the linker relocated lies in writable segments and is left alone.
int DropCode(dl_phdr_info* object, std::size_t, void*) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
    const std::uintptr_t first = (begin + page - 1) / page * page;
    const std::uintptr_t last = (begin + segment.p_memsz) / page * page;
    // An advice: where the kernel does not take it, the pages stay.
    if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void ReturnStartupMemory() {
  if (mallctl != nullptr) {
    constexpr const char* kPurgeAll = "arena.4096.purge";  // 4096: MALLCTL_ARENAS_ALL
    mallctl(kPurgeAll, nullptr, nullptr, nullptr, 0);
  } else {
    malloc_trim(0);
  }
  dl_iterate_phdr(DropCode, nullptr);
}

}  // namespace tidegate::process
