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
