// SPDX-License-Identifier: MIT
// A close in a chain first ends the later members of its chain that work on its handle. Where the backend closes at once, that ended the
// close while it was being started, and its own link_timeout was started behind it, bounded nothing and ended only when its time had come.
#include <laws/backend.hpp>
#include <support/needs.hpp>
#include <support/readiness_models.hpp>
#include <support/uring_models.hpp>

#include <tuple>

using namespace laws::backend;
using all = std::tuple<models::deferred, models::epoll>;

BOOST_AUTO_TEST_CASE_TEMPLATE(deadline_of_a_close_ends_with_it, config, all) {
  session<config> s;
  auto pair = support::socket_pair();
  support::buffer buffer;
  const auto number = pair.near.release();
  const sluice::socket_handle socket{number};
  const auto begin = std::chrono::steady_clock::now();
  const auto [closed, deadline, late] = s.run(op::hard(op::close_socket{.socket = socket}), op::soft(op::link_timeout{.after = 10s}),
                                              op::recv{.socket = socket, .buffer = buffer.span()});
  BOOST_TEST((std::chrono::steady_clock::now() - begin < 9s));
  succeeded(closed);
  canceled(deadline);
  canceled(late);
  BOOST_TEST(!support::is_open(number));
}
