// Coding agents that can work through a gate, as data: how each is told where its models are.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace tidegate::cli {

// In texts of an agent {url} is the gate's address without a slash at its end, {model} the model,
// {key} what is shown to the gate, and {config} the configuration made of `config`.
struct Agent {
  std::string_view name;                 // "claude"
  std::string_view title;                // "Claude Code"
  std::string_view program;              // as it is called in PATH
  std::vector<std::string_view> places;  // where its installer puts it, looked at after PATH
  std::string_view install;              // how to get it
  std::vector<std::pair<std::string_view, std::string_view>> environment;
  std::vector<std::string_view> arguments;  // before those of the person
};

const std::vector<Agent>& Agents();
// Nothing for a name that there is not.
const Agent* FindAgent(std::string_view name);

struct LaunchOptions {
  std::string url, model;
  Secret key;                          // empty = the gate wants none
  std::vector<std::string> arguments;  // what the person adds
};

struct LaunchPlan {
  std::string program;                 // a path
  std::vector<std::string> arguments;  // without the program
  std::vector<std::pair<std::string, std::string>> environment;
};

// What is to be run. With `mask_key` the key stands as $TIDEGATE_API_KEY, for showing.
LaunchPlan PlanLaunch(const Agent& agent, const std::string& program, const LaunchOptions& options,
                      bool mask_key);

// The path of the agent's program, or "" when it is not installed. `path` is that of PATH.
std::string FindProgram(const Agent& agent, std::string_view path, const std::string& home);

// The plan as lines of a shell: exports and the command.
std::string ShellText(const LaunchPlan& plan);

}  // namespace tidegate::cli
