// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Where the tasks of a scheduler live: their stacks, and their places in the array that every switch touches. Layer: coro.

#include <sluice/concept/context.hpp>
#include <sluice/concept/stack.hpp>
#include <sluice/config.hpp>
#include <sluice/coro/frame.hpp>
#include <sluice/coro/placement.hpp>
#include <sluice/coro/slab.hpp>
#include <sluice/coro/stack_use.hpp>
#include <sluice/detail/sanitizer.hpp>
#include <sluice/result.hpp>

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::coro {

/// Makes room for tasks and takes it back. It knows of no queue and no ring. \allocates by the stack policy; after warm-up nothing
template <class Config, class Os>
class housing {
 public:
  using context_type = policy_of<Config, policy_kind::context>;  ///< how stacks are left
  using stack_type = policy_of<Config, policy_kind::stack>;      ///< where stacks come from
  using fiber_type = fiber<Config>;                              ///< a task, as every switch sees it
  using frame_type = frame<Config>;                              ///< the rest of it
  using placement_type = placement<Config>;                      ///< room for one

  /// Room for a frame of so many bytes and a stack below it; with nothing in it where there is none, and then `refusal` says why. \errors
  /// the stack policy's; `not_enough_memory`; `errc::stack_size`
  [[gnu::always_inline]] auto make_room(std::size_t bytes, std::size_t align, std::size_t stack_bytes) noexcept -> placement_type {
    bury();
    const result<stack_span> stack = stack_from(stacks_, stack_bytes);
    if (!stack) [[unlikely]] {
      note_refusal(stack.error());
      return {};
    }
    fiber_type* const hot = slab_.take();
    if (hot == nullptr) [[unlikely]] {
      stacks_.deallocate(*stack);
      note_refusal(detail::system_code(std::errc::not_enough_memory));
      return {};
    }
    // Made at once: what is written in parts and copied as a whole makes a processor wait.
    const std::size_t least = stack_bytes == 0 ? least_bytes_of<stack_type> : 0;
    stack_span given = *stack;
    if constexpr (usual_bytes_of<stack_type> != 0)
      if (stack_bytes == 0) given.bytes = usual_bytes_of<stack_type>;
    const auto [frame, below, fits] = divide(given, bytes, align, context_type::storage_bytes, least);
    const placement_type room{
        .hot = hot, .stack = given, .usable = {.base = given.base, .bytes = below, .index = given.index}, .frame = frame};
    if (!fits) [[unlikely]] {
      unmake_room(room);
      note_refusal(make_error_code(errc::stack_size));
      return {};
    }
    return room;
  }

  /// Why there was no room the last time that there was none.
  [[nodiscard]] auto refusal() const noexcept -> const std::error_code& { return refusal_; }

  /// Takes room back in which no task was made.
  void unmake_room(const placement_type& room) noexcept {
    slab_.give(*room.hot);
    stacks_.deallocate(room.stack);
  }

  /// Joins the two parts of a task that was made in a room. It can run once its context was prepared.
  [[gnu::always_inline]] static void settle(frame_type& task, const placement_type& room, const spawn_options& options) noexcept {
    fiber_type& hot = *room.hot;
    task.hot = &hot;
    // By parts: a copy as a whole would load what was just stored in parts, which a processor cannot do without waiting.
    task.stack.base = room.stack.base;
    task.stack.bytes = room.stack.bytes;
    task.stack.index = room.stack.index;
    if (options.where.line() != 0) {
      task.where = options.where;
      task.has_place = true;
    }
    if (!options.name.empty()) task.name(options.name);
    hot.cold = &task;
    hot.pending = 0;
    hot.state = fiber_state::ready;
    hot.cancelled = false;
    hot.unused = 0;
    task.annotation.create(room.stack.base, room.stack.bytes);
    context_type::attach(hot.context, room.usable.base + room.usable.bytes);
  }

  /// Gives a finished task's memory back; nothing of its frame's own is alive any more. Not the running one.
  [[gnu::always_inline]] void release(frame_type& task) noexcept {
    if (task.stop != nullptr) [[unlikely]]
      task.stop->free(*task.stop);
    task.annotation.destroy();
    const stack_span stack = task.stack;
    if constexpr (measures_ended<stack_type>) ended_.note(task, stacks_.high_water(stack));
    fiber_type& hot = *task.hot;
    hot.state = fiber_state::free;
    slab_.give(hot);
    detail::unpoison(stack.base, stack.bytes);
    stacks_.deallocate(stack);
  }

  /// The same by code that is there anyhow, where it is rare.
  void release_rarely(frame_type& task) noexcept {
    leave(task);
    bury_now();
  }

  /// The running task leaves its room for good; that is taken back once another one runs.
  [[gnu::always_inline]] void leave(frame_type& running) noexcept {
    bury();
    dying_ = &running;
  }

  /// The same where the next one is known, and no task is made before that runs. The room is taken back at once if that leaves the stack
  /// as it is.
  [[gnu::always_inline]] void vacate(frame_type& running) noexcept {
    if constexpr (can_vacate) {
      if (stacks_.keeps(running.stack)) [[likely]]
        return release(running);
    }
    leave(running);
  }

  /// Takes back the room of a task that has left it for good, which nobody is in a hurry for: when the next task is made, or ends.
  [[gnu::always_inline]] void bury() noexcept {
    if (dying_ != nullptr) bury_now();
  }

  /// The place with a number.
  [[nodiscard]] auto at(std::uint32_t slot) noexcept -> fiber_type& { return slab_.at(slot); }

  /// The first task from a place on, which is moved behind it; null where there is none.
  [[nodiscard, gnu::noinline, gnu::cold]] auto next(std::uint32_t& slot) noexcept -> fiber_type* {
    while (slot < slab_.extent())
      if (auto& task = slab_.at(slot++); task.state != fiber_state::free) return &task;
    return nullptr;
  }

  /// What tasks that have ended used of their stacks, where the policy wants that to be known.
  [[nodiscard]] auto ended() const noexcept -> const auto& { return ended_; }
  /// The policy.
  [[nodiscard]] auto stacks() noexcept -> stack_type& { return stacks_; }

 private:
  // A sanitizer has to be told of the end of a stack by another one, and a measurement is of what has been left.
  static constexpr bool can_vacate =
      lasting_stack_policy<stack_type> && !measures_ended<stack_type> && std::is_empty_v<detail::fiber_annotation>;

  [[gnu::noinline]] void bury_now() noexcept { release(*std::exchange(dying_, nullptr)); }
  [[gnu::noinline, gnu::cold]] void note_refusal(std::error_code why) noexcept { refusal_ = why; }

  frame_type* dying_ = nullptr;
  std::error_code refusal_;
  stack_type stacks_;
  [[no_unique_address]] std::conditional_t<measures_ended<stack_type>, stack_table, no_stack_table> ended_;
  slab<fiber_type, Os> slab_;
};

}  // namespace sluice::inline v0::coro
