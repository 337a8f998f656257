// Where this machine's models are, by the configuration.
#pragma once

#include "app/config.h"
#include "app/settings.h"
#include "base/result.h"
#include "models/local_models.h"
#include "models/pulls.h"
#include "models/pushes.h"

namespace tidegate::app {

// With the model that ships with the program, and what other programs keep unless that is switched
// off. Looks for folders; blocks on the disk. Errors: kInvalidArgument when the home is unknown and
// `models.store` is not set.
Result<models::ModelFolders> ModelPlaces(const Settings& settings, const Environment& environment);

// Errors: kInvalidArgument with the setting at fault.
Result<models::PullOptions> PullSettings(const Settings& settings, const Environment& environment);
Result<models::PushOptions> PushSettings(const Settings& settings, const Environment& environment);

}  // namespace tidegate::app
