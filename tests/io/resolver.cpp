// SPDX-License-Identifier: MIT
// Names of hosts, and connections to whichever of their addresses answers first.
#include <sluice/sluice.hpp>
#include <support/child.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <io/configs.hpp>
#include <sys/resource.h>

namespace ip = sluice::ip;
using namespace std::chrono_literals;
using sluice::errc;

namespace {

auto endpoint(std::string_view text) -> ip::endpoint { return ip::endpoint::parse(text).value(); }

auto texts_of(const std::vector<ip::endpoint>& all) -> std::vector<std::string> {
  std::vector<std::string> texts;
  for (const auto& one : all) texts.emplace_back(one.text().view());
  return texts;
}

/// A resolver that answers so many questions as it may by now, and knows one host.
struct slow_os : sluice::os::linux_ {
  static auto look_up_host(const char* host, std::uint16_t port) noexcept -> sluice::result<std::vector<ip::endpoint>> {
    const int mine = ++asked;
    for (const fixture::stopwatch watch; mine > allowed && watch.passed() < 8s;) std::this_thread::sleep_for(1ms);
    ++answered;
    if (std::string_view{host} != "known.example") return std::unexpected{make_error_code(errc::no_such_host)};
    return std::vector{ip::endpoint{ip::loopback, port}};
  }
  static void forget() noexcept { asked = allowed = answered = 0; }
  static inline std::atomic<int> asked{0};
  static inline std::atomic<int> allowed{0};
  static inline std::atomic<int> answered{0};
};
struct slow : sluice::config<sluice::resolver::system<slow_os>, fixture::counted_stacks, sluice::blocking::threads<{.threads = 1}>> {};
using slow_coro = sluice::coro_of<slow>;

/// A resolver that says of each host that it is there, and knows no address of it.
struct empty_os : sluice::os::linux_ {
  static auto look_up_host(const char*, std::uint16_t) noexcept -> sluice::result<std::vector<ip::endpoint>> {
    return std::vector<ip::endpoint>{};
  }
};
struct empty : sluice::config<sluice::resolver::system<empty_os>> {};

using coro = sluice::coro_of<objects::completing>;

/// Stands for a connection, and counts those that are open.
struct line {
  explicit line(std::uint16_t to) noexcept : port{to} { ++open; }
  line(line&& other) noexcept : port{other.port} { ++open; }
  ~line() { --open; }
  std::uint16_t port;
  static inline int open = 0;
};

/// What becomes of an attempt: after how long, and whether it is answered. The port says which one it is.
struct attempt {
  sluice::interval after;
  std::error_code failure;
};

/// Tries them with so much time for each alone; notes which begin, and when.
auto try_all(const std::vector<attempt>& script, sluice::interval delay, std::vector<int>& begun) -> sluice::result<line> {
  std::vector<ip::endpoint> addresses;
  for (std::size_t i = 0; i != script.size(); ++i) addresses.push_back({ip::loopback, static_cast<std::uint16_t>(i)});
  return sluice::io::first_to_answer<objects::completing>(addresses, delay, [&](ip::endpoint peer) noexcept -> sluice::result<line> {
    begun.push_back(peer.port);
    const auto& one = script[peer.port];
    if (const auto slept = coro::sleep(one.after); !slept) return std::unexpected{slept.error()};
    if (one.failure) return std::unexpected{one.failure};
    return line{peer.port};
  });
}

const std::error_code refused = std::make_error_code(std::errc::connection_refused);
const std::error_code unreachable = std::make_error_code(std::errc::network_unreachable);
constexpr sluice::interval for_ever = sluice::interval::max();

}  // namespace

BOOST_AUTO_TEST_SUITE(io)
BOOST_AUTO_TEST_SUITE(resolver, *needs::ring())

// First of all, and in a child: a process that has asked before knows where to look, and one that could not find out may never try again.
BOOST_AUTO_TEST_CASE(without_descriptors_no_host_is_said_to_be_none) {
  const auto end = support::in_child([] {
    ::rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const ::rlimit none{3, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    const auto here = coro::resolver{}.resolve("localhost", 80);
    ::setrlimit(RLIMIT_NOFILE, &before);
    // Some systems know that host without looking anywhere.
    if (here || here.error() == std::errc::too_many_files_open) return 0;
    support::say(here.error().message());
    return 1;
  });
  BOOST_TEST(end.code == 0, end.said);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_address_is_its_own_answer_and_a_name_is_looked_up, config, objects::both) {
  using home = sluice::coro_of<config>;
  const auto ask = [] {
    const typename home::resolver names;
    for (const std::string_view host : {"127.0.0.1", "[::1]", "::1", "fe80::1%3"}) {
      const auto found = names.resolve(host, 80);
      BOOST_REQUIRE(found.has_value());
      BOOST_REQUIRE(found->size() == 1U);
      BOOST_TEST(found->front().port == 80);
    }
    const auto here = names.resolve("localhost", 4000);
    BOOST_REQUIRE(here.has_value());
    for (const auto& one : *here) {
      BOOST_TEST((one.address == ip::loopback || one.address == ip::loopback_v6));
      BOOST_TEST(one.port == 4000);
    }
    BOOST_TEST((names.resolve("").error() == std::errc::invalid_argument));
    BOOST_TEST((names.resolve(std::string(254, 'a')).error() == std::errc::invalid_argument));
    BOOST_TEST((names.resolve(std::string_view{"a\0b", 3}).error() == std::errc::invalid_argument));
    const auto nobody = names.resolve("no-such-host.invalid");
    BOOST_REQUIRE(!nobody.has_value());
    BOOST_TEST((nobody.error() == errc::no_such_host || nobody.error() == errc::resolver_failed));
  };
  fixture::as_root<home>(ask);
  ask();
}

BOOST_AUTO_TEST_CASE(other_tasks_go_on_while_it_asks) {
  slow_os::forget();
  fixture::as_root<slow_coro>([] {
    int turns = 0;
    auto other = slow_coro::spawn([&] {
      while (slow_coro::sleep(5ms)) slow_os::allowed = ++turns / 6;
    });
    BOOST_TEST(texts_of(slow_coro::resolver{}.resolve("known.example", 7).value()).front() == "127.0.0.1:7");
    BOOST_TEST((slow_coro::resolver{}.resolve("other.example", 7).error() == errc::no_such_host));
    BOOST_TEST(turns >= 12);
  });
  BOOST_TEST(slow_os::answered == 2);
}

BOOST_AUTO_TEST_CASE(who_is_asked_to_end_leaves_at_once_and_the_question_ends_by_itself) {
  slow_os::forget();
  fixture::as_root<slow_coro>([] {
    // If the time is up before the thread began, nobody was asked.
    while (slow_os::asked == 0) {
      const auto cut = slow_coro::with_timeout(20ms, [] { return slow_coro::resolver{}.resolve("known.example"); });
      BOOST_TEST((cut.error() == errc::timed_out));
    }
    BOOST_TEST(slow_os::asked == 1);
    BOOST_TEST(slow_os::answered == 0);
    // The only thread is busy: this one is never asked.
    BOOST_TEST((slow_coro::with_timeout(5ms, [] { return slow_coro::resolver{}.resolve("known.example"); }).error() == errc::timed_out));
    slow_os::allowed = 1;
  });
  BOOST_TEST(slow_os::asked == 1);
  BOOST_TEST(slow_os::answered == 1);
}

BOOST_AUTO_TEST_CASE(a_host_without_an_address_is_none) {
  using home = sluice::coro_of<empty>;
  const auto ask = [] {
    const auto found = typename home::resolver{}.resolve("known.example", 80);
    BOOST_TEST(!found);
    BOOST_TEST((!found && found.error() == errc::no_such_host));
    const auto connected = home::tcp_stream::connect("known.example", 80);
    BOOST_TEST((!connected && connected.error() == errc::no_such_host));
  };
  ask();
  home::run(ask);
}

BOOST_AUTO_TEST_CASE(both_protocols_come_in_turn) {
  std::vector all{endpoint("[::1]:1"), endpoint("[::2]:1"), endpoint("[::3]:1"), endpoint("1.1.1.1:1"), endpoint("2.2.2.2:1")};
  sluice::io::interleave_families(all);
  BOOST_TEST((texts_of(all) == std::vector<std::string>{"[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"}));
  std::vector one_kind{endpoint("1.1.1.1:1"), endpoint("2.2.2.2:1")};
  sluice::io::interleave_families(one_kind);
  BOOST_TEST((texts_of(one_kind) == std::vector<std::string>{"1.1.1.1:1", "2.2.2.2:1"}));
  std::vector<ip::endpoint> none;
  sluice::io::interleave_families(none);
  BOOST_TEST(none.empty());
}

BOOST_AUTO_TEST_CASE(the_first_to_answer_wins_and_the_others_are_closed) {
  fixture::as_root<coro>([] {
    std::vector<int> begun;
    // The first is slow, the second never answers, the third does.
    const auto won = try_all({{5s, {}}, {for_ever, {}}, {1ms, {}}}, 10ms, begun);
    BOOST_TEST(won.value().port == 2);
    BOOST_TEST((begun == std::vector{0, 1, 2}));
    BOOST_TEST(line::open == 1);
  });
  BOOST_TEST(line::open == 0);
}

BOOST_AUTO_TEST_CASE(one_that_answers_in_its_time_is_the_only_one_that_is_tried) {
  fixture::as_root<coro>([] {
    std::vector<int> begun;
    BOOST_TEST(try_all({{1ms, {}}, {0ms, {}}}, 1s, begun).value().port == 0);
    BOOST_TEST((begun == std::vector{0}));
  });
}

BOOST_AUTO_TEST_CASE(after_a_failure_the_next_begins_at_once) {
  fixture::as_root<coro>([] {
    std::vector<int> begun;
    const fixture::stopwatch watch;
    BOOST_TEST(try_all({{0ms, refused}, {1ms, unreachable}, {1ms, {}}}, 1h, begun).value().port == 2);
    BOOST_TEST((watch.passed() < 5s));
    BOOST_TEST((begun == std::vector{0, 1, 2}));
  });
}

BOOST_AUTO_TEST_CASE(when_all_fail_the_last_one_says_why) {
  fixture::as_root<coro>([] {
    std::vector<int> begun;
    BOOST_TEST((try_all({{1s, unreachable}, {1ms, refused}, {5ms, refused}}, 10ms, begun).error() == unreachable));
    BOOST_TEST((begun == std::vector{0, 1, 2}));
    BOOST_TEST((try_all({{0ms, refused}}, 10ms, begun).error() == refused));
  });
  // Nobody can wait for several at once outside a task.
  std::vector<int> begun;
  BOOST_TEST(try_all({{0ms, refused}, {1ms, {}}}, 10ms, begun).value().port == 1);
}

BOOST_AUTO_TEST_CASE(a_cancel_ends_every_attempt) {
  fixture::as_root<coro>([] {
    std::vector<int> begun;
    for (const auto limit : {5ms, 300ms}) {
      const auto outcome =
          coro::with_timeout(limit, [&] { return try_all({{for_ever, {}}, {for_ever, {}}, {for_ever, {}}}, 20ms, begun); });
      BOOST_TEST((outcome.error() == errc::timed_out));
    }
    BOOST_TEST((begun == std::vector{0, 0, 1, 2}));
  });
  BOOST_TEST(line::open == 0);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
