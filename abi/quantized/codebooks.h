// The code books of the IQ types: sets of vectors of four or eight small digits, of which a block stores the numbers.
//
// A vector is a number whose least significant digit comes first. The books of these types list their vectors in
// ascending order of these numbers, so a book is the set of its numbers: one bit each.
#pragma once

#include <cstddef>
#include <cstdint>

namespace upbeat {

struct Codebook {
  int base;
  int length;
  const uint8_t* entries;

  // `length` digits below `base`.
  const uint8_t* digits(int entry) const { return entries + size_t(entry) * size_t(length); }
};

extern const Codebook kIq2XxsBook;  // 256 entries of eight digits of 0 to 2
extern const Codebook kIq2XsBook;   // 512
extern const Codebook kIq2SBook;    // 1024
extern const Codebook kIq1Book;     // 2048
extern const Codebook kIq3XxsBook;  // 256 entries of four digits of 0 to 7
extern const Codebook kIq3SBook;    // 512

}  // namespace upbeat
