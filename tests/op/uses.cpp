// SPDX-License-Identifier: MIT
/// @file
/// Every operation in a task, on a ring and as a blocking call, on every backend.

#include <sluice/op/list.hpp>
#include <sluice/sluice.hpp>
#include <support/descriptors.hpp>

#include <boost/hana/for_each.hpp>
#include <boost/test/unit_test.hpp>

#include <tuple>
#include <type_traits>

namespace {

namespace op = sluice::op;

struct by_ring : sluice::config<sluice::backend::io_uring<>> {};
struct by_epoll : sluice::config<sluice::backend::epoll<>> {};
struct by_poll : sluice::config<sluice::backend::poll<>> {};
using configs = std::tuple<by_ring, by_epoll, by_poll>;

/// What is awaited, and not made a stream of, may be started without a field set: nothing is made, nothing waits, and a handle that is none
/// is refused.
template <class Op>
constexpr bool is_harmless = !std::is_same_v<Op, op::wait_event> && !std::is_same_v<Op, op::notify_event> &&
                             !std::is_same_v<Op, op::link_timeout> && !sluice::detail::gives_many<Op> && !std::is_same_v<Op, op::socket> &&
                             !std::is_same_v<Op, op::pipe> && !std::is_same_v<Op, op::open_signals>;

template <class Run>
void start_each(Run&& run) {
  boost::hana::for_each(op::all, [&](auto type) {
    using operation = typename decltype(type)::type;
    if constexpr (is_harmless<operation>) {
      const auto outcome = run(operation{});
      static_assert(std::is_same_v<typename std::remove_cvref_t<decltype(outcome)>::value_type, typename operation::result_type>);
      constexpr bool needs_nothing = std::is_same_v<operation, op::nop> || std::is_same_v<operation, op::timeout> ||
                                     std::is_same_v<operation, op::cancel_handle> || std::is_same_v<operation, op::cancel_all> ||
                                     std::is_same_v<operation, op::stat_at>;  // of this folder
      BOOST_TEST(outcome.has_value() == needs_nothing, operation::name);
    }
  });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(op_)
BOOST_AUTO_TEST_SUITE(uses)

BOOST_AUTO_TEST_CASE_TEMPLATE(every_operation_is_awaited_in_a_task, Config, configs) {
  using coro = sluice::coro_of<Config>;
  const auto before = support::count_descriptors();
  coro::run([] { start_each([](const auto& one) { return coro::io(one); }); });
  BOOST_TEST(support::count_descriptors() == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(every_operation_is_a_blocking_call, Config, configs) {
  using aio = sluice::aio_of<Config>;
  start_each([](const auto& one) { return aio::run(one); });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_task_awaits_a_child, Config, configs) {
  using coro = sluice::coro_of<Config>;
  const auto outcome = coro::run([]() -> sluice::result<sluice::exit_status> {
    const auto child = coro::io(op::spawn_process{.path = "true", .search = true});
    if (!child) return std::unexpected{child.error()};
    const auto status = coro::io(op::child_exit{.process = child->process});
    (void)coro::io(op::close_process{.process = child->process});
    return status;
  });
  BOOST_TEST_REQUIRE(outcome.has_value());
  BOOST_TEST(outcome->succeeded());
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
