// What a device owns, by handle: every object is in its map and in the table of handles, or in neither.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>

#include "abi/objects/handles.h"

namespace upbeat {

// Puts an object into its map under a new handle; on failure neither map nor table keeps it.
template <typename Owner>
int32_t adopt(std::unordered_map<int32_t, Owner>& owners, HandleKind kind, Owner object) {
  owners.reserve(owners.size() + 1);
  const int32_t handle = Handles::process().add(kind, object.get());
  try {
    owners.emplace(handle, std::move(object));
  } catch (...) {
    Handles::process().remove(handle);
    throw;
  }
  return handle;
}

template <typename Owner>
void drop(std::unordered_map<int32_t, Owner>& owners, int32_t handle) {
  Handles::process().remove(handle);
  owners.erase(handle);
}

template <typename Owner>
void drop_all(std::unordered_map<int32_t, Owner>& owners) {
  for (const auto& [handle, object] : owners) Handles::process().remove(handle);
  owners.clear();
}

}  // namespace upbeat
