// The kernels in plain C++, for machines without one of the other instruction sets.
#include "kernel_set.inl"
