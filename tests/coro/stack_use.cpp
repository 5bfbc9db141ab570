// SPDX-License-Identifier: MIT
// How much of their stacks tasks use: told by the place where they were spawned.
#include <sluice/sluice.hpp>
#include <sluice/stack/painted.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <regex>
#include <string>
#include <vector>

#include <coro/fixture.hpp>

struct app : sluice::config<fixture::roomy> {};
using coro = sluice::coro_of<app>;
struct exact_app : sluice::config<sluice::stack::painted<fixture::roomy>> {};
using exact = sluice::coro_of<exact_app>;

namespace {

/// Uses so many bytes of the stack.
template <std::size_t Bytes>
[[gnu::noinline]] void use() {
  std::byte much[Bytes];
  asm volatile("" : : "r"(&much) : "memory");
  for (std::byte& one : much) one = std::byte{1};
  asm volatile("" : : "r"(&much) : "memory");
}

struct row {
  std::string place;
  unsigned long tasks;
  unsigned long used;
  unsigned long bytes;
};

/// The lines of a table below its headline.
auto rows_of(const std::string& text, const std::string& headline) -> std::vector<row> {
  std::vector<row> rows;
  const auto at = text.find("sluice: stacks of " + headline + "\n");
  if (at == std::string::npos) return rows;
  static const std::regex line{"  (\\d+) spawned at (.*) use at most (\\d+) of (\\d+) bytes"};
  auto rest = text.substr(text.find('\n', at) + 1);
  for (std::smatch found; std::regex_search(rest, found, line, std::regex_constants::match_continuous);
       rest = found.suffix().str().substr(1))
    rows.push_back({found[2], std::stoul(found[1]), std::stoul(found[3]), std::stoul(found[4])});
  return rows;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(stack_use, *needs::ring())

BOOST_AUTO_TEST_CASE(of_those_that_live_whole_pages_are_known) {
  const fixture::scratch_file out;
  const auto outcome = coro::run([&] {
    coro::scope all;
    for (int i = 0; i != 3; ++i) all.spawn({.name = "small"}, [] { (void)coro::sleep(std::chrono::hours{1}); });
    all.spawn({.name = "large"}, [] {
      use<100'000>();
      (void)coro::sleep(std::chrono::hours{1});
    });
    coro::yield();
    sluice::detail::current<app>->report_stacks(out.stream);
    all.cancel();
  });
  BOOST_TEST(outcome.has_value());
  std::fflush(out.stream);
  const auto rows = rows_of(out.text(), "tasks that live");
  BOOST_REQUIRE(rows.size() == 3U);  // and the root task, whose place is not known
  BOOST_TEST(rows[0].place == "a place unknown, without spawn_options");
  BOOST_TEST(rows[1].tasks == 3U);
  BOOST_TEST(rows[1].place.find("stack_use.cpp:") != std::string::npos);
  BOOST_TEST(rows[1].used % 4096 == 0U);
  BOOST_TEST(rows[1].used < 100'000U);
  BOOST_TEST(rows[1].bytes == 256U * 1024);
  BOOST_TEST(rows[2].tasks == 1U);
  BOOST_TEST(rows[2].used >= 100'000U);
  BOOST_TEST(rows[2].used < 140'000U + (sluice::detail::address_sanitizer ? 60'000U : 0U));
  BOOST_TEST(rows_of(out.text(), "tasks that have ended").empty());
}

BOOST_AUTO_TEST_CASE(of_those_that_have_ended_each_byte_is_known) {
  const fixture::scratch_file out;
  const auto outcome = exact::run([&] {
    const auto measure = [](auto bytes) {
      for (int i = 0; i != 5; ++i) {
        // The same place for all five.
        (void)exact::spawn({.name = "one"}, [] { use<decltype(bytes)::value>(); }).join();
      }
    };
    measure(std::integral_constant<std::size_t, 3'000>{});
    measure(std::integral_constant<std::size_t, 50'000>{});
    exact::yield();
    (void)exact::spawn({.stack_bytes = 512 * std::size_t{1024}}, [] { use<300'000>(); }).join();
    (void)exact::spawn([] {}).join();
    sluice::detail::current<exact_app>->report_stacks(out.stream);
  });
  BOOST_TEST(outcome.has_value());
  std::fflush(out.stream);
  const auto rows = rows_of(out.text(), "tasks that have ended");
  BOOST_REQUIRE(rows.size() == 3U);  // the last one for the task without options
  BOOST_TEST(rows[0].tasks == 10U);
  BOOST_TEST(rows[0].used >= 50'000U);
  BOOST_TEST(rows[0].used < 60'000U);
  BOOST_TEST(rows[1].tasks == 1U);
  BOOST_TEST(rows[1].used >= 300'000U);
  BOOST_TEST(rows[1].used < 310'000U);
  BOOST_TEST(rows[1].bytes >= 512U * 1024);
  BOOST_TEST(rows_of(out.text(), "tasks that live").size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
