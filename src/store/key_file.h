// The key of the encrypted databases lies in a file that only its owner can read.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace tidegate::store {

// The kKeyBytes raw bytes written in `path` as 64 hexadecimal digits. Makes the file with fresh
// random bytes when it is absent: complete and on disk before it gets its name, so that a crash
// never leaves half a key. Two processes that start at once agree on one key. Refuses a file that
// group or others can read, that is not a plain file, or is not such a key.
Result<Secret> LoadOrCreateKey(const std::string& path);

}  // namespace tidegate::store
