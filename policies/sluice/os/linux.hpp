// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The system calls of Linux, as the policies make them. A policy.

#include <sluice/concept/os.hpp>
#include <sluice/detail/sanitizer.hpp>
#include <sluice/os/children.hpp>
#include <sluice/os/claimed_signals.hpp>
#include <sluice/os/host_lookup.hpp>
#include <sluice/os/linux_processes.hpp>
#include <sluice/os/local_sockets.hpp>
#include <sluice/os/process_signals.hpp>
#include <sluice/os/terminal.hpp>

#if defined(__linux__)

#include <liburing.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

namespace sluice::inline v0::os {

/// The calls that the Linux backends need, one static function a call. Each gives what the call gives, or minus the error number: nothing
/// here looks at `errno` twice, and a test that wants a call to fail derives from this type and hides that function.
/// \os Linux 6.1  \src the man page of the call that a function is named after
struct linux_ : linux_processes {
  using program_signals = os::program_signals;  ///< requests to end or to report
  using fault_watch = os::fault_watch;          ///< memory faults
  /// Writes to the standard error stream, in a signal handler too.
  static void write_error(const char* text, std::size_t bytes) noexcept { os::write_error(text, bytes); }
  /// Asks the system's resolver, which blocks. \src getaddrinfo(3)
  static auto look_up_host(const char* host, std::uint16_t port) noexcept -> result<host_addresses> { return os::look_up_host(host, port); }
  using children = os::children;              ///< processes that this one has started
  using terminal = os::terminal;              ///< terminals
  using handle_message = os::handle_message;  ///< control data that carries descriptors
  /// \src getpid(2)
  static auto process_id() noexcept -> int { return os::process_id(); }
  /// Connected to each other. \src socketpair(2)
  static auto stream_pair(int* both) noexcept -> int { return os::stream_pair(both); }
  /// Who made the other end of a local connection. \src unix(7)
  static auto credentials_of_peer(socket_handle socket, peer_credentials& peer) noexcept -> int {
    return os::credentials_of_peer(socket, peer);
  }

  /// Sets a ring up. \src io_uring_queue_init_params(3)
  static auto uring_queue_init(unsigned entries, ::io_uring* ring, ::io_uring_params* params) noexcept -> int {
    const int outcome = ::io_uring_queue_init_params(entries, ring, params);
    detail::after_unseen_map();
    return outcome;
  }
  /// Takes a ring down. \src io_uring_queue_exit(3)
  static void uring_queue_exit(::io_uring* ring) noexcept {
    detail::before_unseen_unmap();
    ::io_uring_queue_exit(ring);
  }
  /// Keeps a ring's mappings out of children. \src io_uring_ring_dontfork(3)
  static auto uring_dontfork(::io_uring* ring) noexcept -> int { return ::io_uring_ring_dontfork(ring); }
  /// Submits and waits. \src io_uring_enter2(2)
  [[gnu::always_inline]] static auto uring_enter(unsigned descriptor, unsigned submit, unsigned wait, unsigned flags, void* argument,
                                                 std::size_t bytes) noexcept -> int {
    if constexpr (detail::thread_sanitizer) {
      if (wait != 0 && argument == nullptr) return enter_in_slices(descriptor, submit, wait, flags);
    }
#if defined(__x86_64__) && !defined(__ILP32__)
    // What the function of that name does, without a call: what is in registers stays there.
    long outcome = __NR_io_uring_enter;
    register unsigned long fourth asm("r10") = flags;
    register void* fifth asm("r8") = argument;
    register std::size_t sixth asm("r9") = bytes;
    asm volatile("syscall"
                 : "+a"(outcome)
                 : "D"(static_cast<unsigned long>(descriptor)), "S"(static_cast<unsigned long>(submit)),
                   "d"(static_cast<unsigned long>(wait)), "r"(fourth), "r"(fifth), "r"(sixth)
                 : "rcx", "r11", "memory");
    return static_cast<int>(outcome);
#else
    return ::io_uring_enter2(descriptor, submit, wait, flags, static_cast<sigset_t*>(argument), bytes);
#endif
  }
  /// For the thread sanitizer, which does not intercept liburing's calls and so would keep a signal back for as long as one sleeps: the
  /// sleep ends after a while, as if by a signal.
  static auto enter_in_slices(unsigned descriptor, unsigned submit, unsigned wait, unsigned flags) noexcept -> int {
    ::__kernel_timespec slice{.tv_sec = 0, .tv_nsec = 50'000'000};
    ::io_uring_getevents_arg limit{};
    limit.ts = reinterpret_cast<std::uintptr_t>(&slice);
    const int outcome =
        ::io_uring_enter2(descriptor, submit, wait, flags | IORING_ENTER_EXT_ARG, reinterpret_cast<sigset_t*>(&limit), sizeof(limit));
    detail::take_held_signals();
    return outcome == -ETIME ? -EINTR : outcome;
  }
  /// Registers something with a ring; the descriptor is -1 for calls that need none. \src io_uring_register(2)
  static auto uring_register(unsigned descriptor, unsigned opcode, const void* argument, unsigned count) noexcept -> int {
    return ::io_uring_register(descriptor, opcode, argument, count);
  }
  /// \src socket(2)
  static auto socket(int domain, int type, int protocol) noexcept -> int { return checked(::socket(domain, type, protocol)); }
  /// \src bind(2)
  static auto bind(int descriptor, const ::sockaddr* address, ::socklen_t length) noexcept -> int {
    return checked(::bind(descriptor, address, length));
  }
  /// \src listen(2)
  static auto listen(int descriptor, int backlog) noexcept -> int { return checked(::listen(descriptor, backlog)); }
  /// \src shutdown(2)
  static auto shutdown(int descriptor, int how) noexcept -> int { return checked(::shutdown(descriptor, how)); }
  /// \src send(2)
  static auto send(int descriptor, const void* data, std::size_t bytes, int flags) noexcept -> ssize_t {
    return checked(::send(descriptor, data, bytes, flags));
  }
  /// \src recv(2)
  static auto recv(int descriptor, void* data, std::size_t bytes, int flags) noexcept -> ssize_t {
    return checked(::recv(descriptor, data, bytes, flags));
  }
  /// \src read(2)
  static auto read(int descriptor, void* data, std::size_t bytes) noexcept -> ssize_t { return checked(::read(descriptor, data, bytes)); }
  /// \src write(2)
  static auto write(int descriptor, const void* data, std::size_t bytes) noexcept -> ssize_t {
    return checked(::write(descriptor, data, bytes));
  }
  /// \src close(2)
  static auto close(int descriptor) noexcept -> int { return checked(::close(descriptor)); }
  /// \src eventfd(2)
  static auto eventfd(unsigned initial, int flags) noexcept -> int { return checked(::eventfd(initial, flags)); }
  /// \src getsockname(2)
  static auto getsockname(int descriptor, ::sockaddr* address, ::socklen_t* length) noexcept -> int {
    return checked(::getsockname(descriptor, address, length));
  }
  /// \src getsockopt(2)
  static auto getsockopt(int descriptor, int level, int name, void* value, ::socklen_t* length) noexcept -> int {
    return checked(::getsockopt(descriptor, level, name, value, length));
  }
  /// \src setsockopt(2)
  static auto setsockopt(int descriptor, int level, int name, const void* value, ::socklen_t length) noexcept -> int {
    return checked(::setsockopt(descriptor, level, name, value, length));
  }
  /// Takes a connection. \src accept4(2)
  static auto accept4(int descriptor, ::sockaddr* address, ::socklen_t* length, int flags) noexcept -> int {
    return checked(::accept4(descriptor, address, length, flags));
  }
  /// \src connect(2)
  static auto connect(int descriptor, const ::sockaddr* address, ::socklen_t length) noexcept -> int {
    return checked(::connect(descriptor, address, length));
  }
  /// The flags are RWF_ ones; offset -1 is the file's own position. \src preadv2(2)
  static auto preadv2(int descriptor, const ::iovec* parts, int count, ::off_t offset, int flags) noexcept -> ssize_t {
    return checked(::preadv2(descriptor, parts, count, offset, flags));
  }
  /// The flags are RWF_ ones; offset -1 is the file's own position. \src pwritev2(2)
  static auto pwritev2(int descriptor, const ::iovec* parts, int count, ::off_t offset, int flags) noexcept -> ssize_t {
    return checked(::pwritev2(descriptor, parts, count, offset, flags));
  }
  /// \src fsync(2)
  static auto fsync(int descriptor) noexcept -> int { return checked(::fsync(descriptor)); }
  /// \src fdatasync(2)
  static auto fdatasync(int descriptor) noexcept -> int { return checked(::fdatasync(descriptor)); }
  /// The kind of file behind a descriptor: the bits of S_IFMT. \src fstat(2)
  static auto file_type(int descriptor) noexcept -> int {
    struct ::stat facts;
    return ::fstat(descriptor, &facts) < 0 ? -errno : static_cast<int>(facts.st_mode & S_IFMT);
  }
  /// The flags of the open file description, O_NONBLOCK among them. \src fcntl(2)
  static auto status_flags(int descriptor) noexcept -> int { return checked(::fcntl(descriptor, F_GETFL)); }
  /// Whether nobody may block on an open file description. \src fcntl(2)
  static auto never_blocks(int descriptor) noexcept -> bool {
    const int flags = status_flags(descriptor);
    return flags >= 0 && (flags & O_NONBLOCK) != 0;
  }
  /// \src epoll_create1(2)
  static auto epoll_create() noexcept -> int { return checked(::epoll_create1(EPOLL_CLOEXEC)); }
  /// \src epoll_ctl(2)
  static auto epoll_ctl(int set, int what, int descriptor, ::epoll_event* event) noexcept -> int {
    return checked(::epoll_ctl(set, what, descriptor, event));
  }
  /// Waits, with nanoseconds; without an end if there is no limit. \src epoll_pwait2(2), Linux 5.11
  static auto epoll_wait_exactly(int set, ::epoll_event* events, int count, const ::timespec* limit) noexcept -> int {
    return checked(::epoll_pwait2(set, events, count, limit, nullptr));
  }
  /// Waits, with milliseconds. \src epoll_wait(2)
  static auto epoll_wait(int set, ::epoll_event* events, int count, int limit) noexcept -> int {
    return checked(::epoll_wait(set, events, count, limit));
  }
  /// Waits, with nanoseconds; without an end if there is no limit. \src poll(2), ppoll(2)
  static auto poll(::pollfd* all, std::size_t count, const ::timespec* limit) noexcept -> int {
    if (limit == nullptr) return checked(::poll(all, count, -1));
    return checked(::ppoll(all, count, limit, nullptr));
  }
  /// Sleeps until a time of a clock. \src clock_nanosleep(2)
  static auto sleep_until(clock_kind clock, time_point when) noexcept -> int {
    constexpr std::int64_t second = 1'000'000'000;
    const int number = clock == clock_kind::boot ? CLOCK_BOOTTIME : clock == clock_kind::wall ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    const std::int64_t count = when.count < 0 ? 0 : when.count;
    const ::timespec until{.tv_sec = count / second, .tv_nsec = count % second};
    return -::clock_nanosleep(number, TIMER_ABSTIME, &until, nullptr);
  }
  /// Makes a descriptor that is readable from a time of a clock on. \src timerfd_create(2)
  static auto timer_create(clock_kind clock) noexcept -> int {
    const int number = clock == clock_kind::boot ? CLOCK_BOOTTIME : clock == clock_kind::wall ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    return checked(::timerfd_create(number, TFD_NONBLOCK | TFD_CLOEXEC));
  }
  /// From when on it is readable; never if the time is zero. \src timerfd_settime(2)
  static auto timer_set(int descriptor, time_point when) noexcept -> int {
    constexpr std::int64_t second = 1'000'000'000;
    ::itimerspec setting{};
    setting.it_value = {.tv_sec = when.count / second, .tv_nsec = when.count % second};
    return checked(::timerfd_settime(descriptor, TFD_TIMER_ABSTIME, &setting, nullptr));
  }
  /// Starts a thread that gets no signals. \src pthread_create(3)
  static auto thread_create(::pthread_t& thread, void* (*body)(void*), void* argument) noexcept -> int {
    ::sigset_t all;
    ::sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const int outcome = ::pthread_create(&thread, nullptr, body, argument);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return -outcome;
  }
  /// Waits for the end of a thread. \src pthread_join(3)
  static auto thread_join(::pthread_t thread) noexcept -> int { return -::pthread_join(thread, nullptr); }
  /// How many processors the calling thread may run on. \src sched_getaffinity(2)
  static auto processor_count() noexcept -> std::size_t {
    ::cpu_set_t set;
    if (::sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
    return static_cast<std::size_t>(CPU_COUNT(&set));
  }
  /// Keeps the calling thread on one of these, by number; the numbers begin anew when there are no more. \src sched_setaffinity(2)
  static void pin_thread(std::size_t number) noexcept {
    ::cpu_set_t set;
    if (::sched_getaffinity(0, sizeof(set), &set) != 0) return;
    number %= static_cast<std::size_t>(CPU_COUNT(&set));
    for (std::size_t one = 0; one < CPU_SETSIZE; ++one) {
      if (!CPU_ISSET(one, &set) || number-- != 0) continue;
      ::cpu_set_t only;
      CPU_ZERO(&only);
      CPU_SET(one, &only);
      (void)::sched_setaffinity(0, sizeof(only), &only);
      return;
    }
  }
  /// Lets others run. \src sched_yield(2)
  static void yield_processor() noexcept { (void)::sched_yield(); }
  /// Whether a signal waits to be unblocked in the calling thread. \src sigpending(2)
  static auto signal_is_pending(int signal) noexcept -> bool {
    ::sigset_t set;
    return ::sigpending(&set) == 0 && sigismember(&set, signal) == 1;
  }
  /// Takes a pending signal of the set, without waiting. \src sigtimedwait(2)
  static auto take_pending_signal(const ::sigset_t* set) noexcept -> int {
    const ::timespec at_once{};
    return checked(::sigtimedwait(set, nullptr, &at_once));
  }
  /// Notes who reads signals in the calling thread. \src pthread_sigmask(3)
  static auto claim_signals(signal_set signals) noexcept -> result<void> { return os::claim_signals<linux_>(signals); }
  /// The end of that. \src pthread_sigmask(3)
  static void drop_signals(signal_set signals) noexcept { os::drop_signals<linux_>(signals); }
};

static_assert(os_policy<linux_>);

}  // namespace sluice::inline v0::os

#endif
