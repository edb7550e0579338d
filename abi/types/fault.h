// What went wrong while work ran.
#pragma once

namespace upbeat {

// The first fault of a piece of work, as a sentence.
struct Fault {
  char message[192] = {0};
};

}  // namespace upbeat
