// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations on processes and signals as calls of Linux. A policy's part.

#include <sluice/op/process.hpp>
#include <sluice/op/signal.hpp>
#include <sluice/os/linux_processes.hpp>
#include <sluice/os/native_op.hpp>
#include <sluice/os/sigpipe.hpp>
#include <sluice/result.hpp>

#if defined(__linux__)

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sluice::inline v0::os {

/// \cond
// What each is, native_op.hpp says.

inline void add_signals(::sigset_t& to, std::uint64_t bits) noexcept {
  for (int number = 1; number <= signal_set::most; ++number)
    if ((bits >> static_cast<unsigned>(number - 1) & 1U) != 0) sigaddset(&to, number);
}

/// Signals that `op::open_signals` has blocked in some thread and that were not blocked there before; the others inherit the mask.
inline constinit std::atomic<std::uint64_t> opened_signals{0};

template <>
struct native_op<op::open_signals> : plain_native_op {
  static constexpr bool may_block = false;

  template <class Os>
  static auto call(const op::open_signals& op, kept&) noexcept -> int {
    return open<Os>(op, 0);
  }

  /// With more flags of signalfd(2).
  template <class Os>
  static auto open(const op::open_signals& op, int flags) noexcept -> int {
    ::sigset_t wanted;
    sigemptyset(&wanted);
    add_signals(wanted, op.signals.bits());
    ::sigset_t before;
    if (const int refused = Os::signal_mask(SIG_BLOCK, &wanted, &before); refused < 0) return refused;
    const int made = Os::signalfd(&wanted, SFD_CLOEXEC | flags);
    if (made < 0) {
      (void)Os::signal_mask(SIG_SETMASK, &before, nullptr);
      return made;
    }
    std::uint64_t fresh = 0;
    for (int number = 1; number <= signal_set::most; ++number)
      if (op.signals.contains(number) && sigismember(&before, number) == 0) fresh |= std::uint64_t{1} << static_cast<unsigned>(number - 1);
    opened_signals.fetch_or(fresh, std::memory_order_relaxed);
    return made;
  }
};

template <>
struct native_op<op::wait_signal> : plain_native_op {
  struct kept {
    ::signalfd_siginfo info;
  };

  template <class Os>
  static auto call(const op::wait_signal& op, kept& keep) noexcept -> ssize_t {
    return Os::read(op.file.native(), &keep.info, sizeof(keep.info));
  }
  static auto value(const op::wait_signal&, const kept& keep, std::int32_t) noexcept -> signal_info {
    return {.number = static_cast<int>(keep.info.ssi_signo),
            .code = keep.info.ssi_code,
            .process = static_cast<int>(keep.info.ssi_pid),
            .user = keep.info.ssi_uid,
            .value = static_cast<std::int64_t>(keep.info.ssi_ptr)};
  }
};

/// A null-terminated array of strings, as `execve` takes it.
class string_array {
 public:
  /// What is in the span, or `alone` if that is empty. Null in `data` where there is no memory.
  string_array(std::span<const c_path> from, const char* alone) noexcept {
    const std::size_t count = from.empty() ? (alone != nullptr ? 1 : 0) : from.size();
    if (count >= few) more_ = new (std::nothrow) char*[count + 1];
    data_ = count >= few ? more_ : few_;
    if (data_ == nullptr) return;
    std::size_t at = 0;
    for (const auto& one : from) data_[at++] = const_cast<char*>(one.c_str());
    if (at < count) data_[at++] = const_cast<char*>(alone);
    data_[at] = nullptr;
  }
  string_array(const string_array&) = delete;
  auto operator=(const string_array&) -> string_array& = delete;
  ~string_array() { delete[] more_; }
  [[nodiscard]] auto data() const noexcept -> char* const* { return data_; }

 private:
  static constexpr std::size_t few = 16;
  char* few_[few];
  char** more_ = nullptr;
  char** data_ = nullptr;
};

/// What a new process has: descriptors, folder, mask, group. The first error stays.
template <class Os>
class birth {
 public:
  explicit birth(const op::spawn_process& op) noexcept : op_{op} {
    note(::posix_spawn_file_actions_init(&actions_));
    note(::posix_spawnattr_init(&attributes_));
    give_descriptors();
    if (*op.working_directory.c_str() != '\0') note(::posix_spawn_file_actions_addchdir_np(&actions_, op.working_directory.c_str()));
    short flags = POSIX_SPAWN_SETSIGMASK;
    ::sigset_t mask;
    original_mask(mask);
    note(::posix_spawnattr_setsigmask(&attributes_, &mask));
    if (op.group >= 0) {
      flags = static_cast<short>(flags | POSIX_SPAWN_SETPGROUP);
      note(::posix_spawnattr_setpgroup(&attributes_, op.group));
    }
    note(::posix_spawnattr_setflags(&attributes_, flags));
  }
  birth(const birth&) = delete;
  auto operator=(const birth&) -> birth& = delete;
  ~birth() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
    for (std::size_t i = 0; i != saved_count_; ++i) (void)Os::close(saved_[i]);
  }

  /// Starts the program. Zero, or minus an error.
  auto start(::pid_t& id) noexcept -> int {
    if (error_ != 0) return -error_;
    const string_array arguments{op_.arguments, op_.path.c_str()};
    const string_array environment{op_.environment, nullptr};
    if (arguments.data() == nullptr || environment.data() == nullptr) return -ENOMEM;
    return Os::spawn(&id, op_.path.c_str(), &actions_, &attributes_, arguments.data(),
                     op_.inherit_environment ? environ : environment.data(), op_.search);
  }

 private:
  static constexpr std::size_t most_saved = 32;

  void note(int error) noexcept {
    if (error_ == 0) error_ = error;
  }

  /// They take their numbers one after the other. A descriptor whose number is taken by another one is put aside first.
  void give_descriptors() noexcept {
    for (const auto& one : op_.descriptors) {
      if (one.number < 0 || one.handle.native() < 0) return note(EBADF);
      int from = one.handle.native();
      for (const auto& other : op_.descriptors)
        if (&other != &one && other.number == one.handle.native()) from = save(one.handle.native());
      if (error_ != 0) return;
      note(::posix_spawn_file_actions_adddup2(&actions_, from, one.number));
    }
  }

  auto save(int descriptor) noexcept -> int {
    if (saved_count_ == most_saved) {
      note(E2BIG);
      return -1;
    }
    int made = Os::duplicate(descriptor);
    // Not under a number that another one is going to have.
    while (made >= 0 && is_wanted(made) && saved_count_ + 1 < most_saved) {
      saved_[saved_count_++] = made;
      made = Os::duplicate(descriptor);
    }
    if (made < 0) {
      note(-made);
      return -1;
    }
    saved_[saved_count_++] = made;
    return made;
  }

  [[nodiscard]] auto is_wanted(int number) const noexcept -> bool {
    for (const auto& one : op_.descriptors)
      if (one.number == number) return true;
    return false;
  }

  /// The mask of this thread as it would be without the library.
  static void original_mask(::sigset_t& mask) noexcept {
    sigemptyset(&mask);
    (void)Os::signal_mask(SIG_SETMASK, nullptr, &mask);
    sigpipe_block<Os>::remove_from(mask);
    const auto opened = opened_signals.load(std::memory_order_relaxed);
    for (int number = 1; number <= signal_set::most; ++number)
      if ((opened >> static_cast<unsigned>(number - 1) & 1U) != 0) sigdelset(&mask, number);
  }

  const op::spawn_process& op_;
  ::posix_spawn_file_actions_t actions_;
  ::posix_spawnattr_t attributes_;
  int saved_[most_saved];
  std::size_t saved_count_ = 0;
  int error_ = 0;
};

template <>
struct native_op<op::spawn_process> : plain_native_op {
  static constexpr bool may_block = false;  ///< for long; and the child has the mask of the thread that makes it
  struct kept {
    ::pid_t id;
  };

  /// A child without a handle would be one that nobody can wait for. So there must be a descriptor before there is a child; if another
  /// thread takes that one in between, the child is ended again.
  template <class Os>
  static auto call(const op::spawn_process& op, kept& keep) noexcept -> int {
    birth<Os> child{op};
    const int room = Os::eventfd(0, EFD_CLOEXEC);
    if (room < 0) return room;
    const int refused = child.start(keep.id);
    (void)Os::close(room);
    if (refused < 0) return refused;
    const int handle = Os::pidfd_open(keep.id);
    if (handle < 0) {
      (void)Os::kill(keep.id, SIGKILL);
      ::siginfo_t info;
      while (Os::waitid(P_PID, static_cast<::id_t>(keep.id), &info, WEXITED) == -EINTR) {}
    }
    // An interruption here must not start a second one.
    return handle == -EINTR ? -EAGAIN : handle;
  }
  static auto value(const op::spawn_process&, const kept& keep, std::int32_t raw) noexcept -> spawned_process {
    return {.process = process_handle{raw}, .id = keep.id};
  }
};

/// How a process ended, from what `waitid` gives. \src waitid(2)
inline auto exit_status_of(const ::siginfo_t& info) noexcept -> exit_status {
  if (info.si_code == CLD_EXITED) return {.code = info.si_status};
  return {.signal = info.si_status, .dumped_core = info.si_code == CLD_DUMPED};
}

/// A process as `waitid` takes it. No handle is a descriptor that cannot be: a negative one is refused as something else.
constexpr auto waited_for(process_handle process) noexcept -> int { return process ? process.native() : INT_MAX; }

template <>
struct native_op<op::child_exit> : plain_native_op {
  /// Where the system only says that the child has ended, its status is taken when the result is read. Its handle may be closed by then, so
  /// there is a second one.
  struct kept {
    mutable ::siginfo_t info;
    mutable int outcome;                           ///< of taking it: `untaken`, or a raw result
    mutable int twin = -1;                         ///< the second handle
    auto (*close)(int) noexcept -> int = nullptr;  ///< gives that back

    kept() noexcept {}  // NOLINT(cppcoreguidelines-pro-type-member-init,modernize-use-equals-default)
    kept(const kept&) = delete;
    auto operator=(const kept&) -> kept& = delete;
    ~kept() { drop_twin(); }

    void drop_twin() const noexcept {
      if (twin >= 0) (void)close(std::exchange(twin, -1));
    }
  };
  static constexpr int untaken = 1;

  /// To be called before a wait that does not take the status.
  template <class Os>
  static void put_off(const op::child_exit& op, kept& keep) noexcept {
    keep.drop_twin();
    keep.close = &Os::close;
    keep.twin = Os::duplicate(op.process.native());
    keep.outcome = untaken;
  }
  /// Does not wait: `EAGAIN` while it runs.
  template <class Os>
  static auto call(const op::child_exit& op, const kept& keep) noexcept -> int {
    keep.info.si_pid = 0;
    const int handle = keep.twin >= 0 ? keep.twin : waited_for(op.process);
    const int outcome = Os::waitid(P_PIDFD, static_cast<::id_t>(handle), &keep.info, WEXITED | WNOHANG);
    return outcome == 0 && keep.info.si_pid == 0 ? -EAGAIN : outcome;
  }
  template <class Os>
  static auto value(const op::child_exit& op, const kept& keep, std::int32_t) noexcept -> result<exit_status> {
    while (keep.outcome == untaken || keep.outcome == -EINTR) keep.outcome = call<Os>(op, keep);
    keep.drop_twin();
    if (keep.outcome < 0) return system_error(-keep.outcome);
    return exit_status_of(keep.info);
  }
};

/// \endcond

}  // namespace sluice::inline v0::os

#endif
