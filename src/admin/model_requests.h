// The bodies of Ollama's requests that manage models, read. Errors: kInvalidArgument with the path
// of the member at fault; a member that nobody knows is one, so that nothing is left out in
// silence.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "models/model_work.h"
#include "models/pull_request.h"

namespace tidegate::admin {

inline constexpr std::size_t kModelBodyBytesMax = 4U << 20U;  // a Modelfile with its licenses
inline constexpr std::size_t kCreateFilesMax = 1'000;
inline constexpr std::size_t kCreateParametersMax = 200;
inline constexpr std::size_t kCreateMessagesMax = 1'000;

// Of a pull, which may name a file at a URL, or a push.
struct TransferRequest {
  models::PullRequest model;
  std::string name;  // as it was asked for
  bool stream = true;
};
Result<TransferRequest> ReadTransfer(std::string_view body);

struct CreateRequest {
  models::CreateSpec spec;
  bool stream = true;
};
Result<CreateRequest> ReadCreate(std::string_view body);

struct CopyRequest {
  std::string source;
  models::ModelName destination;
  bool stream = false;  // beyond Ollama's: its steps, line by line
};
Result<CopyRequest> ReadCopy(std::string_view body);

// The name of what is to be deleted.
Result<std::string> ReadDelete(std::string_view body);

}  // namespace tidegate::admin
