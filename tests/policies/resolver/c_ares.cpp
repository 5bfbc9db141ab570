// SPDX-License-Identifier: MIT
// Names of hosts by c-ares, against a name server of the test's own.
#include <sluice/resolver/c_ares.hpp>
#include <sluice/sluice.hpp>

#include <boost/test/unit_test.hpp>

#include <io/configs.hpp>

#if __has_include(<ares.h>)

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <ares.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ip = sluice::ip;
using namespace std::chrono_literals;
using sluice::errc;

namespace {

/// Knows `both.test`, `four.test`, and that there is no `none.test`; says nothing of `silent.test`, and `late.test` after a while.
/// \src RFC 1035 section 4
class name_server {
 public:
  name_server() {
    ::sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    ::socklen_t length = sizeof(where);
    BOOST_REQUIRE(::bind(socket_, reinterpret_cast<const ::sockaddr*>(&where), length) == 0);
    BOOST_REQUIRE(::getsockname(socket_, reinterpret_cast<::sockaddr*>(&where), &length) == 0);
    port_ = ::ntohs(where.sin_port);
    const ::timeval tick{.tv_sec = 0, .tv_usec = 10'000};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof(tick));
    thread_ = std::thread{[this] { serve(); }};
  }
  name_server(const name_server&) = delete;
  auto operator=(const name_server&) -> name_server& = delete;
  ~name_server() {
    over_ = true;
    thread_.join();
    ::close(socket_);
  }
  [[nodiscard]] auto port() const -> std::uint16_t { return port_; }
  [[nodiscard]] auto asked() const -> int { return asked_; }

 private:
  void serve() {
    while (!over_) {
      std::array<unsigned char, 512> packet{};
      ::sockaddr_in peer{};
      ::socklen_t length = sizeof(peer);
      const auto bytes = ::recvfrom(socket_, packet.data(), packet.size(), 0, reinterpret_cast<::sockaddr*>(&peer), &length);
      if (bytes < 17) continue;
      ++asked_;
      std::string name;
      std::size_t at = 12;
      for (; packet[at] != 0; at += 1 + packet[at]) name.append(reinterpret_cast<const char*>(&packet[at + 1]), packet[at]).append(".");
      const unsigned type = packet[at + 2];
      std::string answer{reinterpret_cast<const char*>(packet.data()), at + 5};
      if (name == "silent.test.") continue;
      if (name == "late.test.") std::this_thread::sleep_for(60ms);
      answer[2] = static_cast<char>(0x81);
      answer[3] = static_cast<char>(name == "none.test." ? 0x83 : 0x80);
      answer[7] = answer[8] = answer[9] = answer[10] = answer[11] = 0;
      const std::string head{"\xc0\x0c\0", 3};
      const std::string rest{"\0\1\0\0\0\x3c\0", 7};
      if (type == 1 && name != "none.test.") add(answer, head + '\1' + rest + '\4' + std::string{"\x7f\0\0\1", 4});
      if (type == 28 && name == "both.test.") add(answer, head + '\x1c' + rest + '\x10' + std::string(15, '\0') + '\1');
      ::sendto(socket_, answer.data(), answer.size(), 0, reinterpret_cast<const ::sockaddr*>(&peer), length);
    }
  }
  static void add(std::string& answer, const std::string& record) {
    ++answer[7];
    answer += record;
  }

  int socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  std::uint16_t port_ = 0;
  std::atomic<bool> over_{false};
  std::atomic<int> asked_{0};
  std::thread thread_;
};

/// Has all questions sent there, and asks twice, some tenths of a second apart.
struct local_calls : sluice::os::ares_calls {
  static auto open(::ares_channel* channel, ::ares_options* options, int mask) noexcept -> int {
    options->timeout = 400;
    options->tries = 2;
    const int opened = ares_calls::open(channel, options, mask | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (opened != ARES_SUCCESS) return opened;
    return ::ares_set_servers_ports_csv(*channel, ("127.0.0.1:" + std::to_string(port)).c_str());
  }
  static inline std::uint16_t port = 0;
};
using local = sluice::resolver::c_ares<sluice::os::linux_, local_calls>;
struct no_memory_calls : sluice::os::ares_calls {
  static auto open(::ares_channel*, ::ares_options*, int) noexcept -> int { return ARES_ENOMEM; }
};

struct completing : sluice::config<local, fixture::counted_stacks> {};
struct readiness : sluice::config<local, sluice::backend::epoll<>, fixture::counted_stacks> {};
using both = std::tuple<completing, readiness>;

struct served {
  name_server server;
  served() { local_calls::port = server.port(); }
};

template <class Coro>
auto texts_of(std::string_view host) -> std::vector<std::string> {
  std::vector<std::string> texts;
  const auto found = typename Coro::resolver{}.resolve(host, 80);
  if (!found) return {found.error().message()};
  for (const auto& one : *found) texts.emplace_back(one.text().view());
  std::sort(texts.begin(), texts.end());
  return texts;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(resolver)
BOOST_AUTO_TEST_SUITE(c_ares, *needs::ring())

BOOST_AUTO_TEST_CASE_TEMPLATE(what_a_name_server_knows_is_found, config, both) {
  using coro = sluice::coro_of<config>;
  const served by;
  const auto ask = [] {
    BOOST_TEST((texts_of<coro>("both.test") == std::vector<std::string>{"127.0.0.1:80", "[::1]:80"}));
    BOOST_TEST((texts_of<coro>("four.test") == std::vector<std::string>{"127.0.0.1:80"}));
    BOOST_TEST((typename coro::resolver{}.resolve("none.test").error() == errc::no_such_host));
  };
  fixture::as_root<coro>(ask);
  ask();
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_address_and_what_the_hosts_file_says_ask_nobody, config, both) {
  using coro = sluice::coro_of<config>;
  const served by;
  fixture::as_root<coro>([] {
    BOOST_TEST((texts_of<coro>("192.0.2.1") == std::vector<std::string>{"192.0.2.1:80"}));
    const auto found = typename coro::resolver{}.resolve("localhost").value();
    for (const auto& one : found) BOOST_TEST((one.address == ip::loopback || one.address == ip::loopback_v6));
  });
  BOOST_TEST(by.server.asked() == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_server_that_says_nothing_is_asked_again_and_given_up, config, both) {
  using coro = sluice::coro_of<config>;
  const served by;
  fixture::as_root<coro>([] {
    int turns = 0;
    auto other = coro::spawn([&] {
      while (coro::sleep(5ms)) ++turns;
    });
    BOOST_TEST((typename coro::resolver{}.resolve("silent.test").error() == errc::resolver_failed));
    BOOST_TEST(turns > 10);
  });
  BOOST_TEST(by.server.asked() >= 2);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(who_is_asked_to_end_ends_the_question, config, both) {
  using coro = sluice::coro_of<config>;
  const served by;
  fixture::as_root<coro>([] {
    // A question that went on until it is given up would end with that.
    BOOST_TEST((coro::with_timeout(20ms, [] { return typename coro::resolver{}.resolve("silent.test"); }).error() == errc::timed_out));
    auto asker = coro::spawn([] { return typename coro::resolver{}.resolve("silent.test"); });
    asker.request_cancel();
    BOOST_TEST((asker.join().error() == std::errc::operation_canceled));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(many_ask_at_once, config, both) {
  using coro = sluice::coro_of<config>;
  const served by;
  fixture::as_root<coro>([] {
    typename coro::scope all;
    int answered = 0;
    for (int i = 0; i != 100; ++i) {
      all.spawn([&, i] {
        const char* const names[] = {"both.test", "four.test", "none.test", "127.0.0.1"};
        const auto found = typename coro::resolver{}.resolve(names[i % 4]);
        answered += found.has_value() == (i % 4 != 2) ? 1 : 0;
      });
    }
    BOOST_TEST(all.join().has_value());
    BOOST_TEST(answered == 100);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_connection_by_name_takes_the_address_that_answers, config, both) {
  using coro = sluice::coro_of<config>;
  const served by;
  fixture::as_root<coro>([] {
    // Nobody listens at the other address of the host.
    auto listener = coro::tcp_listener::bind({ip::loopback, 0}).value();
    const auto stream = coro::tcp_stream::connect("both.test", listener.local().value().port);
    BOOST_REQUIRE(stream.has_value());
    BOOST_TEST((stream->peer().address == ip::loopback));
  });
}

BOOST_AUTO_TEST_CASE(without_memory_or_descriptors_it_says_so) {
  using question = sluice::resolver::c_ares<sluice::os::linux_, no_memory_calls>::question;
  question asks;
  BOOST_TEST((asks.begin("four.test", 1).error() == std::errc::not_enough_memory));
  struct no_descriptors : sluice::os::linux_ {
    static auto epoll_create() noexcept -> int { return -EMFILE; }
  };
  sluice::resolver::c_ares<no_descriptors>::question other;
  BOOST_TEST((other.begin("four.test", 1).error() == std::errc::too_many_files_open));
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()

#else

BOOST_AUTO_TEST_CASE(c_ares, *needs::that(false, "c-ares is not installed")) {}

#endif
