// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// From a config struct to its policies: found by kind, in any order, defaults for the rest. Base vocabulary.

#include <sluice/fwd.hpp>

#include <boost/hana/fwd/type.hpp>
#include <boost/hana/tuple.hpp>
#include <boost/hana/type.hpp>
#include <boost/hana/unpack.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>

namespace sluice::inline v0 {

/// Names the policies of a program. Derive a struct from it, so that symbols and diagnostics say that struct's name:
/// `struct app : sluice::config<backend::io_uring<>, trace::counters> {};`. The order is free; a kind that is left out takes the default of
/// the platform.
template <class... Policies>
struct config {
  /// The policies as given, as a Hana tuple of types.
  static constexpr auto policies = boost::hana::tuple_t<Policies...>;
};

namespace detail {

template <class P>
concept has_kind = requires {
  { P::kind } -> std::convertible_to<policy_kind>;
};

template <class... Policies>
auto config_base(const config<Policies...>&) -> config<Policies...>;

/// The `config<...>` that a config struct derives from.
template <class Config>
using config_base_t = decltype(config_base(std::declval<const Config&>()));

template <class P, policy_kind Kind>
consteval auto is_of_kind() -> bool {
  if constexpr (has_kind<P>)
    return P::kind == Kind;
  else
    return false;
}

// Called with all that a config names. Not hana::filter: to read what that needs takes a fiftieth of the whole include.
template <policy_kind Kind>
struct first_of_kind {
  constexpr auto operator()() const noexcept { return boost::hana::type_c<typename default_policy<Kind>::type>; }
  template <class P, class... Rest>
  constexpr auto operator()(boost::hana::basic_type<P>, Rest... rest) const noexcept {
    if constexpr (is_of_kind<P, Kind>())
      return boost::hana::type_c<P>;
    else
      return (*this)(rest...);
  }
};
template <policy_kind Kind>
struct count_of_kind {
  template <class... Policies>
  constexpr auto operator()(boost::hana::basic_type<Policies>...) const noexcept -> std::size_t {
    return (std::size_t{0} + ... + (is_of_kind<Policies, Kind>() ? 1U : 0U));
  }
};

template <class Config, policy_kind Kind>
consteval auto find_policy() {
  return boost::hana::unpack(config_base_t<Config>::policies, first_of_kind<Kind>{});
}

template <class P>
consteval auto check_is_policy() -> bool {
  constexpr bool is_policy = has_kind<P>;
  static_assert(
      is_policy,
      "[sluice.config.not_a_policy] a config names something that is no policy: it has no `static constexpr policy_kind kind`; drop it, or give it one");
  return is_policy;
}

template <class Config, policy_kind Kind>
consteval auto check_is_unique() -> bool {
  constexpr std::size_t count = boost::hana::unpack(config_base_t<Config>::policies, count_of_kind<Kind>{});
  static_assert(count <= 1, "[sluice.config.duplicate] a config names two policies of one kind; keep one of them");
  return count <= 1;
}

template <class... Policies>
consteval auto check_all_are_policies(const config<Policies...>*) -> bool {
  return (check_is_policy<Policies>() && ...);
}

template <class Config>
concept derives_from_config = requires(const Config& c) { config_base(c); };

/// Whether a config struct resolves; a mistake gives one sentence.
template <class Config>
consteval auto check_config() -> bool {
  if constexpr (!derives_from_config<Config>) {
    static_assert(derives_from_config<Config>,
                  "[sluice.config.not_a_config] this is no config; derive a struct from sluice::config<...> and name that");
    return false;
  } else if constexpr (!check_all_are_policies(static_cast<config_base_t<Config>*>(nullptr))) {
    return false;
  } else {
    return check_is_unique<Config, policy_kind::backend>() && check_is_unique<Config, policy_kind::stack>() &&
           check_is_unique<Config, policy_kind::context>() && check_is_unique<Config, policy_kind::timers>() &&
           check_is_unique<Config, policy_kind::trace>() && check_is_unique<Config, policy_kind::blocking>() &&
           check_is_unique<Config, policy_kind::resolver>() && check_is_unique<Config, policy_kind::stuck>();
  }
}

}  // namespace detail

/// The policy of a kind in a config: the one that it names, or the platform's default.
template <class Config, policy_kind Kind>
using policy_of = typename decltype(detail::find_policy<Config, Kind>())::type;

}  // namespace sluice::inline v0
