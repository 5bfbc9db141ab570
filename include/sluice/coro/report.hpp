// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Says in a table what every task waits for, and names the cycles. Layer: coro.

#include <sluice/coro/frame.hpp>

#include <cinttypes>
#include <cstdio>

namespace sluice::inline v0::coro {

/// \cond
template <class Config>
[[gnu::noinline, gnu::cold]] void print_task(const frame<Config>& task, std::FILE* out) noexcept {
  std::fprintf(out, "#%" PRIu64, task.id);
  if (!task.name().empty()) std::fprintf(out, " \"%s\"", task.label.data());
}

template <class Config>
[[gnu::noinline, gnu::cold]] void print_place(const frame<Config>& task, std::FILE* out) noexcept {
  if (task.has_place) std::fprintf(out, ", spawned at %s:%u", task.where.file_name(), static_cast<unsigned>(task.where.line()));
}

template <class Config>
[[gnu::noinline, gnu::cold]] void print_lost(const fiber<Config>& task, std::FILE* out) noexcept {
  std::fprintf(out, "sluice: abandoned task ");
  print_task<Config>(*task.cold, out);
  std::fprintf(out, ": it never ended although it was asked to");
  print_place<Config>(*task.cold, out);
  std::fprintf(out, "\n");
}

// The task that a parked one waits for, if it waits for one.
template <class Config>
auto waits_on(const fiber<Config>& task) noexcept -> const frame<Config>* {
  if (task.state != fiber_state::parked || task.wait == nullptr || task.wait->kind->on == nullptr) return nullptr;
  return static_cast<const frame<Config>*>(task.wait->kind->on(*task.wait));
}

// Follows "waits for" from a task; gives a task of the cycle that this leads into, if no walk before this one came that way.
template <class Config>
auto find_cycle(fiber<Config>& start) noexcept -> const frame<Config>* {
  start.cold->mark = start.cold;
  for (const fiber<Config>* at = &start;;) {
    const auto* const next = waits_on<Config>(*at);
    if (next == nullptr) return nullptr;
    if (next->hot->cold->mark != nullptr) return next->mark == start.cold ? next : nullptr;
    next->hot->cold->mark = start.cold;
    at = next->hot;
  }
}

// Prints a cycle, its oldest task first.
template <class Config>
void print_cycle(const frame<Config>& some, std::FILE* out) noexcept {
  const frame<Config>* oldest = &some;
  for (const auto* at = waits_on<Config>(*some.hot); at != &some; at = waits_on<Config>(*at->hot))
    if (at->id < oldest->id) oldest = at;
  std::fprintf(out, "  cycle: ");
  const frame<Config>* at = oldest;
  do {
    print_task<Config>(*at, out);
    std::fprintf(out, " -> ");
    at = waits_on<Config>(*at->hot);
  } while (at != oldest);
  print_task<Config>(*oldest, out);
  std::fprintf(out, "\n");
}
/// \endcond

/// Prints the table of all tasks of a scheduler.
template <class Config>
[[gnu::noinline, gnu::cold]] void print_report(scheduler<Config>& home, std::FILE* out, const char* headline) noexcept {
  std::fprintf(out, "sluice: %s (%zu)\n", headline, home.live());
  home.each_task([&](fiber<Config>& task) noexcept {
    if (task.state == fiber_state::finished || task.state == fiber_state::lost) return;
    std::fprintf(out, "  ");
    print_task<Config>(*task.cold, out);
    if (&task == &home.self()) { std::fprintf(out, task.state == fiber_state::parked && task.wait != nullptr ? "" : " runs"); }
    if (task.state == fiber_state::ready && &task != &home.self()) std::fprintf(out, " is ready");
    if (task.state == fiber_state::parked && task.wait != nullptr) {
      std::fprintf(out, " waits for %.*s", static_cast<int>(task.wait->what().size()), task.wait->what().data());
      if (const auto handle = task.wait->kind->handle; handle != nullptr && handle(*task.wait) >= 0)
        std::fprintf(out, " on %d", handle(*task.wait));
      if (const auto* const on = waits_on<Config>(task)) {
        std::fprintf(out, " of ");
        print_task<Config>(*on, out);
      }
    }
    if (task.cancelled) std::fprintf(out, ", asked to end");
    print_place<Config>(*task.cold, out);
    std::fprintf(out, "\n");
  });
  // Each task is walked over once, however they wait for each other.
  home.each_task([](fiber<Config>& task) noexcept { task.cold->mark = nullptr; });
  home.each_task([&](fiber<Config>& task) noexcept {
    if (task.cold->mark != nullptr) return;
    if (const auto* const cycle = find_cycle<Config>(task)) print_cycle<Config>(*cycle, out);
  });
}

}  // namespace sluice::inline v0::coro
