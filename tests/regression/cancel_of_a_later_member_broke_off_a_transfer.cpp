// SPDX-License-Identifier: MIT
// A chain that the system ran was taken back from it when a member that had not started was cancelled. What ran was cancelled for that: a
// receive that had to be whole and had got a part of it ended short, and a connect that was under way was started again and failed.
#include <laws/backend.hpp>
#include <support/needs.hpp>
#include <support/readiness_models.hpp>
#include <support/uring_models.hpp>

#include <tuple>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>

using namespace laws::backend;
using all = std::tuple<models::deferred, models::plain, models::epoll>;

BOOST_AUTO_TEST_CASE_TEMPLATE(cancel_of_a_later_member_leaves_a_receive_that_has_a_part, config, all) {
  session<config> s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  auto batch = s.call(op::soft(op::recv{.socket = pair.near.socket(), .buffer = buffer.span(10), .flags = sluice::recv_flags::wait_all}),
                      op::soft(op::nop{}), op::nop{});
  put(pair.far, "abcd");
  s.ring.start(batch);
  s.linger(1ms);
  s.ring.cancel(batch.template get<2>());
  s.finish(batch.template get<2>());
  s.linger();
  canceled(batch.template get<2>().result());
  BOOST_TEST(!batch.template get<0>().is_done());
  put(pair.far, "efghij");
  s.finish(batch);
  gave(std::get<0>(batch.results()), 10U);
  BOOST_TEST(buffer.text(10) == "abcdefghij");
  succeeded(std::get<1>(batch.results()));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(cancel_of_a_later_member_leaves_a_connect_under_way, config, all) {
  session<config> s;
  const support::listener busy{0};  // one that takes no more connections
  std::vector<support::descriptor> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(busy.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)::connect(waiting.back().get(), reinterpret_cast<::sockaddr*>(&address), sizeof(address));
  }
  const support::descriptor client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  auto batch = s.call(op::soft(op::connect{.socket = client.socket(), .address = sluice::ip::endpoint{sluice::ip::loopback, busy.port}}),
                      op::soft(op::nop{}), op::nop{});
  s.ring.start(batch);
  s.linger(2ms);
  BOOST_TEST_REQUIRE(!batch.template get<0>().is_done());
  s.ring.cancel(batch.template get<2>());
  s.finish(batch.template get<2>());
  s.linger();
  canceled(batch.template get<2>().result());
  BOOST_TEST(!batch.template get<0>().is_done());
  batch.cancel(s.ring);
  s.finish(batch);
  canceled(batch.template get<0>().result());
}
