// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Threads for calls that may block. Part of the policy backend::readiness.

#include <sluice/backend/readiness/options.hpp>
#include <sluice/backend/readiness/request.hpp>
#include <sluice/detail/mpsc_queue.hpp>

#include <cerrno>
#include <cstdint>
#include <ctime>

#include <pthread.h>

namespace sluice::inline v0 {

/// What the threads of a readiness backend do at a moment.
struct pool_report {
  std::uint32_t threads = 0;  ///< that there are
  std::uint32_t busy = 0;     ///< of those, in a call
  std::uint32_t queued = 0;   ///< calls that wait for a thread
};

namespace detail::readiness {

/// A bounded number of threads that take calls first in, first out. They start when there is more work than idle threads and end after a
/// while without any. `Home` makes the calls: `Home::call(request)` on a thread, `home.finished()` after it, from that thread.
/// \lifetime its owner takes everything back before it ends it
template <class Os, pool_options O, class Home>
class pool {
 public:
  explicit pool(Home& home) noexcept : home_{&home} {
    ::pthread_mutex_init(&guard_, nullptr);
    ::pthread_condattr_t steady;
    ::pthread_condattr_init(&steady);
    ::pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    ::pthread_cond_init(&work_, &steady);
    ::pthread_condattr_destroy(&steady);
  }
  pool(const pool&) = delete;
  auto operator=(const pool&) -> pool& = delete;
  ~pool() = default;

  /// Ends all threads; there is no work. Not in a forked child, which has none of them.
  void end() noexcept {
    lock();
    ending_ = true;
    ::pthread_cond_broadcast(&work_);
    unlock();
    for (auto& one : workers_)
      if (one.state != worker_state::none) (void)Os::thread_join(one.thread);
    ::pthread_cond_destroy(&work_);
    ::pthread_mutex_destroy(&guard_);
  }

  /// Gives a call to the threads. Zero, or minus the error where no thread could be started at all.
  auto submit(request& one) noexcept -> int {
    lock();
    one.where = stage::pooled;
    one.unwanted = false;
    one.begun = false;
    queue_.push_back(one);
    ++queued_;
    ++held_;
    int outcome = 0;
    if (idle_ >= queued_) {
      ::pthread_cond_signal(&work_);
    } else if (const int refused = start_worker(); refused < 0 && threads_ == 0) {
      outcome = refused;
      take_out(one);
      --held_;
    } else if (idle_ != 0) {
      ::pthread_cond_signal(&work_);
    }
    unlock();
    return outcome;
  }

  /// Takes a call back that no thread has begun. False: one has, or has finished it.
  auto withdraw(request& one) noexcept -> bool {
    lock();
    const bool waits = !one.begun;
    if (waits) {
      take_out(one);
      --held_;
    } else {
      __atomic_store_n(&one.unwanted, true, __ATOMIC_RELAXED);
    }
    unlock();
    return waits;
  }

  /// Takes back all calls that no thread has begun and hands each to `f(request)`; the others are marked as unwanted.
  template <class F>
  void withdraw_all(F&& f) noexcept {
    lock();
    request_list all = queue_;
    queue_ = {};
    held_ -= queued_;
    queued_ = 0;
    for (auto& one : workers_)
      if (one.current != nullptr) __atomic_store_n(&one.current->unwanted, true, __ATOMIC_RELAXED);
    unlock();
    while (request* const one = all.pop_front()) f(*one);
  }

  /// Calls `f(request, begun)` for each that is with the threads and not finished; `f` says whether to go on.
  template <class F>
  void each(F&& f) noexcept {
    lock();
    bool more = true;
    for (auto& one : workers_)
      if (more && one.current != nullptr) more = f(*one.current, true);
    for (request* one = queue_.head; more && one != nullptr; one = one->next) more = f(*one, false);
    unlock();
  }

  /// Hands what is finished to `f(request)`.
  template <class F>
  void collect(F&& f) noexcept {
    auto all = finished_.take_all();
    while (request* const one = all.pop_front()) {
      --held_;
      f(*one);
    }
  }

  /// Whether it has anything that was not collected yet.
  [[nodiscard]] auto in_use() const noexcept -> bool { return held_ != 0; }

  /// What it does now.
  [[nodiscard]] auto report() noexcept -> pool_report {
    lock();
    pool_report seen{.threads = threads_, .queued = queued_};
    for (const auto& one : workers_)
      if (one.current != nullptr) ++seen.busy;
    unlock();
    return seen;
  }

 private:
  enum class worker_state : std::uint8_t { none, runs, ended };
  struct worker {
    pool* home = nullptr;
    ::pthread_t thread{};
    request* current = nullptr;
    worker_state state = worker_state::none;
  };

  void lock() noexcept { ::pthread_mutex_lock(&guard_); }
  void unlock() noexcept { ::pthread_mutex_unlock(&guard_); }

  void take_out(request& one) noexcept {
    queue_.erase(one);
    --queued_;
  }

  /// Starts one more if there may be one. Zero, or minus the error.
  auto start_worker() noexcept -> int {
    if (threads_ == O.threads) return -EAGAIN;
    worker* room = workers_;
    while (room->state == worker_state::runs) ++room;
    if (room->state == worker_state::ended) {
      (void)Os::thread_join(room->thread);  // it has let go of the lock, and does nothing any more
      room->state = worker_state::none;
    }
    room->home = this;
    room->current = nullptr;
    const int outcome = Os::thread_create(room->thread, &pool::body, room);
    if (outcome < 0) return outcome;
    room->state = worker_state::runs;
    ++threads_;
    return 0;
  }

  static auto body(void* argument) noexcept -> void* {
    auto& me = *static_cast<worker*>(argument);
    me.home->serve(me);
    return nullptr;
  }

  void serve(worker& me) noexcept {
    lock();
    for (;;) {
      if (request* const one = queue_.pop_front(); one != nullptr) {
        --queued_;
        me.current = one;
        one->begun = true;
        unlock();
        Home::call(*one);
        lock();
        me.current = nullptr;
        // From here on it belongs to the loop.
        finished_.push(*one);
        unlock();
        home_->finished();
        lock();
        continue;
      }
      if (ending_) break;
      ++idle_;
      const bool in_time = wait_for_work();
      --idle_;
      if (!in_time && queue_.empty() && !ending_) break;
    }
    --threads_;
    if (!ending_) me.state = worker_state::ended;
    unlock();
  }

  auto wait_for_work() noexcept -> bool {
    constexpr std::int64_t second = 1'000'000'000;
    if (O.idle == interval::max()) return ::pthread_cond_wait(&work_, &guard_) == 0;
    const time_point end = Os::now(clock_kind::steady) + O.idle;
    const ::timespec when{.tv_sec = end.count / second, .tv_nsec = end.count % second};
    return ::pthread_cond_timedwait(&work_, &guard_, &when) == 0;
  }

  Home* home_;
  ::pthread_mutex_t guard_;
  ::pthread_cond_t work_;
  request_list queue_{};
  std::uint32_t queued_ = 0;
  std::uint32_t threads_ = 0;
  std::uint32_t idle_ = 0;
  std::uint32_t held_ = 0;  // of the loop's thread
  bool ending_ = false;
  mpsc_queue<request, &request::next> finished_;
  worker workers_[O.threads];
};

}  // namespace detail::readiness
}  // namespace sluice::inline v0
