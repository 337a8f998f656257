// tidegate: one endpoint for every language model a person or a team can reach.
#include "app/services.h"
#include "cli/cli.h"

int main(int argc, char** argv) {
  tidegate::cli::LocalServices services;
  tidegate::app::FillServices(services);
  return tidegate::cli::Run(argc, argv, services);
}
