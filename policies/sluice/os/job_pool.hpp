// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Threads for what may block, whoever asks for it.

#include <sluice/detail/plain_list.hpp>
#include <sluice/interval.hpp>

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <string_view>

#include <pthread.h>

namespace sluice::inline v0 {

/// Threads for calls that may block. They start when there is work and end when there was none for a while.
struct pool_options {
  std::uint32_t threads = 8;                 ///< at most so many, 1 to 1024
  interval idle = std::chrono::seconds{10};  ///< how long one without work stays
};

/// What the threads of a pool do at a moment.
struct pool_report {
  std::uint32_t threads = 0;  ///< that there are
  std::uint32_t busy = 0;     ///< of those, in a call
  std::uint32_t queued = 0;   ///< calls that wait for a thread
};

namespace detail {

/// A bounded number of threads that take jobs first in, first out. They start when there is more work than idle threads and end after a
/// while without any. A `Job` has `next` and `previous`, and the pool's own `begun` and `unwanted`. On a thread, `Home::call(job)` does it;
/// then `home.done(job)`, with the pool's lock held, takes it over, and `home.finished()` follows without the lock.
/// `Home::name_of(job)` is said of one that holds up the end.
/// \lifetime its owner takes everything back before it ends it
template <class Os, pool_options O, class Home, class Job>
class job_pool {
 public:
  explicit job_pool(Home& home) noexcept : home_{&home} {
    ::pthread_mutex_init(&guard_, nullptr);
    ::pthread_condattr_t steady;
    ::pthread_condattr_init(&steady);
    ::pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    ::pthread_cond_init(&work_, &steady);
    ::pthread_condattr_destroy(&steady);
  }
  job_pool(const job_pool&) = delete;
  auto operator=(const job_pool&) -> job_pool& = delete;
  ~job_pool() = default;

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

  /// Gives a job to the threads. Zero, or minus the error where no thread could be started at all.
  auto submit(Job& one) noexcept -> int {
    lock();
    one.unwanted = false;
    one.begun = false;
    queue_.push_back(one);
    ++queued_;
    int outcome = 0;
    if (idle_ >= queued_) {
      ::pthread_cond_signal(&work_);
    } else if (const int refused = start_worker(); refused < 0 && threads_ == 0) {
      outcome = refused;
      take_out(one);
    } else if (idle_ != 0) {
      ::pthread_cond_signal(&work_);
    }
    unlock();
    return outcome;
  }

  /// Takes a call back that no thread has begun. False: one has, or has finished it.
  auto withdraw(Job& one) noexcept -> bool {
    lock();
    const bool waits = !one.begun;
    if (waits) {
      take_out(one);
    } else {
      __atomic_store_n(&one.unwanted, true, __ATOMIC_RELAXED);
    }
    unlock();
    return waits;
  }

  /// Takes back all calls that no thread has begun and hands each to `f(request)`; the others are marked as unwanted. Called again and
  /// again by whoever waits for them: one that stays for long is named.
  template <class F>
  void withdraw_all(F&& f) noexcept {
    lock();
    plain_list<Job> all = queue_;
    queue_ = {};
    queued_ = 0;
    const time_point now = Os::now(clock_kind::steady);
    for (auto& one : workers_) {
      if (one.current == nullptr) continue;
      __atomic_store_n(&one.current->unwanted, true, __ATOMIC_RELAXED);
      if (one.named_at == time_point{}) one.named_at = now + patience;
      if (now < one.named_at) continue;
      one.named_at = time_point::never();
      name(Home::name_of(*one.current));
    }
    unlock();
    while (Job* const one = all.pop_front()) f(*one);
  }

  /// Calls `f(request, begun)` for each that is with the threads and not finished; `f` says whether to go on.
  template <class F>
  void each(F&& f) noexcept {
    lock();
    bool more = true;
    for (auto& one : workers_)
      if (more && one.current != nullptr) more = f(*one.current, true);
    for (Job* one = queue_.head; more && one != nullptr; one = one->next) more = f(*one, false);
    unlock();
  }

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
    job_pool* home = nullptr;
    ::pthread_t thread{};
    Job* current = nullptr;
    time_point named_at{};  // zero until somebody waits for the end of the call
    worker_state state = worker_state::none;
  };

  static constexpr interval patience = std::chrono::seconds{1};

  /// Tells who waits why nothing happens.
  [[gnu::noinline, gnu::cold]] static void name(std::string_view job) noexcept {
    for (const std::string_view part :
         {std::string_view{"sluice: waits for a thread that is in a call which nothing interrupts: "}, job, std::string_view{"\n"}})
      Os::write_error(part.data(), part.size());
  }

  void lock() noexcept { ::pthread_mutex_lock(&guard_); }
  void unlock() noexcept { ::pthread_mutex_unlock(&guard_); }

  void take_out(Job& one) noexcept {
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
    const int outcome = Os::thread_create(room->thread, &job_pool::body, room);
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
      if (Job* const one = queue_.pop_front(); one != nullptr) {
        --queued_;
        me.current = one;
        me.named_at = {};
        one->begun = true;
        unlock();
        Home::call(*one);
        lock();
        me.current = nullptr;
        // From here on it is not the pool's any more.
        home_->done(*one);
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
  plain_list<Job> queue_{};
  std::uint32_t queued_ = 0;
  std::uint32_t threads_ = 0;
  std::uint32_t idle_ = 0;
  bool ending_ = false;
  worker workers_[O.threads];
};

}  // namespace detail
}  // namespace sluice::inline v0
