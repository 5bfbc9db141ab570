// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Code that blocks, run on another thread while the task waits. Layer: coro.

#include <sluice/concept/blocking.hpp>
#include <sluice/concept/callable.hpp>
#include <sluice/config.hpp>
#include <sluice/coro/attachment.hpp>
#include <sluice/coro/inbox.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/coro/turns.hpp>
#include <sluice/coro/wait_queue.hpp>
#include <sluice/result.hpp>

#include <exception>
#include <new>
#include <optional>
#include <stop_token>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::coro {

/// \cond
// How a scheduler reaches its pool: one of its own, or that of all schedulers of a runtime, which outlives them.
template <class Config>
struct blocking_pool : attachment {
  using policy_type = policy_of<Config, policy_kind::blocking>;
  static inline constexpr char identity = 0;

  explicit blocking_pool(policy_type& of_all) noexcept
      : attachment{&identity, [](attachment& self) noexcept { delete static_cast<blocking_pool*>(&self); }}, policy{&of_all} {}

  policy_type* policy;
};
template <class Config>
struct own_blocking_pool : blocking_pool<Config> {
  own_blocking_pool() : blocking_pool<Config>{mine} {
    this->end = [](attachment& self) noexcept { delete static_cast<own_blocking_pool*>(&self); };
  }

  typename blocking_pool<Config>::policy_type mine;
};

// That of a scheduler, made at the first call. Null where there is no memory.
template <class Config>
[[gnu::noinline, gnu::cold]] auto pool_of(scheduler<Config>& home) noexcept -> policy_of<Config, policy_kind::blocking>* {
  using pool_type = blocking_pool<Config>;
  if (auto* const there = home.attached(&pool_type::identity)) return static_cast<pool_type*>(there)->policy;
  auto* const made = new (std::nothrow) own_blocking_pool<Config>;
  if (made == nullptr) return nullptr;
  home.attach(*made);
  return made->policy;
}

// A job and the task that waits for it. It lies on the task's stack: the task goes on when the job has been done or taken back.
template <class Config>
struct blocking_wait : waiting, blocking_job, message {
  using policy_type = policy_of<Config, policy_kind::blocking>;

  blocking_wait(scheduler<Config>& where, policy_type& pool, inbox& box, void (*work)(blocking_job&) noexcept) noexcept
      : waiting{&facts}, home{where}, task{where.self()}, policy{pool}, inbox_of_home{box} {
    blocking_job::call = work;
    blocking_job::done = [](blocking_job& base) noexcept {
      auto& self = static_cast<blocking_wait&>(base);
      inbox& there = self.inbox_of_home;
      there.acquire();
      (void)there.post(self);
      there.release();
    };
    message::run = [](message& base, void* where_to) noexcept {
      if (where_to != nullptr) static_cast<scheduler<Config>*>(where_to)->make_ready(static_cast<blocking_wait&>(base).task);
    };
  }

  // Whether it was done.
  auto perform() noexcept -> result<void> {
    if (const auto taken = policy.submit(*this); !taken) return taken;
    home.expect_remote(1);
    home.park(task, *this);
    home.expect_remote(-1);
    if (!cut) return {};
    home.note_refusal();
    return canceled();
  }

  static void end(waiting& base) noexcept {
    auto& self = static_cast<blocking_wait&>(base);
    if (self.cut) return;
    if (self.policy.withdraw(self)) {
      self.cut = true;
      self.home.make_ready(self.task);
    } else if (self.stop != nullptr) {
      self.stop->request_stop();
    }
  }
  // A thread that works for it does so on its stack, and the threads may be shared with schedulers that go on.
  static void forget(waiting& base) noexcept {
    auto& self = static_cast<blocking_wait&>(base);
    if (self.cut || self.policy.withdraw(self)) return;
    if (self.stop != nullptr) self.stop->request_stop();
    self.inbox_of_home.take_back(self);
  }
  static constexpr wait_kind facts{.what = "blocking code", .cancel = &end, .forget = &forget};

  scheduler<Config>& home;
  fiber<Config>& task;
  policy_type& policy;
  inbox& inbox_of_home;
  std::stop_source* stop = nullptr;
  bool cut = false;
};

template <class F, class... Args>
inline constexpr bool takes_stop_token = std::is_invocable_v<F, std::stop_token, Args...>;

// Whether it can be called, with or without a token. A mistake gives one sentence.
template <class F, class... Args>
consteval auto check_blocking() -> bool {
  if constexpr (takes_stop_token<F, Args...>)
    return sluice::detail::check_call_here<F, std::stop_token, Args...>();
  else
    return sluice::detail::check_call_here<F, Args...>();
}

template <class F, class... Args>
struct blocking_result {
  using type = std::invoke_result<F, Args...>;
};
template <class F, class... Args>
  requires takes_stop_token<F, Args...>
struct blocking_result<F, Args...> {
  using type = std::invoke_result<F, std::stop_token, Args...>;
};
template <class F, class... Args>
using blocking_result_t = typename blocking_result<F, Args...>::type::type;
/// \endcond

/// Runs `f(args...)`, which may block, on a thread of the config's blocking policy, and waits for it while other tasks run. R(f); an
/// exception of f is thrown again here. If f takes a `std::stop_token` first, it gets one, and stop is requested when the task is asked to
/// end. The arguments are used where they are: the task stays until f has ended. Outside a task f is simply called.
///
/// A task that is asked to end before a thread has begun leaves without a result; from then on it stays until f has ended, and gives what f
/// gave.
/// \errors those of f; `operation_canceled`; `resource_unavailable_try_again` where no thread can be started; `not_enough_memory`
/// \allocates the pool at the first call in a scheduler
template <class Config, class F, class... Args>
auto blocking(F&& f, Args&&... args) -> result_of_t<blocking_result_t<F, Args...>> {
  using returned = blocking_result_t<F, Args...>;
  using outcome_type = result_of_t<returned>;
  std::optional<std::stop_source> stop;
  const auto call = [&]() -> outcome_type {
    const auto invoke = [&]() -> decltype(auto) {
      if constexpr (takes_stop_token<F, Args...>)
        return std::apply(std::forward<F>(f), std::tuple<std::stop_token, Args&&...>{stop ? stop->get_token() : std::stop_token{},
                                                                                     std::forward<Args>(args)...});
      else
        return std::apply(std::forward<F>(f), std::tuple<Args&&...>{std::forward<Args>(args)...});
    };
    if constexpr (std::is_void_v<returned>) {
      invoke();
      return {};
    } else {
      return invoke();
    }
  };
  const caller<Config> me;
  if (!me.is_task()) return call();
  if (me.is_refused()) return canceled();
  auto* const pool = pool_of(*me.home);
  auto* const box = me.home->shared_inbox();
  if (pool == nullptr || box == nullptr) return failure(std::errc::not_enough_memory);
  if constexpr (takes_stop_token<F, Args...>) stop.emplace();

  struct job : blocking_wait<Config> {
    job(scheduler<Config>& where, policy_of<Config, policy_kind::blocking>& threads, inbox& there, const decltype(call)& what) noexcept
        : blocking_wait<Config>{where, threads, there,
                                [](blocking_job& base) noexcept {
                                  auto& self = static_cast<job&>(base);
                                  try {
                                    self.value.emplace(self.work());
                                  } catch (...) { self.thrown = std::current_exception(); }
                                }},
          work{what} {}
    const decltype(call)& work;
    std::optional<outcome_type> value;
    std::exception_ptr thrown;
  } one{*me.home, *pool, *box, call};
  if (stop) one.stop = &*stop;
  if (const auto performed = one.perform(); !performed) return std::unexpected{performed.error()};
  if (one.thrown != nullptr) std::rethrow_exception(std::move(one.thrown));
  return std::move(*one.value);
}

}  // namespace sluice::inline v0::coro
