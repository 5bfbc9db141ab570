// SPDX-License-Identifier: MIT
// Whatever converts to an int was the exit code of a program: one that returned the result of its last operation failed by as many bytes as
// that had written, and one that returned true had failed.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>

#include <coro/fixture.hpp>

using coro = sluice::coro_of<fixture::app>;

BOOST_AUTO_TEST_CASE(count_became_an_exit_code, *needs::ring()) {
  BOOST_TEST(coro::main([]() -> sluice::result<std::size_t> { return 6U; }) == 0);
  BOOST_TEST(coro::main([] { return true; }) == 0);
  BOOST_TEST(coro::main([] { return 2.5; }) == 0);
  BOOST_TEST(coro::main([] { return 7L; }) == 0);
  BOOST_TEST(coro::main([] { return 7; }) == 7);
  BOOST_TEST(coro::main([]() -> sluice::result<int> { return 8; }) == 8);
}
