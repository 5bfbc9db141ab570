// SPDX-License-Identifier: MIT
/// @file
/// The table of opcodes is what the entries say.

#include <sluice/sluice.hpp>

#include <boost/hana/for_each.hpp>
#include <boost/hana/size.hpp>
#include <boost/test/unit_test.hpp>
#include <liburing.h>

#include <type_traits>

namespace {

namespace op = sluice::op;
namespace uring = sluice::detail::uring;
using sluice::service;

struct app : sluice::config<> {};

template <class Op>
auto opcode_prepared(const Op& description) -> int {
  ::io_uring_sqe e{};
  uring::scratch<Op> keep{};
  uring::prepare(e, description, keep);
  return e.opcode;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_AUTO_TEST_SUITE(io_uring_opcodes)

BOOST_AUTO_TEST_CASE(each_operation_is_listed_with_the_opcode_of_its_entry) {
  sluice::aio_of<app>::event_source source;
  auto ring = sluice::aio_of<app>::ring::make();
  BOOST_TEST_REQUIRE(ring.has_value());
  auto buffers = sluice::aio_of<app>::buffer_group::make(*ring, {.count = 2, .bytes = 64});
  BOOST_TEST_REQUIRE(buffers.has_value());
  boost::hana::for_each(op::all, [&](auto type) {
    using operation = typename decltype(type)::type;
    BOOST_TEST_CONTEXT(operation::name) {
      if constexpr (uring::always_plain<operation>) {
        BOOST_TEST(int{uring::opcode_of<operation>} == int{uring::opcode::first_plain});
        BOOST_TEST((uring::service_with<operation>(0) == service::call));
      } else if constexpr (std::is_same_v<operation, op::wait_event>) {
        BOOST_TEST(opcode_prepared(op::wait_event{.source = source}) == int{uring::opcode_of<operation>});
      } else if constexpr (std::is_same_v<operation, op::recv_many>) {
        BOOST_TEST(opcode_prepared(op::recv_many{.buffers = *buffers}) == int{uring::opcode_of<operation>});
      } else {
        BOOST_TEST(opcode_prepared(operation{}) == int{uring::opcode_of<operation>});
      }
      BOOST_TEST((uring::service_with<operation>(~uring::opcode_set{0}) != service::nowhere));
    }
  });
}

BOOST_AUTO_TEST_CASE(the_oldest_kernel_serves_every_operation) {
  boost::hana::for_each(op::all, [](auto type) {
    using operation = typename decltype(type)::type;
    BOOST_TEST((uring::service_with<operation>(uring::oldest_opcodes) != service::nowhere), operation::name);
  });
}

BOOST_AUTO_TEST_CASE(a_ring_reports_how_each_operation_is_served) {
  auto ring = sluice::aio_of<app>::ring::make();
  BOOST_REQUIRE(ring.has_value());
  const auto report = ring->report();
  BOOST_TEST(report.size() == decltype(boost::hana::size(op::all))::value);
  for (const auto& [name, how] : report) {
    BOOST_TEST((how == service::ring || how == service::call), name << ": " << sluice::name_of(how));
    if (name == "recv") BOOST_TEST((how == service::ring));
    if (name == "getsockopt") BOOST_TEST(sluice::name_of(how) == "plain call");
  }
}

BOOST_AUTO_TEST_CASE(the_kernel_is_given_chains_that_hold_no_thread_of_its_own) {
  using sluice::chain_place;
  using backend = sluice::backend::io_uring<>;
  const auto place = []<class Op>(std::type_identity<Op>) { return backend::can_link<Op>; };
  constexpr auto anywhere = chain_place::last | chain_place::before_others;
  BOOST_TEST((place(std::type_identity<op::nop>{}) == anywhere));
  // What is made on a thread, and what may wait there.
  BOOST_TEST((place(std::type_identity<op::open_at>{}) == (anywhere | chain_place::bars_waiters)));
  BOOST_TEST((place(std::type_identity<op::recv>{}) == (anywhere | chain_place::waiter)));
  BOOST_TEST((place(std::type_identity<op::read>{}) == (anywhere | chain_place::bars_waiters | chain_place::waiter)));
  // What the kernel does not count as failed, and what is not undone.
  BOOST_TEST((place(std::type_identity<op::fsync>{}) == (chain_place::last | chain_place::bars_waiters)));
  BOOST_TEST((place(std::type_identity<op::connect>{}) == (chain_place::last | chain_place::bars_waiters | chain_place::waiter)));
  // Never skipped; timed by the library; no opcode.
  BOOST_TEST((place(std::type_identity<op::close_file>{}) == chain_place::nowhere));
  BOOST_TEST((place(std::type_identity<op::timeout>{}) == chain_place::nowhere));
  BOOST_TEST((place(std::type_identity<op::getsockname>{}) == chain_place::nowhere));
  // The other backends are given none, and one with a fallback gives its first one what that takes.
  BOOST_TEST((sluice::backend::with_fallback<backend, sluice::backend::epoll<>>::can_link<op::recv> == backend::can_link<op::recv>));
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
