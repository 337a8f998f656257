// How a model chooses its words, as OpenAI's chats and completions both say it.
#pragma once

#include "core/request.h"
#include "json/writer.h"
#include "protocols/dialect.h"

namespace tidegate::protocols::openai_chat {

// Up to `n`.
void WriteSampling(json::Writer& out, const core::Request& request, const Dialect& dialect);
// Beyond OpenAI's: what llama-server and others take as well.
void WriteMoreSampling(json::Writer& out, const core::Request& request);

}  // namespace tidegate::protocols::openai_chat
