// Every byte to a descriptor, however many calls that takes.
#pragma once

#include <string_view>

namespace tidegate {

// Blocks. False: the system refused, errno says why, and part of it may be written.
bool WriteAll(int fd, std::string_view bytes);

}  // namespace tidegate
