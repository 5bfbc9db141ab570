// SPDX-License-Identifier: MIT
// The table of a deadlock, and the line about an abandoned task, were printed on the stack of whichever task had waited last. The standard
// library's printing wants some 10 KiB, more than a task may have. They are printed on the stack of the caller of `run`.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <memory>
#include <string>

#include <coro/fixture.hpp>

namespace {

// A sanitizer's frames are larger than those of the program.
struct small : sluice::config<sluice::stack::guarded<{.bytes = sluice::detail::address_sanitizer ? 16 * 1024 : 8 * 1024}>> {};
using coro = sluice::coro_of<small>;
using namespace std::chrono_literals;

}  // namespace

BOOST_AUTO_TEST_CASE(deadlock_told_on_a_small_stack, *needs::ring()) {
  sluice::result<void> outcome;
  const auto said = fixture::error_output_of([&] {
    outcome = coro::run([] {
      auto a = std::make_shared<coro::task<void>>();
      auto b = std::make_shared<coro::task<void>>();
      *a = coro::spawn([b] { (void)b->join(); });
      *b = coro::spawn([a] { (void)a->join(); });
    });
  });
  BOOST_TEST((outcome.error() == sluice::errc::deadlock));
  BOOST_TEST(said.find("  cycle: #2 -> #3 -> #2\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(abandonment_told_on_a_small_stack, *needs::ring()) {
  const auto said = fixture::error_output_of([] {
    auto home = coro::scheduler::make();
    home->spawn([] {
      for (;;) (void)coro::sleep(10s);
    });
    (void)home->poll();
  });
  BOOST_TEST(said == "sluice: abandoned task #1: it never ended although it was asked to\n");
}
