// Which files the kernel opens to run a program. Part of sandbox.h.
#include <algorithm>
#include <array>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <optional>
#include <string>
#include <unistd.h>

#include "base/unique_fd.h"
#include "process/sandbox.h"

namespace tidegate::process {
namespace {

constexpr std::size_t kHeadBytes = 4096;  // a script's first line; an ELF file's program headers
constexpr int kInterpretersMax = 4;       // as many as the kernel follows

std::string ReadAt(int fd, std::size_t bytes, off_t offset) {
  std::string text(bytes, '\0');
  const ssize_t got = pread(fd, text.data(), bytes, offset);
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return text;
}

// "/bin/sh" of "#! /bin/sh -e".
std::optional<std::string> OfScript(const std::string& head) {
  const std::size_t end = std::min(head.find('\n'), head.size());
  const std::size_t begin = head.find_first_not_of(" \t", 2);
  if (begin >= end) return std::nullopt;
  return head.substr(begin, std::min(head.find_first_of(" \t\n", begin), end) - begin);
}

std::optional<std::string> OfElf(int fd, const std::string& head) {
  Elf64_Ehdr file{};
  if (head.size() < sizeof file) return std::nullopt;
  std::memcpy(&file, head.data(), sizeof file);
  if (file.e_ident[EI_CLASS] != ELFCLASS64 || file.e_phentsize != sizeof(Elf64_Phdr)) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < file.e_phnum; ++i) {
    Elf64_Phdr segment{};
    const std::string raw =
        ReadAt(fd, sizeof segment, static_cast<off_t>(file.e_phoff + i * sizeof segment));
    if (raw.size() < sizeof segment) return std::nullopt;
    std::memcpy(&segment, raw.data(), sizeof segment);
    if (segment.p_type != PT_INTERP) continue;
    const std::string path = ReadAt(fd, std::min<std::size_t>(segment.p_filesz, kHeadBytes),
                                    static_cast<off_t>(segment.p_offset));
    return path.substr(0, path.find('\0'));
  }
  return std::nullopt;
}

std::optional<std::string> Interpreter(const std::string& program) {
  const UniqueFd fd(open(program.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::nullopt;
  const std::string head = ReadAt(fd.get(), kHeadBytes, 0);
  if (head.starts_with("#!")) return OfScript(head);
  if (head.starts_with(ELFMAG)) return OfElf(fd.get(), head);
  return std::nullopt;
}

}  // namespace

std::vector<std::string> ProgramFiles(const std::string& program) {
  std::vector<std::string> files{program};
  for (int i = 0; i < kInterpretersMax; ++i) {
    std::optional<std::string> next = Interpreter(files.back());
    if (!next || next->empty()) break;
    files.push_back(*std::move(next));
  }
  return files;
}

}  // namespace tidegate::process
