// SPDX-License-Identifier: MIT
// The result of a task that nobody can join was destroyed only when the task counted as ended. A destructor that waits, as that of a stream
// that closes, was left in the middle: the scope had told of the end, the scheduler had gone.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <utility>

#include <coro/fixture.hpp>

struct app : sluice::config<fixture::counted_stacks> {};
using coro = sluice::coro_of<app>;
using namespace std::chrono_literals;

namespace {

struct waits_at_its_end {
  static inline int ended = 0;

  waits_at_its_end() = default;
  waits_at_its_end(waits_at_its_end&& other) noexcept : is_whole{std::exchange(other.is_whole, false)} {}
  auto operator=(waits_at_its_end&&) -> waits_at_its_end& = delete;
  ~waits_at_its_end() {
    if (!is_whole) return;
    BOOST_TEST(coro::shield([] { return coro::sleep(1ms); }).has_value());
    ++ended;
  }
  bool is_whole = true;
};

auto make() -> waits_at_its_end { return {}; }

}  // namespace

BOOST_AUTO_TEST_CASE(unfetched_result_that_waits, *needs::ring()) {
  waits_at_its_end::ended = 0;
  const auto of_a_child = coro::run([] {
    coro::scope children;
    children.spawn(make);
    BOOST_TEST(children.join().has_value());
    BOOST_TEST(waits_at_its_end::ended == 1);
  });
  BOOST_TEST(of_a_child.has_value());
  const auto of_a_detached_task = coro::run([] { coro::spawn(make).detach(); });
  BOOST_TEST(of_a_detached_task.has_value());
  BOOST_TEST(waits_at_its_end::ended == 2);
  {
    auto home = coro::scheduler::make();
    home->spawn(make);
    BOOST_TEST(home->run().has_value());
    BOOST_TEST(waits_at_its_end::ended == 3);
  }
  BOOST_TEST(fixture::counted_stacks::out == 0);
}
