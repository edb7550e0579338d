// A graph: captured commands. A launch is one command that runs them all; it holds the graph alive until it has run.
#pragma once

#include <vector>

#include "abi/objects/ref_counted.h"
#include "cpu/streams/command.h"

namespace upbeat {

class Device;
class Stream;

class Graph : public Shared {
 public:
  explicit Graph(Device& device) : device_(device) {}

  Device& device() const { return device_; }

  Command& add() { return commands_.emplace_back(); }

  // Enqueues one run of the graph. Takes over nothing: the launch has its own count.
  void launch(Stream& stream);

 private:
  static bool replay(Stream& stream, const void* payload, Fault& fault);
  static const Operation kLaunch;

  Device& device_;
  std::vector<Command> commands_;
};

}  // namespace upbeat
