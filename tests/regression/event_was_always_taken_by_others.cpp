// SPDX-License-Identifier: MIT
// Who waited for a token while others took very many was told that there was none: io_uring tries a read so often that another has come
// first to, and then gives up.
#include <sluice/backend/epoll.hpp>
#include <sluice/backend/io_uring.hpp>
#include <sluice/sluice.hpp>
#include <support/needs.hpp>
#include <support/uring_models.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <system_error>
#include <tuple>
#include <vector>

namespace {

namespace op = sluice::op;
namespace backend = sluice::backend;

struct with_epoll : sluice::config<backend::epoll<>> {};
using configs =
    std::tuple<models::deferred, models::cooperative, models::plain, models::polled_submission, models::two_entries, with_epoll>;

constexpr int tokens = 1000;  // the kernel tries 128 times

}  // namespace

BOOST_AUTO_TEST_SUITE(regression, *needs::ring())

BOOST_AUTO_TEST_CASE_TEMPLATE(event_was_always_taken_by_others, config, configs) {
  using coro = sluice::coro_of<config>;
  typename sluice::aio_of<config>::event_source source;
  int taken = 0;
  std::vector<std::error_code> ends;
  const auto wait_on = [&](auto wait) {
    return [&, wait] {
      auto passed = wait();
      for (; passed; passed = wait()) ++taken;
      ends.push_back(passed.error());
    };
  };
  const auto outcome = coro::run([&] {
    typename coro::scope waiters{{.on_failure = sluice::on_failure::keep}};
    for (int i = 0; i < 3; ++i) waiters.spawn(wait_on([&] { return coro::io(op::wait_event{.source = source}); }));
    waiters.spawn(wait_on([&] { return std::get<0>(coro::io(op::wait_event{.source = source}, op::nop{})); }));
    waiters.spawn(wait_on([&] { return std::get<1>(coro::io(op::soft(op::nop{}), op::wait_event{.source = source})); }));
    waiters.spawn(wait_on([&] { return coro::io(op::timed(op::wait_event{.source = source}, sluice::interval::max())); }));
    for (int i = 1; i <= tokens; ++i) {
      source.notify();
      while (taken != i && ends.empty()) (void)coro::io(op::nop{});
    }
    waiters.cancel();
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(taken == tokens);
  BOOST_TEST(ends.size() == 6U);
  for (const auto& end : ends) BOOST_TEST((end == std::errc::operation_canceled), end.message());
}

BOOST_AUTO_TEST_SUITE_END()
