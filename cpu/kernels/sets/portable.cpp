// The kernels in plain C++, for machines without one of the other instruction sets.
#include "cpu/kernels/sets/kernel_set.inl"
