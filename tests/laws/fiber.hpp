// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A fiber for the laws of contexts and stacks.

#include <sluice/concept/context.hpp>
#include <sluice/concept/stack.hpp>
#include <sluice/detail/exception_globals.hpp>
#include <sluice/detail/sanitizer.hpp>
#include <sluice/os/memcheck.hpp>
#include <sluice/os/posix.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <utility>

namespace laws {

/// A place to leave and come back to: all that a scheduler keeps for one fiber, and the order of calls around a switch.
template <sluice::context_policy Context>
struct place {
  typename Context::state state{};
  alignas(16) std::array<std::byte, Context::storage_bytes == 0 ? 1 : Context::storage_bytes> storage{};
  sluice::detail::fiber_annotation annotation;
  sluice::detail::exception_globals exceptions;

  place() { Context::attach(state, storage.data()); }
  place(const place&) = delete;
  auto operator=(const place&) -> place& = delete;

  [[gnu::noinline]] static void leave(place& from, place& to, bool from_ends = false) {
    sluice::detail::exception_globals::swap(sluice::detail::exception_globals::of_thread(), from.exceptions, to.exceptions);
    sluice::detail::fiber_annotation::before_switch(from.annotation, to.annotation, from_ends);
    if constexpr (requires { Context::leave(to.state); }) {
      if (from_ends) Context::leave(to.state);
    }
    Context::switch_to(from.state, to.state);
    sluice::detail::fiber_annotation::after_switch(from.annotation);
  }
};

/// A fiber on memory of its own, which runs `body` and then goes back for good.
template <sluice::context_policy Context>
class fiber {
 public:
  explicit fiber(std::function<void(fiber&)> body, std::size_t bytes = 256 * 1024) : body_{std::move(body)}, memory_{new std::byte[bytes]} {
    number_ = os::stack_mapped(memory_.get(), bytes);
    start({.base = memory_.get(), .bytes = bytes, .index = 0});
  }
  fiber(std::function<void(fiber&)> body, sluice::stack_span stack) : body_{std::move(body)} { start(stack); }
  fiber(const fiber&) = delete;
  auto operator=(const fiber&) -> fiber& = delete;
  ~fiber() {
    self_.annotation.destroy();
    if (memory_ == nullptr) return;  // a stack that was given is unpoisoned by who gave it, as a stack policy does
    sluice::detail::unpoison(stack_.base, stack_.bytes);
    os::stack_unmapped(number_);
  }

  /// Runs the fiber until it yields or ends.
  void resume() {
    caller_.annotation.adopt();
    place<Context>::leave(caller_, self_);
  }
  /// Inside the fiber: goes back to who resumed it.
  void yield() { place<Context>::leave(self_, caller_); }
  /// Inside another fiber: goes to this one, which has yielded, or not begun.
  void hop_from(fiber& other) { place<Context>::leave(other.self_, self_); }

  [[nodiscard]] auto ended() const -> bool { return ended_; }
  [[nodiscard]] auto stack() const -> sluice::stack_span { return stack_; }
  [[nodiscard]] auto left_at() const -> const typename Context::state& { return self_.state; }
  [[nodiscard]] auto holds(const volatile void* address) const -> bool {
    const auto at = reinterpret_cast<std::uintptr_t>(address);
    const auto base = reinterpret_cast<std::uintptr_t>(stack_.base);
    return at >= base && at < base + stack_.bytes;
  }

 private:
#if __has_include(<valgrind/memcheck.h>)
  using os = sluice::os::memcheck<sluice::os::posix>;
#else
  using os = sluice::os::posix;
#endif

  void start(sluice::stack_span stack) {
    stack_ = stack;
    self_.annotation.create(stack.base, stack.bytes);
    Context::prepare(self_.state, stack, &enter, this);
  }
  static void enter(void* self) noexcept {
    auto& me = *static_cast<fiber*>(self);
    sluice::detail::fiber_annotation::after_switch(me.self_.annotation);
    me.body_(me);
    me.ended_ = true;
    place<Context>::leave(me.self_, me.caller_, true);
    std::abort();
  }

  std::function<void(fiber&)> body_;
  std::unique_ptr<std::byte[]> memory_;  // unless the stack was given
  unsigned number_ = 0;
  sluice::stack_span stack_;
  place<Context> self_;
  place<Context> caller_;
  bool ended_ = false;
};

}  // namespace laws
