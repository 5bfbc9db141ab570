// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Random choices from a seed, the same on every machine.

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace support {

/// Numbers from a seed. \src SplitMix64
class dice {
 public:
  explicit dice(std::uint64_t seed) noexcept : state_{seed} {}
  auto bits() noexcept -> std::uint64_t {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  /// Less than `count`.
  auto below(std::size_t count) noexcept -> std::size_t { return bits() % count; }
  auto from(std::size_t least, std::size_t most) noexcept -> std::size_t { return least + below(most - least + 1); }
  auto percent(unsigned chance) noexcept -> bool { return below(100) < chance; }
  template <class T>
  auto one_of(std::initializer_list<T> all) noexcept -> T {
    return all.begin()[below(all.size())];
  }
  /// Others, which go their own way from here.
  auto split() noexcept -> dice { return dice{bits()}; }

 private:
  std::uint64_t state_;
};

}  // namespace support
