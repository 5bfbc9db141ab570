// SPDX-License-Identifier: MIT
// A message of several pieces, over a non-blocking socket whose other side has ended its own half, and in which there was no room: the
// kernel does not wait for room there but tries again, in the end by one of its threads, and that heeds O_NONBLOCK. "Try again" came back,
// and the rest was not sent.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include <coro/fixture.hpp>
#include <sys/socket.h>

namespace {

namespace op = sluice::op;
using coro = sluice::coro_of<fixture::app>;

/// Sends much in pieces by `send_all(stream, pieces)`, and lets nobody read before the kernel has tried for long. Whether all arrived.
template <class SendAll>
auto arrives(SendAll send_all) -> bool {
  const std::vector<std::byte> much(1'000'000, std::byte{7});
  const std::array<sluice::const_buffer, 2> pieces{sluice::const_buffer{std::span{much}.first(300'000)},
                                                   sluice::const_buffer{std::span{much}.subspan(300'000)}};
  std::size_t received = 0;
  BOOST_TEST(coro::run([&] {
               int both[2];
               BOOST_TEST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, both) == 0);
               coro::unix_stream writer{sluice::socket_handle{both[0]}};
               coro::unix_stream reader{sluice::socket_handle{both[1]}};
               BOOST_TEST(reader.shutdown().has_value());
               auto task = coro::spawn([&] {
                 const auto sent = send_all(writer, std::span{pieces});
                 BOOST_TEST(sent.has_value());
                 if (!sent) BOOST_TEST_MESSAGE(sent.error().message());
                 BOOST_TEST(writer.shutdown().has_value());
               });
               for (int i = 0; i != 300; ++i) BOOST_TEST(coro::io(op::nop{}).has_value());
               std::vector<std::byte> buffer(100'000);
               for (auto got = reader.read_some(buffer); got && *got != 0; got = reader.read_some(buffer)) received += *got;
               BOOST_TEST(task.join().has_value());
             }).has_value());
  return received == much.size();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(regression)

BOOST_AUTO_TEST_CASE(gathered_send_would_wait_and_said_so, *needs::ring()) {
  BOOST_TEST(arrives([](auto& to, auto pieces) { return to.write_all(pieces); }));
  BOOST_TEST(arrives([](auto& to, auto pieces) -> sluice::result<void> {
    for (auto rest = std::vector<sluice::const_buffer>{pieces.begin(), pieces.end()}; !rest.empty();) {
      const auto put = to.write_some(std::span<const sluice::const_buffer>{rest});
      if (!put) return std::unexpected{put.error()};
      std::size_t gone = *put;
      while (!rest.empty() && gone >= rest.front().size) {
        gone -= rest.front().size;
        rest.erase(rest.begin());
      }
      if (!rest.empty()) rest.front() = std::span{rest.front().data, rest.front().size}.subspan(gone);
    }
    return {};
  }));
}

BOOST_AUTO_TEST_SUITE_END()
