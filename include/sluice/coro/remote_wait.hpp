// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Waiting for what another thread, or a task of another scheduler, does. Layer: coro.

#include <sluice/coro/current.hpp>
#include <sluice/coro/frame.hpp>
#include <sluice/coro/inbox.hpp>
#include <sluice/coro/last_resort.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/coro/wait_queue.hpp>
#include <sluice/detail/intrusive_list.hpp>
#include <sluice/result.hpp>

#include <atomic>
#include <cassert>
#include <cstdint>
#include <mutex>
#include <system_error>

namespace sluice::inline v0::coro {

/// \cond
// Somebody in the line of a remote object: a task of some scheduler, of whatever config, or a thread. Who takes it out of the line, with
// the line's lock held, is the one who may call `signal`, once.
struct remote_waiter : sluice::detail::list_hook<> {
  void (*signal)(remote_waiter& self) noexcept;  // from any thread; the waiter may be gone when it returns
  remote_waiter* next_told = nullptr;            // of those who are taken out together
};

// A line of them, and its lock.
class remote_line {
 public:
  remote_line() noexcept = default;

  // Whether somebody may be in it: what was done before this is seen by whoever comes later and looks before it waits.
  [[nodiscard]] auto may_have_waiters() const noexcept -> bool { return waiting_.load(std::memory_order_seq_cst) != 0; }

  [[nodiscard]] auto lock() noexcept -> std::unique_lock<std::mutex> { return std::unique_lock{guard_}; }

  // With the lock held.
  void push_back(remote_waiter& one) noexcept {
    line_.push_back(one);
    waiting_.fetch_add(1, std::memory_order_seq_cst);
  }
  auto pop_front() noexcept -> remote_waiter* {
    auto* const one = line_.pop_front();
    if (one != nullptr) waiting_.fetch_sub(1, std::memory_order_seq_cst);
    return one;
  }
  auto take_out(remote_waiter& one) noexcept -> bool {
    if (!one.linked()) return false;
    one.unlink();
    waiting_.fetch_sub(1, std::memory_order_seq_cst);
    return true;
  }
  [[nodiscard]] auto empty() const noexcept -> bool { return line_.empty(); }

  // Wakes the one that waits longest, if there is one.
  void wake_one() noexcept {
    auto held = lock();
    auto* const one = pop_front();
    held.unlock();
    if (one != nullptr) one->signal(*one);
  }
  // Wakes all that wait now.
  void wake_all() noexcept {
    // Not in a list: who is in none is known to have been taken out, should it be asked to end before it is told.
    remote_waiter* all = nullptr;
    remote_waiter** last = &all;
    auto held = lock();
    while (auto* const one = pop_front()) {
      *last = one;
      last = &one->next_told;
    }
    *last = nullptr;
    held.unlock();
    // Each is gone as soon as it is told.
    while (auto* const one = all) {
      all = one->next_told;
      one->signal(*one);
    }
  }

 private:
  std::mutex guard_;
  std::atomic<std::uint32_t> waiting_{0};
  sluice::detail::intrusive_list<remote_waiter> line_;
};

// A thread that waits.
class waiting_thread : public remote_waiter {
 public:
  waiting_thread() noexcept {
    signal = [](remote_waiter& base) noexcept {
      auto& self = static_cast<waiting_thread&>(base);
      // Under the lock: once the sleeper has had it, nobody is in here any more.
      const std::scoped_lock held{self.guard_};
      self.told_.store(true, std::memory_order_release);
      self.told_.notify_one();
    };
  }
  void sleep() noexcept {
    told_.wait(false, std::memory_order_acquire);
    const std::scoped_lock held{guard_};
  }

 private:
  std::mutex guard_;
  std::atomic<bool> told_{false};
};

// Whether a wait may be ended by somebody whom nobody knows of, or only by the schedulers of a runtime that all come to their end.
enum class waits_for : bool { anybody, the_end };

// A task that waits. It is told through its scheduler's inbox, by a message that lies in it, so telling it allocates nothing and cannot
// fail.
template <class Config>
class waiting_task : public waiting, public remote_waiter, message {
 public:
  waiting_task(const wait_kind& facts, scheduler<Config>& home, inbox& box, remote_line& line, waits_for whom) noexcept
      : waiting{&facts}, home_{home}, task_{home.self()}, inbox_{box}, line_{line}, whom_{whom} {
    signal = [](remote_waiter& base) noexcept {
      auto& self = static_cast<waiting_task&>(base);
      inbox& there = self.inbox_;
      // It lies on a stack that goes on as soon as it is told; the inbox is held meanwhile.
      there.acquire();
      (void)there.post(self);
      there.release();
    };
    this->run = [](message& base, void* where) noexcept {
      if (where != nullptr) static_cast<scheduler<Config>*>(where)->make_ready(static_cast<waiting_task&>(base).task_);
    };
  }
  // False: it was asked to end before it was told.
  auto sleep() noexcept -> bool {
    expect(1);
    home_.park(task_, *this);
    expect(-1);
    return !cut_;
  }
  // For the kinds of wait that can be cut short. One that has been taken out of the line is told in a moment.
  static void cut_short(waiting& base) noexcept {
    auto& self = static_cast<waiting_task&>(base);
    if (!self.leave()) return;
    self.cut_ = true;
    self.home_.make_ready(self.task_);
  }
  // Whoever has taken it out of the line still has to find it.
  static void forget(waiting& base) noexcept {
    auto& self = static_cast<waiting_task&>(base);
    if (!self.leave()) self.inbox_.take_back(self);
  }

 private:
  void expect(int by) noexcept {
    if (whom_ == waits_for::anybody)
      home_.expect_remote(by);
    else
      home_.expect_end(by);
  }
  auto leave() noexcept -> bool {
    const auto held = line_.lock();
    return line_.take_out(*this);
  }

  scheduler<Config>& home_;
  fiber<Config>& task_;
  inbox& inbox_;
  remote_line& line_;
  waits_for whom_;
  bool cut_ = false;
};

// Puts the caller, a task or else the thread, into the line until it is told; unless `look`, asked once more with the line's lock held,
// says that it need not wait.
template <class Config, class Look>
auto wait_remotely(remote_line& line, const wait_kind& facts, Look&& look, waits_for whom = waits_for::anybody) noexcept -> result<void> {
  const caller<Config> me;
  auto held = line.lock();
  const auto stand = [&](remote_waiter& one) noexcept {
    line.push_back(one);
    const bool waits = !look();
    if (!waits) line.take_out(one);
    held.unlock();
    return waits;
  };
  if (!me.is_task()) {
    assert(sluice::detail::schedulers_entered == 0 && "a wait outside a task, inside a scheduler, stops all tasks of that one");
    waiting_thread w;
    if (stand(w)) w.sleep();
    return {};
  }
  auto* const box = me.home->shared_inbox();
  if (box == nullptr) return failure(std::errc::not_enough_memory);
  waiting_task<Config> w{facts, *me.home, *box, line, whom};
  // A wait that could be cut short must not begin where that has been asked for already.
  if (facts.cancel != nullptr && me.is_refused()) return canceled();
  if (!stand(w) || w.sleep()) return {};
  me.home->note_refusal();
  return canceled();
}
/// \endcond

}  // namespace sluice::inline v0::coro
