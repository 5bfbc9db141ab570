// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// One program for several configs, of which the machine decides at start. Layer: coro.

#include <sluice/aio/ring.hpp>
#include <sluice/config.hpp>
#include <sluice/op/file.hpp>
#include <sluice/result.hpp>
#include <sluice/wait.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace sluice::inline v0 {

/// A config that this machine cannot run, and why.
struct refused_config {
  std::string_view backend;  ///< the name of its backend
  std::error_code why;       ///< what making its ring gave, or `errc::shadow_stack`; its message names the remedy
};

/// The config that `first_available` took.
template <class Config>
struct chosen {
  using config = Config;                                                                      ///< which one
  static constexpr std::string_view backend = policy_of<Config, policy_kind::backend>::name;  ///< the name of its backend
  /// Those before it. \lifetime as long as the callable runs that was given this
  std::span<const refused_config> refused = {};

  /// Which one was taken and why not another: one line for each that was refused, then the name of this one. \allocates the text
  [[nodiscard]] auto text() const -> std::string {
    std::string out;
    for (const auto& [name, why] : refused) out.append(name).append(": ").append(why.message()).append("\n");
    return out.append("taken: ").append(backend).append("\n");
  }
};

namespace detail {

/// Whether this machine runs a config: no error if it does.
template <class Config>
[[gnu::noinline, gnu::cold]] auto probe() noexcept -> std::error_code {
  if (!policy_of<Config, policy_kind::context>::supported()) return make_error_code(errc::shadow_stack);
  typename aio::ring<Config>::template operation<op::nop> one{op::nop{}};
  auto ring = aio::ring<Config>::make();
  if (!ring) return ring.error();
  // Some sandboxes let a ring be made and forbid to enter it.
  if (ring->start(one) == started::done) return {};
  while (!one.is_done())
    if (const auto polled = ring->poll([](auto&) noexcept {}, wait::one); !polled) {
      one.refuse(aio::raw(polled.error()));
      return polled.error();
    }
  return {};
}

template <class F, class First, class... Rest>
consteval auto check_same_result() -> bool {
  constexpr bool all_take = std::is_invocable_v<F&, chosen<First>> && (std::is_invocable_v<F&, chosen<Rest>> && ...);
  if constexpr (!all_take) {
    static_assert(
        all_take,
        "[sluice.first_available.callable] the callable cannot be called with each config; take one sluice::chosen<Config>, Config being a template parameter");
    return false;
  } else {
    constexpr bool same = (std::is_same_v<std::invoke_result_t<F&, chosen<First>>, std::invoke_result_t<F&, chosen<Rest>>> && ...);
    static_assert(same, "[sluice.first_available.result] the callable gives another type for another config; give it one return type");
    return same;
  }
}

template <class First, class... Rest, class F>
auto take_first(std::span<refused_config> room, std::size_t used, F& f) -> std::invoke_result_t<F&, chosen<First>> {
  if constexpr (sizeof...(Rest) != 0) {
    if (const auto why = probe<First>()) {
      room[used] = {.backend = chosen<First>::backend, .why = why};
      return take_first<Rest...>(room, used + 1, f);
    }
  }
  return f(chosen<First>{.refused = room.first(used)});
}

}  // namespace detail

/// Calls `f(chosen<Config>)` with the first of the configs that this machine runs: `f` is compiled once for each, and nothing is decided at
/// run time after this. What `f` gives.
///
/// A config is tried by its kind of context, and by making its ring and waiting for one operation on it. The last one is taken without
/// trying: if it cannot run either, the program hears of it where it makes its ring or scheduler. With one config this is a plain call.
template <class First, class... Rest, class F>
auto first_available(F&& f) {
  if constexpr (!(detail::check_config<First>() && ... && detail::check_config<Rest>())) {
    return;  // the mistake was said
  } else if constexpr (detail::check_same_result<F, First, Rest...>()) {
    std::array<refused_config, sizeof...(Rest)> room;
    return detail::take_first<First, Rest...>(room, 0, f);
  }
}

}  // namespace sluice::inline v0
