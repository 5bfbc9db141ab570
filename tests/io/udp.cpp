// SPDX-License-Identifier: MIT
// Datagrams: whole, from whom they are, never taken for an end, and never lost by a cancel.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>

namespace {

using namespace std::chrono_literals;
using fixture::as_root;
using fixture::bytes_of;
using sluice::ip::endpoint;
using sluice::ip::loopback;
using sluice::ip::loopback_v6;

struct by_ring : sluice::config<fixture::counted_stacks> {};
struct by_epoll : sluice::config<fixture::counted_stacks, sluice::backend::epoll<>> {};
using configs = std::tuple<by_ring, by_epoll>;

static_assert(sluice::io::byte_source<sluice::coro_of<by_ring>::udp_socket>);
static_assert(sluice::io::byte_sink<sluice::coro_of<by_ring>::udp_socket>);

auto text_of(std::span<const std::byte> bytes) -> std::string { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(udp, *needs::ring())

BOOST_AUTO_TEST_CASE_TEMPLATE(a_datagram_arrives_whole_and_tells_who_sent_it, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    for (const auto& home : {loopback, loopback_v6}) {
      auto receiver = coro::udp_socket::bind({home, 0}).value();
      auto sender = coro::udp_socket::bind({home, 0}).value();
      const auto where = receiver.local().value();
      BOOST_TEST((where.address == home));
      BOOST_TEST(where.port != 0);
      BOOST_TEST(sender.send_to(bytes_of("one"), where).has_value());
      BOOST_TEST(sender.send_to({}, where).has_value());
      BOOST_TEST(sender.send_to(bytes_of("three"), where).has_value());
      std::array<std::byte, 16> buffer;
      for (const std::string_view expected : {"one", "", "three"}) {
        const auto got = receiver.receive_from(buffer).value();
        BOOST_TEST(text_of(std::span{buffer}.first(got.bytes)) == expected);
        BOOST_TEST((got.peer == sender.local().value()));
        BOOST_TEST(!got.truncated);
      }
    }
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_does_not_fit_is_said_to_be_cut, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    auto receiver = coro::udp_socket::bind({loopback, 0}).value();
    auto sender = coro::udp_socket::open().value();
    const auto where = receiver.local().value();
    for (int i = 0; i < 4; ++i) BOOST_TEST(sender.send_to(bytes_of("four"), where).has_value());
    std::array<std::byte, 3> buffer{};
    const auto cut = receiver.receive_from(buffer).value();
    BOOST_TEST(cut.bytes == 3U);
    BOOST_TEST(cut.truncated);
    buffer = {};
    BOOST_TEST((receiver.receive(buffer).error() == std::errc::message_size));
    BOOST_TEST(text_of(buffer) == "fou");
    BOOST_TEST((receiver.read_some(buffer).error() == std::errc::message_size));
    std::array<std::byte, 4> enough;
    BOOST_TEST(receiver.receive(enough).value() == 4U);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(more_than_a_datagram_holds_is_not_sent_at_all, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    auto receiver = coro::udp_socket::bind({loopback, 0}).value();
    auto sender = coro::udp_socket::open().value();
    const auto where = receiver.local().value();
    const std::vector<std::byte> huge(65'508);
    BOOST_TEST((sender.send_to(huge, where).error() == std::errc::message_size));
    BOOST_TEST(sender.connect(where).has_value());
    BOOST_TEST((sender.send(huge).error() == std::errc::message_size));
    BOOST_TEST((sender.write_some(huge).error() == std::errc::message_size));
    const std::vector<std::byte> largest(65'507);
    BOOST_TEST(sender.write_some(largest).value() == largest.size());
    std::vector<std::byte> buffer(70'000);
    BOOST_TEST(receiver.receive(buffer).value() == largest.size());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_connected_socket_hears_its_peer_alone, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    auto one = coro::udp_socket::bind({loopback, 0}).value();
    auto other = coro::udp_socket::bind({loopback, 0}).value();
    auto stranger = coro::udp_socket::open().value();
    std::array<std::byte, 16> buffer;
    BOOST_TEST((one.send(bytes_of("x")).error() == std::errc::destination_address_required));
    BOOST_TEST(one.connect(other.local().value()).has_value());
    BOOST_TEST(stranger.send_to(bytes_of("stranger"), one.local().value()).has_value());
    BOOST_TEST(other.send_to(bytes_of("peer"), one.local().value()).has_value());
    BOOST_TEST(text_of(std::span{buffer}.first(one.receive(buffer).value())) == "peer");
    BOOST_TEST(one.send(bytes_of("back")).has_value());
    BOOST_TEST((other.receive_from(buffer).value().peer == one.local().value()));
    auto third = coro::udp_socket::bind({loopback, 0}).value();
    BOOST_TEST(one.connect(third.local().value()).has_value());
    BOOST_TEST(one.write_some(bytes_of("again")).value() == 5U);
    BOOST_TEST(third.read_some(buffer).value() == 5U);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(nobody_at_the_other_end_is_told_to_who_is_connected, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    endpoint gone;
    {
      const auto closed = coro::udp_socket::bind({loopback, 0});
      gone = closed->local().value();
    }
    auto socket = coro::udp_socket::open().value();
    BOOST_TEST(socket.connect(gone).has_value());
    BOOST_TEST(socket.send(bytes_of("anybody?")).has_value());
    std::array<std::byte, 16> buffer;
    BOOST_TEST((socket.receive(buffer).error() == std::errc::connection_refused));
    BOOST_TEST(socket.send(bytes_of("anybody?")).has_value());
    BOOST_TEST((socket.receive_from(buffer).error() == std::errc::connection_refused));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_cancelled_wait_leaves_the_next_datagram_for_another, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    auto receiver = coro::udp_socket::bind({loopback, 0}).value();
    auto sender = coro::udp_socket::open().value();
    const auto where = receiver.local().value();
    std::array<std::byte, 16> buffer;
    for (int i = 0; i < 20; ++i) {
      bool got = false;
      auto waits = coro::spawn([&] {
        const auto outcome = receiver.receive_from(buffer);
        got = outcome.has_value();
        BOOST_TEST((got || outcome.error() == std::errc::operation_canceled));
      });
      coro::yield();
      if (i % 2 == 0) BOOST_TEST(sender.send_to(bytes_of("x"), where).has_value());
      waits.request_cancel();
      (void)waits.join();
      if (i % 2 != 0) BOOST_TEST(sender.send_to(bytes_of("x"), where).has_value());
      // Whoever did not get it has left it.
      if (!got) BOOST_TEST(receiver.receive(buffer).value() == 1U);
    }
    const auto none = coro::with_timeout(10ms, [&] { return receiver.receive(buffer); });
    BOOST_TEST((none.error() == std::errc::timed_out));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(options_are_those_of_the_socket, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    auto plain = coro::udp_socket::bind({loopback, 0}).value();
    const endpoint everybody{sluice::ip::v4_bytes{255, 255, 255, 255}, 9};
    BOOST_TEST((plain.send_to(bytes_of("x"), everybody).error() == std::errc::permission_denied));
    BOOST_TEST(plain.get(sluice::socket_option::broadcast).value() == 0);
    const auto loud = coro::udp_socket::open(sluice::socket_domain::ipv4, {.broadcast = true}).value();
    BOOST_TEST(loud.get(sluice::socket_option::broadcast).value() != 0);
    const auto six = coro::udp_socket::bind({loopback_v6, 0}, {.only_v6 = true}).value();
    BOOST_TEST(six.get(sluice::socket_option::ipv6_only).value() != 0);

    const auto taken = plain.local().value();
    BOOST_TEST((coro::udp_socket::bind(taken).error() == std::errc::address_in_use));
    const auto first = coro::udp_socket::bind({loopback, 0}, {.reuse_port = true}).value();
    BOOST_TEST(coro::udp_socket::bind(first.local().value(), {.reuse_port = true}).has_value());
    const auto second = coro::udp_socket::bind({loopback, 0}, {.reuse_address = true}).value();
    BOOST_TEST(coro::udp_socket::bind(second.local().value(), {.reuse_address = true}).has_value());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(misuse_is_an_error, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    BOOST_TEST((coro::udp_socket::open(sluice::socket_domain::local).error() == std::errc::address_family_not_supported));
    typename coro::udp_socket none;
    std::array<std::byte, 4> buffer;
    BOOST_TEST((none.send_to(bytes_of("x"), {loopback, 9}).error() == std::errc::bad_file_descriptor));
    BOOST_TEST((none.receive_from(buffer).error() == std::errc::bad_file_descriptor));
    BOOST_TEST((none.connect({loopback, 9}).error() == std::errc::bad_file_descriptor));
    BOOST_TEST((none.receive(buffer).error() == std::errc::bad_file_descriptor));
    BOOST_TEST((none.local().error() == std::errc::bad_file_descriptor));
    BOOST_TEST(none.close().has_value());
    auto moved = coro::udp_socket::bind({loopback, 0}).value();
    const auto taker = std::move(moved);
    BOOST_TEST(taker.local().has_value());
    BOOST_TEST((moved.receive(buffer).error() == std::errc::bad_file_descriptor));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_socket_that_ends_ends_who_waits_for_it, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    auto socket = coro::udp_socket::bind({loopback, 0}).value();
    auto waits = coro::spawn([&] {
      std::array<std::byte, 4> buffer;
      BOOST_TEST((socket.receive_from(buffer).error() == std::errc::operation_canceled));
    });
    coro::yield();
    BOOST_TEST(socket.close().has_value());
    BOOST_TEST(waits.join().has_value());
  });
}

BOOST_AUTO_TEST_CASE(outside_a_task_the_thread_waits) {
  using coro = sluice::coro_of<by_ring>;
  auto receiver = coro::udp_socket::bind({loopback, 0}).value();
  auto sender = coro::udp_socket::open().value();
  BOOST_TEST(sender.connect(receiver.local().value()).has_value());
  BOOST_TEST(sender.send(bytes_of("hello")).has_value());
  std::array<std::byte, 16> buffer;
  BOOST_TEST(receiver.receive_from(buffer).value().bytes == 5U);
}

BOOST_AUTO_TEST_SUITE_END()
