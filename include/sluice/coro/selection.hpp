// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What comes of waiting for the first of several. Layer: coro.

#include <cstddef>
#include <optional>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::coro {

/// What came of a `select`: which arm won, and what each arm that took effect gave. `std::get`, structured bindings and `get` reach them.
template <class... Rs>
class selection : public std::tuple<std::optional<Rs>...> {
  using base = std::tuple<std::optional<Rs>...>;

 public:
  static constexpr auto npos = static_cast<std::size_t>(-1);  ///< the index where no arm won

  /// \cond
  explicit selection(std::error_code why) noexcept : error_{why} {}
  selection(std::size_t winner, base&& values) noexcept : base{std::move(values)}, index_{winner} {}
  /// \endcond

  /// The arm that won; `npos` if the task was asked to end before one did.
  [[nodiscard]] auto index() const noexcept -> std::size_t { return index_; }
  /// Whether one won.
  [[nodiscard]] explicit operator bool() const noexcept { return index_ != npos; }
  /// Why none did.
  [[nodiscard]] auto error() const noexcept -> std::error_code { return error_; }
  /// What an arm gave; empty if it had no effect.
  template <std::size_t I>
  [[nodiscard]] auto get() & noexcept -> auto& {
    return std::get<I>(static_cast<base&>(*this));
  }
  /// \cond
  template <std::size_t I>
  [[nodiscard]] auto get() const& noexcept -> const auto& {
    return std::get<I>(static_cast<const base&>(*this));
  }
  template <std::size_t I>
  [[nodiscard]] auto get() && noexcept -> auto&& {
    return std::get<I>(static_cast<base&&>(*this));
  }
  /// \endcond

 private:
  std::size_t index_ = npos;
  std::error_code error_;
};

}  // namespace sluice::inline v0::coro

/// \cond
template <class... Rs>
struct std::tuple_size<sluice::coro::selection<Rs...>> : std::integral_constant<std::size_t, sizeof...(Rs)> {};
template <std::size_t I, class... Rs>
struct std::tuple_element<I, sluice::coro::selection<Rs...>> : std::tuple_element<I, std::tuple<std::optional<Rs>...>> {};
/// \endcond
