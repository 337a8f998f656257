// The exit codes of every command, after sysexits.h, so that scripts can tell "you typed it wrong"
// from "try again later". docs/cli.md has the table.
#pragma once

#include "base/error.h"

namespace tidegate::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;   // a check failed
inline constexpr int kExitUsage = 64;    // the command line is wrong
inline constexpr int kExitData = 65;     // the request was refused as it is: malformed, too large
inline constexpr int kExitNoInput = 66;  // no such model, decision or file
inline constexpr int kExitUnavailable = 69;   // no gate, or nothing that may run the request
inline constexpr int kExitSoftware = 70;      // a bug
inline constexpr int kExitIo = 74;            // the output could not be written
inline constexpr int kExitTempFail = 75;      // too busy or too slow now: try again
inline constexpr int kExitProtocol = 76;      // the other side is no gate, or of another version
inline constexpr int kExitNoPermission = 77;  // no key, a key without the right, or no money left
inline constexpr int kExitConfig = 78;        // the configuration is wrong
inline constexpr int kExitInterrupted = 130;  // Ctrl-C

int ExitCodeOf(const Error& error);

}  // namespace tidegate::cli
