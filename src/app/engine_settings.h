// What the configuration says of the processes of local models, as the engine takes it.
#pragma once

#include <memory>
#include <string>

#include "app/settings.h"
#include "base/result.h"
#include "engine/command_line.h"
#include "engine/fit.h"
#include "engine/locator.h"
#include "engine/slot_keeper.h"

namespace tidegate::app {

// Which llama-server, and what it is run with.
engine::LocatorOptions LocatorOptionsOf(const Settings& settings);

// REQUIRES: every setting is one of the words that its option allows.
engine::ChildSettings ChildSettingsOf(const Settings& settings);

// What the settings ask for each local model, on a machine whose devices are not known.
engine::FitPolicy FitPolicyOf(const Settings& settings);

// Settings that cannot hold together. Errors: kInvalidArgument that names both.
Result<void> CheckEngineSettings(const Settings& settings);

// What keeps conversations in `state_folder`, under a key derived from that of the state. Null
// where nothing is to be kept, which removes what was, or where it cannot be, which is logged: a
// gate serves without it. Errors: those of the key file.
Result<std::shared_ptr<engine::SlotKeeper>> OpenConversations(const Settings& settings,
                                                              const std::string& state_folder,
                                                              const std::string& runtime_folder);

}  // namespace tidegate::app
