// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The poller that a readiness backend is built with. Policy.

#include <sluice/concept/diagnose_poller.hpp>
#include <sluice/concept/poller.hpp>
#include <sluice/interval.hpp>
#include <sluice/result.hpp>

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace sluice::inline v0::detail::readiness {

/// Takes the place of a poller with a mistake, so that one mistake is one message. No program that contains it compiles.
struct no_poller {
  static constexpr std::string_view name = "none";
  static constexpr bool edge = false;
  struct opened {};
  template <class Os>
  static auto open() noexcept -> result<opened>;

  template <class Os, std::uint32_t Events>
  struct set {
    explicit set(const opened& parts) noexcept;
    auto arm(int number, std::uint32_t& place, std::uint32_t direction) noexcept -> int;
    void disarm(int number, std::uint32_t& place, std::uint32_t direction) noexcept;
    auto prove(int number, std::uint32_t& place) noexcept -> int;
    void forget(std::uint32_t& place) noexcept;
    template <class Seen>
    auto wait(interval limit, Seen&& seen) noexcept -> int;
    [[nodiscard]] auto handle() const noexcept -> result<int>;
    void close() noexcept;
  };
};

/// The one that was given, if it is one.
template <class Poller, class Os>
using sound_poller = std::conditional_t<diagnose_poller<Poller, Os>(), Poller, no_poller>;

}  // namespace sluice::inline v0::detail::readiness
