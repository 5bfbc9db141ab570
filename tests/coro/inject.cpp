// SPDX-License-Identifier: MIT
// Programs of every kind, cancelled at each of their suspensions in turn: nothing may be left behind.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <memory>
#include <string>

#include <coro/cancel_everywhere.hpp>
#include <coro/fixture.hpp>

namespace {

using app = fixture::injected_app;
using fixture::cancel_everywhere;
using coro = sluice::coro_of<app>;
using aio = sluice::aio_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;

/// Closes a socket, whatever became of its task.
struct owned_socket {
  explicit owned_socket(sluice::socket_handle one) : handle{one} {}
  owned_socket(const owned_socket&) = delete;
  auto operator=(const owned_socket&) -> owned_socket& = delete;
  ~owned_socket() {
    if (handle) BOOST_TEST(coro::io(op::close_socket{.socket = handle}).has_value());
  }
  sluice::socket_handle handle;
};
struct owned_file {
  explicit owned_file(sluice::file_handle one) : handle{one} {}
  owned_file(const owned_file&) = delete;
  auto operator=(const owned_file&) -> owned_file& = delete;
  ~owned_file() {
    if (handle) BOOST_TEST(coro::io(op::close_file{.file = handle}).has_value());
  }
  sluice::file_handle handle;
};

void echo(const owned_socket& owner) {
  const auto peer = owner.handle;
  std::array<std::byte, 256> buffer{};
  while (const auto n = coro::io(op::recv{.socket = peer, .buffer = buffer})) {
    if (*n == 0 || !coro::io(op::send{.socket = peer, .buffer = std::span{buffer}.first(*n)})) break;
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(inject, *needs::ring())

BOOST_AUTO_TEST_CASE(an_echo_server_and_its_clients) {
  cancel_everywhere([] {
    const auto made = coro::io(op::socket{});
    if (!made) return;
    const owned_socket listener{*made};
    if (!coro::io(op::bind{.socket = *made, .address = sluice::ip::endpoint{sluice::ip::loopback, 0}})) return;
    if (!coro::io(op::listen{.socket = *made})) return;
    const auto address = coro::io(op::getsockname{.socket = *made});
    if (!address) return;
    coro::scope all;
    all.spawn({.name = "server"}, [&] {
      coro::scope clients{{.on_failure = sluice::on_failure::keep}};
      for (int i = 0; i < 3; ++i) {
        const auto peer = coro::io(op::accept{.socket = listener.handle});
        if (!peer) break;
        // The child owns the socket from here on, also if it is cancelled before it runs.
        clients.spawn([s = std::make_shared<owned_socket>(peer->socket)] { echo(*s); });
      }
    });
    for (int i = 0; i < 3; ++i)
      all.spawn({.name = "client"}, [&] {
        const auto mine = coro::io(op::socket{});
        if (!mine) return;
        const owned_socket owner{*mine};
        if (!coro::io(op::connect{.socket = *mine, .address = *address})) return;
        std::array<std::byte, 64> buffer{};
        for (int k = 0; k < 3; ++k) {
          if (!coro::io(op::send{.socket = *mine, .buffer = fixture::bytes_of("hello")})) return;
          if (!coro::io(op::timed(op::recv{.socket = *mine, .buffer = buffer}, 5s))) return;
        }
        (void)coro::io(op::shutdown{.socket = *mine});
      });
    (void)all.join();
  });
}

BOOST_AUTO_TEST_CASE(files_in_batches_and_chains) {
  cancel_everywhere([] {
    const auto temporary = coro::io(op::open_at{.path = "/tmp", .flags = sluice::open_flags::read});
    if (temporary) const owned_file folder{*temporary};
    const fixture::scratch_file scratch;
    const auto null = coro::io(op::open_at{.path = "/dev/null", .flags = sluice::open_flags::write});
    if (!null) return;
    const owned_file sink{*null};
    std::array<std::byte, 512> buffer{};
    for (std::uint64_t i = 0; i < 3; ++i) {
      (void)coro::io(op::soft(op::write{.file = scratch.handle, .buffer = buffer, .offset = i * 512}), op::fsync{.file = scratch.handle});
      (void)coro::io(op::read{.file = scratch.handle, .buffer = buffer, .offset = 0}, op::write{.file = *null, .buffer = buffer});
      (void)coro::io(op::hard(op::read{.file = sluice::file_handle{-1}, .buffer = buffer}), op::soft(op::nop{}), op::nop{});
    }
    const auto second = coro::io(op::open_at{.path = "/dev/null"});
    if (!second) return;
    const auto [n, closed] = coro::io(op::soft(op::read{.file = *second, .buffer = buffer}), op::close_file{.file = *second});
    BOOST_TEST(closed.has_value());
  });
}

BOOST_AUTO_TEST_CASE(deadlines_shields_and_races) {
  cancel_everywhere([] {
    const fixture::socket_pair pair;
    std::array<std::byte, 16> buffer{};
    (void)coro::with_timeout(500us, [&] { return coro::io(op::recv{.socket = pair.left, .buffer = buffer}); });
    (void)coro::shield([] { return coro::sleep(200us); });
    (void)coro::race([] { return coro::sleep(300us); }, [] { return coro::sleep(10s); },
                     [&] { return coro::io(op::timed(op::recv{.socket = pair.right, .buffer = buffer}, 10s)); });
    (void)coro::all([] { return coro::sleep(100us); },
                    [] { return coro::with_timeout(5s, [] { return coro::shield([] { return coro::io(op::nop{}); }); }); });
    (void)coro::io(op::soft(op::recv{.socket = pair.left, .buffer = buffer}), op::link_timeout{.after = 200us});
    (void)coro::io(op::hard(op::timeout{.after = 100us}), op::soft(op::recv{.socket = pair.left, .buffer = buffer}),
                   op::link_timeout{.after = 200us});
    coro::scope s;
    s.spawn([&] { return coro::with_timeout(300us, [&] { return coro::spawn([] { return coro::sleep(10s); }).join(); }); });
    (void)s.join();
  });
}

BOOST_AUTO_TEST_CASE(trees_of_tasks_that_throw_and_fail) {
  cancel_everywhere([] {
    struct tree {
      static auto grow(int depth) -> sluice::result<int> {
        if (depth == 0) {
          if (auto slept = coro::sleep(50us); !slept) return std::unexpected{slept.error()};
          return 1;
        }
        auto text = std::make_shared<std::string>(100, 'x');
        auto left = coro::spawn({.name = "left"}, [depth, text] { return grow(depth - 1); });
        auto right = coro::spawn({.name = "right"}, [depth, text] {
          if (depth == 2) throw std::string{"thrown"};
          return grow(depth - 1);
        });
        int sum = 0;
        try {
          sum += right.join().value_or(0);
        } catch (const std::string&) {
          (void)coro::io(op::nop{});
          sum += 1;
        }
        const auto other = left.join();
        if (!other) return other;
        return sum + *other;
      }
    };
    (void)tree::grow(4);
  });
}

BOOST_AUTO_TEST_CASE(tokens_between_tasks_are_neither_lost_nor_doubled) {
  cancel_everywhere([] {
    aio::event_source source;
    int given = 0;
    int taken = 0;
    {
      coro::scope s{{.on_failure = sluice::on_failure::keep}};
      for (int i = 0; i < 3; ++i)
        s.spawn([&] {
          for (int k = 0; k < 2; ++k)
            if (coro::io(op::wait_event{.source = source})) ++taken;
        });
      s.spawn([&] {
        for (int i = 0; i < 6; ++i) {
          source.notify();
          ++given;
          coro::yield();
        }
      });
    }
    (void)coro::shield([&] {
      for (int left = given - taken; left > 0; --left) BOOST_TEST(coro::io(op::timed(op::wait_event{.source = source}, 1s)).has_value());
      BOOST_TEST((coro::io(op::timed(op::wait_event{.source = source}, 1us)).error() == sluice::errc::timed_out));
    });
  });
}

BOOST_AUTO_TEST_CASE(a_batch_of_many_operations) {
  cancel_everywhere([] {
    const fixture::socket_pair pair;
    std::array<std::byte, 8> a{};
    std::array<std::byte, 8> b{};
    std::array<aio::operation<op::timeout>, 3> span{aio::operation<op::timeout>{op::timeout{.after = 100us}},
                                                    aio::operation<op::timeout>{op::timeout{.after = 200us}},
                                                    aio::operation<op::timeout>{op::timeout{.after = 10ms}}};
    coro::io(std::span{span});
    for (int i = 0; i < 3; ++i) {
      (void)coro::io(op::recv{.socket = pair.left, .buffer = a}, op::send{.socket = pair.right, .buffer = fixture::bytes_of("ab")},
                     op::nop{}, op::timed(op::recv{.socket = pair.right, .buffer = b}, 300us), op::timeout{.after = 100us});
    }
  });
}

BOOST_AUTO_TEST_SUITE_END()
