// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Says in a table what every task waits for, and names the cycles. Layer: coro.

#include <sluice/coro/frame.hpp>

#include <cinttypes>
#include <cstdio>
#include <mutex>
#include <utility>

namespace sluice::inline v0::coro {

/// \cond
// Held while something is printed: what several schedulers have to say, who all end for one reason as a rule, comes one after the other.
inline constinit std::mutex report_guard;

// Out of line: what compilers make of a call with a constant text is longer.
[[gnu::noinline, gnu::cold]] inline void print_text(std::FILE* out, const char* text) noexcept { std::fputs(text, out); }

template <class Config>
[[gnu::noinline, gnu::cold]] void print_task(const frame<Config>& task, std::FILE* out) noexcept {
  std::fprintf(out, "#%" PRIu64, task.id);
  if (task.named && task.label[0] != '\0') std::fprintf(out, " \"%s\"", task.label.data());
}

template <class Config>
[[gnu::noinline, gnu::cold]] void print_place(const frame<Config>& task, std::FILE* out) noexcept {
  if (task.has_place) std::fprintf(out, ", spawned at %s:%u", task.where.file_name(), static_cast<unsigned>(task.where.line()));
}

template <class Config>
[[gnu::cold]] void print_lost(const fiber<Config>& task, std::FILE* out) noexcept {
  const std::scoped_lock held{report_guard};
  print_text(out, "sluice: abandoned task ");
  print_task<Config>(*task.cold, out);
  print_text(out, ": it never ended although it was asked to");
  print_place<Config>(*task.cold, out);
  print_text(out, "\n");
}

// The first task that a parked one waits for, if it waits for one.
template <class Config>
auto waits_on(const fiber<Config>& task) noexcept -> frame<Config>* {
  if (task.state != fiber_state::parked || task.wait == nullptr || task.wait->kind->on == nullptr) return nullptr;
  return static_cast<frame<Config>*>(const_cast<void*>(task.wait->kind->on(*task.wait)));
}

// The one that it waits for beside that, if there is one more.
template <class Config>
auto waits_on_beside(const fiber<Config>& task, const frame<Config>& that) noexcept -> frame<Config>* {
  return task.wait->kind->on_older_ones ? that.older : nullptr;
}

// Turns a list that hangs together by `mark` round, from one task to another; `end` comes after the one that was first.
template <class Config>
void turn_round(frame<Config>& from, frame<Config>& to, frame<Config>* end) noexcept {
  for (auto* one = &from;;) {
    auto* const next = std::exchange(one->mark, end);
    if (one == &to) return;
    end = std::exchange(one, next);
  }
}

// Prints a cycle, its oldest task first: `last` waits for `first`, and each `mark` from there on names who waits for the task.
template <class Config>
void print_cycle(frame<Config>& first, frame<Config>& last, std::FILE* out) noexcept {
  frame<Config>* const before = first.mark;
  turn_round<Config>(last, first, &first);
  const frame<Config>* oldest = &first;
  for (const auto* at = first.mark; at != &first; at = at->mark)
    if (at->id < oldest->id) oldest = at;
  print_text(out, "  cycle: ");
  const frame<Config>* at = oldest;
  do {
    print_task<Config>(*at, out);
    print_text(out, " -> ");
    at = at->mark;
  } while (at != oldest);
  print_task<Config>(*oldest, out);
  print_text(out, "\n");
  turn_round<Config>(first, last, before);
}

// Follows "waits for" from a task, along every way that no walk before took, and prints the cycles.
template <class Config>
void print_cycles(frame<Config>& start, std::FILE* out) noexcept {
  frame<Config>* at = &start;
  at->mark = nullptr;
  at->walked = 1;
  frame<Config>* next = waits_on<Config>(*at->hot);
  for (;;) {
    if (next == nullptr) {
      at->walked = 2;
      const frame<Config>* const left = std::exchange(at, at->mark);
      if (at == nullptr) return;
      next = waits_on_beside<Config>(*at->hot, *left);
    } else if (next->walked == 0) {
      next->mark = std::exchange(at, next);
      next->walked = 1;
      next = waits_on<Config>(*at->hot);
    } else {
      if (next->walked == 1) print_cycle<Config>(*next, *at, out);
      next = waits_on_beside<Config>(*at->hot, *next);
    }
  }
}
/// \endcond

/// Prints the table of all tasks of a scheduler.
template <class Config>
[[gnu::noinline, gnu::cold]] void print_report(scheduler<Config>& home, std::FILE* out, const char* headline) noexcept {
  const std::scoped_lock held{report_guard};
  std::fprintf(out, "sluice: %s (%zu)\n", headline, home.live());
  home.each_task([&](fiber<Config>& task) noexcept {
    task.cold->walked = 0;
    if (task.state == fiber_state::finished || task.state == fiber_state::lost) return;
    print_text(out, "  ");
    print_task<Config>(*task.cold, out);
    if (task.state != fiber_state::parked || task.wait == nullptr) {
      print_text(out, &task == &home.self() ? " runs" : task.state == fiber_state::ready ? " is ready" : "");
    } else {
      const auto& kind = *task.wait->kind;
      const std::string_view what = task.wait->what();
      std::fprintf(out, " waits for %.*s", static_cast<int>(what.size()), what.data());
      const int handle = kind.operation != nullptr ? kind.operation(*task.wait)->handle : -1;
      if (handle >= 0) std::fprintf(out, " on %d", handle);
      const char* between = " of ";
      for (const auto* on = waits_on<Config>(task); on != nullptr; on = waits_on_beside<Config>(task, *on)) {
        print_text(out, std::exchange(between, ", "));
        print_task<Config>(*on, out);
      }
    }
    print_text(out, task.cancelled ? ", asked to end" : "");
    print_place<Config>(*task.cold, out);
    print_text(out, "\n");
  });
  // Each task is walked over once, however they wait for each other.
  home.each_task([&](fiber<Config>& task) noexcept {
    if (task.cold->walked == 0) print_cycles<Config>(*task.cold, out);
  });
}

}  // namespace sluice::inline v0::coro
