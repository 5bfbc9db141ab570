// SPDX-License-Identifier: MIT
// Cancelling a task that joins a task that joins a task ... recursed once for each of them, on the stack of whoever cancelled: a few
// hundred of them, or as many scopes inside scopes, overran a small stack. And asking all tasks of a scheduler to end took the square of
// their number.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <coro/fixture.hpp>

namespace {

struct small : sluice::config<sluice::stack::guarded<{.bytes = 32 * 1024}>> {};
using coro = sluice::coro_of<small>;
using namespace std::chrono_literals;

constexpr int depth = 3000;
bool complete = false;
int cut = 0;

auto chain(int left) -> sluice::result<void> {
  if (left == 0) {
    complete = true;
    const auto slept = coro::sleep(100s);
    if (!slept) ++cut;
    return slept;
  }
  if (left % 2 == 0) return coro::spawn([left] { return chain(left - 1); }).join();
  coro::scope child;
  child.spawn([left] { return chain(left - 1); });
  return child.join();
}

}  // namespace

BOOST_AUTO_TEST_CASE(cancel_of_a_deep_chain, *needs::ring()) {
  const auto outcome = coro::run([] {
    auto top = coro::spawn([] { return chain(depth); });
    auto canceller = coro::spawn([&top] {
      while (!complete) (void)coro::sleep(1ms);
      coro::yield();
      top.request_cancel();
    });
    (void)top.join();
    return canceller.join();
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(cut == 1);
}

BOOST_AUTO_TEST_CASE(destroying_a_scheduler_with_a_deep_chain, *needs::ring()) {
  cut = 0;
  {
    auto home = coro::scheduler::make();
    home->spawn([] { (void)chain(depth); });
    complete = false;
    while (!complete) (void)home->poll();
    BOOST_TEST(home->live() == static_cast<std::size_t>(depth) + 1);
  }
  BOOST_TEST(cut == 1);
}
