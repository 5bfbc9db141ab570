// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The contract of an operation struct. Layer: concept.

#include <sluice/handle.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>

namespace sluice::inline v0 {

/// A struct that says what is to be done: a value with a `result_type`. Operations of the library also have a `name` and `describe`.
template <class Op>
concept operation_struct = std::is_object_v<Op> && std::move_constructible<Op> && requires { typename Op::result_type; };

namespace detail {

template <class Op>
consteval auto operation_name() -> std::string_view {
  if constexpr (requires {
                  { Op::name } -> std::convertible_to<std::string_view>;
                })
    return Op::name;
  else
    return "operation of the user";
}

/// The handle that an operation works on, by the names that the fields of operations have; -1 where there is none. One that finds a path
/// from a directory works on that directory.
template <class Op>
[[gnu::always_inline]] constexpr auto handle_of([[maybe_unused]] const Op& op) noexcept -> int {
  if constexpr (requires {
                  { op.socket.native() } -> std::same_as<int>;
                })
    return op.socket.native();
  else if constexpr (requires {
                       { op.file.native() } -> std::same_as<int>;
                     })
    return op.file.native();
  else if constexpr (requires {
                       { op.directory.native() } -> std::same_as<int>;
                     })
    return op.directory.native();
  else if constexpr (requires {
                       { op.process.native() } -> std::same_as<int>;
                     })
    return op.process.native();
  else if constexpr (requires {
                       { op.handle.native() } -> std::same_as<int>;
                     })
    return op.handle.native();
  else
    return -1;
}

template <class Op>
inline constexpr bool has_handle = requires(const Op& op) { op.socket.native(); } || requires(const Op& op) { op.file.native(); } ||
                                   requires(const Op& op) { op.directory.native(); } || requires(const Op& op) { op.process.native(); } ||
                                   requires(const Op& op) { op.handle.native(); };

/// Whether an operation gives up the handle that it works on.
template <class Op>
inline constexpr bool closes_handle = requires { requires Op::closes_handle; };

/// Whether an operation sends on a handle, where the order matters if that is a stream.
template <class Op>
inline constexpr bool sends = requires { requires Op::sends; };

/// Whether an operation gives one result after the other until it ends: the matter of a stream.
template <class Op>
inline constexpr bool gives_many = requires { requires Op::gives_many; };

/// Whether an operation moves bytes and its fields are a handle, buffers, and a third one, for `take_apart`.
template <class Op>
inline constexpr bool is_transfer =
    has_handle<Op> && (requires(const Op& op) { op.buffer.data(); } || requires(const Op& op) { op.buffers.data(); }) &&
    (requires(const Op& op) { op.offset; } || requires(const Op& op) { op.flags; }) && !requires(const Op& op) { op.control; };

/// Becomes a handle of whatever kind is needed.
struct untyped_handle {
  int number;  ///< the system's own
  /// As such a handle.
  template <class Kind>
  constexpr operator basic_handle<Kind>() const noexcept {  // NOLINT(google-explicit-constructor)
    return basic_handle<Kind>{number};
  }
};

/// Hands an operation on as numbers and addresses, which can travel in registers, where compilers leave a struct in memory: `call` gets
/// what `assemble` makes the operation from.
template <class Op, class Call>
[[gnu::always_inline]] constexpr auto take_apart(const Op& op, Call&& call) noexcept {
  if constexpr (std::is_empty_v<Op>) {
    return call();
  } else if constexpr (is_transfer<Op>) {
    const auto& [handle, buffer, third] = op;
    return call(handle.native(), buffer.data(), buffer.size(), third);
  } else {
    return call(&op);
  }
}
/// The operation again.
template <class Op, class... Parts>
[[gnu::always_inline]] constexpr auto assemble(Parts... parts) noexcept -> Op {
  if constexpr (sizeof...(Parts) == 0) {
    return Op{};
  } else if constexpr (sizeof...(Parts) == 1) {
    return (*parts, ...);
  } else {
    return []<class T, class Third>(int handle, T* data, std::size_t count, Third third) noexcept {
      return Op{untyped_handle{handle}, std::span<T>{data, count}, third};
    }(parts...);
  }
}

}  // namespace detail
}  // namespace sluice::inline v0
