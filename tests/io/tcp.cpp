// SPDX-License-Identifier: MIT
// Connections with an owner: what users build servers and clients of.
#include <sluice/sluice.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <io/configs.hpp>
#include <sys/resource.h>
#include <unistd.h>

namespace ip = sluice::ip;
using namespace std::chrono_literals;
using fixture::bytes_of;
using sluice::errc;

namespace {

/// A listener, and both ends of a connection to it.
template <class Coro>
struct connection {
  typename Coro::tcp_listener listener = Coro::tcp_listener::bind({ip::loopback, 0}).value();
  typename Coro::tcp_stream near = Coro::tcp_stream::connect(listener.local().value()).value();
  typename Coro::tcp_stream far = listener.accept().value();
};

auto text_of(std::span<const std::byte> bytes) -> std::string_view { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// Lets the process have no more descriptors than it has, for as long as this lives.
class no_more_descriptors {
 public:
  no_more_descriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    auto now = before_;
    const int next = ::dup(0);
    now.rlim_cur = static_cast<::rlim_t>(next);
    ::close(next);
    ::setrlimit(RLIMIT_NOFILE, &now);
  }
  no_more_descriptors(const no_more_descriptors&) = delete;
  auto operator=(const no_more_descriptors&) -> no_more_descriptors& = delete;
  ~no_more_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  ::rlimit before_{};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(io)
BOOST_AUTO_TEST_SUITE(tcp, *needs::ring())

BOOST_AUTO_TEST_CASE_TEMPLATE(a_server_echoes_to_clients_that_come_and_go, config, objects::both) {
  using coro = sluice::coro_of<config>;
  fixture::as_root<coro>([] {
    auto listener = coro::tcp_listener::bind(ip::endpoint{ip::any, 0}, {.backlog = 64, .reuse_port = true});
    BOOST_REQUIRE(listener.has_value());
    const auto port = listener->local().value().port;
    BOOST_TEST(port != 0);
    typename coro::scope server{{.on_failure = sluice::on_failure::keep}};
    server.spawn([&] {
      typename coro::scope clients{{.on_failure = sluice::on_failure::keep}};
      while (auto peer = listener->accept()) {
        clients.spawn([peer = std::move(*peer)]() mutable {
          std::array<std::byte, 100> buffer;
          while (auto n = peer.read_some(buffer)) {
            if (*n == 0 || !peer.write_all(std::span{buffer}.first(*n))) break;
          }
        });
      }
    });
    for (int i = 0; i != 20; ++i) {
      auto client = coro::tcp_stream::connect({ip::loopback, port});
      BOOST_REQUIRE(client.has_value());
      BOOST_TEST(client->peer().text().view() == ip::endpoint(ip::loopback, port).text().view());
      BOOST_TEST(client->local().value().address.text().view() == "127.0.0.1");
      BOOST_TEST(client->write_all("a line\nand another\n").has_value());
      BOOST_TEST(client->shutdown().has_value());
      std::string text;
      BOOST_TEST(client->read_until(text, "\n").value() == 7U);
      text.erase(0, 7);
      BOOST_TEST(client->read_until(text, "\n").value() == 12U);
      BOOST_TEST(text == "and another\n");
      std::array<std::byte, 1> more;
      BOOST_TEST(client->read_some(more).value() == 0U);
    }
    server.cancel();
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(both_ends_know_each_other, config, objects::both) {
  using coro = sluice::coro_of<config>;
  fixture::as_root<coro>([] {
    connection<coro> c;
    BOOST_TEST((c.near.peer() == c.far.local().value()));
    BOOST_TEST((c.far.peer() == c.near.local().value()));
    BOOST_TEST(c.near.get(sluice::socket_option::no_delay).value() != 0);
    BOOST_TEST(c.far.get(sluice::socket_option::no_delay).value() != 0);
    BOOST_TEST(c.far.set(sluice::socket_option::no_delay, 0).has_value());
    BOOST_TEST(c.far.get(sluice::socket_option::no_delay).value() == 0);
    const auto bound = ip::endpoint{ip::address{ip::v4_bytes{127, 0, 0, 5}}, 0};
    auto from = coro::tcp_stream::connect(c.listener.local().value(), {.local = bound});
    BOOST_REQUIRE(from.has_value());
    BOOST_TEST((c.listener.accept().value().peer().address == bound.address));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_is_asked_for_exactly_comes_in_pieces_or_ends_early, config, objects::both) {
  using coro = sluice::coro_of<config>;
  fixture::as_root<coro>([] {
    connection<coro> c;
    auto writer = coro::spawn([&] {
      for (const std::string_view piece : {"abc", "defg", "hi", "jk"}) {
        BOOST_TEST(c.far.write_all(piece).has_value());
        (void)coro::sleep(2ms);
      }
      (void)c.far.close();
    });
    std::array<std::byte, 9> whole{};
    BOOST_TEST(c.near.read_exactly(whole).has_value());
    BOOST_TEST(text_of(whole) == "abcdefghi");
    std::array<std::byte, 3> short_of{};
    BOOST_TEST((c.near.read_exactly(short_of).error() == errc::end_of_stream));
    BOOST_TEST(text_of(std::span{short_of}.first(2)) == "jk");
    BOOST_TEST(writer.join().has_value());
    BOOST_TEST(c.near.read_exactly({}).has_value());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_mark_is_found_wherever_the_pieces_end, config, objects::both) {
  using coro = sluice::coro_of<config>;
  fixture::as_root<coro>([] {
    connection<coro> c;
    auto writer = coro::spawn([&] {
      for (const std::string_view piece : {"head\r", "\nx: \r", "y\r\n\r", "\nbody"}) {
        BOOST_TEST(c.far.write_all(piece).has_value());
        (void)coro::sleep(2ms);
      }
    });
    std::string text;
    BOOST_TEST(c.near.read_until(text, "\r\n\r\n").value() == std::string_view{"head\r\nx: \ry\r\n\r\n"}.size());
    BOOST_TEST(writer.join().has_value());
    text.erase(0, text.find("\r\n\r\n") + 4);
    BOOST_TEST((c.near.read_until(text, "!", 4).error() == std::errc::message_size));
    BOOST_TEST(text == "body");
    (void)c.far.close();
    BOOST_TEST((c.near.read_until(text, "!").error() == errc::end_of_stream));
    BOOST_TEST(text == "body");
    BOOST_TEST(c.near.read_until(text, "od").value() == 3U);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(all_is_written_however_slowly_it_is_read, config, objects::both) {
  using coro = sluice::coro_of<config>;
  fixture::as_root<coro>([] {
    connection<coro> c;
    BOOST_TEST(c.near.set(sluice::socket_option::send_buffer, 4096).has_value());
    // More pieces than the system takes at once, some of them empty.
    std::string expected;
    std::vector<std::string> texts;
    for (int i = 0; i != 3000; ++i) texts.push_back(std::string(static_cast<std::size_t>(i % 700), static_cast<char>('a' + i % 26)));
    std::vector<sluice::const_buffer> pieces;
    for (const auto& text : texts) {
      pieces.emplace_back(bytes_of(text));
      expected += text;
    }
    auto writer = coro::spawn([&] {
      BOOST_TEST(c.near.write_all(pieces).has_value());
      BOOST_TEST(c.near.write_all(expected).has_value());
      BOOST_TEST(c.near.shutdown().has_value());
    });
    std::string got;
    std::array<std::byte, 5000> buffer;
    while (auto n = c.far.read_some(buffer)) {
      if (*n == 0) break;
      got += text_of(std::span{buffer}.first(*n));
      if (got.size() % 7 == 0) (void)coro::sleep(1ms);
    }
    BOOST_TEST((got == expected + expected));
    BOOST_TEST(writer.join().has_value());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_peer_that_has_left_is_an_error_and_no_signal, config, objects::both) {
  using coro = sluice::coro_of<config>;
  fixture::as_root<coro>([] {
    connection<coro> c;
    (void)c.far.close();
    const std::string much(1 << 20, 'x');
    sluice::result<void> outcome;
    for (int i = 0; i != 10 && outcome; ++i) outcome = c.near.write_all(much);
    BOOST_REQUIRE(!outcome.has_value());
    BOOST_TEST((outcome.error() == std::errc::broken_pipe || outcome.error() == std::errc::connection_reset));
    BOOST_TEST((coro::tcp_stream::connect({ip::loopback, 1}).error() == std::errc::connection_refused));
    BOOST_TEST((coro::tcp_listener::bind(c.listener.local().value()).error() == std::errc::address_in_use));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(it_moves_and_is_closed_once, config, objects::both) {
  using coro = sluice::coro_of<config>;
  fixture::as_root<coro>([] {
    connection<coro> c;
    auto taken = std::move(c.near);
    BOOST_TEST(!c.near);
    BOOST_TEST(c.near.close().has_value());
    std::array<std::byte, 4> buffer;
    BOOST_TEST((c.near.read_some(buffer).error() == std::errc::bad_file_descriptor));
    BOOST_TEST((c.near.write_all("x").error() == std::errc::bad_file_descriptor));
    BOOST_TEST(taken.write_all("ping").has_value());
    BOOST_TEST(c.far.read_exactly(buffer).has_value());
    // What it had is closed by what it gets.
    auto other = coro::tcp_stream::connect(c.listener.local().value()).value();
    auto far = c.listener.accept().value();
    taken = std::move(other);
    BOOST_TEST(c.far.read_some(buffer).value() == 0U);
    BOOST_TEST(far.write_all("pong").has_value());
    BOOST_TEST(taken.read_exactly(buffer).has_value());
    const typename coro::tcp_stream again{taken.release()};
    BOOST_TEST(static_cast<bool>(again));
    BOOST_TEST(!taken);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(of_two_that_are_assigned_at_once_one_is_closed, config, objects::both) {
  using coro = sluice::coro_of<config>;
  // Both find that the connection is lost, and bring another one; what is left open the runner sees.
  fixture::as_root<coro>([] {
    connection<coro> lost;
    connection<coro> first;
    connection<coro> second;
    std::array<std::byte, 4> buffer;
    auto reader = coro::spawn([&] { BOOST_TEST((lost.near.read_some(buffer).error() == std::errc::operation_canceled)); });
    coro::yield();
    (void)coro::all([&] { lost.near = std::move(first.near); }, [&] { lost.near = std::move(second.near); });
    (void)reader.join();
    BOOST_TEST(!first.near);
    BOOST_TEST(!second.near);
    BOOST_TEST(!!lost.near);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(who_waits_is_ended_by_a_cancel_a_deadline_and_a_close, config, objects::both) {
  using coro = sluice::coro_of<config>;
  fixture::as_root<coro>([] {
    connection<coro> c;
    std::array<std::byte, 4> buffer;
    BOOST_TEST((coro::with_timeout(5ms, [&] { return c.near.read_some(buffer); }).error() == errc::timed_out));
    BOOST_TEST((coro::with_timeout(5ms, [&] { return c.listener.accept(); }).error() == errc::timed_out));
    auto reader = coro::spawn([&] { return c.near.read_exactly(buffer); });
    auto acceptor = coro::spawn([&] { return c.listener.accept(); });
    coro::yield();
    reader.request_cancel();
    BOOST_TEST((reader.join().error() == std::errc::operation_canceled));
    BOOST_TEST(c.listener.close().has_value());
    BOOST_TEST((acceptor.join().error() == std::errc::operation_canceled));
    BOOST_TEST((c.listener.accept().error() == std::errc::bad_file_descriptor));
    // Nothing of it was lost with the reader.
    BOOST_TEST(c.far.write_all("ping").has_value());
    BOOST_TEST(c.near.read_exactly(buffer).has_value());
    // In a task that was asked to end, the close happens all the same.
    auto holder = coro::spawn([near = std::move(c.near)]() mutable { return coro::sleep(1h); });
    coro::yield();
    holder.request_cancel();
    BOOST_TEST((holder.join().error() == std::errc::operation_canceled));
    BOOST_TEST(c.far.read_some(buffer).value() == 0U);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_port_is_shared_only_by_those_who_agree, config, objects::both) {
  using coro = sluice::coro_of<config>;
  fixture::as_root<coro>([] {
    const auto one = coro::tcp_listener::bind({ip::loopback, 0}, {.reuse_port = true});
    BOOST_REQUIRE(one.has_value());
    const auto where = one->local().value();
    BOOST_TEST(coro::tcp_listener::bind(where, {.reuse_port = true}).has_value());
    BOOST_TEST((coro::tcp_listener::bind(where).error() == std::errc::address_in_use));
  });
}

template <class Config>
void clients_wait_for_descriptors() {
  using coro = sluice::coro_of<Config>;
  fixture::as_root<coro>([] {
    connection<coro> c;
    auto client = coro::tcp_stream::connect(c.listener.local().value()).value();
    typename coro::tcp_stream spare{sluice::socket_handle{::dup(0)}};
    const no_more_descriptors limit;
    auto acceptor = coro::spawn([&] { return c.listener.accept(); });
    ::timespec before{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    (void)coro::sleep(50ms);
    ::timespec after{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    BOOST_TEST((after.tv_sec - before.tv_sec) * 1'000'000'000 + after.tv_nsec - before.tv_nsec < 20'000'000);
    BOOST_TEST(!acceptor.done());
    BOOST_TEST(spare.close().has_value());
    const auto accepted = acceptor.join();
    BOOST_REQUIRE(accepted.has_value());
    BOOST_TEST((accepted->peer() == client.local().value()));
  });
}
BOOST_AUTO_TEST_CASE(without_descriptors_clients_wait_and_nothing_spins,
                     *needs::that(!sluice::detail::address_sanitizer, "a sanitizer needs descriptors of its own")) {
  clients_wait_for_descriptors<objects::completing>();
  clients_wait_for_descriptors<objects::readiness>();
}

template <class Config>
void who_waits_for_descriptors_serves_nobody_else() {
  using coro = sluice::coro_of<Config>;
  fixture::as_root<coro>([] {
    connection<coro> c;
    auto client = coro::tcp_stream::connect(c.listener.local().value()).value();
    const int number = c.listener.handle().native();
    auto acceptor = coro::spawn([&] { return c.listener.accept(); });
    {
      const no_more_descriptors limit;
      // It has had no descriptor once, and waits for one.
      coro::yield();
      (void)coro::sleep(1ms);
      BOOST_TEST(!acceptor.done());
      BOOST_TEST(c.listener.close().has_value());
    }
    // Another one gets the number.
    auto other = coro::tcp_listener::bind({ip::loopback, 0}).value();
    if (other.handle().native() != number)
      other = typename coro::tcp_listener{sluice::socket_handle{::dup2(other.handle().native(), number)}};
    auto of_other = coro::tcp_stream::connect(other.local().value()).value();
    const auto accepted = acceptor.join();
    BOOST_REQUIRE(!accepted.has_value());
    BOOST_TEST((accepted.error() == std::errc::bad_file_descriptor));
    BOOST_TEST((other.accept()->peer() == of_other.local().value()));
  });
}
BOOST_AUTO_TEST_CASE(a_listener_that_is_closed_while_descriptors_are_wanting_takes_no_client_of_another,
                     *needs::that(!sluice::detail::address_sanitizer, "a sanitizer needs descriptors of its own")) {
  who_waits_for_descriptors_serves_nobody_else<objects::completing>();
  who_waits_for_descriptors_serves_nobody_else<objects::readiness>();
}

BOOST_AUTO_TEST_CASE_TEMPLATE(outside_a_task_the_thread_waits, config, objects::both) {
  using coro = sluice::coro_of<config>;
  connection<coro> c;
  BOOST_TEST(c.near.write_all("ping").has_value());
  std::array<std::byte, 4> buffer;
  BOOST_TEST(c.far.read_exactly(buffer).has_value());
  BOOST_TEST(text_of(buffer) == "ping");
  auto by_name = coro::tcp_stream::connect("localhost", c.listener.local().value().port);
  BOOST_TEST(by_name.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
