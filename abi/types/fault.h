// Failures of work that runs.
#pragma once

namespace upbeat {

// A fault's message.
struct Fault {
  char message[192] = {0};
};

}  // namespace upbeat
