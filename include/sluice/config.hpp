// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// From a config struct to its policies: found by kind, in any order, defaults for the rest. Base vocabulary.

#include <sluice/fwd.hpp>

#include <boost/hana/filter.hpp>
#include <boost/hana/fwd/type.hpp>
#include <boost/hana/size.hpp>
#include <boost/hana/tuple.hpp>
#include <boost/hana/type.hpp>

#include <concepts>
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

template <policy_kind Kind>
struct is_of_kind {
  template <class P>
  constexpr auto operator()(boost::hana::basic_type<P>) const noexcept {
    if constexpr (has_kind<P>)
      return boost::hana::bool_c<(P::kind == Kind)>;
    else
      return boost::hana::false_c;
  }
};

template <class Config, policy_kind Kind>
consteval auto find_policy() {
  constexpr auto found = boost::hana::filter(config_base_t<Config>::policies, is_of_kind<Kind>{});
  constexpr auto count = decltype(boost::hana::size(found))::value;
  if constexpr (count == 0)
    return boost::hana::type_c<typename default_policy<Kind>::type>;
  else
    return found[boost::hana::size_c<0>];
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
  constexpr auto count = decltype(boost::hana::size(boost::hana::filter(config_base_t<Config>::policies, is_of_kind<Kind>{})))::value;
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
           check_is_unique<Config, policy_kind::resolver>();
  }
}

}  // namespace detail

/// The policy of a kind in a config: the one that it names, or the platform's default.
template <class Config, policy_kind Kind>
using policy_of = typename decltype(detail::find_policy<Config, Kind>())::type;

}  // namespace sluice::inline v0
