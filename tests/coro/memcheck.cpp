// SPDX-License-Identifier: MIT
// A program of every kind on an `Os` that tells valgrind about stacks and about what the kernel wrote. Run it under valgrind, too:
// nothing may be reported; without valgrind it is a test like any other.
#include <sluice/context/boost.hpp>
#include <sluice/os/memcheck.hpp>
#include <sluice/sluice.hpp>
#include <sluice/stack/heap.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <memory>
#include <stdexcept>
#include <string>

#include <coro/fixture.hpp>

#if __has_include(<valgrind/memcheck.h>)

namespace {

namespace op = sluice::op;
using namespace std::chrono_literals;

using os = sluice::os::memcheck<sluice::os::linux_>;
using memory = sluice::os::memcheck<sluice::os::linux_memory>;
struct watched : sluice::config<sluice::backend::io_uring<{}, os>, sluice::stack::guarded<{.bytes = 256 * 1024}, memory>> {};
struct watched_heap : sluice::config<sluice::backend::io_uring<{}, os>, sluice::stack::heap<{.bytes = 256 * 1024}, memory>> {};

template <class Config>
auto program() -> sluice::result<int> {
  using coro = sluice::coro_of<Config>;
  fixture::socket_pair pair;
  int sum = 0;
  {
    typename coro::scope s;
    s.spawn([&] {
      std::array<std::byte, 64> buffer;
      while (const auto n = coro::io(op::recv{.socket = pair.left, .buffer = buffer})) {
        if (*n == 0) break;
        for (const auto byte : std::span{buffer}.first(*n)) sum += static_cast<int>(byte) == 'x' ? 1 : 1000;
      }
    });
    s.spawn([&] {
      for (int i = 0; i < 20; ++i) {
        (void)coro::io(op::send{.socket = pair.right, .buffer = fixture::bytes_of("xx")});
        coro::yield();
      }
      (void)coro::io(op::shutdown{.socket = pair.right});
    });
    if (const auto done = s.join(); !done) return std::unexpected{done.error()};
  }
  const fixture::scratch_file file;
  std::array<std::byte, 16> buffer;
  (void)coro::io(op::soft(op::write{.file = file.handle, .buffer = fixture::bytes_of("0123456789"), .offset = 0}),
                 op::fsync{.file = file.handle});
  const auto read = coro::io(op::read{.file = file.handle, .buffer = buffer, .offset = 0}).value();
  for (std::size_t i = 0; i < read; ++i) sum += static_cast<int>(buffer[i]) - '0';
  for (int i = 0; i < 3; ++i) {
    auto t = coro::spawn({.stack_bytes = static_cast<std::size_t>(i) * 512 * 1024}, [i]() -> std::string {
      coro::yield();
      if (i == 1) throw std::runtime_error{"thrown"};
      return std::string(50, 'y');
    });
    try {
      sum += static_cast<int>(t.join().value().size());
    } catch (const std::runtime_error&) {
      coro::yield();
      sum += 1;
    }
  }
  (void)coro::with_timeout(1ms, [] { return coro::sleep(10s); });
  auto cancelled = coro::spawn([held = std::make_shared<int>(1)] { return coro::sleep(10s).has_value() ? 0 : *held; });
  coro::yield();
  cancelled.request_cancel();
  sum += cancelled.join().value();
  return sum;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(memcheck, *needs::ring())

BOOST_AUTO_TEST_CASE(a_program_of_every_kind_is_clean) {
  BOOST_TEST(sluice::coro_of<watched>::run(&program<watched>).value() == 40 + 45 + 101 + 1);
  BOOST_TEST(sluice::coro_of<watched_heap>::run(&program<watched_heap>).value() == 40 + 45 + 101 + 1);
}

BOOST_AUTO_TEST_CASE(accepted_and_named_addresses_count_as_written) {
  using coro = sluice::coro_of<watched>;
  const auto outcome = coro::run([]() -> sluice::result<bool> {
    const auto listener = coro::io(op::socket{}).value();
    (void)coro::io(op::bind{.socket = listener, .address = sluice::ip::endpoint{sluice::ip::loopback, 0}});
    (void)coro::io(op::listen{.socket = listener});
    const auto address = coro::io(op::getsockname{.socket = listener}).value();
    const auto client = coro::io(op::socket{}).value();
    const auto [connected, peer] = coro::io(op::connect{.socket = client, .address = address}, op::accept{.socket = listener});
    const auto mine = coro::io(op::getsockname{.socket = client}).value();
    const bool same = mine == peer.value().peer;
    (void)coro::io(op::close_socket{.socket = peer->socket}, op::close_socket{.socket = client}, op::close_socket{.socket = listener});
    return same;
  });
  BOOST_TEST(outcome.value());
}

BOOST_AUTO_TEST_SUITE_END()

#else

BOOST_AUTO_TEST_CASE(memcheck_needs_the_headers_of_valgrind, *boost::unit_test::disabled()) {}

#endif
