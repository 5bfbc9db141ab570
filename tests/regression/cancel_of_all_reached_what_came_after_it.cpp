// SPDX-License-Identifier: MIT
// Where readiness is all that the system tells, an `op::cancel_all` that was not alone went into the queue for the next poll, and what was
// started alone after it did not: that waited already when the queue was run, and was ended by a cancel that had come before it. It was
// the same with an `op::cancel` of an operation that was started again.
#include <laws/backend.hpp>
#include <sluice/backend/epoll.hpp>
#include <sluice/backend/io_uring.hpp>
#include <sluice/backend/poll.hpp>
#include <sluice/native.hpp>

#include <boost/test/unit_test.hpp>

#include <tuple>

namespace {

namespace op = sluice::op;

template <class Backend>
struct app : sluice::config<Backend> {};
using models = std::tuple<app<sluice::backend::io_uring<>>, app<sluice::backend::epoll<>>, app<sluice::backend::poll<>>>;

template <class Config>
void leaves_what_comes_later(auto&& start_cancel) {
  laws::backend::session<Config> s;
  const auto pair = support::socket_pair();
  support::buffer earlier_buffer;
  support::buffer later_buffer;
  typename laws::backend::session<Config>::template operation<op::recv> earlier{
      op::recv{.socket = pair.near.socket(), .buffer = earlier_buffer.span()}};
  typename laws::backend::session<Config>::template operation<op::recv> later{
      op::recv{.socket = pair.far.socket(), .buffer = later_buffer.span()}};
  s.ring.start(earlier);
  start_cancel(s, [&] { s.ring.start(later); });
  s.finish(earlier);
  laws::backend::canceled(earlier.result());
  s.linger();
  BOOST_TEST(!later.is_done());
  put(pair.near, "x");
  s.finish(later);
  laws::backend::gave(later.result(), 1U);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(regression)

BOOST_AUTO_TEST_CASE_TEMPLATE(cancel_of_all_reached_what_came_after_it, config, models) {
  leaves_what_comes_later<config>([](auto& s, auto&& then) {
    auto batch = s.call(op::nop{}, op::cancel_all{});
    s.ring.start(batch);
    then();
    s.finish(batch);
  });
  leaves_what_comes_later<config>([](auto& s, auto&& then) {
    auto chain = s.call(op::soft(op::cancel_all{}), op::nop{});
    s.ring.start(chain);
    then();
    s.finish(chain);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(cancel_of_one_that_had_not_started_reached_it_when_it_had, config, models) {
  laws::backend::session<config> s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  typename laws::backend::session<config>::template operation<op::recv> receive{
      op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
  auto batch = s.call(op::nop{}, op::cancel{.operation = &receive});
  s.ring.start(batch);
  s.ring.start(receive);
  s.finish(batch);
  laws::backend::failed(std::get<1>(batch.results()), sluice::errc::not_found);
  s.linger();
  BOOST_TEST(!receive.is_done());
  put(pair.far, "x");
  s.finish(receive);
  laws::backend::gave(receive.result(), 1U);
}

BOOST_AUTO_TEST_SUITE_END()
