// SPDX-License-Identifier: MIT
// A splice, a tee and a wait for a child write fields of their entry that other operations leave alone: whoever got the same entry next had
// them, too. A cancel there was refused by the kernel, and what it was to end went on.
#include <sluice/sluice.hpp>
#include <support/descriptors.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

namespace op = sluice::op;
struct app : sluice::config<sluice::backend::io_uring<sluice::io_uring_options{.entries = 2}>> {};
using aio = sluice::aio_of<app>;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(entry_kept_a_field_of_a_splice, *needs::ring()) {
  auto made = aio::ring::make();
  BOOST_TEST_REQUIRE(made.has_value());
  auto& ring = *made;
  const auto from = support::pipe_pair();
  const auto to = support::pipe_pair();
  const auto finish = [&](const auto& one) {
    for (int polls = 0; polls != 400 && !one.is_done(); ++polls)
      BOOST_TEST_REQUIRE(ring.poll([](auto&) {}, sluice::wait::at_most(5ms)).has_value());
    BOOST_TEST_REQUIRE(one.is_done());
  };
  const auto write_to_all_entries = [&]<class Op>(const Op& description) {
    for (int i = 0; i != 4; ++i) {
      aio::operation<Op> one{description};
      ring.start(one);
      ring.cancel(one);
      finish(one);
    }
  };
  const auto all_is_well = [&] {
    for (int i = 0; i != 4; ++i) {
      // Three entries a round: of the two that there are, each is a cancel's in turn.
      aio::operation<op::nop> between{op::nop{}};
      ring.start(between);
      finish(between);
      aio::operation<op::poll_once> waiting{op::poll_once{.handle = from.near.file()}};
      ring.start(waiting);
      BOOST_TEST(ring.poll([](auto&) {}, sluice::wait::none).has_value());
      ring.cancel(waiting);
      finish(waiting);
      BOOST_TEST((waiting.result().error() == std::errc::operation_canceled));
    }
  };
  write_to_all_entries(op::splice{.handle = from.near.file(), .to = to.far.file(), .length = 6});
  all_is_well();
  write_to_all_entries(op::tee{.file = from.near.file(), .to = to.far.file(), .length = 6});
  all_is_well();
}
