// A graph: captured commands. A launch is one command that runs them all; it keeps the graph alive until it has run.
#pragma once

#include <vector>

#include "abi/backend.h"
#include "cpu/streams/command.h"

namespace upbeat {

class CpuGraph final : public Graph {
 public:
  using Graph::Graph;

  Command& add() { return commands_.emplace_back(); }
  void launch(Stream& stream) override;

 private:
  static bool replay(CpuStream& stream, const void* payload, Fault& fault);
  static const Operation kLaunch;

  std::vector<Command> commands_;
};

}  // namespace upbeat
