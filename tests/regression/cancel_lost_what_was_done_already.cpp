// SPDX-License-Identifier: MIT
// A full submission queue is flushed, and what is done by then waits in a list to be handed out. A cancel of its handle put such an
// operation into the list of those to be asked to end, by the same link: whatever was behind it in the first list was never handed out.
#include <laws/backend.hpp>
#include <support/needs.hpp>
#include <support/uring_models.hpp>

#include <array>
#include <memory>
#include <vector>

using namespace laws::backend;

BOOST_AUTO_TEST_CASE(cancel_loses_nothing_that_is_done_already, *needs::ring()) {
  using session_type = session<models::two_entries>;
  session_type s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  put(pair.far, "abc");
  session_type::operation<op::recv> first{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
  std::vector<std::unique_ptr<session_type::operation<op::nop>>> others;
  s.ring.start(first);
  for (int i = 0; i < 9; ++i) s.ring.start(*others.emplace_back(std::make_unique<session_type::operation<op::nop>>(op::nop{})));
  BOOST_TEST_REQUIRE(!first.is_done());
  succeeded(s.run_alone(op::cancel_handle{.handle = pair.near.socket()}));
  for (auto& one : others) s.finish(*one);
  s.finish(first);
  gave(first.result(), 3U);
  for (auto& one : others) succeeded(one->result());
}
