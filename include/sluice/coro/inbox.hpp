// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// How other threads reach a scheduler: messages that outlive it. Layer: coro.

#include <sluice/detail/intrusive_list.hpp>
#include <sluice/detail/mpsc_queue.hpp>
#include <sluice/result.hpp>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

namespace sluice::inline v0::coro {

template <class Config>
class scheduler;

/// Something to be done on a scheduler's thread. `run` gets the scheduler, or null where that has gone, and frees the message.
struct message {
  message* next = nullptr;                     ///< in the queue
  void (*run)(message&, void* home) noexcept;  ///< never null
};

/// The messages to one scheduler. Reference-counted: it outlives the scheduler, which closes it. Any thread may post.
class inbox {
 public:
  using wake_function = void (*)(void* home) noexcept;  ///< ends the scheduler's sleep

  /// Of a scheduler that lives; it holds the first reference.
  inbox(void* home, wake_function wake) noexcept : home_{home}, wake_{wake} {}
  inbox(const inbox&) = delete;
  auto operator=(const inbox&) -> inbox& = delete;

  /// Hands a message over. \errors `operation_canceled` if the scheduler has gone; the message then stays the caller's
  auto post(message& one) noexcept -> result<void> {
    const std::scoped_lock lock{gone_};
    if (home_ == nullptr) return canceled();
    if (queue_.push(one)) wake_(home_);
    return {};
  }

  /// What the scheduler does with it.
  enum class action : std::uint8_t {
    run,    ///< runs what was posted
    close,  ///< goes, and leaves it: no message is taken any more, those that are left learn that the scheduler has gone
    leave,  ///< leaves it as it is, in a child process
  };
  /// Does it, on the scheduler's thread. Through here, so that only programs which make one contain its code.
  void (*const act)(inbox& self, action what) noexcept = [](inbox& self, action what) noexcept {
    if (what == action::run) return self.run_with(self.home_);
    if (what == action::close) self.close();
    self.release();
  };

  /// Whether there is anything to run.
  [[nodiscard]] auto empty() const noexcept -> bool { return kept_.empty() && queue_.empty(); }
  /// Takes back a message whose receiver has gone, and which another thread has posted or is about to: waits for that. On the scheduler's
  /// thread.
  void take_back(message& one) noexcept {
    for (bool found = false; !found;) {
      kept_.append(queue_.take_all());
      auto all = std::move(kept_);
      while (message* const other = all.pop_front()) {
        if (other == &one)
          found = true;
        else
          kept_.push_back(*other);
      }
      if (!found) std::this_thread::yield();
    }
    // Whoever posts now may find the queue with nothing in it, and wakes; for these it has been done.
    if (!kept_.empty()) rouse();
  }
  /// One more holder.
  void acquire() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  /// One holder less; the last one frees it. When only those are left who are always there it wakes, since nobody else can help its tasks
  /// any more.
  void release() noexcept {
    std::uint32_t before = 0;
    {
      const std::scoped_lock lock{gone_};
      before = references_.fetch_sub(1, std::memory_order_acq_rel);
      if (before == expected_ + 1 && home_ != nullptr) wake_(home_);
    }
    if (before == 1) delete this;
  }
  /// How many holders are always there: the scheduler, and those that are judged together with it. Before anybody else has it.
  void expect(std::uint32_t holders) noexcept { expected_ = holders; }
  /// Whether somebody besides those may still post.
  [[nodiscard]] auto is_shared() const noexcept -> bool { return references_.load(std::memory_order_acquire) > expected_; }
  /// Ends a sleep of the scheduler, from any thread.
  void rouse() noexcept {
    const std::scoped_lock lock{gone_};
    if (home_ != nullptr) wake_(home_);
  }

 private:
  ~inbox() = default;

  void close() noexcept {
    {
      const std::scoped_lock lock{gone_};
      home_ = nullptr;
    }
    run_with(nullptr);
  }

  void run_with(void* home) noexcept {
    auto taken = std::move(kept_);
    taken.append(queue_.take_all());
    while (message* const one = taken.pop_front()) one->run(*one, home);
  }

  detail::mpsc_queue<message, &message::next> queue_;
  detail::intrusive_fifo<message, &message::next> kept_;  // posted before what is in the queue
  std::atomic<std::uint32_t> references_{1};
  std::uint32_t expected_ = 1;
  std::mutex gone_;
  void* home_;
  wake_function wake_;
};

/// A task as other threads know it. Copyable, harmless when the task or its scheduler has gone.
template <class Config>
class remote_task {
 public:
  /// Names nothing.
  remote_task() noexcept = default;
  /// \cond
  remote_task(inbox& where, std::uint32_t slot, std::uint32_t generation) noexcept : inbox_{&where}, slot_{slot}, generation_{generation} {
    where.acquire();
  }
  /// \endcond
  /// Another name for the same task.
  remote_task(const remote_task& other) noexcept : inbox_{other.inbox_}, slot_{other.slot_}, generation_{other.generation_} {
    if (inbox_ != nullptr) inbox_->acquire();
  }
  /// Takes over; the other names nothing.
  remote_task(remote_task&& other) noexcept
      : inbox_{std::exchange(other.inbox_, nullptr)}, slot_{other.slot_}, generation_{other.generation_} {}
  /// Names what the other names.
  auto operator=(remote_task other) noexcept -> remote_task& {
    std::swap(inbox_, other.inbox_);
    slot_ = other.slot_;
    generation_ = other.generation_;
    return *this;
  }
  ~remote_task() {
    if (inbox_ != nullptr) inbox_->release();
  }

  /// Asks the task to end, from any thread. Nothing happens if it has ended. \allocates one message
  /// \errors `operation_canceled` if its scheduler has gone; `not_enough_memory`
  auto request_cancel() const noexcept -> result<void> {
    if (inbox_ == nullptr) return canceled();
    auto* const request = new (std::nothrow) cancel_message;
    if (request == nullptr) return failure(std::errc::not_enough_memory);
    request->run = &cancel_message::act;
    request->slot = slot_;
    request->generation = generation_;
    auto posted = inbox_->post(*request);
    if (!posted) delete request;
    return posted;
  }

 private:
  struct cancel_message : message {
    std::uint32_t slot;
    std::uint32_t generation;

    static void act(message& base, void* home) noexcept {
      auto& self = static_cast<cancel_message&>(base);
      if (home != nullptr) static_cast<scheduler<Config>*>(home)->cancel_slot(self.slot, self.generation);
      delete &self;
    }
  };

  inbox* inbox_ = nullptr;
  std::uint32_t slot_ = 0;
  std::uint32_t generation_ = 0;
};

}  // namespace sluice::inline v0::coro
