// SPDX-License-Identifier: MIT
// The report of a deadlock followed only the newest child of a scope that somebody waits for: a cycle through an older one was not named,
// nor were the older ones told in the table.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <memory>
#include <string>

#include <coro/fixture.hpp>

using coro = sluice::coro_of<fixture::app>;

namespace {

/// Waits for what never comes, as a wait of a policy or of a library on top would.
struct idle : sluice::coro::waiting {
  coro::scheduler* home;
  sluice::coro::fiber<coro::config>* task;

  explicit idle(coro::scheduler& where) noexcept : waiting{&facts}, home{&where}, task{&where.self()} {}
  static void end(waiting& base) noexcept {
    auto& self = static_cast<idle&>(base);
    self.home->make_ready(*self.task);
  }
  static constexpr sluice::coro::wait_kind facts{.what = "nothing", .cancel = &end};
};

void wait_for_nothing(coro::scheduler& home) {
  idle w{home};
  home.park(w);
}

auto count(const std::string& text, const std::string& part) -> int {
  int found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cycle_through_an_older_child, *needs::ring())

BOOST_AUTO_TEST_CASE(every_child_of_a_scope_is_told_and_followed) {
  sluice::result<void> outcome;
  const auto said = fixture::error_output_of([&] {
    auto home = coro::scheduler::make();
    auto parent = std::make_shared<coro::task<void>>();
    home->spawn({.name = "maker"}, [&] {
      *parent = coro::spawn({.name = "parent"}, [&] {
        coro::scope s;
        s.spawn({.name = "eldest"}, [&] { wait_for_nothing(*home); });
        s.spawn({.name = "culprit"}, [&] { (void)parent->join(); });
        s.spawn({.name = "youngest"}, [&] { wait_for_nothing(*home); });
        (void)s.join();
      });
    });
    outcome = home->run();
    parent.reset();
  });
  BOOST_TEST((outcome.error() == sluice::errc::deadlock));
  BOOST_TEST(said.find("\"parent\" waits for the children of a scope of #5 \"youngest\", #4 \"culprit\", #3 \"eldest\"") !=
             std::string::npos);
  BOOST_TEST(said.find("  cycle: #2 \"parent\" -> #4 \"culprit\" -> #2 \"parent\"\n") != std::string::npos);
  BOOST_TEST(count(said, "cycle: ") == 1);
}

BOOST_AUTO_TEST_CASE(cycles_through_several_children_are_all_named) {
  sluice::result<void> outcome;
  const auto said = fixture::error_output_of([&] {
    auto home = coro::scheduler::make();
    auto outer = std::make_shared<coro::task<void>>();
    auto inner = std::make_shared<coro::task<void>>();
    home->spawn({.name = "maker"}, [&] {
      *outer = coro::spawn({.name = "outer"}, [&] {
        coro::scope s;
        s.spawn({.name = "a"}, [&] { (void)outer->join(); });
        s.spawn({.name = "b"}, [&] { (void)inner->join(); });
        (void)s.join();
      });
      *inner = coro::spawn({.name = "inner"}, [&] {
        coro::scope s;
        s.spawn({.name = "c"}, [&] { wait_for_nothing(*home); });
        s.spawn({.name = "d"}, [&] {
          coro::scope own;
          own.spawn({.name = "e"}, [&] { wait_for_nothing(*home); });
          own.spawn({.name = "f"}, [&] { wait_for_nothing(*home); });
          (void)own.join();
        });
        (void)s.join();
      });
    });
    outcome = home->run();
    inner.reset();
    outer.reset();
  });
  BOOST_TEST((outcome.error() == sluice::errc::deadlock));
  BOOST_TEST(said.find("  cycle: #2 \"outer\" -> #4 \"a\" -> #2 \"outer\"\n") != std::string::npos);
  BOOST_TEST(count(said, "cycle: ") == 1);
  BOOST_TEST(said.find("\"inner\" waits for the children of a scope of ") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
