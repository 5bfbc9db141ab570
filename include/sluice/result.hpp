// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// `result<T>` and the errors that only the library can know. Base vocabulary.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace sluice::inline v0 {

/// What every operation gives: a value, or the code that says why there is none.
template <class T>
using result = std::expected<T, std::error_code>;

/// Errors that no system call reports. Each compares equal to the `std::errc` of the system error behind it.
enum class errc : std::uint8_t {
  timed_out = 1,     ///< a deadline of ours passed; equals `std::errc::timed_out`, yet is another code than a connect's own `ETIMEDOUT`
  not_found,         ///< a cancel found nothing: already done, or unknown; equals `std::errc::no_such_file_or_directory`
  in_progress,       ///< not done yet, or past where a cancel can interrupt it; equals `std::errc::connection_already_in_progress`
  deadlock,          ///< every task waits for another; equals `std::errc::resource_deadlock_would_occur`
  closed,            ///< the other side of a channel or listener is gone; equals `std::errc::broken_pipe`
  already_running,   ///< `run` inside a task of the same config; equals `std::errc::operation_not_permitted`
  ring_unsupported,  ///< the kernel has no io_uring; equals `std::errc::function_not_supported`
  ring_forbidden,    ///< a sysctl or a sandbox forbids io_uring; equals `std::errc::operation_not_permitted`
  ring_denied,       ///< a security module forbids io_uring; equals `std::errc::permission_denied`
  ring_memory,       ///< the locked-memory limit is too small for the ring; equals `std::errc::not_enough_memory`
  ring_descriptors,  ///< no descriptor is left for the ring; equals `std::errc::too_many_files_open`
  ring_flag_unsupported,  ///< the kernel refuses the set-up flags as a whole; equals `std::errc::invalid_argument`
  ring_feature_missing,   ///< the kernel lacks a feature that the backend rests on; equals `std::errc::function_not_supported`
  flag_sqpoll,            ///< this kernel refuses `ring::sqpoll`; like every `flag_` value it equals `std::errc::invalid_argument`
  flag_iopoll,            ///< this kernel refuses `ring::iopoll`
  flag_submit_all,        ///< this kernel refuses `ring::submit_all`
  flag_coop_taskrun,      ///< this kernel refuses `ring::coop_taskrun`
  flag_taskrun_flag,      ///< this kernel refuses `ring::taskrun_flag`
  flag_single_issuer,     ///< this kernel refuses `ring::single_issuer`
  flag_defer_taskrun,     ///< this kernel refuses `ring::defer_taskrun`
  flag_hybrid_iopoll,     ///< this kernel refuses `ring::hybrid_iopoll`
  flag_other,             ///< this kernel refuses another of the required set-up flags
  shadow_stack,           ///< the process runs with CET shadow stacks, which a switch of stacks breaks; equals `std::errc::not_supported`
  stack_size,             ///< the stack policy has no stacks of the size asked for; equals `std::errc::invalid_argument`
  no_handle,              ///< this backend has no descriptor that a foreign loop could wait for; equals `std::errc::not_supported`
  end_of_stream,          ///< the input ended before all of it came; equals `std::errc::broken_pipe`
  no_such_host,           ///< a host has no address; equals `std::errc::address_not_available`
  resolver_failed,        ///< no answer from those who know the addresses of hosts; equals `std::errc::resource_unavailable_try_again`
  ring_processor,         ///< there is no such processor for the polling thread of a ring; equals `std::errc::invalid_argument`
  ring_size,              ///< the kernel has no rings of this size; equals `std::errc::invalid_argument`
};

namespace detail {

// One after the other, in the order of the codes, each closed by its zero.
inline constexpr char errc_messages[] =
    "the deadline passed before the operation was done\0"
    "there is no such operation in flight; it may be done already\0"
    "it is not done, and may be past the point where it can be interrupted; wait for its result\0"
    "every task waits for another one, so none can ever go on\0"
    "the other side is closed\0"
    "this thread runs a scheduler of this config already; spawn a task instead of calling run\0"
    "this kernel, or the sandbox it runs in, has no io_uring (ENOSYS); use Linux 6.1 or newer, or first_available with backend::epoll\0"
    "io_uring is forbidden here (EPERM); allow it with sysctl kernel.io_uring_disabled=0 and in the container's seccomp profile, or use first_available with backend::epoll\0"
    "a security module denies io_uring (EACCES); allow it in its policy, or use first_available with backend::epoll\0"
    "no memory for the ring (ENOMEM); raise RLIMIT_MEMLOCK (ulimit -l), or lower .entries and .completions\0"
    "no descriptor is left for the ring (EMFILE or ENFILE); raise RLIMIT_NOFILE (ulimit -n)\0"
    "this kernel refuses this combination of ring flags (EINVAL); move flags from .flags to .prefer, or use a newer kernel\0"
    "this kernel's io_uring lacks a feature that the backend needs (Linux 6.1 has all of them); use a newer kernel, or first_available with backend::epoll\0"
    "this kernel refuses ring::sqpoll; move it to .prefer, or use Linux 5.13 or newer\0"
    "this kernel refuses ring::iopoll; move it to .prefer\0"
    "this kernel refuses ring::submit_all; move it to .prefer, or use Linux 5.18 or newer\0"
    "this kernel refuses ring::coop_taskrun; move it to .prefer, or use Linux 5.19 or newer\0"
    "this kernel refuses ring::taskrun_flag; move it to .prefer, or use Linux 5.19 or newer\0"
    "this kernel refuses ring::single_issuer; drop it, or use Linux 6.0 or newer\0"
    "this kernel refuses ring::defer_taskrun; use ring::coop_taskrun instead, or Linux 6.1 or newer\0"
    "this kernel refuses ring::hybrid_iopoll; move it to .prefer, or use Linux 6.13 or newer\0"
    "this kernel refuses one of the required ring flags; move the newest ones from .flags to .prefer\0"
    "this process runs with a CET shadow stack, which switching stacks would break; link with -z noshstk or disable it by GLIBC_TUNABLES\0"
    "the stack policy has no stacks of this size; raise its .bytes, or use a policy that sizes each stack\0"
    "this backend has no descriptor that another loop could wait for; use backend::epoll or backend::io_uring\0"
    "the input ended before all that was asked for had come\0"
    "there is no host of this name, or it has no address of the kind asked for\0"
    "the addresses of this host could not be found out; the name servers may not be reachable\0"
    "this process has no such processor for the ring's polling thread (EINVAL); choose another .cpu, or leave it out\0"
    "the kernel has no rings of this size (EINVAL); choose .entries up to 32768 and .completions up to 65536, or add ring::clamp to .prefer\0"
    "unknown sluice error";

constexpr auto errc_message(errc code) noexcept -> std::string_view {
  constexpr int count = 30;
  const int number = static_cast<int>(code);
  const char* text = errc_messages;
  for (int left = number >= 1 && number <= count ? number - 1 : count;; --left) {
    const char* end = text;
    while (*end != '\0') ++end;
    if (left == 0) return {text, static_cast<std::size_t>(end - text)};
    text = end + 1;
  }
}

constexpr auto errc_condition(errc code) noexcept -> std::errc {
  switch (code) {
    case errc::timed_out: return std::errc::timed_out;
    case errc::not_found: return std::errc::no_such_file_or_directory;
    case errc::in_progress: return std::errc::connection_already_in_progress;
    case errc::deadlock: return std::errc::resource_deadlock_would_occur;
    case errc::end_of_stream:
    case errc::closed: return std::errc::broken_pipe;
    case errc::already_running:
    case errc::ring_forbidden: return std::errc::operation_not_permitted;
    case errc::ring_unsupported:
    case errc::ring_feature_missing: return std::errc::function_not_supported;
    case errc::ring_denied: return std::errc::permission_denied;
    case errc::ring_memory: return std::errc::not_enough_memory;
    case errc::ring_descriptors: return std::errc::too_many_files_open;
    case errc::no_such_host: return std::errc::address_not_available;
    case errc::resolver_failed: return std::errc::resource_unavailable_try_again;
    case errc::no_handle:
    case errc::shadow_stack: return std::errc::not_supported;
    default: return std::errc::invalid_argument;
  }
}

class error_category final : public std::error_category {
 public:
  [[nodiscard]] auto name() const noexcept -> const char* override { return "sluice"; }
  [[nodiscard, gnu::cold]] auto message(int value) const -> std::string override {
    return std::string{errc_message(static_cast<errc>(value))};
  }
  [[nodiscard, gnu::cold]] auto default_error_condition(int value) const noexcept -> std::error_condition override {
    return std::make_error_condition(errc_condition(static_cast<errc>(value)));
  }
};

inline const error_category error_category_instance{};

}  // namespace detail

/// The category of `sluice::errc`.
[[nodiscard]] inline auto error_category() noexcept -> const std::error_category& { return detail::error_category_instance; }

/// Makes an `errc` convertible to `std::error_code`.
[[nodiscard]] inline auto make_error_code(errc code) noexcept -> std::error_code { return {static_cast<int>(code), error_category()}; }

namespace detail {
// Out of line, like all that only failures run.
[[gnu::noinline, gnu::cold]] inline auto system_code(int number) noexcept -> std::error_code { return {number, std::system_category()}; }
inline auto system_code(std::errc portable) noexcept -> std::error_code { return system_code(static_cast<int>(portable)); }
}  // namespace detail

/// An error result from a system's own number (`errno`, `GetLastError`); `number` is positive.
[[nodiscard]] inline auto system_error(int number) noexcept -> std::unexpected<std::error_code> {
  return std::unexpected{detail::system_code(number)};
}

/// An error result from one of ours.
[[nodiscard]] inline auto failure(errc code) noexcept -> std::unexpected<std::error_code> { return std::unexpected{make_error_code(code)}; }

/// An error result that the system has a number for, given by the library itself: the very code that the system would have given.
[[nodiscard]] inline auto failure(std::errc portable) noexcept -> std::unexpected<std::error_code> {
  return std::unexpected{detail::system_code(portable)};
}

/// The code of an operation that was cancelled: the system's own `ECANCELED`, equal to `std::errc::operation_canceled`.
[[nodiscard]] inline auto canceled() noexcept -> std::unexpected<std::error_code> { return failure(std::errc::operation_canceled); }

namespace detail {

template <class T>
struct flattened {
  using type = result<T>;
};
template <class T>
struct flattened<std::expected<T, std::error_code>> {
  using type = result<T>;
};

}  // namespace detail

/// R(f): `result<T>` for a callable that returns `T` or `result<T>`; one level is flattened.
template <class T>
using result_of_t = typename detail::flattened<std::remove_cvref_t<T>>::type;

}  // namespace sluice::inline v0

/// \cond
template <>
struct std::is_error_code_enum<sluice::errc> : std::true_type {};
/// \endcond
