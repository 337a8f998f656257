// The address of a server in the form that OLLAMA_HOST has: where Ollama listens, and where its own
// clients look for it.
#pragma once

#include <string>
#include <string_view>

namespace tidegate::providers {

// "0.0.0.0", "box", "box:8080", ":8080", "https://box/path" as a URL. What is left out comes from
// `usual`, but for the port behind a scheme, which is then the scheme's own. An address to listen
// on everywhere is that of this machine. Not checked: ParseUrl does that.
std::string UrlOfHost(std::string_view value, std::string_view usual);

}  // namespace tidegate::providers
