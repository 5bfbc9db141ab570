// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Where a new task goes: its stack, divided between its frame and what it runs on. Layer: coro.

#include <sluice/concept/stack.hpp>
#include <sluice/coro/frame.hpp>
#include <sluice/result.hpp>

#include <cstddef>
#include <cstdint>

namespace sluice::inline v0::coro {

/// Where a new task goes.
template <class Config>
struct placement {
  fiber<Config>* hot;    ///< its hot part
  stack_span stack;      ///< as the policy gave it
  stack_span usable;     ///< what it runs on, below the frame
  std::uintptr_t frame;  ///< address of the frame
};

/// A stack with at least so many bytes, 0 for a usual one.
/// \errors the policy's; `errc::stack_size` where it has one size only and that is less
template <class Stacks>
[[nodiscard, gnu::always_inline]] inline auto stack_from(Stacks& stacks, std::size_t bytes) noexcept -> result<stack_span> {
  if (bytes == 0) return stacks.allocate();
  if constexpr (sized_stack_policy<Stacks>) {
    return stacks.allocate(bytes);
  } else {
    auto usual = stacks.allocate();
    if (usual && usual->bytes < bytes) {
      stacks.deallocate(*usual);
      return failure(errc::stack_size);
    }
    return usual;
  }
}

/// How a stack is divided.
struct division {
  std::uintptr_t frame;  ///< address of the frame
  std::size_t below;     ///< usable bytes below it
  bool fits;             ///< false: the stack is too small, and nothing else here means anything
};

/// What every stack of the usual size has at least, as far as the policy says so.
template <class Stacks>
inline constexpr std::size_t least_bytes_of = [] {
  if constexpr (requires { Stacks::least_bytes; })
    return Stacks::least_bytes;
  else
    return std::size_t{0};
}();

/// What every stack of the usual size has, exactly; 0 where the policy does not say so.
template <class Stacks>
inline constexpr std::size_t usual_bytes_of = [] {
  if constexpr (requires { Stacks::usual_bytes; })
    return Stacks::usual_bytes;
  else
    return std::size_t{0};
}();

/// Finds room for a frame at the top of a stack, and for what else the context policy keeps there. The stack has `least` bytes or more:
/// where those are enough, nothing is left to be asked when the program runs.
[[nodiscard, gnu::always_inline]] inline auto divide(const stack_span& stack, std::size_t bytes, std::size_t align, std::size_t storage,
                                                     std::size_t least = 0) noexcept -> division {
  // Tops at one offset of equally spaced stacks would share few cache sets.
  constexpr std::size_t colours = 16;
  constexpr std::size_t line = 64;
  constexpr std::size_t minimum_stack = 2048;
  if (align < line) align = line;
  const auto base = reinterpret_cast<std::uintptr_t>(stack.base);
  const auto top = base + stack.bytes - (stack.index % colours) * line;
  const auto frame = (top - bytes) & ~(align - 1);
  const auto below = (frame - storage) & ~std::uintptr_t{15};
  const bool always_fits = bytes + align + storage + 16 + colours * line + minimum_stack <= least;
  const bool fits = always_fits || (bytes + align + colours * line <= stack.bytes && below >= base + minimum_stack);
  return {.frame = frame, .below = below - base, .fits = fits};
}

}  // namespace sluice::inline v0::coro
