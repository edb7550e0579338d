// The two kinds of memory that a device gives out, and the copies between them.
#pragma once

namespace upbeat {

enum class MemoryKind { device, host };

enum class CopyKind { to_device, to_host, on_device };

}  // namespace upbeat
