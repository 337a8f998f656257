// The composition root: builds every part from a configuration, connects them, and takes them apart
// in the right order.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/config.h"
#include "base/result.h"
#include "net/address.h"

namespace tidegate::app {

struct ApplicationOptions {
  Config config;
  Environment environment;
};

// A running gate. Start and Stop from one thread that is no shard.
class Application {
 public:
  // Everything up to and including listening. Errors say what to do.
  static Result<std::unique_ptr<Application>> Start(ApplicationOptions options);
  ~Application();

  const std::vector<net::ListenAddress>& bound() const;
  // Drains, stops the engine, closes the books. Returns the number of requests that had to be cut.
  // Idempotent.
  std::size_t Stop();

 private:
  struct Parts;
  explicit Application(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// The version of the program.
std::string_view Version();

// Files that ship with the program (the starter model), found beside the executable; empty = not
// there.
std::string FindShippedModel();

}  // namespace tidegate::app
