#include "process/memory.h"

#include <cstdint>
#include <link.h>
#include <malloc.h>
#include <unistd.h>

#include <sys/mman.h>

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
  malloc_trim(0);
  dl_iterate_phdr(DropCode, nullptr);
}

}  // namespace tidegate::process
