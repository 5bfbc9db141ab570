// SPDX-License-Identifier: MIT
// Who receives from a local stream socket is told of what lies behind data that brought descriptors at once. A receive stops there, and one
// that took less than it had room for counted as one that had emptied the socket: the next one was not tried and slept until its descriptor
// was asked for anew. It was the same where the next data were another process's, and credentials are asked for.
#include <sluice/backend/epoll.hpp>
#include <sluice/backend/poll.hpp>
#include <sluice/sluice.hpp>
#include <support/descriptors.hpp>
#include <support/handed_over.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <string_view>
#include <tuple>

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

namespace op = sluice::op;
namespace backend = sluice::backend;
using namespace std::chrono_literals;

template <class Backend>
struct app : sluice::config<Backend> {};
// Nothing is asked for anew while the test runs.
using models = std::tuple<app<backend::epoll<{.recheck = 1h}>>, app<backend::poll<{.recheck = 1h}>>, app<backend::io_uring<>>>;

/// Sends `text` and the number of its own socket.
void put_with_descriptor(const support::descriptor& end, std::string_view text) {
  ::iovec part{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
  support::handed_over control{end.get()};
  ::msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  BOOST_TEST_REQUIRE(::sendmsg(end.get(), &message, MSG_NOSIGNAL) == static_cast<::ssize_t>(text.size()));
}

/// Three pieces that no one receive takes together.
void put_descriptors(const support::descriptor& end) {
  put_with_descriptor(end, "with");
  put_with_descriptor(end, "one");
  support::put(end, "behind");
}

void put_by_two(const support::descriptor& end) {
  support::put(end, "from");
  const ::pid_t other = ::fork();
  if (other == 0) ::_exit(::send(end.get(), "two", 3, MSG_NOSIGNAL) == 3 ? 0 : 1);
  int status = -1;
  BOOST_TEST_REQUIRE(::waitpid(other, &status, 0) == other);
  BOOST_TEST_REQUIRE(status == 0);
  support::put(end, "places");
}

constexpr std::array<std::size_t, 3> in_pieces{4, 3, 6};

/// What `take()` gives three times, while `tell` says something to who waits; it is given up where that sleeps.
template <class Coro, class Tell, class Take>
void gives_pieces(const support::ends& pair, Tell tell, Take take) {
  std::array<std::size_t, 3> all{};
  typename Coro::scope peers;
  peers.spawn([&] {
    Coro::sleep(1ms);
    tell(pair.far);
  });
  for (auto& one : all) {
    const auto got = Coro::with_timeout(5s, take);
    BOOST_TEST_REQUIRE(got.has_value(), "it slept");
    one = *got;
  }
  BOOST_TEST(peers.join().has_value());
  BOOST_TEST((all == in_pieces));
}

template <class Config, class Tell>
void receive_gives_pieces(const support::ends& pair, Tell tell) {
  using coro = sluice::coro_of<Config>;
  const auto outcome = coro::run([&] {
    std::array<std::byte, 64> buffer{};
    gives_pieces<coro>(pair, tell, [&] { return coro::io(op::recv{.socket = pair.near.socket(), .buffer = buffer}); });
  });
  BOOST_TEST(outcome.has_value());
}

template <class Config, class Tell>
void stream_gives_pieces(const support::ends& pair, Tell tell) {
  using coro = sluice::coro_of<Config>;
  const auto outcome = coro::run([&] {
    auto group = coro::buffer_group::make({.count = 4, .bytes = 64}).value();
    auto data = coro::stream(op::recv_many{.socket = pair.near.socket(), .buffers = group});
    gives_pieces<coro>(pair, tell, [&] {
      const auto lease = data.next();
      return lease ? lease->bytes().size() : 0U;
    });
  });
  BOOST_TEST(outcome.has_value());
}

auto pair_with_credentials() -> support::ends {
  auto pair = support::socket_pair();
  const int yes = 1;
  BOOST_TEST_REQUIRE(::setsockopt(pair.near.get(), SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) == 0);
  return pair;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(regression)

BOOST_AUTO_TEST_CASE_TEMPLATE(data_behind_descriptors_was_told_late, config, models) {
  receive_gives_pieces<config>(support::socket_pair(), put_descriptors);
  stream_gives_pieces<config>(support::socket_pair(), put_descriptors);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(data_of_another_process_was_told_late, config, models) {
  receive_gives_pieces<config>(pair_with_credentials(), put_by_two);
  stream_gives_pieces<config>(pair_with_credentials(), put_by_two);
}

BOOST_AUTO_TEST_SUITE_END()
