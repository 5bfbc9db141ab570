// SPDX-License-Identifier: MIT
// Where all cores of a runtime are stuck each prints its part of the table. The first one that had printed its own asked the others to end,
// and those that heard of that before they looked printed nothing: as a rule the table was that of one core.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <string_view>

#include <coro/fixture.hpp>

namespace {

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
constexpr int rounds = 8;
constexpr std::size_t cores = 4;

auto tables_in(std::string_view said) -> std::size_t {
  constexpr std::string_view head = "deadlock: every task waits";
  std::size_t tables = 0;
  for (auto at = said.find(head); at != std::string_view::npos; at = said.find(head, at + 1)) ++tables;
  return tables;
}

}  // namespace

BOOST_AUTO_TEST_CASE(table_of_stuck_cores_had_gaps, *needs::ring()) {
  for (int round = 0; round < rounds; ++round) {
    sluice::result<void> outcome;
    const auto said = fixture::error_output_of([&] {
      outcome = coro::runtime::run({.threads = cores}, [](auto&) {
        coro::event never;
        return never.wait();
      });
    });
    BOOST_TEST((outcome.error() == sluice::errc::deadlock));
    BOOST_TEST(tables_in(said) == cores, said);
  }
}
