// SPDX-License-Identifier: MIT
// Built for size (-Os), a program with timers::wheel had GCC warn of an access behind the last level, and failed where warnings are errors.
// This is compiled so.
#if !defined(__OPTIMIZE_SIZE__)
#error "this is to be compiled with -Os"
#endif

#include <sluice/sluice.hpp>
#include <sluice/timers/wheel.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>

namespace {

struct app : sluice::config<sluice::timers::wheel<>> {};
using coro = sluice::coro_of<app>;

}  // namespace

BOOST_AUTO_TEST_CASE(wheel_warned_in_a_build_for_size, *needs::ring()) {
  BOOST_TEST(coro::run([] { return coro::sleep(std::chrono::milliseconds{1}); }).has_value());
}
