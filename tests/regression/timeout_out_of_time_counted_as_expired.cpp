// SPDX-License-Identifier: MIT
// The expiry of a timeout is success, and whatever else its result said was taken for that, too: a timeout that a deadline had ended before
// it expired gave `timed_out`, and the chain went on behind it.
#include <laws/backend.hpp>
#include <support/needs.hpp>
#include <support/readiness_models.hpp>
#include <support/uring_models.hpp>

#include <tuple>

using namespace laws::backend;
using all = std::tuple<models::deferred, models::epoll>;

BOOST_AUTO_TEST_CASE_TEMPLATE(timeout_that_ran_out_of_time_breaks_a_soft_link, config, all) {
  session<config> s;
  const auto [a, b] = s.run(op::soft(op::timed(op::timeout{.after = 100s}, 1ms)), op::nop{});
  failed(a, sluice::errc::timed_out);
  canceled(b);
  const auto [c, d] = s.run(op::hard(op::timed(op::timeout{.after = 100s}, 1ms)), op::nop{});
  failed(c, sluice::errc::timed_out);
  succeeded(d);
  const auto [e, f] = s.run(op::soft(op::timed(op::timeout{.after = 1ms}, 100s)), op::nop{});
  succeeded(e);
  succeeded(f);
}
