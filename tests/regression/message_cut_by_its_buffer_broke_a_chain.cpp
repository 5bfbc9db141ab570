// SPDX-License-Identifier: MIT
// A message that was longer than the buffer of a receive that had to be whole broke the chain where the system ran it, and did not where
// the library ran it. The buffer is full, so nothing is short.
#include <laws/backend.hpp>
#include <support/needs.hpp>
#include <support/readiness_models.hpp>
#include <support/uring_models.hpp>

#include <tuple>

using namespace laws::backend;
using all = std::tuple<models::deferred, models::plain, models::epoll>;

BOOST_AUTO_TEST_CASE_TEMPLATE(message_cut_by_its_buffer_breaks_no_chain, config, all) {
  session<config> s;
  const auto pair = support::socket_pair(SOCK_DGRAM);
  support::buffer buffer;
  const op::recv whole{.socket = pair.near.socket(), .buffer = buffer.span(3), .flags = sluice::recv_flags::wait_all};
  put(pair.far, "abcdef");
  const auto [a, b] = s.run(op::soft(whole), op::nop{});
  gave(a, 3U);
  succeeded(b);
  put(pair.far, "abcdef");
  const auto [c, d] = s.run(op::soft(whole), op::timed(op::nop{}, interval::max()));
  gave(c, 3U);
  succeeded(d);
  put(pair.far, "ab");
  const auto [e, f] = s.run(op::soft(whole), op::nop{});
  gave(e, 2U);
  canceled(f);
}
