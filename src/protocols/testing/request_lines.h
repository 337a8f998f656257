// A request as lines that are the same whatever protocol it came in: what a translation must keep.
//
// Left out is what protocols may name or group as they like: ids (numbered by their first use), how
// parts are shared out among messages of one side, the names of results and schemas.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/request.h"
#include "protocols/reasoning_budget.h"
#include "protocols/testing/test_support.h"

namespace tidegate::protocols {

class RequestLines {
 public:
  explicit RequestLines(const core::Request& request) {
    for (const core::Message& message : request.messages) {
      for (const core::Part& part : message.parts) AddPart(message.role, part);
    }
    for (const core::ToolSpec& tool : request.tools) {
      Add("tool " + std::string(tool.name) + ' ' + Quote(tool.description) + ' ' +
          std::string(tool.parameters));
    }
    AddToolChoice(request);
    if (request.response_format != core::ResponseFormat::kUnset) {
      Add("format " + std::to_string(static_cast<int>(request.response_format)) + ' ' +
          std::string(request.json_schema.schema));
    }
    if (const std::string_view effort = EffortFor(request.reasoning); !effort.empty()) {
      Add("effort " + std::string(effort));
    }
    if (request.max_output_tokens) Add("limit " + std::to_string(*request.max_output_tokens));
    if (request.temperature) Add("temperature " + std::to_string(*request.temperature));
    for (const std::string_view stop : request.stop) Add("stop " + Quote(stop));
    if (request.stream) Add("stream");
  }

  // Lines whose beginning is `kind` are not compared.
  void Drop(std::string_view kind) {
    std::erase_if(lines_, [&](const std::string& line) { return line.starts_with(kind); });
  }
  const std::vector<std::string>& lines() const { return lines_; }
  std::string Text() const {
    std::string text;
    for (const std::string& line : lines_) text += line + '\n';
    return text;
  }

 private:
  void Add(std::string line) { lines_.push_back(std::move(line)); }

  static std::string_view Side(core::Role role, core::PartKind kind) {
    if (kind == core::PartKind::kToolResult) return "tool";
    switch (role) {
      case core::Role::kSystem:
      case core::Role::kDeveloper:
        return "system";
      case core::Role::kUser:
        return "user";
      case core::Role::kAssistant:
        return "assistant";
      case core::Role::kTool:
        return "tool";
    }
    return "?";
  }

  std::string Number(std::string_view id) {
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      if (ids_[i] == id) return '#' + std::to_string(i);
    }
    ids_.emplace_back(id);
    return '#' + std::to_string(ids_.size() - 1);
  }

  void AddPart(core::Role role, const core::Part& part) {
    std::string line(Side(role, part.kind));
    switch (part.kind) {
      case core::PartKind::kText:
        line += " text " + Quote(part.text);
        break;
      case core::PartKind::kRefusal:
        line += " refusal " + Quote(part.text);
        break;
      case core::PartKind::kReasoning:
        line = "thought " + Quote(part.text) + ' ' + Quote(part.state.bytes);
        break;
      case core::PartKind::kToolCall:
        line += " call " + Number(part.id) + ' ' + std::string(part.name) + ' ' +
                std::string(part.arguments);
        break;
      case core::PartKind::kToolResult:
        line += " result " + Number(part.id) + (part.is_error ? " error" : "");
        if (!part.text.empty()) line += ' ' + Quote(part.text);
        for (const core::Part& inner : part.content) {
          line += ' ' + std::string(inner.media_type) + Quote(inner.text);
        }
        break;
      case core::PartKind::kImage:
      case core::PartKind::kAudio:
      case core::PartKind::kVideo:
      case core::PartKind::kFile:
        line += " media " + std::to_string(static_cast<int>(part.kind)) + ' ' +
                std::string(part.media_type) + ' ' + Quote(part.text);
        break;
    }
    Add(std::move(line));
    if (part.cache != core::CacheMark::kNone) Add("cache mark");
  }

  void AddToolChoice(const core::Request& request) {
    if (request.tool_choice == core::ToolChoiceKind::kUnset ||
        request.tool_choice == core::ToolChoiceKind::kAuto) {
      return;  // both mean the same
    }
    Add("choice " + std::to_string(static_cast<int>(request.tool_choice)) + ' ' +
        std::string(request.tool_choice_name));
  }

  std::vector<std::string> lines_;
  std::vector<std::string> ids_;
};

}  // namespace tidegate::protocols
