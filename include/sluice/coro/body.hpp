// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A task's callable with its arguments, and how it is called. Layer: coro.

#include <sluice/coro/frame.hpp>
#include <sluice/result.hpp>

#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::coro {

/// The frame of a task that runs `F(Args...)`. Callable and arguments, and a value that nobody can fetch, die on the task's own stack,
/// before anybody learns that it has ended.
template <class Config, class F, class... Args>
class body final
    : public typed_frame<Config, typename result_of_t<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>>::value_type> {
 public:
  /// From what is to be called; copied or moved in, as for `std::thread`.
  template <class G, class... As>
  explicit body(G&& g, As&&... as) : work_{std::forward<G>(g), {std::forward<As>(as)...}} {}
  ~body() {}

  /// The first function on the task's stack.
  static void enter(void* self) noexcept {
    auto& b = *static_cast<body*>(self);
    auto& home = *b.home;
    home.arrived(b);
    if (b.base.cancelled && !b.always_begins) [[unlikely]] {
      b.base.delivered = true;
      ::new (static_cast<void*>(&b.value)) result<value_type>(canceled());
      b.has_returned = true;
    } else {
      b.call();
    }
    b.work_.~job();
    b.drop_unfetched();
    home.finish(b);
  }

 private:
  using returned = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
  using value_type = typename result_of_t<returned>::value_type;

  struct job {
    [[no_unique_address]] std::decay_t<F> f;
    [[no_unique_address]] std::tuple<std::decay_t<Args>...> args;
  };

  // Nobody else knows of a copy, so a compiler keeps its parts where it keeps the callable's own variables, in registers or on the same
  // cache line: a task that goes on touches one line less.
  static constexpr bool is_called_by_copy =
      std::is_trivially_move_constructible_v<job> && std::is_trivially_destructible_v<job> && sizeof(job) <= 64;

  void call() noexcept {
    try {
      if constexpr (is_called_by_copy) {
        job mine{std::move(work_)};
        call(mine);
      } else {
        call(work_);
      }
      this->has_returned = true;
    } catch (...) { this->home->take_exception(*this); }
  }
  [[gnu::always_inline]] void call(job& work) {
    if constexpr (std::is_void_v<returned>) {
      std::apply(std::move(work.f), std::move(work.args));
      ::new (static_cast<void*>(&this->value)) result<value_type>();
    } else {
      ::new (static_cast<void*>(&this->value)) result<value_type>(std::apply(std::move(work.f), std::move(work.args)));
    }
  }

  union {
    job work_;
  };
};

}  // namespace sluice::inline v0::coro
