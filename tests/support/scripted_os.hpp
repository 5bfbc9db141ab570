// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The system calls of Linux with answers that a test writes: each call counts, and may be answered by the script instead of the system.
/// `missing_features` is no call: its answer is a set of features that a new ring does not show.

#include <sluice/os/linux.hpp>
#include <sluice/result.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>

namespace support {

/// One call as the script sees it: the numbers that tell calls of one name apart.
struct system_call {
  std::string_view name;
  std::uint64_t first = 0;   ///< register: the opcode; enter: how many are submitted; plain calls: the descriptor
  std::uint64_t second = 0;  ///< enter: how many are waited for
  std::uint64_t third = 0;   ///< enter: the flags
};

/// What the test has written. An answer is what the call would give; none lets the call through.
class script {
 public:
  using answer = std::optional<std::int64_t>;
  using rule = std::function<answer(const system_call&)>;

  /// Forgets everything.
  static void clear() {
    const std::lock_guard lock{guard_};
    queued_.clear();
    rules_.clear();
    counts_.clear();
  }
  /// The next calls of this name get these answers, one each.
  static void next(std::string_view name, std::initializer_list<answer> answers) {
    const std::lock_guard lock{guard_};
    for (const auto& one : answers) queued_[name].push_back(one);
  }
  /// Every call of this name is decided by `decide`, after what `next` has queued.
  static void always(std::string_view name, rule decide) {
    const std::lock_guard lock{guard_};
    rules_[name] = std::move(decide);
  }
  /// Calls of this name so far.
  static auto calls(std::string_view name) -> std::size_t {
    const std::lock_guard lock{guard_};
    return counts_[name];
  }
  /// Calls of any name so far.
  static auto calls() -> std::size_t {
    const std::lock_guard lock{guard_};
    std::size_t sum = 0;
    for (const auto& [name, count] : counts_) sum += count;
    return sum;
  }
  /// Counts a call and says how it is answered.
  static auto ask(const system_call& call) -> answer {
    const std::lock_guard lock{guard_};
    ++counts_[call.name];
    if (auto& line = queued_[call.name]; !line.empty()) {
      const auto front = line.front();
      line.pop_front();
      return front;
    }
    const auto found = rules_.find(call.name);
    return found == rules_.end() ? answer{} : found->second(call);
  }

 private:
  static inline std::mutex guard_;
  static inline std::map<std::string_view, std::deque<answer>> queued_;
  static inline std::map<std::string_view, rule> rules_;
  static inline std::map<std::string_view, std::size_t> counts_;
};

/// `os::linux_` under the script. A name in the script is the name of the function here.
struct scripted_os : sluice::os::linux_ {
  using real = sluice::os::linux_;

  static auto map(std::size_t bytes) noexcept -> sluice::result<std::byte*> {
    if (const auto answer = script::ask({"map", bytes})) return sluice::system_error(static_cast<int>(-*answer));
    return real::map(bytes);
  }
  static auto uring_queue_init(unsigned entries, ::io_uring* ring, ::io_uring_params* params) noexcept -> int {
    if (const auto answer = script::ask({"uring_queue_init", params->flags, entries, params->cq_entries})) return static_cast<int>(*answer);
    const int outcome = real::uring_queue_init(entries, ring, params);
    if (outcome != 0) return outcome;
    if (const auto missing = script::ask({"missing_features"})) ring->features &= ~static_cast<unsigned>(*missing);
    return outcome;
  }
  static void uring_queue_exit(::io_uring* ring) noexcept {
    (void)script::ask({"uring_queue_exit"});
    real::uring_queue_exit(ring);
  }
  static auto uring_dontfork(::io_uring* ring) noexcept -> int {
    if (const auto answer = script::ask({"uring_dontfork"})) return static_cast<int>(*answer);
    return real::uring_dontfork(ring);
  }
  static auto uring_enter(unsigned descriptor, unsigned submit, unsigned wait, unsigned flags, void* argument, std::size_t bytes) noexcept
      -> int {
    if (const auto answer = script::ask({"uring_enter", submit, wait, flags})) {
      if (*answer <= 0 || *answer >= submit) return static_cast<int>(*answer);
      // A short submission: the kernel takes that many, and does not wait then.
      return real::uring_enter(descriptor, static_cast<unsigned>(*answer), 0, flags, argument, bytes);
    }
    return real::uring_enter(descriptor, submit, wait, flags, argument, bytes);
  }
  static auto uring_register(unsigned descriptor, unsigned opcode, const void* argument, unsigned count) noexcept -> int {
    if (const auto answer = script::ask({"uring_register", opcode, descriptor, count})) return static_cast<int>(*answer);
    return real::uring_register(descriptor, opcode, argument, count);
  }
  static auto socket(int domain, int type, int protocol) noexcept -> int {
    if (const auto answer = script::ask({"socket"})) return static_cast<int>(*answer);
    return real::socket(domain, type, protocol);
  }
  static auto bind(int descriptor, const ::sockaddr* address, ::socklen_t length) noexcept -> int {
    if (const auto answer = script::ask({"bind", static_cast<unsigned>(descriptor)})) return static_cast<int>(*answer);
    return real::bind(descriptor, address, length);
  }
  static auto listen(int descriptor, int backlog) noexcept -> int {
    if (const auto answer = script::ask({"listen", static_cast<unsigned>(descriptor)})) return static_cast<int>(*answer);
    return real::listen(descriptor, backlog);
  }
  static auto shutdown(int descriptor, int how) noexcept -> int {
    if (const auto answer = script::ask({"shutdown", static_cast<unsigned>(descriptor)})) return static_cast<int>(*answer);
    return real::shutdown(descriptor, how);
  }
  static auto send(int descriptor, const void* data, std::size_t bytes, int flags) noexcept -> ssize_t {
    if (const auto answer = script::ask({"send", static_cast<unsigned>(descriptor)})) return static_cast<ssize_t>(*answer);
    return real::send(descriptor, data, bytes, flags);
  }
  static auto recv(int descriptor, void* data, std::size_t bytes, int flags) noexcept -> ssize_t {
    if (const auto answer = script::ask({"recv", static_cast<unsigned>(descriptor)})) return static_cast<ssize_t>(*answer);
    return real::recv(descriptor, data, bytes, flags);
  }
  static auto read(int descriptor, void* data, std::size_t bytes) noexcept -> ssize_t {
    if (const auto answer = script::ask({"read", static_cast<unsigned>(descriptor)})) return static_cast<ssize_t>(*answer);
    return real::read(descriptor, data, bytes);
  }
  static auto write(int descriptor, const void* data, std::size_t bytes) noexcept -> ssize_t {
    if (const auto answer = script::ask({"write", static_cast<unsigned>(descriptor)})) return static_cast<ssize_t>(*answer);
    return real::write(descriptor, data, bytes);
  }
  static auto close(int descriptor) noexcept -> int {
    if (const auto answer = script::ask({"close", static_cast<unsigned>(descriptor)})) return static_cast<int>(*answer);
    return real::close(descriptor);
  }
  static auto eventfd(unsigned initial, int flags) noexcept -> int {
    if (const auto answer = script::ask({"eventfd"})) return static_cast<int>(*answer);
    return real::eventfd(initial, flags);
  }
  static auto getsockname(int descriptor, ::sockaddr* address, ::socklen_t* length) noexcept -> int {
    if (const auto answer = script::ask({"getsockname", static_cast<unsigned>(descriptor)})) return static_cast<int>(*answer);
    return real::getsockname(descriptor, address, length);
  }
  static auto getsockopt(int descriptor, int level, int name, void* value, ::socklen_t* length) noexcept -> int {
    if (const auto answer = script::ask({"getsockopt", static_cast<unsigned>(descriptor)})) return static_cast<int>(*answer);
    return real::getsockopt(descriptor, level, name, value, length);
  }
  static auto setsockopt(int descriptor, int level, int name, const void* value, ::socklen_t length) noexcept -> int {
    if (const auto answer = script::ask({"setsockopt", static_cast<unsigned>(descriptor)})) return static_cast<int>(*answer);
    return real::setsockopt(descriptor, level, name, value, length);
  }
  static auto accept4(int descriptor, ::sockaddr* address, ::socklen_t* length, int flags) noexcept -> int {
    if (const auto answer = script::ask({"accept4", static_cast<unsigned>(descriptor)})) return static_cast<int>(*answer);
    return real::accept4(descriptor, address, length, flags);
  }
  static auto connect(int descriptor, const ::sockaddr* address, ::socklen_t length) noexcept -> int {
    if (const auto answer = script::ask({"connect", static_cast<unsigned>(descriptor)})) return static_cast<int>(*answer);
    return real::connect(descriptor, address, length);
  }
  static auto recvmsg(int descriptor, ::msghdr* message, int flags) noexcept -> ssize_t {
    if (const auto answer = script::ask({"recvmsg", static_cast<unsigned>(descriptor)})) return static_cast<ssize_t>(*answer);
    return real::recvmsg(descriptor, message, flags);
  }
  static auto sendmsg(int descriptor, const ::msghdr* message, int flags) noexcept -> ssize_t {
    if (const auto answer = script::ask({"sendmsg", static_cast<unsigned>(descriptor)})) return static_cast<ssize_t>(*answer);
    return real::sendmsg(descriptor, message, flags);
  }
  static auto preadv2(int descriptor, const ::iovec* parts, int count, ::off_t offset, int flags) noexcept -> ssize_t {
    if (const auto answer = script::ask({"preadv2", static_cast<unsigned>(descriptor), static_cast<unsigned>(flags)}))
      return static_cast<ssize_t>(*answer);
    return real::preadv2(descriptor, parts, count, offset, flags);
  }
  static auto pwritev2(int descriptor, const ::iovec* parts, int count, ::off_t offset, int flags) noexcept -> ssize_t {
    if (const auto answer = script::ask({"pwritev2", static_cast<unsigned>(descriptor), static_cast<unsigned>(flags)}))
      return static_cast<ssize_t>(*answer);
    return real::pwritev2(descriptor, parts, count, offset, flags);
  }
  static auto openat(int directory, const char* path, int flags, unsigned mode) noexcept -> int {
    if (const auto answer = script::ask({"openat"})) return static_cast<int>(*answer);
    return real::openat(directory, path, flags, mode);
  }
  static auto fsync(int descriptor) noexcept -> int {
    if (const auto answer = script::ask({"fsync", static_cast<unsigned>(descriptor)})) return static_cast<int>(*answer);
    return real::fsync(descriptor);
  }
  static auto fdatasync(int descriptor) noexcept -> int {
    if (const auto answer = script::ask({"fdatasync", static_cast<unsigned>(descriptor)})) return static_cast<int>(*answer);
    return real::fdatasync(descriptor);
  }
  static auto file_type(int descriptor) noexcept -> int {
    if (const auto answer = script::ask({"file_type", static_cast<unsigned>(descriptor)})) return static_cast<int>(*answer);
    return real::file_type(descriptor);
  }
  static auto status_flags(int descriptor) noexcept -> int {
    if (const auto answer = script::ask({"status_flags", static_cast<unsigned>(descriptor)})) return static_cast<int>(*answer);
    return real::status_flags(descriptor);
  }
  static auto epoll_create() noexcept -> int {
    if (const auto answer = script::ask({"epoll_create"})) return static_cast<int>(*answer);
    return real::epoll_create();
  }
  static auto epoll_ctl(int set, int what, int descriptor, ::epoll_event* event) noexcept -> int {
    if (const auto answer = script::ask({"epoll_ctl", static_cast<unsigned>(descriptor), static_cast<unsigned>(what)}))
      return static_cast<int>(*answer);
    return real::epoll_ctl(set, what, descriptor, event);
  }
  static auto epoll_wait_exactly(int set, ::epoll_event* events, int count, const ::timespec* limit) noexcept -> int {
    if (const auto answer = script::ask({"epoll_wait_exactly"})) return static_cast<int>(*answer);
    return real::epoll_wait_exactly(set, events, count, limit);
  }
  static auto epoll_wait(int set, ::epoll_event* events, int count, int limit) noexcept -> int {
    if (const auto answer = script::ask({"epoll_wait", static_cast<std::uint64_t>(limit)})) return static_cast<int>(*answer);
    return real::epoll_wait(set, events, count, limit);
  }
  static auto poll(::pollfd* all, std::size_t count, const ::timespec* limit) noexcept -> int {
    if (const auto answer = script::ask({"poll", count, limit == nullptr || limit->tv_sec != 0 || limit->tv_nsec != 0}))
      return static_cast<int>(*answer);
    return real::poll(all, count, limit);
  }
  static auto timer_create(sluice::clock_kind clock) noexcept -> int {
    if (const auto answer = script::ask({"timer_create"})) return static_cast<int>(*answer);
    return real::timer_create(clock);
  }
  static auto timer_set(int descriptor, sluice::time_point when) noexcept -> int {
    if (const auto answer = script::ask({"timer_set", static_cast<unsigned>(descriptor)})) return static_cast<int>(*answer);
    return real::timer_set(descriptor, when);
  }
  static auto thread_create(::pthread_t& thread, void* (*body)(void*), void* argument) noexcept -> int {
    if (const auto answer = script::ask({"thread_create"})) return static_cast<int>(*answer);
    return real::thread_create(thread, body, argument);
  }
  static auto signal_mask(int how, const ::sigset_t* set, ::sigset_t* old) noexcept -> int {
    if (const auto answer = script::ask({"signal_mask"})) return static_cast<int>(*answer);
    return real::signal_mask(how, set, old);
  }
  static auto take_pending_signal(const ::sigset_t* set) noexcept -> int {
    if (const auto answer = script::ask({"take_pending_signal"})) return static_cast<int>(*answer);
    return real::take_pending_signal(set);
  }
};

/// Clears the script before and after a case.
struct script_fixture {
  script_fixture() { script::clear(); }
  ~script_fixture() { script::clear(); }
};

}  // namespace support
