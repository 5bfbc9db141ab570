// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Many readers or one writer among the tasks of one scheduler. Layer: coro.

#include <sluice/coro/mutex.hpp>
#include <sluice/coro/wait_queue.hpp>
#include <sluice/result.hpp>

#include <cassert>
#include <cstddef>
#include <string_view>

namespace sluice::inline v0::coro {

/// One writer, or any number of readers. There is one line for both, so neither starves: a reader that comes after a writer waits behind
/// it, and readers that stand side by side at the front are let in together. Nothing in it is atomic.
///
/// A reader must not ask again for what it holds: with a writer between, it would wait for itself.
/// \lifetime nobody waits for it when it is destroyed
template <class Config>
class basic_shared_mutex {
 public:
  using guard = basic_lock<basic_shared_mutex>;                      ///< a writer's hold; lets go at its end
  using shared_guard = basic_lock<basic_shared_mutex, held_shared>;  ///< a reader's hold; lets go at its end

  /// Free.
  constexpr basic_shared_mutex() noexcept = default;
  basic_shared_mutex(const basic_shared_mutex&) = delete;
  auto operator=(const basic_shared_mutex&) -> basic_shared_mutex& = delete;
  ~basic_shared_mutex() { assert(line_.empty() && "[sluice.coro.shared_mutex] a mutex was destroyed while tasks wait for it"); }

  /// Waits until the caller is the writer. As `basic_mutex::lock`: it cannot fail and is not cut short.
  auto lock() noexcept -> guard { return insist<guard>(side::writer); }
  /// Waits until the caller is a reader. As `lock`.
  auto lock_shared() noexcept -> shared_guard { return insist<shared_guard>(side::reader); }
  /// Waits until the caller is the writer, or was asked to end.
  /// \errors `operation_canceled`, and the mutex is as before; `operation_not_permitted` if it would have to wait outside a task
  [[nodiscard]] auto lock_cancellable() noexcept -> result<guard> { return ask<guard>(side::writer); }
  /// Waits until the caller is a reader, or was asked to end. \errors as above
  [[nodiscard]] auto lock_shared_cancellable() noexcept -> result<shared_guard> { return ask<shared_guard>(side::reader); }
  /// What can be had at once: a guard that holds it, or one that holds nothing.
  [[nodiscard]] auto try_lock() noexcept -> guard { return guard{take(side::writer) ? this : nullptr}; }
  /// The same for a reader. Not past a writer that waits.
  [[nodiscard]] auto try_lock_shared() noexcept -> shared_guard { return shared_guard{take(side::reader) ? this : nullptr}; }

  /// \cond
  void let_go() noexcept {
    writer_ = false;
    let_in();
  }
  void let_go_shared() noexcept {
    --readers_;
    let_in();
  }
  /// \endcond

 private:
  enum class side : bool { writer, reader };

  struct wait_to_lock : line_wait<Config> {
    basic_shared_mutex* what;
    side as;

    wait_to_lock(const wait_kind& facts, basic_shared_mutex& mutex, side how, fiber<Config>& who) noexcept
        : line_wait<Config>{facts, who}, what{&mutex}, as{how} {}
    static void end(waiting& base) noexcept {
      line_wait<Config>::cut_short(base);
      // A writer that goes away lets readers pass.
      static_cast<wait_to_lock&>(base).what->let_in();
    }
    static auto holder(const waiting& base) noexcept -> const void* {
      return static_cast<const wait_to_lock&>(base).what->holder_.frame_of();
    }
  };

  [[nodiscard]] auto is_free_for(side as) const noexcept -> bool { return !writer_ && (as == side::reader || readers_ == 0); }

  // Which of several readers lets go last cannot be known: the report names the first one of them while it is alone.
  void admit(side as, fiber<Config>* who) noexcept {
    if (as == side::writer) {
      writer_ = true;
    } else {
      ++readers_;
    }
    if (who != nullptr && (as == side::writer || readers_ == 1))
      holder_.set(*who);
    else
      holder_.clear();
  }

  auto take(side as) noexcept -> bool {
    if (!line_.empty() || !is_free_for(as)) return false;
    const caller<Config> me;
    admit(as, me.home == nullptr ? nullptr : &me.task());
    return true;
  }

  void let_in() noexcept {
    while (auto* const first = line_.front()) {
      const side as = static_cast<wait_to_lock&>(*first).as;
      if (!is_free_for(as)) return;
      line_.pop_front();
      admit(as, first->task);
      first->go_on();
    }
  }

  template <class Guard>
  auto insist(side as) noexcept -> Guard {
    if (!take(as)) wait(as);
    return Guard{this};
  }

  template <class Guard>
  auto ask(side as) noexcept -> result<Guard> {
    const caller<Config> me;
    if (me.is_task() && me.is_refused()) return canceled();
    if (!take(as)) {
      if (!me.is_task()) return no_task();
      wait_to_lock w{cancellable_waits[static_cast<int>(as)], *this, as, me.task()};
      if (!stand_in<Config>(line_, w)) return canceled();
    }
    return Guard{this};
  }

  [[gnu::noinline]] void wait(side as) noexcept {
    const caller<Config> me;
    if (!me.is_task()) return wait_outside(me.home, as);
    wait_to_lock w{steadfast_waits[static_cast<int>(as)], *this, as, me.task()};
    (void)stand_in<Config>(line_, w);
  }

  [[gnu::noinline, gnu::cold]] void wait_outside(scheduler<Config>* home, side as) noexcept {
    if (home == nullptr) home = holder_.home();
    struct wish {
      const basic_shared_mutex* mutex;
      side as;
    } const what{this, as};
    const auto is_free = [](const void* wanted) noexcept {
      const auto& one = *static_cast<const wish*>(wanted);
      return one.mutex->line_.empty() && one.mutex->is_free_for(one.as);
    };
    if (home == nullptr || !home->drive(is_free, &what)) locked_for_ever();
    admit(as, nullptr);
  }

  static constexpr auto kind_of(std::string_view what, void (*cancel)(waiting&) noexcept) noexcept -> wait_kind {
    return {.what = what, .cancel = cancel, .on = &wait_to_lock::holder, .forget = &line_wait<Config>::forget};
  }
  // By side.
  static constexpr wait_kind cancellable_waits[] = {kind_of("a shared mutex, to write", &wait_to_lock::end),
                                                    kind_of("a shared mutex, to read", &wait_to_lock::end)};
  static constexpr wait_kind steadfast_waits[] = {kind_of("a shared mutex, to write", nullptr),
                                                  kind_of("a shared mutex, to read", nullptr)};

  std::size_t readers_ = 0;
  bool writer_ = false;
  remembered_task<Config> holder_;
  wait_line<Config> line_;
};

}  // namespace sluice::inline v0::coro
