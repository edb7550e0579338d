// Replaying a captured command list.
#include "cpu/streams/graph.h"

#include "cpu/device/device.h"
#include "cpu/streams/stream.h"

namespace upbeat {

const Operation CpuGraph::kLaunch = {
    .name = "upbeat_graph_launch",
    .run = replay,
    .release = [](void* payload) { payload_as<CpuGraph*>(payload)->release(); },
};

bool CpuGraph::replay(CpuStream& stream, const void* payload, Fault&) {
  for (const Command& command : payload_as<CpuGraph*>(payload)->commands_) {
    if (stream.device().faulted()) break;  // of another stream: it is on record already
    Fault fault;
    if (!command.operation->run(stream, command.payload, fault)) {
      stream.device().fail(command.operation->name, fault);
      break;
    }
  }
  return true;
}

void CpuGraph::launch(Stream& stream) {
  retain();
  Ref<CpuGraph> launched(this);
  cpu_stream(stream).enqueue_command(kLaunch, this);
  launched.forget();  // the command owns it now
}

}  // namespace upbeat
