// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Tells what a process owns that a child inherits it by a fork. A policy's part.

#include <sluice/os/process_signals.hpp>

#if defined(__linux__)

#include <cstdlib>
#include <string_view>
#include <utility>

#include <pthread.h>

namespace sluice::inline v0::os {

/// Something that a forked child must not go on with: it is told so there, before fork(2) returns. What a child is made by that runs no
/// such handlers, vfork(2) say, is not seen. \src pthread_atfork(3)
class fork_watch {
 public:
  using callback = void (*)(void* self) noexcept;  ///< runs in the child, where no other thread is

  /// Watches from now on.
  [[gnu::noinline, gnu::cold]] fork_watch(callback told, void* self) noexcept : told_{told}, self_{self} {
    before();
    if (!std::exchange(is_asked_, true)) (void)::pthread_atfork(&before, &in_parent, &in_child);
    next_ = first_;
    place_ = &first_;
    if (next_ != nullptr) next_->place_ = &next_;
    first_ = this;
    in_parent();
  }
  fork_watch(const fork_watch&) = delete;
  auto operator=(const fork_watch&) -> fork_watch& = delete;
  [[gnu::noinline, gnu::cold]] ~fork_watch() {
    before();
    *place_ = next_;
    if (next_ != nullptr) next_->place_ = place_;
    in_parent();
  }

  /// Says what is wrong and ends the child.
  [[noreturn, gnu::noinline, gnu::cold]] static void refuse() noexcept {
    constexpr std::string_view text =
        "sluice: a forked child cannot go on in a scheduler or a ring of its parent's; make one in the child, or leave it by execve or _exit\n";
    write_error(text.data(), text.size());
    std::abort();
  }

 private:
  // Nobody adds or removes one while the process is copied.
  static void before() noexcept { (void)::pthread_mutex_lock(&all_); }
  static void in_parent() noexcept { (void)::pthread_mutex_unlock(&all_); }
  static void in_child() noexcept {
    for (auto* one = first_; one != nullptr; one = one->next_) one->told_(one->self_);
    (void)::pthread_mutex_unlock(&all_);
  }

  static inline constinit ::pthread_mutex_t all_ = PTHREAD_MUTEX_INITIALIZER;
  static inline constinit bool is_asked_ = false;
  static inline constinit fork_watch* first_ = nullptr;
  callback told_;
  void* self_;
  fork_watch* next_ = nullptr;
  fork_watch** place_ = nullptr;
};

}  // namespace sluice::inline v0::os

#endif
