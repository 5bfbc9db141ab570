// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// One scheduler a thread, on several threads. Layer: coro.

#include <sluice/coro/blocking.hpp>
#include <sluice/coro/court.hpp>
#include <sluice/coro/post.hpp>
#include <sluice/coro/remote_wait.hpp>
#include <sluice/coro/run.hpp>
#include <sluice/coro/structure.hpp>
#include <sluice/detail/fixed_array.hpp>
#include <sluice/result.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <latch>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

namespace sluice::inline v0 {

/// How the schedulers of a runtime are made.
struct runtime_options {
  std::size_t threads = 0;  ///< so many; 0: as many as there are processors for this process
  bool pin = false;         ///< each thread stays on a processor of its own, as far as there are enough
};

namespace coro {

/// \cond
template <class Config>
struct runtime_parts;
/// \endcond

/// One of the schedulers of a runtime, as its tasks know it. Any of its functions may be called from any thread of the runtime.
template <class Config>
class basic_core {
 public:
  /// \cond
  basic_core(runtime_parts<Config>& all, std::size_t index) noexcept : all_{all}, index_{index} {}
  /// \endcond
  basic_core(const basic_core&) = delete;
  auto operator=(const basic_core&) -> basic_core& = delete;

  /// Its number, from 0.
  [[nodiscard]] auto index() const noexcept -> std::size_t { return index_; }
  /// How many there are.
  [[nodiscard]] auto count() const noexcept -> std::size_t { return all_.cores.size(); }
  /// Has `f(args...)` run as a task of another core, or of this one. Tasks stay where they are made. What has not begun when that core ends
  /// never runs: it is destroyed. \allocates one message
  /// \errors `operation_canceled` if that core has ended; `invalid_argument` for a number that none has; `not_enough_memory`
  template <class F, class... Args>
  auto spawn_on(std::size_t index, F&& f, Args&&... args) -> result<void> {
    if (index >= count()) return failure(std::errc::invalid_argument);
    return all_.cores[index].there_.post(std::forward<F>(f), std::forward<Args>(args)...);
  }
  /// Asks the root tasks of all cores to end.
  void cancel_all() noexcept { all_.cancel_all(); }

 private:
  template <class C>
  friend struct runtime_parts;

  runtime_parts<Config>& all_;
  std::size_t index_;
  remote_scheduler<Config> there_;
  remote_task<Config> root_;
  court::member seat_;
};

/// \cond
template <class Config>
struct runtime_parts {
  using core_type = basic_core<Config>;
  using scheduler_type = scheduler<Config>;
  using os = typename scheduler_type::os;
  using pool_type = blocking_pool<Config>;

  runtime_parts(const runtime_options& choice, std::size_t count)
      : options{choice},
        start{static_cast<std::ptrdiff_t>(count)},
        roots{count},
        cores{count, [this](std::size_t index) { return core_type{*this, index}; }} {}

  // The first failure is the runtime's; it ends all others.
  // The first core that fails says why, and may say more: whatever its root task made of being cancelled, a deadlock or a lost ring is what
  // there is to tell.
  void fail(const core_type& who, std::error_code why, std::exception_ptr what) noexcept {
    {
      const std::scoped_lock held{guard};
      if (failed && (first != &who || thrown != nullptr)) return;
      failed = true;
      first = &who;
      error = why;
      thrown = std::move(what);
    }
    cancel_all();
  }
  void cancel_all() noexcept {
    for (auto& one : cores) (void)one.root_.request_cancel();
  }

  // On the thread of one core, from its beginning to its end.
  template <class F>
  void run(core_type& core, F& f) noexcept {
    if (options.pin) os::pin_thread(core.index());
    bool has_begun = false;
    bool has_left = false;
    const auto prepare = [&](scheduler_type& home, frame<Config>& root) noexcept {
      has_begun = true;
      const bool is_known = make_known(core, home, root);
      // Nobody sends anything before everybody can be reached.
      start.arrive_and_wait();
      // Where one could not begin none does; where all can, all do, however early they are asked to end.
      root.always_begins = is_known && !refused;
      if (!root.always_begins) home.request_cancel(root);
      return retirement{is_known ? this : nullptr, core};
    };
    try {
      const auto outcome = run_root<Config>(prepare, [&]() -> result<void> {
        const leaving guard_of_end{*this, has_left};
        const auto ended = call_flat([&] { return run_here(f, core); });
        if (!ended) return std::unexpected{ended.error()};
        return {};
      });
      // A core without a scheduler keeps the others from beginning; before that none of them can be asked to end.
      if (!has_begun)
        refuse(outcome.error());
      else if (!outcome && !refused)
        fail(core, outcome.error(), nullptr);
    } catch (...) { fail(core, {}, std::current_exception()); }
    // One that was abandoned, or never ran.
    if (has_begun && !has_left && one_less()) at_end.wake_all();
  }

  // The root task of one core has ended. Whether it was the last one.
  auto one_less() noexcept -> bool { return roots.fetch_sub(1, std::memory_order_seq_cst) == 1; }

  // What a core fails with ends the others at once, not only when its root task has seen them end.
  template <class F>
  auto run_here(F& f, core_type& core) -> std::invoke_result_t<F&, core_type&> {
    try {
      if constexpr (std::is_void_v<std::invoke_result_t<F&, core_type&>>) {
        f(core);
      } else {
        auto outcome = f(core);
        if constexpr (requires { outcome.error(); }) {
          if (!outcome) fail(core, outcome.error(), nullptr);
        }
        return outcome;
      }
    } catch (...) {
      fail(core, {}, std::current_exception());
      throw;
    }
  }

  auto make_known(core_type& core, scheduler_type& home, frame<Config>& root) noexcept -> bool {
    auto* const box = home.shared_inbox();
    if (box == nullptr) {
      refuse_known(sluice::detail::system_code(std::errc::not_enough_memory));
      return false;
    }
    core.there_ = remote_scheduler<Config>{box};
    core.root_ = remote_task<Config>{*box, root.hot->slot, root.hot->generation};
    home.judged_by(judges, *box, 2);
    judges.join(core.seat_, *box);
    if (auto* const way = new (std::nothrow) pool_type{pool}) home.attach(*way);
    return true;
  }

  // Before the start nobody can be asked to end; everybody looks at it then.
  void refuse_known(std::error_code why) noexcept {
    const std::scoped_lock held{guard};
    refused = true;
    if (std::exchange(failed, true)) return;
    error = why;
  }
  // The same for a core that has no scheduler, and does not come to the start.
  void refuse(std::error_code why) noexcept {
    refuse_known(why);
    if (one_less()) at_end.wake_all();
    start.count_down();
  }

  struct retirement {
    runtime_parts* all;
    core_type& core;

    retirement(runtime_parts* whose, core_type& which) noexcept : all{whose}, core{which} {}
    retirement(const retirement&) = delete;
    auto operator=(const retirement&) -> retirement& = delete;
    ~retirement() {
      if (all != nullptr) all->judges.retire(core.seat_);
    }
  };

  // A root task stays until those of all cores have ended: until then others may send it work. That is no wait that somebody outside ends.
  struct leaving {
    runtime_parts& all;
    bool& noted;

    leaving(runtime_parts& of, bool& where) noexcept : all{of}, noted{where} {}
    leaving(const leaving&) = delete;
    auto operator=(const leaving&) -> leaving& = delete;
    ~leaving() {
      noted = true;
      if (all.one_less()) {
        all.at_end.wake_all();
        return;
      }
      (void)wait_remotely<Config>(
          all.at_end, end_wait, [this]() noexcept { return all.roots.load(std::memory_order_seq_cst) == 0; }, waits_for::the_end);
    }
    static constexpr wait_kind end_wait{.what = "the other cores", .forget = &waiting_task<Config>::forget};
  };

  runtime_options options;
  std::latch start;
  std::atomic<std::size_t> roots;
  typename pool_type::policy_type pool;
  remote_line at_end;
  court judges;
  std::mutex guard;
  std::atomic<bool> refused{false};
  bool failed = false;
  const core_type* first = nullptr;
  std::error_code error;
  std::exception_ptr thrown;
  sluice::detail::fixed_array<core_type> cores;
};
/// \endcond

/// \cond
template <class F, class Core>
consteval auto check_for_core() -> bool {
  if constexpr (!std::is_invocable_v<F&, Core&>) {
    static_assert(std::is_invocable_v<F&, Core&>,
                  "[sluice.coro.runtime] what a runtime runs on each core cannot be called with one; take it by `auto& core`");
    return false;
  } else {
    return true;
  }
}
/// \endcond

/// Several schedulers, one a thread, that share nothing.
template <class Config>
struct basic_runtime {
  /// One of them.
  using core = basic_core<Config>;

  /// Runs `f(core)` as the root task of each and waits until all tasks of all have ended. The first core that fails, by an error or an
  /// exception, which is thrown again here, has all others asked to end. A core whose root task has ended still runs what others send it,
  /// until the root tasks of all have. Blocking code of all cores runs on the threads of one policy.
  ///
  /// Whether all are stuck is judged over all of them; each then prints its part of the table.
  /// \errors those of f; what `scheduler::make` gives; `errc::deadlock`; `errc::already_running` inside a task; those of a thread that
  /// cannot be started, and nothing has run then
  template <class F>
  static auto run(const runtime_options& options, F f) -> result<void> {
    if constexpr (check_for_core<F, core>())
      return run_on_all(options, f);
    else
      return {};
  }

 private:
  template <class F>
  static auto run_on_all(const runtime_options& options, F& f) -> result<void> {
    if (sluice::detail::current<Config> != nullptr) return failure(errc::already_running);
    using parts_type = runtime_parts<Config>;
    const std::size_t count = options.threads != 0 ? options.threads : parts_type::os::processor_count();
    parts_type parts{options, count};
    sluice::detail::fixed_array<std::thread> threads{count};
    std::size_t begun = 0;
    std::error_code refused;
    try {
      for (; begun < count; ++begun) threads[begun] = std::thread{[&parts, &f, &one = parts.cores[begun]] { parts.run(one, f); }};
    } catch (const std::system_error& thrown) { refused = thrown.code(); } catch (const std::bad_alloc&) {
      refused = sluice::detail::system_code(std::errc::not_enough_memory);
    }
    // Those that have a thread wait for the others to begin.
    for (std::size_t i = begun; i < count; ++i) parts.refuse(refused);
    for (auto& one : threads)
      if (one.joinable()) one.join();
    if (parts.thrown != nullptr) std::rethrow_exception(parts.thrown);
    if (parts.error) return std::unexpected{parts.error};
    return {};
  }
};

}  // namespace coro
}  // namespace sluice::inline v0
