// Which gate a command talks to: the one that --host or TIDEGATE_HOST name, else this machine's;
// and where none runs there, for commands that can do with that, one inside this process.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "cli/command.h"
#include "cli/gate_client.h"

namespace tidegate::cli {

enum class WhenAbsent : std::uint8_t { kFail, kStart };

// Stops what it started when it dies.
class Gate {
 public:
  // With kFail nothing is asked yet; the first call says when nobody answers. A gate that was named
  // is never replaced by one of our own. Errors: kInvalidArgument for a bad address or key.
  static Result<std::unique_ptr<Gate>> Find(Context& context, WhenAbsent when_absent);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  GateClient& client() { return *client_; }

 private:
  Gate() = default;
  std::unique_ptr<GateClient> client_;
  std::function<void()> stop_;
};

}  // namespace tidegate::cli
