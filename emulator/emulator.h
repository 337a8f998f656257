// The emulator as one object: shards, server, wire and the models behind them. For the program and
// for tests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "emulator/shape.h"
#include "emulator/site.h"
#include "emulator/wire.h"
#include "net/server.h"

namespace tidegate::emulator {

struct EmulatorOptions {
  net::ListenAddress listen;
  std::vector<Model> models;
  std::size_t shards = 1;
  bool direct = false;  // no wire: faster, and without its faults
  bool journal_bodies = false;
  std::vector<std::string> hosts;  // names that clients may use beside the loopback ones
};

// Serves from Start until it is destroyed. `bound` may be asked from any thread.
class Emulator {
 public:
  // Errors: kInvalidArgument (models), kUnavailable (the address).
  static Result<std::unique_ptr<Emulator>> Start(EmulatorOptions options, const Clock& clock);
  ~Emulator();
  // Where clients connect, with its real port.
  const net::ListenAddress& bound() const;

 private:
  Emulator(const EmulatorOptions& options, std::vector<std::unique_ptr<ServedModel>> models,
           const Clock& clock);
  Result<void> Listen(const EmulatorOptions& options);
  net::Task<void> Handle(net::Exchange& exchange);
  net::Task<void> Route(net::Exchange& exchange, std::string_view body);
  net::Task<void> AnswerError(net::Exchange& exchange, JournalTicket ticket, const Shape& shape,
                              Error error);
  net::Task<void> Answer(net::Exchange& exchange, JournalTicket ticket, int status,
                         std::string body);
  net::Task<void> AnswerPlain(net::Exchange& exchange, JournalTicket ticket, const Shape& shape,
                              const Call& call, std::string_view body);
  LoadMock* FindLoadMock(const net::HttpHead& head, std::string_view body) const;
  JournalTicket OpenEntry(const net::HttpHead& head, std::string_view body);

  Site site_;
  net::ShardSet shards_;
  std::unique_ptr<net::HttpServer> server_;
  std::unique_ptr<Wire> wire_;
};

}  // namespace tidegate::emulator
