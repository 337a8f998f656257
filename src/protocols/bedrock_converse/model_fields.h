// Writing additionalModelRequestFields: what makers of models have in words of their own.
#pragma once

#include "base/result.h"
#include "core/request.h"
#include "json/writer.h"
#include "protocols/bedrock_converse/model_family.h"
#include "protocols/protocol.h"

namespace tidegate::protocols::bedrock_converse {

// The member with its key, when there is anything to say. Errors: kInvalidArgument for top_k where
// the model has no word for it.
Result<void> WriteModelFields(const core::Request& request, const UpstreamOptions& options,
                              ModelFamily family, json::Writer& out);

}  // namespace tidegate::protocols::bedrock_converse
