// SPDX-License-Identifier: MIT
#include <sluice/op/process.hpp>
#include <sluice/op/signal.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>

namespace {

using sluice::signal_set;

static_assert(signal_set{}.bits() == 0);
static_assert(signal_set{1, 64}.bits() == 0x8000'0000'0000'0001U);
static_assert(signal_set{2, 15} == signal_set{15, 2, 2});
static_assert(signal_set{2}.contains(2) && !signal_set{2}.contains(3));

static_assert(sluice::exit_status{}.succeeded());
static_assert(!sluice::exit_status{.code = 1}.succeeded());
static_assert(!sluice::exit_status{.signal = 9}.succeeded());

}  // namespace

BOOST_AUTO_TEST_SUITE(op_)
BOOST_AUTO_TEST_SUITE(signal_)

BOOST_AUTO_TEST_CASE(what_is_no_signal_is_in_no_set) {
  signal_set set{0, -1, 65, 1000};
  BOOST_TEST(set.bits() == 0U);
  for (const int number : {0, -1, 65, 1000}) BOOST_TEST(!signal_set{1}.contains(number));
  for (int number = 1; number <= signal_set::most; ++number) {
    BOOST_TEST(!set.contains(number));
    set.add(number);
    BOOST_TEST(set.contains(number));
  }
  BOOST_TEST(set.bits() == ~std::uint64_t{0});
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
