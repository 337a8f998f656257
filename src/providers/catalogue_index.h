// The files of catalogue/ as they are embedded in the program.
#pragma once

#include <span>
#include <string_view>

namespace tidegate::providers {

struct CatalogueFile {
  std::string_view id;
  const std::string_view* provider;  // catalogue/<id>.json
  const std::string_view* models;    // catalogue/models/<id>.json, or nullptr
};

// Sorted by id. Lives as long as the process.
std::span<const CatalogueFile> CatalogueFiles();

}  // namespace tidegate::providers
