// SPDX-License-Identifier: MIT
// A close in a chain ends the later members that work on its handle. Where the backend closes at once, the chain went on from the close
// before the last of them had its result, read an old one there, took it for success and ran what had to be cut off.
#include <laws/backend.hpp>
#include <support/needs.hpp>
#include <support/readiness_models.hpp>
#include <support/uring_models.hpp>

#include <tuple>

using namespace laws::backend;
using all = std::tuple<models::deferred, models::epoll>;

BOOST_AUTO_TEST_CASE_TEMPLATE(member_ended_by_a_close_breaks_its_soft_link, config, all) {
  session<config> s;
  auto pair = support::socket_pair();
  const auto pipe = support::pipe_pair();
  const auto number = pair.near.release();
  const sluice::socket_handle socket{number};
  const auto [closed, sent, written] =
      s.run(op::soft(op::close_socket{.socket = socket}), op::soft(op::send{.socket = socket, .buffer = bytes_of("x")}),
            op::write{.file = pipe.far.file(), .buffer = bytes_of("y")});
  succeeded(closed);
  canceled(sent);
  canceled(written);
  BOOST_TEST(take(pipe.near).empty());
  BOOST_TEST(!support::is_open(number));
}
