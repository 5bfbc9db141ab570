// SPDX-License-Identifier: MIT
#include <sluice/interval.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <tuple>
#include <type_traits>

namespace {

using sluice::interval;
using sluice::time_point;
using namespace std::chrono_literals;

constexpr auto highest = std::numeric_limits<std::int64_t>::max();
constexpr auto lowest = std::numeric_limits<std::int64_t>::min();

using coarse = std::tuple<std::chrono::microseconds, std::chrono::milliseconds, std::chrono::seconds, std::chrono::minutes,
                          std::chrono::hours, std::chrono::days, std::chrono::weeks, std::chrono::months, std::chrono::years,
                          std::chrono::duration<std::int64_t, std::ratio<1, 60>>, std::chrono::duration<std::int64_t, std::tera>,
                          std::chrono::duration<std::uint64_t>, std::chrono::duration<float>, std::chrono::duration<double>,
                          std::chrono::duration<long double>, std::chrono::duration<double, std::tera>>;
using floating = std::tuple<std::chrono::duration<float>, std::chrono::duration<double, std::nano>, std::chrono::duration<double>,
                            std::chrono::duration<long double, std::milli>, std::chrono::duration<double, std::pico>>;

template <interval I>
struct option {
  static constexpr auto count = I.count;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(interval_)

BOOST_AUTO_TEST_CASE(any_duration_becomes_nanoseconds) {
  static_assert(interval{}.count == 0);
  static_assert(interval{7ns}.count == 7);
  static_assert(interval{5us}.count == 5'000);
  static_assert(interval{-5ms}.count == -5'000'000);
  static_assert(interval{2s}.count == 2'000'000'000);
  static_assert(interval{3min}.count == 180'000'000'000);
  static_assert(interval{1h}.count == 3'600'000'000'000);
  static_assert(interval{0.25s}.count == 250'000'000);
  static_assert(interval{std::chrono::days{-1}}.count == -86'400'000'000'000);
  static_assert(interval{std::chrono::duration<int, std::ratio<1, 4>>{3}}.count == 750'000'000);
  BOOST_TEST(interval::nanoseconds(-9).count == -9);
  BOOST_TEST((interval{1500us}.to_chrono() == 1'500'000ns));
}

BOOST_AUTO_TEST_CASE(every_count_of_nanoseconds_is_kept_exactly) {
  for (const std::int64_t count :
       {lowest, lowest + 1, std::int64_t{-1}, std::int64_t{0}, (std::int64_t{1} << 53) + 1, highest - 1, highest}) {
    BOOST_TEST(interval{std::chrono::nanoseconds{count}}.count == count);
  }
  // A count of seconds whose nanoseconds need more digits than a double has.
  BOOST_TEST(interval{std::chrono::seconds{9'007'199'255}}.count == 9'007'199'255'000'000'000);
  BOOST_TEST(interval{std::chrono::microseconds{-9'007'199'254'740'993}}.count == -9'007'199'254'740'993'000);
}

BOOST_AUTO_TEST_CASE(what_is_finer_than_a_nanosecond_is_rounded_up) {
  using picoseconds = std::chrono::duration<std::int64_t, std::pico>;
  static_assert(interval{picoseconds{1}}.count == 1);
  static_assert(interval{picoseconds{1000}}.count == 1);
  static_assert(interval{picoseconds{1001}}.count == 2);
  static_assert(interval{picoseconds{-1}}.count == 0);
  static_assert(interval{picoseconds{-1500}}.count == -1);
  BOOST_TEST((interval{std::chrono::duration<double, std::nano>{0.1}}.count == 1));
  BOOST_TEST((interval{std::chrono::duration<double, std::nano>{-0.1}}.count == 0));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_does_not_fit_becomes_the_extreme, duration, coarse) {
  using rep = typename duration::rep;
  constexpr bool fits = std::is_integral_v<rep> && sizeof(rep) < sizeof(std::int64_t);
  if constexpr (!fits) {
    BOOST_TEST(interval{duration::max()}.count == highest);
    BOOST_TEST((interval{duration::max()} == interval::max()));
    if constexpr (std::is_signed_v<rep>) BOOST_TEST(interval{duration::min()}.count == lowest);
  }
  BOOST_TEST(interval{duration::zero()}.count == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(infinity_and_no_number_are_valid, duration, floating) {
  using limits = std::numeric_limits<typename duration::rep>;
  BOOST_TEST(interval{duration{limits::infinity()}}.count == highest);
  BOOST_TEST(interval{duration{-limits::infinity()}}.count == lowest);
  BOOST_TEST(interval{duration{limits::quiet_NaN()}}.count == highest);
  BOOST_TEST(interval{duration{-limits::quiet_NaN()}}.count == highest);
  BOOST_TEST(interval{duration{limits::max()}}.count == highest);
  BOOST_TEST(interval{duration{limits::denorm_min()}}.count == 1);
}

BOOST_AUTO_TEST_CASE(intervals_compare_by_length) {
  static_assert(interval{1ms} < interval{2ms} && interval{1000us} == interval{1ms} && interval::max() > interval{std::chrono::hours{100}});
  BOOST_TEST((interval{-1ns} < interval{}));
}

BOOST_AUTO_TEST_CASE(an_interval_can_be_an_option) {
  BOOST_TEST(option<2ms>::count == 2'000'000);
  BOOST_TEST((!std::is_same_v<option<1s>, option<2s>>));
  BOOST_TEST((std::is_same_v<option<1s>, option<1000ms>>));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(time_point_)

BOOST_AUTO_TEST_CASE(points_of_the_standard_clocks_keep_their_count) {
  const std::chrono::steady_clock::time_point steady{std::chrono::nanoseconds{123}};
  BOOST_TEST(time_point{steady}.count == 123);
  const std::chrono::sys_seconds civil{std::chrono::seconds{1'700'000'000}};
  BOOST_TEST(time_point{civil}.count == 1'700'000'000'000'000'000);
  BOOST_TEST((time_point{std::chrono::steady_clock::time_point::max()} == time_point::never()));
  BOOST_TEST(time_point{}.count == 0);
}

BOOST_AUTO_TEST_CASE(sums_saturate) {
  static_assert(time_point{5} + 3ns == time_point{8});
  static_assert(time_point{5} + interval{-8ns} == time_point{-3});
  static_assert(time_point{highest} + 1ns == time_point::never());
  static_assert(time_point{1} + interval::max() == time_point::never());
  static_assert(time_point{lowest} + interval{-1ns} == time_point{lowest});
  BOOST_TEST((time_point{-1} + interval::max() == time_point{highest - 1}));
}

BOOST_AUTO_TEST_CASE(differences_saturate) {
  static_assert(time_point{8} - time_point{5} == interval{3ns});
  static_assert(time_point{5} - time_point{8} == interval{-3ns});
  static_assert(time_point{1} - time_point{lowest} == interval::max());
  static_assert(time_point{0} - time_point{lowest} == interval::max());
  static_assert(time_point{-1} - time_point{lowest} == interval::max());
  static_assert(time_point{-2} - time_point{highest} == interval::nanoseconds(lowest));
  static_assert(time_point{-1} - time_point{highest} == interval::nanoseconds(lowest));
  BOOST_TEST((time_point::never() - time_point{lowest} == interval::max()));
}

BOOST_AUTO_TEST_CASE(points_compare_by_time) {
  static_assert(time_point{1} < time_point{2} && time_point{lowest} < time_point{} && time_point{highest} == time_point::never());
  BOOST_TEST((time_point::never() > time_point{highest - 1}));
}

BOOST_AUTO_TEST_SUITE_END()
