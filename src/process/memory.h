// Memory that only starting up needed.
#pragma once

namespace tidegate::process {

// Gives back freed heap, and the pages of program and library code that are mapped now: start-up
// runs through far more code than serving does (configuration, catalogue, key derivation,
// recovery), and all of it would count as resident for ever. What is used again comes back from the
// page cache at the first touch. Call once, when start-up is over.
void ReturnStartupMemory();

}  // namespace tidegate::process
