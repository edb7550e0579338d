// The two kinds of memory of a device, and the copies between them.
#pragma once

namespace upbeat {

enum class MemoryKind { device, host };

enum class CopyKind { to_device, to_host, on_device };

}  // namespace upbeat
