// Replaying a captured command list.
#include "cpu/streams/graph.h"

#include "cpu/device/device.h"
#include "cpu/streams/stream.h"

namespace upbeat {

const Operation Graph::kLaunch = {
    .name = "upbeat_graph_launch",
    .run = replay,
    .release = [](void* payload) { payload_as<Graph*>(payload)->release(); },
};

bool Graph::replay(Stream& stream, const void* payload, Fault&) {
  for (const Command& command : payload_as<Graph*>(payload)->commands_) {
    if (stream.device().faulted()) break;  // another stream's fault: it is on record already
    Fault fault;
    if (!command.operation->run(stream, command.payload, fault)) {
      stream.device().fail(command.operation->name, fault);
      break;
    }
  }
  return true;
}

void Graph::launch(Stream& stream) {
  retain();
  Ref<Graph> launched(this);
  stream.enqueue(kLaunch, this);
  launched.forget();  // the command has it
}

}  // namespace upbeat
