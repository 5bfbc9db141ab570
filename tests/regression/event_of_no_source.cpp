// SPDX-License-Identifier: MIT
// An operation on an event source that names none, as it is made by default, ended the program instead of failing.
#include <sluice/backend/epoll.hpp>
#include <sluice/backend/io_uring.hpp>
#include <sluice/backend/poll.hpp>
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <span>
#include <system_error>
#include <tuple>

namespace {

namespace op = sluice::op;
namespace backend = sluice::backend;

template <class Backend>
struct app : sluice::config<Backend> {};
using models = std::tuple<app<backend::io_uring<>>, app<backend::epoll<>>, app<backend::poll<>>>;

template <class Op, class Config>
void fails_everywhere() {
  using coro = sluice::coro_of<Config>;
  using aio = sluice::aio_of<Config>;
  using operation = typename aio::template operation<Op>;
  const auto failed = [](const sluice::result<void>& outcome) { BOOST_TEST((outcome == sluice::failure(std::errc::bad_file_descriptor))); };
  failed(aio::run(Op{}));
  const auto outcome = coro::run([&] {
    failed(coro::io(Op{}));
    failed(std::get<0>(coro::io(Op{}, op::nop{})));
    const auto [first, second] = coro::io(op::soft(Op{}), op::nop{});
    failed(first);
    BOOST_TEST((second == sluice::failure(std::errc::operation_canceled)));
    operation batch[]{Op{}, Op{}};
    coro::io(std::span{batch});
    for (const auto& one : batch) failed(one.result());
  });
  BOOST_TEST(outcome.has_value());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(regression, *needs::ring())

BOOST_AUTO_TEST_CASE_TEMPLATE(event_of_no_source, config, models) {
  fails_everywhere<op::wait_event, config>();
  fails_everywhere<op::notify_event, config>();
}

BOOST_AUTO_TEST_SUITE_END()
