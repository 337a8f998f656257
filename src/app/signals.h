// Ending in order on SIGINT and SIGTERM.
#pragma once

namespace tidegate::app {

// Blocks both signals for this thread and all it will start, and ignores SIGPIPE. Call before any
// thread exists.
void BlockEndSignals();
// Waits for one of them. Returns its number.
int WaitForEndSignal();

}  // namespace tidegate::app
