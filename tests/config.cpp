// SPDX-License-Identifier: MIT
// From a config struct to its policies.
#include <sluice/context/ucontext.hpp>
#include <sluice/sluice.hpp>
#include <sluice/stack/heap.hpp>
#include <sluice/trace/base.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace {

using sluice::policy_kind;
using sluice::policy_of;

struct defaults : sluice::config<> {};
/// One that answers as the system does.
struct my_resolver : sluice::resolver::system<> {};
struct all_named : sluice::config<sluice::trace::counters, sluice::blocking::threads<{.threads = 3}>, sluice::timers::heap<{.first = 4}>,
                                  sluice::context::ucontext, sluice::stack::heap<>, sluice::backend::io_uring<{.entries = 8}>,
                                  sluice::stuck::terminate<>, my_resolver> {};
struct some_named : sluice::config<sluice::stack::heap<>, sluice::trace::counters> {};
struct reversed : sluice::config<sluice::trace::counters, sluice::stack::heap<>> {};
struct derived_further : some_named {};

/// A policy as users write it.
struct my_stacks {
  static constexpr auto kind = policy_kind::stack;
  static constexpr std::string_view name = "arena";
  auto allocate() noexcept -> sluice::result<sluice::stack_span> {
    ++given;
    return inner.allocate();
  }
  void deallocate(sluice::stack_span span) noexcept { inner.deallocate(span); }

  static inline int given = 0;
  sluice::stack::heap<> inner;
};
struct my_trace : sluice::trace::base {
  void on(sluice::event::task_spawned) noexcept { ++spawned; }
  static inline int spawned = 0;
};
struct mine : sluice::config<sluice::backend::io_uring<>, my_stacks, my_trace> {};

template <class Config>
using policies =
    std::tuple<policy_of<Config, policy_kind::backend>, policy_of<Config, policy_kind::stack>, policy_of<Config, policy_kind::context>,
               policy_of<Config, policy_kind::timers>, policy_of<Config, policy_kind::trace>, policy_of<Config, policy_kind::blocking>,
               policy_of<Config, policy_kind::resolver>, policy_of<Config, policy_kind::stuck>>;

template <policy_kind Kind>
using default_of = typename sluice::default_policy<Kind>::type;

}  // namespace

BOOST_AUTO_TEST_SUITE(config)

BOOST_AUTO_TEST_CASE(a_kind_that_is_left_out_takes_its_default) {
  static_assert(
      std::is_same_v<policies<defaults>,
                     std::tuple<default_of<policy_kind::backend>, default_of<policy_kind::stack>, default_of<policy_kind::context>,
                                default_of<policy_kind::timers>, default_of<policy_kind::trace>, default_of<policy_kind::blocking>,
                                default_of<policy_kind::resolver>, default_of<policy_kind::stuck>>>);
  static_assert(std::is_same_v<policy_of<some_named, policy_kind::backend>, default_of<policy_kind::backend>>);
  static_assert(std::is_same_v<policy_of<some_named, policy_kind::stack>, sluice::stack::heap<>>);
  BOOST_TEST((policy_of<defaults, policy_kind::trace>::name == "none"));
}

BOOST_AUTO_TEST_CASE(policies_are_found_by_kind_in_any_order) {
  static_assert(
      std::is_same_v<policies<all_named>, std::tuple<sluice::backend::io_uring<{.entries = 8}>, sluice::stack::heap<>,
                                                     sluice::context::ucontext, sluice::timers::heap<{.first = 4}>, sluice::trace::counters,
                                                     sluice::blocking::threads<{.threads = 3}>, my_resolver, sluice::stuck::terminate<>>>);
  static_assert(std::is_same_v<policies<some_named>, policies<reversed>>);
  static_assert(std::is_same_v<policies<some_named>, policies<derived_further>>);
  BOOST_TEST((policy_of<all_named, policy_kind::stack>::name == "heap"));
}

BOOST_AUTO_TEST_CASE(the_facades_keep_the_name_of_the_config) {
  static_assert(std::is_same_v<sluice::coro_of<defaults>::config, defaults>);
  static_assert(std::is_same_v<sluice::aio_of<all_named>::config, all_named>);
  static_assert(std::is_same_v<sluice::coro_of<sluice::config<>>::config, sluice::config<>>);
  static_assert(!std::is_same_v<sluice::coro_of<some_named>::scheduler, sluice::coro_of<reversed>::scheduler>);
  BOOST_TEST(true);
}

BOOST_AUTO_TEST_CASE(what_a_config_does_not_use_takes_no_room) {
  BOOST_TEST(sizeof(sluice::aio_of<some_named>::ring) > sizeof(sluice::aio_of<defaults>::ring));
  static_assert(std::is_empty_v<sluice::trace::none>);
  BOOST_TEST(sizeof(sluice::coro::fiber<defaults>) == 64U);
}

BOOST_AUTO_TEST_CASE(a_policy_of_ones_own_is_found_by_its_kind, *needs::ring()) {
  using coro = sluice::coro_of<mine>;
  my_stacks::given = my_trace::spawned = 0;
  const auto outcome = coro::run([] { return coro::spawn([] { return 3; }).join(); });
  BOOST_TEST(outcome.value() == 3);
  BOOST_TEST(my_stacks::given == 2);
  BOOST_TEST(my_trace::spawned == 2);
}

BOOST_AUTO_TEST_CASE(two_configs_live_in_one_program, *needs::ring()) {
  using first = sluice::coro_of<defaults>;
  using second = sluice::coro_of<some_named>;
  auto a = first::scheduler::make();
  auto b = second::scheduler::make();
  int turns = 0;
  a->spawn([&] {
    for (int i = 0; i < 5; ++i) {
      (void)first::io(sluice::op::nop{});
      BOOST_TEST(second::this_task::id() == 0U);
      ++turns;
    }
  });
  b->spawn([&] {
    for (int i = 0; i < 5; ++i) {
      (void)second::io(sluice::op::nop{});
      BOOST_TEST(first::this_task::id() == 0U);
      ++turns;
    }
  });
  while (a->poll().value() + b->poll().value() != 0) {}
  BOOST_TEST(turns == 10);
}

BOOST_AUTO_TEST_SUITE_END()
