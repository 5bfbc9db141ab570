// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Permits that the tasks of one scheduler take and give back. Layer: coro.

#include <sluice/coro/wait_queue.hpp>
#include <sluice/result.hpp>

#include <cassert>
#include <cstddef>
#include <utility>

namespace sluice::inline v0::coro {

/// Counts permits. First come, first served: who asks for many is not passed by who asks for few. Nothing in it is atomic.
/// \lifetime nobody waits for it when it is destroyed
template <class Config>
class basic_semaphore {
 public:
  /// Some permits, given back at its end.
  class [[nodiscard]] permit {
   public:
    /// None.
    constexpr permit() noexcept = default;
    /// Takes over; the other has none.
    permit(permit&& other) noexcept : from_{std::exchange(other.from_, nullptr)}, count_{other.count_} {}
    /// Gives back what it had, then takes over.
    auto operator=(permit&& other) noexcept -> permit& {
      if (this != &other) {
        give_back();
        from_ = std::exchange(other.from_, nullptr);
        count_ = other.count_;
      }
      return *this;
    }
    ~permit() { give_back(); }

    /// Gives back before the end; harmless when it has none.
    void give_back() noexcept {
      if (from_ != nullptr) std::exchange(from_, nullptr)->release(count_);
    }
    /// Whether it has any.
    [[nodiscard]] explicit operator bool() const noexcept { return from_ != nullptr; }

   private:
    friend class basic_semaphore;
    permit(basic_semaphore& from, std::size_t count) noexcept : from_{&from}, count_{count} {}

    basic_semaphore* from_ = nullptr;
    std::size_t count_ = 0;
  };

  /// With so many permits to begin with.
  constexpr explicit basic_semaphore(std::size_t permits) noexcept : free_{permits} {}
  basic_semaphore(const basic_semaphore&) = delete;
  auto operator=(const basic_semaphore&) -> basic_semaphore& = delete;
  ~basic_semaphore() { assert(line_.empty() && "[sluice.coro.semaphore] a semaphore was destroyed while tasks wait for it"); }

  /// Waits for so many permits and takes them all at once.
  /// \errors `operation_canceled` once the task was asked to end, and none is taken; `operation_not_permitted` if it would have to wait
  /// outside a task
  [[nodiscard]] auto acquire(std::size_t count = 1) noexcept -> result<void> {
    const caller<Config> me;
    if (me.is_task() && me.is_refused()) [[unlikely]]
      return canceled();
    if (try_acquire(count)) return {};
    if (!me.is_task()) return no_task();
    wait_for_permits w{*this, count, me.task()};
    if (!stand_in<Config>(line_, w)) return canceled();
    return {};
  }
  /// The same, for a block: they are given back when the result dies. \errors as above
  [[nodiscard]] auto hold(std::size_t count = 1) noexcept -> result<permit> {
    if (const auto taken = acquire(count); !taken) return std::unexpected{taken.error()};
    return permit{*this, count};
  }
  /// Takes so many permits if there are as many and nobody waits. Whether it did.
  [[nodiscard]] auto try_acquire(std::size_t count = 1) noexcept -> bool {
    if (free_ < count || !line_.empty()) return false;
    free_ -= count;
    return true;
  }
  /// Adds permits, and lets in those whose turn has come.
  void release(std::size_t count = 1) noexcept {
    free_ += count;
    if (!line_.empty()) [[unlikely]]
      let_in();
  }
  /// Permits that can be taken now.
  [[nodiscard]] auto available() const noexcept -> std::size_t { return line_.empty() ? free_ : 0; }

 private:
  struct wait_for_permits : line_wait<Config> {
    basic_semaphore* what;
    std::size_t count;

    wait_for_permits(basic_semaphore& semaphore, std::size_t many, fiber<Config>& who) noexcept
        : line_wait<Config>{facts, who}, what{&semaphore}, count{many} {}
    static void end(waiting& base) noexcept {
      line_wait<Config>::cut_short(base);
      // It may have held up others that ask for less.
      static_cast<wait_for_permits&>(base).what->let_in();
    }
  };

  void let_in() noexcept {
    while (auto* const first = line_.front()) {
      const std::size_t count = static_cast<wait_for_permits&>(*first).count;
      if (free_ < count) return;
      free_ -= count;
      line_.pop_front();
      first->go_on();
    }
  }

  static constexpr wait_kind facts{.what = "a semaphore", .cancel = &wait_for_permits::end, .forget = &line_wait<Config>::forget};

  std::size_t free_;
  wait_line<Config> line_;
};

}  // namespace sluice::inline v0::coro
